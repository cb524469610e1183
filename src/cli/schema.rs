//! `ralphext schema`: the published schemas, generated from the types. It must not read files.

use clap::ValueEnum;
use serde_json::Value;

use super::{Exit, Failure, args::Schema, output};
use crate::{admin, envelope, events, pipeline, registry, settings};

/// Names of the schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// The value of an object's key
    #[value(name = "envelope.v1")]
    Envelope,
    /// What a source prints, one per line
    #[value(name = "record.v1")]
    Record,
    /// A service's descriptor
    #[value(name = "service.v1")]
    Service,
    /// What is told of a change, with `events.kind`
    #[value(name = "event.v1")]
    Event,
    /// A card, content that readers render natively
    #[value(name = "card.v1")]
    Card,
    /// What is pushed over HTTP, as an OpenAPI 3.1 document
    #[value(name = "push.v1", alias = "push")]
    Push,
    /// What operators ask over HTTP, as an OpenAPI 3.1 document
    #[value(name = "api.v1", alias = "api")]
    Api,
    /// The configuration file
    #[value(name = "config")]
    Config,
}

impl Name {
    /// The schema itself, JSON Schema 2020-12; of what is asked over HTTP, OpenAPI 3.1.
    pub fn schema(self) -> Value {
        match self {
            Self::Envelope => envelope::envelope_schema(),
            Self::Record => pipeline::record_schema(),
            Self::Service => registry::descriptor_schema(),
            Self::Event => events::event_schema(),
            Self::Card => envelope::card_schema(),
            Self::Push => admin::push_openapi(),
            Self::Api => admin::api_openapi(),
            Self::Config => settings::config_schema(),
        }
    }

    /// Its file's name under `schemas/`.
    pub fn file(self) -> String {
        let name = self.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        let kind = if matches!(self, Self::Push | Self::Api) { "openapi" } else { "schema" };
        format!("{name}.{kind}.json")
    }

    /// The file's text.
    pub fn text(self) -> String {
        // A serde_json::Value always serialises.
        serde_json::to_string_pretty(&self.schema()).unwrap_or_default() + "\n"
    }
}

/// Prints one schema.
pub fn schema(args: &Schema) -> Result<Exit, Failure> {
    output::say!("{}", args.name.text().trim_end());
    Ok(Exit::Well)
}
