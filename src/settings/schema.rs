//! The configuration file's JSON Schema (2020-12), made from the structs. It must not know the file formats.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Settings;

/// The JSON Schema (2020-12) of a configuration file, with examples.
///
/// A file of a directory may leave out `service`: its settings are then shared by all services of the directory, and
/// it has no `source` either.
pub fn config_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Settings>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("$id".into(), json!("https://github.com/allegro/ralphext/schemas/config.schema.json"));
        root.insert("title".into(), json!("ralphext configuration file"));
        root.insert(
            "description".into(),
            json!("One service, or, in a directory of files, settings that its services share (no `service`, no `source`)."),
        );
        root.remove("required");
        root.insert("anyOf".into(), json!([{ "required": ["service"] }, { "not": { "required": ["source"] } }]));
        root.insert("examples".into(), examples());
    }
    schema
}

fn examples() -> Value {
    json!([
        {
            "service": "hwinfo",
            "redis": { "url": "redis://127.0.0.1:6379/0" },
            "source": { "kind": "exec", "command": ["./facts.sh"], "interval": "60s" }
        },
        {
            "service": {
                "name": "tickets",
                "title": "Open tickets",
                "owner": "dc-tools@example.com",
                "models": ["data_center.DataCenterAsset"]
            },
            "redis": { "url": "rediss://redis.example.com:6380/0", "username": "tickets", "password_file": "/run/secrets/redis" },
            "source": { "kind": "file", "path": "/var/lib/tickets/out.ndjson" },
            "content": { "ttl": "2h", "max_stale": "6h", "ignore": ["/generated_at"] },
            "limits": { "max_shrink": "50%", "max_content": "64KiB" }
        },
        {
            "redis": {
                "url": "rediss://mymaster/0",
                "username": "ralphext-tickets",
                "password_file": "/run/secrets/redis",
                "sentinel": { "master": "mymaster", "nodes": ["s1.example.com:26379", "s2.example.com:26379", "s3.example.com:26379"] },
                "tls": { "ca": "/etc/ssl/redis/ca.pem", "cert": "/etc/ssl/redis/tls.crt", "key": "/etc/ssl/redis/tls.key" }
            }
        },
        { "redis": { "url": "unix:///run/redis/redis.sock" }, "log": { "level": "debug" } }
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_valid_schema_that_its_examples_fit() {
        let schema = config_schema();
        assert!(jsonschema::meta::is_valid(&schema));
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        for example in schema["examples"].as_array().expect("examples") {
            assert!(validator.is_valid(example), "{example}");
        }
        for bad in [
            json!({ "service": "Hw" }),
            json!({ "service": "hwinfo", "sevrice": 1 }),
            json!({ "source": { "kind": "exec" } }),
            json!({ "service": "hwinfo", "content": { "ttl": 60 } }),
            json!({ "service": "hwinfo", "limits": { "max_shrink": 0.2 } }),
            json!({ "service": "hwinfo", "source": { "kind": "odbc" } }),
        ] {
            assert!(!validator.is_valid(&bad), "{bad}");
        }
    }

    #[test]
    fn the_defaults_fit_it() {
        let validator = jsonschema::validator_for(&config_schema()).expect("a schema");
        let settings = serde_json::to_value(Settings::for_tests("hwinfo", "redis://localhost")).expect("serialises");
        let errors: Vec<_> = validator.iter_errors(&settings).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}
