//! All that is wrong with one record. It must not know where the record stands.

use std::ops::Range;

use super::{
    Found,
    card::{self, Step},
};
use crate::{
    envelope::{Ignore, Inside, Sealer, Spot, spots},
    model::{ContentType, Fault, FaultKind},
    pipeline::{
        intake::{Intake, Taken},
        record::{self, BadRecord, FIELDS, nearest, read_id, shorten},
        vet::check_size,
    },
    settings::Settings,
};

/// What was found out about a record.
#[derive(Debug, Default)]
pub struct Judged {
    /// The object, where it could be told.
    pub id: Option<String>,
    /// Where its id stands.
    pub id_span: Option<Range<usize>>,
    /// It has content of an object.
    pub is_content: bool,
    /// It is `begin`, `end` or `heartbeat`.
    pub is_control: bool,
    /// What is wrong.
    pub(super) found: Vec<Found>,
}

/// Judges one record after the other.
pub struct Judge {
    sealer: Sealer,
    intake: Intake,
    default_type: Option<ContentType>,
    resolves: bool,
    is_rendered: bool,
    max_content: usize,
    max_binary: usize,
}

impl Judge {
    /// By the rules of the service of `settings`.
    pub fn new(settings: &Settings) -> Self {
        Self {
            sealer: Sealer::new(settings.name(), Ignore::new(&settings.content.ignore).unwrap_or_default()),
            intake: Intake::new(settings),
            default_type: settings.default_content_type(),
            resolves: settings.identity.is_on(),
            is_rendered: settings.render.template.is_some() || settings.render.template_file.is_some(),
            max_content: settings.limits.max_content.as_usize(),
            max_binary: settings.limits.max_binary.as_usize(),
        }
    }

    /// Judges one record.
    pub fn record(&mut self, bytes: &[u8]) -> Judged {
        let mut out = Judged::default();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => {
                let at = e.valid_up_to();
                let reason = format!("the byte 0x{:02x} is no UTF-8", bytes[at]);
                let hint =
                    "write the sample as UTF-8: `iconv -f ISO-8859-2 -t UTF-8` changes another code page into it";
                out.add(at..at + 1, "", Fault::new(FaultKind::NotJson, reason), hint);
                return out;
            }
        };
        let root = match spots(text) {
            Ok(root) => root,
            Err(e) => {
                let next = text[e.offset.min(text.len())..].chars().next().map_or(0, char::len_utf8);
                let at = if next == 0 { text.len() - 1 } else { e.offset };
                let hint = match e.kind {
                    FaultKind::NotCanonical => "see RFC 8785: large integers and odd text are written as plain strings",
                    _ => "let a JSON library write the records: it quotes and escapes (jq -c, json.dumps)",
                };
                out.id = record::fast_id(bytes).map(str::to_owned);
                out.add(at..at + next.max(1), &e.pointer, Fault::new(e.kind, e.reason), hint);
                return out;
            }
        };
        let Inside::Object(members) = &root.inside else {
            let reason = format!("a record is a JSON object, not {}", shorten(text));
            out.add(root.span.clone(), "", Fault::new(FaultKind::NotJson, reason), EXAMPLE);
            return out;
        };
        out.fields(text, members);
        if out.control(&root) {
            return out;
        }
        out.identity(text, &root, self.resolves);
        self.content(text, &root, &mut out);
        if out.found.is_empty() {
            self.as_taken(text, &root, &mut out);
        }
        out
    }

    fn content(&mut self, text: &str, root: &Spot, out: &mut Judged) {
        let is_deleted = root.member("deleted").is_some_and(|(_, spot)| &text[spot.span.clone()] == "true");
        let mut content_type = self.default_type.clone();
        if let Some((_, spot)) = root.member("content_type")
            && let Ok(told) = serde_json::from_str::<String>(&text[spot.span.clone()])
        {
            content_type = ContentType::parse(&told);
            if content_type.is_none() {
                let reason = format!("{told:?} is no content type");
                let hint = "write json, card, html, markdown, text, or type/subtype in lower case without parameters";
                out.add(spot.span.clone(), "/content_type", Fault::new(FaultKind::BadType, reason), hint);
                return;
            }
        }
        let Some((_, content)) = root.member("content") else {
            if !is_deleted && !root.member("deleted").is_some_and(|(_, spot)| spot.span.is_empty()) {
                let fault = Fault::new(FaultKind::NoContent, "it has neither `content` nor `\"deleted\": true`");
                out.add(root.span.start..root.span.start + 1, "", fault, EXAMPLE);
            }
            return;
        };
        out.is_content = !is_deleted;
        if content_type == Some(ContentType::CARD) && !self.is_rendered {
            for mistake in card::mistakes(&text[content.span.clone()]) {
                out.mistake(content, mistake);
            }
        }
    }

    /// What the intake says of it: the last word.
    fn as_taken(&mut self, text: &str, root: &Spot, out: &mut Judged) {
        if root.member("match").is_some() && root.member("id").is_none() {
            return; // It is resolved before the intake sees it.
        }
        let taken = match self.intake.record(text.as_bytes()) {
            Ok(Taken::Upsert { content, .. }) => check_size(&content, self.max_content, self.max_binary)
                .and_then(|()| self.sealer.prepare(&content).map(drop)),
            Ok(_) => Ok(()),
            Err(BadRecord { fault, .. }) => Err(fault),
        };
        let Err(fault) = taken else { return };
        let (pointer, spot) = root.member("content").map_or(("", root), |(_, spot)| ("/content", spot));
        let hint = match fault.kind {
            FaultKind::TooLarge => "show less, link to the rest, or raise the limit",
            FaultKind::BadType => "say what the content is by `content_type`, and give text as a JSON string",
            FaultKind::Render => "`ralphext preview --sample` shows what the template makes of it",
            _ => "`ralphext schema record.v1` prints what a record may be",
        };
        out.add(spot.span.clone(), pointer, fault, hint);
    }
}

const EXAMPLE: &str =
    r#"a record is such as {"id": 4711, "content": {"ram_gib": 256}} or {"id": 4711, "deleted": true}"#;

impl Judged {
    fn add(&mut self, span: Range<usize>, pointer: &str, fault: Fault, hint: impl Into<String>) {
        self.found.push(Found { span, pointer: pointer.to_owned(), fault, hint: hint.into() });
    }

    /// Names and types of the members.
    fn fields(&mut self, text: &str, members: &[(String, Range<usize>, Spot)]) {
        for (name, key, spot) in members {
            let pointer = format!("/{}", escape(name));
            let value = &text[spot.span.clone()];
            let fits = match name.as_str() {
                "id" | "content" => continue,
                "content_type" => value.starts_with('"') || value == "null",
                "match" => matches!(spot.inside, Inside::Object(_)) || value == "null",
                "deleted" | "begin" | "end" | "heartbeat" => matches!(value, "true" | "false" | "null"),
                _ => {
                    let hint = nearest(name, &FIELDS).map_or_else(
                        || "data belongs in `content`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let reason = format!("unknown field `{}`", shorten(name));
                    self.add(key.clone(), &pointer, Fault::new(FaultKind::BadField, reason), hint);
                    continue;
                }
            };
            if !fits {
                let wanted = match name.as_str() {
                    "content_type" => "a string",
                    "match" => "an object, such as {\"hostname\": \"db1.example.org\"}",
                    _ => "true, without quotes",
                };
                let reason = format!("`{name}` is {}", shorten(value));
                self.add(
                    spot.span.clone(),
                    &pointer,
                    Fault::new(FaultKind::BadField, reason),
                    format!("it must be {wanted}"),
                );
            }
        }
    }

    /// Whether it is a control record, good or bad.
    fn control(&mut self, root: &Spot) -> bool {
        let Inside::Object(members) = &root.inside else { return false };
        let is_control = |name: &str| matches!(name, "begin" | "end" | "heartbeat");
        self.is_control = members.iter().any(|(name, _, spot)| is_control(name) && spot.span.len() == 4);
        if self.is_control && members.len() > 1 {
            let fault = Fault::new(FaultKind::BadField, "`begin`, `end` and `heartbeat` stand alone in a record");
            let hint = "make it a record of its own, such as {\"end\": true}";
            self.add(root.span.start..root.span.start + 1, "", fault, hint);
        }
        self.is_control
    }

    fn identity(&mut self, text: &str, root: &Spot, resolves: bool) {
        let Some((_, spot)) = root.member("id") else {
            match root.member("match") {
                Some(_) if resolves => {}
                Some((key, _)) => {
                    let reason = "it has `match` in place of `id`, and no identity is configured to resolve it";
                    let hint = "set [identity] and name the configuration with --config, or give the `id`";
                    self.add(key.clone(), "/match", Fault::new(FaultKind::Unresolved, reason), hint);
                }
                None => {
                    let fault = Fault::new(FaultKind::NoId, "it has no `id`");
                    self.add(root.span.start..root.span.start + 1, "", fault, EXAMPLE);
                }
            }
            return;
        };
        self.id_span = Some(spot.span.clone());
        match read_id(&text[spot.span.clone()]) {
            Ok(id) => self.id = Some(id.into_owned()),
            Err(BadRecord { fault, .. }) => {
                let hint = "an id is Ralph's primary key (4711), or app.model.pk (\"data_center.rack.12\")";
                self.add(spot.span.clone(), "/id", fault, hint);
            }
        }
    }

    /// A mistake in the card that `content` is.
    fn mistake(&mut self, content: &Spot, mistake: card::Mistake) {
        let (mut pointer, mut spot, mut span) = ("/content".to_owned(), content, content.span.clone());
        let is_unknown = mistake.reason.starts_with("unknown field");
        for step in &mistake.way {
            let next = match step {
                Step::Name(name) => {
                    pointer = format!("{pointer}/{}", escape(name));
                    spot.member(name)
                        .map(|(key, spot)| (if is_unknown { key.clone() } else { spot.span.clone() }, spot))
                }
                Step::Index(index) => {
                    pointer = format!("{pointer}/{index}");
                    spot.element(*index).map(|spot| (spot.span.clone(), spot))
                }
            };
            let Some((at, inner)) = next else { break };
            (span, spot) = (at, inner);
        }
        if mistake.reason.starts_with("missing field") {
            span = span.start..span.start + 1;
        }
        let (reason, hint) = words(&mistake.reason);
        self.add(span, &pointer, Fault::new(FaultKind::BadType, reason), hint);
    }
}

/// The reason without what else would be right, and that as a hint.
fn words(told: &str) -> (String, String) {
    let Some((reason, expected)) = told.split_once(", expected ") else {
        let hint = if told.starts_with("missing field") {
            "add it"
        } else if told.contains("URL") {
            "write the whole address, https://...; other schemes are not shown"
        } else if told.contains("characters, at most") {
            "shorten it, or link to the rest"
        } else {
            "docs/card.md has all of a card; `ralphext schema card.v1` prints its schema"
        };
        return (format!("the card: {told}"), hint.to_owned());
    };
    let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let wrong = reason.split('`').nth(1).and_then(|wrong| nearest(wrong, &names));
    let hint = match wrong {
        Some(near) => format!("did you mean `{near}`? It may be: {}", names.join(", ")),
        None if names.is_empty() => format!("it must be {expected}"),
        None => format!("it may be: {}", names.join(", ")),
    };
    (format!("the card: {reason}"), hint)
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
