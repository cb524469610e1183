//! The Markdown reference of the configuration, made from its schema. It must not know where the text is kept.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::config_schema;

const HEAD: &str = "\
# Configuration reference

Generated from the program; do not edit. The same as a JSON Schema: `ralphext schema config`.

A setting is looked for on the command line (`--set redis.timeout=3s`), then in the environment
(`RALPHEXT__REDIS__TIMEOUT=3s`: `__` separates, case does not count, lists are separated by commas or written as JSON,
an empty variable counts as unset), then in the service's own file, then in the files that a directory's services share,
and has its default otherwise. In a file, `${NAME}` in a value is replaced by the environment variable `NAME`, or by
`default` in `${NAME:-default}`; `$${` stands for `${` itself. TOML is the usual format; files ending in `.yaml`, `.yml`
or `.json` are read as such. Unknown keys are errors.

| kind of value | written as |
|---|---|
| duration | a number with its unit: `90s`, `1h 30m`, `500ms`; a plain number is refused |
| size | `256KiB`, `1MiB` (1024), `1MB` (1000); a plain number is bytes |
| share | `20%`, `0.5%`; a plain number is refused |
";

/// The Markdown reference of every key: type, default, description.
pub fn config_reference() -> String {
    let mut out = HEAD.to_owned();
    let schema = config_schema();
    for (name, section) in properties(&schema) {
        write_section(&mut out, name, section);
    }
    out.push_str("\n## Examples\n");
    for example in schema.get("examples").and_then(Value::as_array).into_iter().flatten() {
        let _ = write!(out, "\n```json\n{example:#}\n```\n");
    }
    out
}

/// The table of the section `name`, and after it those of the tables within.
fn write_section(out: &mut String, name: &str, section: &Value) {
    let table = table_of(section);
    let _ = write!(out, "\n## `[{name}]`\n\n{}\n", text(section.get("description").or(table.get("description"))));
    out.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
    let (tables, keys): (Vec<_>, Vec<_>) = properties(table).partition(|(_, property)| is_table(property));
    for (key, property) in keys {
        let _ = writeln!(
            out,
            "| `{name}.{key}` | {} | {} | {}{} |",
            kind_of(property),
            default_of(property),
            cell(&text(property.get("description"))),
            words_of(property),
        );
    }
    for (key, property) in tables {
        write_section(out, &format!("{name}.{key}"), property);
    }
}

/// The properties of an object's schema, in the schema's order.
fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// Whether a property has keys of its own, and is no value that has a long form.
fn is_table(property: &Value) -> bool {
    property.get("x-free").is_none() && table_of(property).get("properties").is_some()
}

/// The table form of a section that has a short form too (`service`).
fn table_of(section: &Value) -> &Value {
    let forms = section.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    forms.into_iter().find(|form| form.get("properties").is_some()).unwrap_or(section)
}

fn kind_of(property: &Value) -> String {
    if let Some(title) = property.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    let kind = match property.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("text"),
        _ => "word",
    };
    match kind {
        "string" => "text",
        "array" => "list of texts",
        "object" => "table of texts",
        "boolean" => "`true` or `false`",
        "integer" => "whole number",
        other => other,
    }
    .to_owned()
}

fn default_of(property: &Value) -> String {
    match property.get("default") {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Array(list)) if list.is_empty() => "empty".to_owned(),
        Some(Value::Object(table)) if table.is_empty() => "empty".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

/// The words that a value may be, with their meanings.
fn words_of(property: &Value) -> String {
    let mut out = String::new();
    for word in property.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let name = word.get("const").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(out, "<br>`{name}`: {}", cell(&text(word.get("description"))));
    }
    out
}

/// A description on one line.
fn text(description: Option<&Value>) -> String {
    let text = description.and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` for a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described_with_its_default() {
        let reference = config_reference();
        for line in [
            "| `content.ttl` | duration | `24h` | Lifetime of an object's key, at least 1s;",
            "| `limits.max_shrink` | share | `20%` | Largest share",
            "| `redis.batch_commands` | whole number | `500` | Most commands",
            "| `service.name` | service name | - | The service's name, part of every key",
            "`.json\\|.html\\|.md\\|.txt`",
            "## `[redis.sentinel]`",
            "| `redis.sentinel.nodes` | list of texts | empty | The sentinels,",
            "| `redis.tls.ca` | text | - | Certificates of the authorities",
            "<br>`exec`: A command, run on an interval; what it prints is a snapshot.",
        ] {
            let plain = line.trim_matches('`');
            assert!(reference.contains(plain), "{line} is not in\n{reference}");
        }
        let undescribed: Vec<_> = reference.lines().filter(|l| l.starts_with("| `") && l.ends_with("|  |")).collect();
        assert_eq!(undescribed, Vec::<&str>::new());
    }
}
