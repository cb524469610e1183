//! What can be asked and what is answered, as an OpenAPI 3.1 document made from the table and the types. It must not serve.

use serde_json::{Map, Value, json};

use super::{
    answer::{Told, samples},
    table::{OPERATIONS, Operation, Sent},
};
use crate::{
    admin::{
        guard::PUSH_HINT,
        openapi::{answer, failure, generator, path_item, schema, take_in},
        refused::{Failure, Refused},
    },
    envelope,
    model::ContentType,
    pipeline,
};

const ABOUT: &str = "\
What an extension pushes to its sidecar (`source.kind = \"push\"`), over a unix socket or loopback TCP.

200 says that Redis has it; 202 that Redis does not have it yet, and that it cannot be lost; 422 that nothing was taken, or \
that a snapshot had no end; 503 that nobody knows: try again, what was written already is then `unchanged`. A path that there is \
not is answered as `NotFound`, another method as `MethodNotAllowed`, a page of another site (an `Origin` that is not `Host`) as \
`OtherSite`. What is no HTTP/1.1, or has a head of more than 16 KiB, is \
answered with 400 or 431 and no body, and the connection ends.";

/// The OpenAPI 3.1 document: `schemas/push.v1.openapi.json`.
pub fn push_openapi() -> Value {
    let mut schemas = Map::new();
    let mut generator = generator();
    take_in(&mut schemas, "Failure", schema::<Failure<'_>>(&mut generator));
    take_in(&mut schemas, "Outcome", schema::<Told<'_>>(&mut generator));
    for (name, definition) in generator.take_definitions(true) {
        take_in(&mut schemas, &name, definition);
    }
    take_in(&mut schemas, "Record", pipeline::record_schema());
    take_in(&mut schemas, "Card", envelope::card_schema());
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| path_item(operation.path));
        path[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ralphext push",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "http://127.0.0.1:9783", "description": "Where source.listen says" }],
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "NotFound": failure("There is no such path.", &Refused::no_such_path()),
                "MethodNotAllowed": failure("There is no such method here; `Allow` says which there are.", &Refused::no_such_method()),
                "OtherSite": failure("The request comes from a page of another site.", &Refused::other_site()),
            },
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "Over TCP only: the text of `source.token` or `source.token_file`."
            } }
        }
    })
}

fn described(operation: &Operation) -> Value {
    let answers = operation.statuses.iter().map(|status| (status.to_string(), response(*status, operation.sent)));
    let mut described = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "responses": answers.collect::<Map<_, _>>(),
    });
    if let Some(body) = body(operation.sent) {
        described["requestBody"] = body;
    }
    described
}

fn body(sent: Sent) -> Option<Value> {
    let content = match sent {
        Sent::Nothing => return None,
        Sent::Content => contents(),
        Sent::Changes => records("{\"id\":4711,\"content\":{\"ram_gib\":256}}\n{\"id\":4712,\"deleted\":true}\n"),
        Sent::Snapshot => records("{\"id\":4711,\"content\":{\"ram_gib\":256}}\n{\"end\":true}\n"),
    };
    // No lines are no changes.
    Some(json!({ "required": sent != Sent::Changes, "content": content }))
}

fn contents() -> Value {
    let text = |example: &str| json!({ "schema": { "type": "string" }, "example": example });
    json!({
        ContentType::JSON.as_str(): { "schema": true, "example": { "cpu": "Xeon", "ram_gib": 256 } },
        ContentType::CARD.as_str(): { "schema": { "$ref": "#/components/schemas/Card" } },
        ContentType::HTML.as_str(): text("<p>Row 3</p>"),
        ContentType::MARKDOWN.as_str(): text("Row **3**"),
        ContentType::TEXT.as_str(): text("Row 3"),
        "application/octet-stream": { "schema": { "type": "string", "format": "binary" } }
    })
}

fn records(example: &str) -> Value {
    json!({ "application/x-ndjson": {
        "schema": {
            "type": "string",
            "description": "Records, one a line.",
            // OpenAPI has no word for it before 3.2 (itemSchema).
            "x-line-schema": { "$ref": "#/components/schemas/Record" }
        },
        "example": example
    } })
}

/// What a status means, and an answer with it.
fn response(status: u16, sent: Sent) -> Value {
    match status {
        200 => outcome("Redis has it.", samples::written(sent == Sent::Snapshot)),
        202 => outcome("Redis does not have it yet; the spool does: it cannot be lost.", samples::spooled()),
        400 => failure(
            "The body broke off. What came of a snapshot counts as changes.",
            &Refused::broken_off("nothing came any more"),
        ),
        401 => failure("The token is missing or wrong.", &Refused::no_token(PUSH_HINT)),
        409 => failure("Another snapshot is under way.", &Refused::snapshot_under_way()),
        413 => failure("The body is too large.", &Refused::too_large(16 << 20)),
        422 => unprocessable(sent),
        _ => {
            let mut response = failure("Nobody knows whether Redis has it: try again.", &samples::unknown());
            response["headers"] = json!({ "Retry-After": {
                "required": true,
                "description": "Seconds after which to try again.",
                "schema": { "type": "integer", "minimum": 0 }
            } });
            response
        }
    }
}

fn unprocessable(sent: Sent) -> Value {
    let told = json!({ "$ref": "#/components/schemas/Outcome" });
    let failure = json!({ "$ref": "#/components/schemas/Failure" });
    let mut examples = Map::new();
    if sent == Sent::Snapshot {
        examples.insert("no_end".into(), json!({ "value": samples::without_end() }));
    } else {
        examples.insert("refused".into(), json!({ "value": samples::refused() }));
        examples.insert("no_record".into(), json!({ "value": samples::bad_id() }));
    }
    let schema = if sent == Sent::Snapshot { told } else { json!({ "oneOf": [told, failure] }) };
    let means = if sent == Sent::Snapshot {
        "It has no end: what came counts as changes, nothing is removed."
    } else {
        "Nothing was taken, and why."
    };
    json!({ "description": means, "content": { "application/json": { "schema": schema, "examples": examples } } })
}

fn outcome(means: &str, sample: Value) -> Value {
    answer(means, "Outcome", sample)
}
