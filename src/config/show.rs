//! Every setting with its value and where it comes from, secrets masked. It must not print.

use serde::Serialize;
use serde_json::Value;

use super::{
    ConfigError, Layers, Request,
    error::Report,
    keys,
    node::{join, masked},
};
use crate::settings::MASK;

/// A setting as it is in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Its key, dotted.
    pub key: String,
    /// Its value; secrets are masked.
    pub value: Value,
    /// Where it was set; none where it is at its default.
    pub origin: Option<String>,
}

/// The settings of every service, by name, in the order of their keys.
///
/// # Errors
/// Everything that is wrong with them, at once.
pub fn show(request: &Request) -> Result<Vec<(String, Vec<Shown>)>, ConfigError> {
    let mut report = Report::default();
    let layers = Layers::gather(request, &mut report);
    if layers.services.is_empty() && report.is_empty() {
        layers.nothing_found(request, &mut report);
    }
    let mut all = Vec::new();
    for own in &layers.services {
        let Some((loaded, tree)) = layers.build(own.as_ref(), request, true, &mut report) else { continue };
        // Secrets mask themselves there; addresses lose their passwords.
        let whole = serde_json::to_value(&loaded.settings).unwrap_or_default();
        let mut shown = Vec::new();
        leaves(&whole, "", &mut |key, value| {
            let set = tree.at(key);
            let value = match set.and_then(|node| node.written.as_deref()) {
                _ if keys::is_secret(key) && !value.is_null() => Value::from(MASK),
                // What was put in for a variable may be a secret.
                Some(written) => Value::from(written),
                None if key.ends_with("command") => masked_command(value),
                None => match value.as_str().filter(|text| text.contains("://")) {
                    Some(address) => Value::from(masked(address)),
                    None => value.clone(),
                },
            };
            shown.push(Shown { key: key.to_owned(), value, origin: set.map(|node| node.origin.to_string()) });
        });
        all.push((loaded.settings.name().to_string(), shown));
    }
    report.finish(all)
}

/// Arguments of a command may be secrets: the program is shown, and how many there are.
fn masked_command(value: &Value) -> Value {
    match value.as_array().map(Vec::as_slice) {
        Some([first, rest @ ..]) if !rest.is_empty() => {
            Value::from(vec![first.clone(), Value::from(format!("... ({} arguments)", rest.len()))])
        }
        _ => value.clone(),
    }
}

/// Everything that is no table, or an empty one.
fn leaves(value: &Value, key: &str, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(table) if !table.is_empty() => {
            for (part, value) in table {
                leaves(value, &join(key, part), visit);
            }
        }
        _ => visit(key, value),
    }
}
