//! What is impossible in `[source.map]`. It must not know how items are mapped.

use super::Rules;
use crate::{
    model::ContentType,
    settings::{CardMap, Map, SourceKind, StatusRule},
};

/// Most fields, badges, links or columns of a card.
const MAX_ITEMS: usize = 200;
/// Most tables of a card.
const MAX_TABLES: usize = 20;
/// Most rows of a table.
const MAX_ROWS: usize = 1000;

impl Rules<'_> {
    pub(super) fn map(&mut self) {
        let Some(map) = &self.settings.source.map else { return };
        let kind = self.settings.source.kind;
        if kind == SourceKind::Push {
            let hint = "remove [source.map]: what is pushed names its object and content itself";
            return self.refuse(&["source.map", "source.kind"], "kind push has no use for it", hint);
        }
        match (&map.id, map.matching.picks().next()) {
            (None, None) => {
                let hint = "write id = \"/asset/id\", or match.hostname = \"/labels/instance\", in [source.map]";
                self.refuse(&["source.map"], "neither id nor match says which object an item is of", hint);
            }
            (Some(_), Some(_)) => {
                let reason = "match says too which object an item is of";
                self.refuse(&["source.map.id", "source.map.match"], reason, "keep one of the two");
            }
            _ => {}
        }
        self.group(map);
        if let Some(card) = &map.card {
            self.card(map, card);
        }
    }

    fn group(&mut self, map: &Map) {
        let kind = self.settings.source.kind;
        if !map.group {
            if !map.sort.is_empty() {
                self.refuse(
                    &["source.map.sort", "source.map.group"],
                    "nothing is collected",
                    "write group = true, or remove it",
                );
            }
            return;
        }
        if kind.tells_changes() {
            let hint = "have the source tell snapshots (exec, file, http), or give each item an object of its own";
            let reason = format!("items are collected until a snapshot is complete, and kind {kind} tells changes");
            self.refuse(&["source.map.group", "source.kind"], reason, hint);
        }
        if self.settings.source.sql.as_ref().is_some_and(|sql| sql.full_every.is_some()) {
            let reason = "items are collected until a snapshot is complete, and source.sql.full_every asks for changes";
            self.refuse(&["source.map.group", "source.sql.full_every"], reason, "remove source.sql.full_every");
        }
        if !map.deleted.0.is_empty() {
            let reason = "in a snapshot whatever is not named is gone";
            self.refuse(&["source.map.deleted", "source.map.group"], reason, "write unless in place of deleted");
        }
        if map.group_max.0 < 1024 {
            self.refuse(&["source.map.group_max"], "it is less than 1KiB", "write \"64MiB\"");
        }
    }

    fn card(&mut self, map: &Map, card: &CardMap) {
        let keys = |key| [key, "source.map.card"];
        if card.title.parts().is_empty() {
            let hint = "write title = \"Warranty\", or \"{#} alerts\", in [source.map.card]";
            self.refuse(&keys("source.map.card.title"), "a card needs a title", hint);
        }
        if map.content.is_some() {
            let reason = "source.map.card says too what the content is";
            self.refuse(&["source.map.content", "source.map.card"], reason, "keep one of the two");
        }
        let content_type = self.settings.content.content_type.as_deref();
        if content_type.is_some_and(|text| ContentType::parse(text).is_some_and(|parsed| parsed != ContentType::CARD)) {
            let reason = "source.map.card makes cards";
            self.refuse(&["content.content_type", "source.map.card"], reason, "remove it, or write \"card\"");
        }
        for (key, count) in [
            ("source.map.card.fields", card.fields.len()),
            ("source.map.card.badges", card.badges.len()),
            ("source.map.card.links", card.links.len()),
        ] {
            if count > MAX_ITEMS {
                self.refuse(&keys(key), format!("a card has at most {MAX_ITEMS} of them"), "leave some out");
            }
        }
        let no_label = "one of them has no label";
        if card.fields.iter().any(|field| field.label.trim().is_empty()) {
            self.refuse(&keys("source.map.card.fields"), no_label, "write label = \"Vendor\"");
        }
        if card.links.iter().any(|link| link.label.trim().is_empty() || link.url.parts().is_empty()) {
            self.refuse(&keys("source.map.card.links"), "one of them has no label or URL", "write label and url");
        }
        if card.badges.iter().any(|badge| badge.text.parts().is_empty()) {
            self.refuse(&keys("source.map.card.badges"), "one of them has no text", "write text = \"in warranty\"");
        }
        self.tables(card);
        self.statuses(card);
    }

    fn tables(&mut self, card: &CardMap) {
        let keys = ["source.map.card.tables", "source.map.card"];
        if card.tables.len() > MAX_TABLES {
            self.refuse(&keys, format!("a card has at most {MAX_TABLES} of them"), "leave some out");
        }
        for table in &card.tables {
            let columns = &table.columns;
            if columns.is_empty() || columns.len() > MAX_ITEMS || columns.iter().any(|c| c.label.trim().is_empty()) {
                let reason = format!("a table needs columns with labels, at most {MAX_ITEMS}");
                self.refuse(&keys, reason, "write columns = [{ label = \"Since\", from = \"/activeAt\" }]");
            }
            if !(1..=MAX_ROWS).contains(&table.max_rows) {
                self.refuse(
                    &keys,
                    format!("max_rows = {} is not from 1 to {MAX_ROWS}", table.max_rows),
                    "write max_rows = 100",
                );
            }
        }
    }

    fn statuses(&mut self, card: &CardMap) {
        let badges = card.badges.iter().map(|badge| ("source.map.card.badges", &badge.status));
        let timeline = card.timeline.iter().map(|event| ("source.map.card.timeline", &event.status));
        let all = [("source.map.card.status", &card.status)].into_iter().chain(badges).chain(timeline);
        for (key, rule) in all {
            let Some(StatusRule::Found(found)) = rule else { continue };
            let hint = "write { from = \"/labels/severity\", values = { page = \"critical\" } }, or { by_date = \"Warranty until\" }";
            match (found.from.0.is_empty(), found.by_date.0.is_empty()) {
                (true, true) => self.refuse(&[key], "a status needs from or by_date", hint),
                (false, false) => self.refuse(&[key], "a status is found from a value or by a date, not both", hint),
                _ => {}
            }
            if found.critical_before > found.warning_before {
                let reason = "critical_before is longer than warning_before, so it would never be a warning";
                self.refuse(&[key], reason, "make warning_before the longer one");
            }
        }
    }
}
