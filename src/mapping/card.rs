//! Cards made of picked values. It must not check them: that is the envelope's.

use std::cmp::Reverse;

use super::{
    date::{Day, time},
    pick::{Picked, Plan, Slot},
    scalar::{Scalar, quote, quote_cut},
    status::Rule,
    text::Text,
    transform,
};
use crate::settings::{CardMap, EventMap, Pointers, TableMap, Transform};

/// Longest label, in characters, as cards are checked.
const MAX_LABEL: usize = 200;
/// Longest text, in characters.
const MAX_TEXT: usize = 4000;
/// Most events.
const MAX_EVENTS: usize = 200;

/// How a card is made.
#[derive(Debug)]
pub(super) struct Card {
    title: Text,
    title_as_written: String,
    summary: Option<Text>,
    status: Option<Rule>,
    fields: Vec<Field>,
    badges: Vec<(Text, Option<Rule>)>,
    tables: Vec<Table>,
    timeline: Option<Timeline>,
    links: Vec<(String, Text)>,
}

#[derive(Debug)]
struct Value {
    slots: Vec<Slot>,
    transform: Vec<Transform>,
}

#[derive(Debug)]
struct Field {
    label: String,
    value: Value,
    unit: Option<String>,
    link: Option<Text>,
}

#[derive(Debug)]
struct Table {
    title: Option<String>,
    labels: Vec<String>,
    cells: Vec<Value>,
    max_rows: usize,
    /// The array of rows, and what is picked in each; none where an item is a row.
    rows: Option<(Slot, Plan)>,
}

#[derive(Debug)]
struct Timeline {
    at: Vec<Slot>,
    text: Text,
    status: Option<Rule>,
}

impl Card {
    pub(super) fn new(map: &CardMap, plan: &mut Plan) -> Self {
        // First: items are ordered by what is picked, in this order.
        let tables = map.tables.iter().map(|table| Table::new(table, plan)).collect();
        let fields = map.fields.iter().map(|field| Field {
            label: field.label.clone(),
            value: Value::new(&field.from, &field.transform, plan),
            unit: field.unit.clone().filter(|unit| !unit.is_empty()),
            link: field.link.as_ref().map(|link| Text::new(link, plan)),
        });
        let fields = fields.collect();
        let badge = |badge: &crate::settings::BadgeMap, plan: &mut Plan| {
            (Text::new(&badge.text, plan), badge.status.as_ref().map(|rule| Rule::new(rule, plan)))
        };
        Self {
            title: Text::new(&map.title, plan),
            title_as_written: map.title.as_str().to_owned(),
            summary: map.summary.as_ref().map(|text| Text::new(text, plan)),
            status: map.status.as_ref().map(|rule| Rule::new(rule, plan)),
            fields,
            badges: map.badges.iter().map(|one| badge(one, plan)).collect(),
            tables,
            timeline: map.timeline.as_ref().map(|timeline| Timeline::new(timeline, plan)),
            links: map.links.iter().map(|link| (link.label.clone(), Text::new(&link.url, plan))).collect(),
        }
    }

    /// Whether it changes with the day.
    pub(super) fn is_by_date(&self) -> bool {
        let badges = self.badges.iter().filter_map(|(_, rule)| rule.as_ref());
        let timeline = self.timeline.iter().filter_map(|timeline| timeline.status.as_ref());
        self.status.iter().chain(badges).chain(timeline).any(Rule::is_by_date)
    }

    /// Puts the items that are worst first; otherwise they stay in order.
    pub(super) fn worst_first(&self, items: &mut [Picked<'_>], today: Day) {
        if let Some(rule) = &self.status {
            items.sort_by_key(|item| Reverse(rule.find(item, today)));
        }
    }

    /// Appends the card of `items`, of which there is at least one.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) fn write(&self, items: &[Picked<'_>], today: Day, out: &mut Vec<u8>) -> Result<(), String> {
        let Some(first) = items.first() else { return Err("there are no items".into()) };
        let title = self.title.fill_anyway(first, items.len()).ok_or_else(|| {
            format!("source.map.card.title gives no text: the item has nothing of {:?}", self.title_as_written)
        })?;
        out.extend_from_slice(b"{\"title\":");
        quote_cut(&title, MAX_LABEL, out);
        if let Some(rule) = &self.status {
            let worst = items.iter().map(|item| rule.find(item, today)).max().unwrap_or_default();
            out.extend_from_slice(b",\"status\":");
            quote(worst.as_str(), out);
        }
        if let Some(summary) = self.summary.as_ref().and_then(|text| text.fill(first, items.len())) {
            out.extend_from_slice(b",\"summary\":");
            quote_cut(&summary, MAX_TEXT, out);
        }
        list("badges", self.badges.iter(), out, |(text, rule), out| {
            let Some(text) = text.fill(first, items.len()) else { return false };
            out.extend_from_slice(b"{\"text\":");
            quote_cut(&text, MAX_LABEL, out);
            status(rule.as_ref(), first, today, out);
            true
        });
        list("fields", self.fields.iter(), out, |field, out| field.write(first, items.len(), out));
        list("tables", self.tables.iter(), out, |table, out| table.write(items, out));
        if let Some(timeline) = &self.timeline {
            let events = items
                .iter()
                .filter_map(|item| Some((item, timeline.when(item)?, timeline.text.fill(item, items.len())?)));
            list("timeline", events.take(MAX_EVENTS), out, |(item, at, text), out| {
                out.extend_from_slice(b"{\"at\":");
                quote(&at, out);
                out.extend_from_slice(b",\"text\":");
                quote_cut(&text, MAX_TEXT, out);
                status(timeline.status.as_ref(), item, today, out);
                true
            });
        }
        list("links", self.links.iter(), out, |(label, url), out| {
            let Some(url) = url.url(first, items.len()) else { return false };
            out.extend_from_slice(b"{\"label\":");
            quote_cut(label, MAX_LABEL, out);
            out.extend_from_slice(b",\"url\":");
            quote(&url, out);
            true
        });
        out.push(b'}');
        Ok(())
    }
}

/// Appends `,"name":[...]` with an object of each of `all` that `write` begins, and nothing where there is none. What
/// `write` returns says whether it began one.
fn list<T>(
    name: &str,
    all: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>) -> bool,
) {
    let start = out.len();
    out.extend_from_slice(format!(",\"{name}\":[").as_bytes());
    let mut any = false;
    for one in all {
        let before = out.len();
        if any {
            out.push(b',');
        }
        if write(one, out) {
            out.push(b'}');
            any = true;
        } else {
            out.truncate(before);
        }
    }
    if any { out.push(b']') } else { out.truncate(start) }
}

fn status(rule: Option<&Rule>, item: &Picked<'_>, today: Day, out: &mut Vec<u8>) {
    if let Some(rule) = rule {
        out.extend_from_slice(b",\"status\":");
        quote(rule.find(item, today).as_str(), out);
    }
}

impl Value {
    fn new(from: &Pointers, transform: &[Transform], plan: &mut Plan) -> Self {
        Self { slots: from.0.iter().map(|pointer| plan.slot(pointer)).collect(), transform: transform.to_vec() }
    }

    /// Appends the value as a card may have it; false, and nothing, where there is none.
    fn write(&self, item: &Picked<'_>, out: &mut Vec<u8>) -> bool {
        match item.first(&self.slots) {
            None => return false,
            Some(Scalar::Number(number)) if self.transform.is_empty() => out.extend_from_slice(number.as_bytes()),
            Some(Scalar::Bool(flag)) if self.transform.is_empty() => {
                out.extend_from_slice(if flag { b"true" } else { b"false" });
            }
            Some(value) => {
                let text = transform::apply(value.text(), &self.transform);
                if text.is_empty() {
                    return false;
                }
                quote_cut(&text, MAX_TEXT, out);
            }
        }
        true
    }
}

impl Field {
    fn write(&self, item: &Picked<'_>, count: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"{\"label\":");
        quote_cut(&self.label, MAX_LABEL, out);
        out.extend_from_slice(b",\"value\":");
        if !self.value.write(item, out) {
            return false;
        }
        if let Some(unit) = &self.unit {
            out.extend_from_slice(b",\"unit\":");
            quote_cut(unit, MAX_LABEL, out);
        }
        if let Some(link) = self.link.as_ref().and_then(|link| link.url(item, count)) {
            out.extend_from_slice(b",\"link\":");
            quote(&link, out);
        }
        true
    }
}

impl Table {
    fn new(map: &TableMap, plan: &mut Plan) -> Self {
        let mut of_rows = map.rows.as_ref().map(|rows| (plan.slot(rows), Plan::default()));
        let plan = of_rows.as_mut().map_or(plan, |(_, of_rows)| of_rows);
        let cells = map.columns.iter().map(|column| Value::new(&column.from, &column.transform, plan)).collect();
        Self {
            title: map.title.clone(),
            labels: map.columns.iter().map(|column| column.label.clone()).collect(),
            cells,
            max_rows: map.max_rows,
            rows: of_rows,
        }
    }

    /// False where there are no rows.
    fn write(&self, items: &[Picked<'_>], out: &mut Vec<u8>) -> bool {
        let mut rows = Vec::new();
        let mut count = 0;
        for item in items {
            match &self.rows {
                None => self.row(item, &mut count, &mut rows),
                Some((slot, plan)) => {
                    let array = item
                        .raw(*slot)
                        .and_then(|raw| serde_json::from_str::<Vec<&serde_json::value::RawValue>>(raw).ok());
                    for row in array.unwrap_or_default() {
                        if let Ok(picked) = plan.pick(row.get(), None) {
                            self.row(&picked, &mut count, &mut rows);
                        }
                    }
                }
            }
        }
        if count == 0 {
            return false;
        }
        out.push(b'{');
        let title = self.title.as_deref().unwrap_or_default();
        let title = if count > self.max_rows {
            format!("{title} (the first {} of {count})", self.max_rows).trim_start().to_owned()
        } else {
            title.to_owned()
        };
        if !title.is_empty() {
            out.extend_from_slice(b"\"title\":");
            quote_cut(&title, MAX_LABEL, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"columns\":[");
        for (at, label) in self.labels.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            quote_cut(label, MAX_LABEL, out);
        }
        out.extend_from_slice(b"],\"rows\":[");
        out.extend_from_slice(&rows);
        out.push(b']');
        true
    }

    fn row(&self, item: &Picked<'_>, count: &mut usize, out: &mut Vec<u8>) {
        *count += 1;
        if *count > self.max_rows {
            return;
        }
        if *count > 1 {
            out.push(b',');
        }
        out.push(b'[');
        for (at, cell) in self.cells.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            if !cell.write(item, out) {
                out.extend_from_slice(b"null");
            }
        }
        out.push(b']');
    }
}

impl Timeline {
    fn new(map: &EventMap, plan: &mut Plan) -> Self {
        Self {
            at: map.at.0.iter().map(|pointer| plan.slot(pointer)).collect(),
            text: Text::new(&map.text, plan),
            status: map.status.as_ref().map(|rule| Rule::new(rule, plan)),
        }
    }

    fn when(&self, item: &Picked<'_>) -> Option<String> {
        time(&item.first(&self.at)?.text())
    }
}
