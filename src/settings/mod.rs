//! What may be set: plain documented structs, one file per concern. It must not know where settings come from
//! (file, environment, flags), nor do I/O.
//!
//! The doc comments of the fields are the reference: `docs/reference/config.md` and `schemas/config.schema.json`
//! are generated from them ([`config_reference`], [`config_schema`]).

mod admin;
mod announce;
mod bridge;
mod card_map;
mod content;
mod empty;
mod events;
mod fill;
mod http;
mod identity;
mod limits;
mod listen;
mod log;
mod map;
mod pick;
mod pointer;
mod recovery;
mod redis;
mod redis_url;
mod reference;
mod render;
mod schema;
mod secret;
mod sentinel;
mod service;
mod shutdown;
mod source;
mod sql;
mod sql_url;
mod table;
mod telemetry;
mod tls;
mod values;
mod verify;
mod writer;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    admin::Admin,
    announce::{Announce, AnnounceKind},
    bridge::{Bridge, JobOutput},
    card_map::{
        BadgeMap, CardMap, ColumnMap, EventMap, FieldMap, FoundStatus, LinkMap, StatusRule, StatusWord, TableMap,
    },
    content::ContentSettings,
    empty::{Absent, Empty},
    events::Events,
    fill::Fill,
    http::{Http, Paging},
    identity::{Identity, IdentityKind, model_name},
    limits::Limits,
    listen::{Listen, ListenPlace},
    log::{Log, LogFormat},
    map::{Conditions, ContentMap, Map, Match, Wanted},
    pick::{Pick, Pointers, Transform},
    pointer::{Part, Placeholders, Pointer, SortKey},
    recovery::Recovery,
    redis::Redis,
    redis_url::RedisUrl,
    reference::config_reference,
    render::{Render, RenderOutput},
    schema::config_schema,
    secret::{MASK, Secret},
    sentinel::{Sentinel, SentinelNode},
    service::Service,
    shutdown::Shutdown,
    source::{MAX_INPUTS, Source, SourceKind},
    sql::Sql,
    sql_url::{SqlEngine, SqlUrl},
    table::{Table, TableFormat},
    telemetry::Telemetry,
    tls::Tls,
    values::{HumanDuration, Percent, Size, ValueError},
    verify::Verify,
    writer::Writer,
};

use crate::model::{ContentType, ServiceName};

/// Everything that one service can be told. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which service this is: its name, or a table with its name and what people may want to know about it.
    pub service: Service,
    /// The Redis (or Valkey) server that Ralph reads from.
    #[serde(default)]
    pub redis: Redis,
    /// Where the objects' content comes from.
    #[serde(default)]
    pub source: Source,
    /// How long content lives, and what of it counts.
    #[serde(default)]
    pub content: ContentSettings,
    /// How content becomes what a reader is shown.
    #[serde(default)]
    pub render: Render,
    /// How what is in Redis is checked again.
    #[serde(default)]
    pub verify: Verify,
    /// How what Redis lost is written again.
    #[serde(default)]
    pub recovery: Recovery,
    /// Objects that are computed when a reader misses or asks for them.
    #[serde(default)]
    pub fill: Fill,
    /// Change events: what the service tells others. What it reads from a stream of somebody else's is in `[source.events]`,
    /// another matter.
    #[serde(default)]
    pub events: Announce,
    /// The inventory that tells which object a record is about.
    #[serde(default)]
    pub identity: Identity,
    /// What is too much, too large or too bad to be believed.
    #[serde(default)]
    pub limits: Limits,
    /// How one writer among several is chosen and watched.
    #[serde(default)]
    pub writer: Writer,
    /// Where `ralphext run` serves probes, metrics and the page. One process has one of each: services of a directory must
    /// agree.
    #[serde(default)]
    pub admin: Admin,
    /// What is logged, and how. One process has one log: services of a directory must agree.
    #[serde(default)]
    pub log: Log,
    /// Where traces are sent. Services of a directory must agree.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// How the process ends. Services of a directory must agree.
    #[serde(default)]
    pub shutdown: Shutdown,
    /// Ralph's jobs (rq), in a file without a service: see `ralphext bridge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Bridge>,
}

impl Settings {
    /// The defaults, for a service that reads its records from standard input and needs nothing else.
    pub fn new(name: ServiceName, url: RedisUrl) -> Self {
        Self {
            service: Service::named(name),
            redis: Redis { url, ..Redis::default() },
            source: Source::default(),
            content: ContentSettings::default(),
            render: Render::default(),
            verify: Verify::default(),
            recovery: Recovery::default(),
            fill: Fill::default(),
            events: Announce::default(),
            identity: Identity::default(),
            limits: Limits::default(),
            writer: Writer::default(),
            admin: Admin::default(),
            log: Log::default(),
            telemetry: Telemetry::default(),
            shutdown: Shutdown::default(),
            bridge: None,
        }
    }

    /// [`Settings::new`] from plain texts.
    #[cfg(test)]
    pub fn for_tests(service: &str, url: &str) -> Self {
        let name = ServiceName::new(service).unwrap_or_else(|e| panic!("service {service:?}: {e}"));
        let url = RedisUrl::parse(url).unwrap_or_else(|e| panic!("url {url:?}: {e}"));
        Self::new(name, url)
    }

    /// The service's name.
    pub fn name(&self) -> &ServiceName {
        &self.service.name
    }

    /// The content type of records that do not name one: `content.content_type`, or a card's where the mapping makes
    /// cards.
    pub fn default_content_type(&self) -> Option<ContentType> {
        let makes_cards = self.source.map.as_ref().is_some_and(|map| map.card.is_some());
        // `check` has refused what is no content type.
        let set = self.content.content_type.as_deref().and_then(ContentType::parse);
        set.or_else(|| makes_cards.then_some(ContentType::CARD))
    }

    /// The settings of a service whose only source is the input `name`, without what is done to the merged content; none
    /// where there is no such input.
    pub fn for_input(&self, name: &str) -> Option<Self> {
        let source = self.source.inputs.get(name)?.clone();
        let makes_cards = source.map.as_ref().is_some_and(|map| map.card.is_some());
        let content = ContentSettings {
            ignore: Vec::new(),
            // A part that is a text is a JSON string.
            content_type: (!makes_cards).then(|| "json".to_owned()),
            ..self.content.clone()
        };
        Some(Self { source, content, render: Render::default(), ..self.clone() })
    }

    /// How often each key is verified and renewed: `verify.every`, else the smaller of `content.ttl` / 2 and 30 minutes.
    pub fn verify_every(&self) -> Duration {
        self.verify.every.map_or_else(|| Verify::default_every(self.content.ttl.0), |every| every.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_every_follows_the_ttl_up_to_half_an_hour() {
        let mut settings = Settings::for_tests("hwinfo", "redis://localhost");
        assert_eq!(settings.verify_every(), Duration::from_secs(1800));
        settings.content.ttl = HumanDuration::from_secs(4);
        assert_eq!(settings.verify_every(), Duration::from_secs(2));
        settings.verify.every = Some(HumanDuration::from_secs(3));
        assert_eq!(settings.verify_every(), Duration::from_secs(3));
    }

    #[test]
    fn settings_survive_a_round_trip_with_the_password_masked() {
        let settings = Settings::for_tests("hwinfo", "redis://user:s3cret@localhost:6379/1");
        let text = serde_json::to_string(&settings).expect("settings serialise");
        assert!(!text.contains("s3cret"), "{text}");
        let back: Settings = serde_json::from_str(&text).expect("settings deserialise");
        assert_eq!(back.source, settings.source);
        assert_eq!(back.content, settings.content);
        assert_eq!(back.limits, settings.limits);
        assert_eq!(back.redis.url.expose(), "redis://user:***@localhost:6379/1");
    }

    #[test]
    fn a_service_is_a_string_or_a_table() {
        let bare: Settings = serde_json::from_str(r#"{"service":"hwinfo"}"#).expect("a bare name");
        let table: Settings = serde_json::from_str(r#"{"service":{"name":"hwinfo"}}"#).expect("a table");
        assert_eq!(bare, table);
        assert_eq!(bare, Settings::for_tests("hwinfo", "redis://127.0.0.1:6379/0"));
        for bad in [r#"{"service":"Hw"}"#, r#"{"service":{}}"#, r#"{"service":{"name":"a","nmae":"b"}}"#, "{}"] {
            assert!(serde_json::from_str::<Settings>(bad).is_err(), "{bad}");
        }
    }
}
