//! What the OpenAPI 3.1 documents are made of, whatever they are about. It must not serve.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::refused::Refused;

/// Makes schemas whose definitions are components.
pub(super) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|s| {
            s.definitions_path = "/components/schemas".into();
            s.meta_schema = None;
        })
        .into_generator()
}

pub(super) fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    T::json_schema(generator).to_value()
}

/// Puts a schema among the components, and what it refers to beside it.
pub(super) fn take_in(schemas: &mut Map<String, Value>, name: &str, mut schema: Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("$schema");
    object.remove("$id");
    for (name, definition) in object.remove("$defs").as_ref().and_then(Value::as_object).into_iter().flatten() {
        take_in(schemas, name, definition.clone());
    }
    refer(&mut schema);
    schemas.insert(name.to_owned(), schema);
}

fn refer(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(at)) = object.get_mut("$ref") {
                *at = at.replace("#/$defs/", "#/components/schemas/");
            }
            object.values_mut().for_each(refer);
        }
        Value::Array(list) => list.iter_mut().for_each(refer),
        _ => {}
    }
}

/// What every operation at `path` has in common.
pub(super) fn path_item(path: &str) -> Value {
    if !path.contains("{id}") {
        return json!({});
    }
    json!({ "parameters": [{
        "name": "id",
        "in": "path",
        "required": true,
        "description": "The object: a Ralph primary key (`4711`), or `<app_label>.<model>.<pk>` (`data_center.rack.12`).",
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" },
        "example": "4711"
    }] })
}

pub(super) fn failure(means: &str, sample: &Refused) -> Value {
    answer(means, "Failure", sample.shown())
}

pub(super) fn answer(means: &str, schema: &str, sample: Value) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    json!({ "description": means, "content": { "application/json": { "schema": schema, "example": sample } } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{api_openapi, push_openapi};

    #[test]
    fn every_reference_leads_somewhere_and_every_example_fits_its_schema() {
        for document in [push_openapi(), api_openapi()] {
            check(&document);
        }
    }

    fn check(document: &Value) {
        let mut checked = 0;
        let mut waiting = vec![document];
        while let Some(value) = waiting.pop() {
            if let Some(at) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(&at[1..]).is_some(), "{at} leads nowhere");
            }
            if let (Some(schema @ (Value::Object(_) | Value::Bool(_))), false) =
                (value.get("schema"), value.get("in").is_some())
            {
                let whole = json!({ "allOf": [schema], "components": document["components"] });
                let validator = jsonschema::validator_for(&whole).expect("a schema");
                let many = value.get("examples").and_then(Value::as_object);
                let examples = many.into_iter().flat_map(Map::values).filter_map(|e| e.get("value"));
                for example in examples.chain(value.get("example")) {
                    let errors: Vec<_> = validator.iter_errors(example).map(|e| e.to_string()).collect();
                    assert_eq!(errors, Vec::<String>::new(), "{example}");
                    checked += 1;
                }
            }
            match value {
                Value::Object(object) => waiting.extend(object.values()),
                Value::Array(list) => waiting.extend(list),
                _ => {}
            }
        }
        assert!(checked > 15, "{checked}");
    }
}
