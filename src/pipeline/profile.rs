//! How a service presents itself before it has done anything: its descriptor, and its writer's name. It must not know what
//! happens later.

use std::collections::BTreeMap;

use super::engine::Kind;
use crate::{
    registry::{Counts, Descriptor, EventsInfo, Mode, SCHEMA, ServiceStatus, Stamp, WriterInfo},
    settings::{Announce, AnnounceKind, Settings},
};

/// Names this writer in the lease: host, process, and a random part.
pub(super) fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(63).collect();
    let host = if host.is_empty() { "host".to_owned() } else { host };
    format!("{host}-{}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// The descriptor of a service that `run` has not begun with: what its settings say of it.
pub fn profile(settings: &Settings) -> Descriptor {
    descriptor(settings, Kind::Run, "")
}

/// The descriptor that a service begins with.
pub(super) fn descriptor(settings: &Settings, kind: Kind, token: &str) -> Descriptor {
    let service = &settings.service;
    let expected = settings.source.stale_after().filter(|_| kind == Kind::Run);
    let stale_after = expected.unwrap_or(settings.content.ttl.0);
    Descriptor {
        schema: SCHEMA.to_owned(),
        service: service.name.to_string(),
        title: service.title.clone().unwrap_or_else(|| service.name.to_string()),
        description: service.description.clone(),
        owner: service.owner.clone(),
        docs_url: service.docs_url.clone(),
        models: service.models.clone(),
        content_type: settings.default_content_type().map(|usual| usual.as_str().to_owned()),
        content_schema: service.content_schema.clone(),
        status: ServiceStatus::Starting,
        as_of: None,
        heartbeat_at: Stamp(super::now().unix_ms),
        heartbeat_every: (kind == Kind::Run).then(|| settings.writer.heartbeat.as_secs_f64()),
        stale_after: stale_after.as_secs_f64(),
        ttl: settings.content.ttl.as_secs_f64(),
        last_success_at: None,
        last_error: None,
        counts: Counts::default(),
        last_pass: None,
        failed_objects: Vec::new(),
        unmatched: None,
        inputs: BTreeMap::new(),
        events: told(&settings.events),
        writer: WriterInfo {
            instance: token.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: 0,
            mode: if kind == Kind::Run { Mode::Run } else { Mode::Once },
            source: settings.source.kind_word().to_owned(),
        },
    }
}

/// Where changes are told, if they are.
fn told(announce: &Announce) -> Option<EventsInfo> {
    let kind = announce.kind;
    let max_len = (kind == AnnounceKind::Stream).then_some(announce.max_len);
    kind.is_on().then(|| EventsInfo { kind: kind.as_str().to_owned(), max_len })
}
