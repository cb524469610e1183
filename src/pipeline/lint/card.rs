//! All that is wrong with a card: its rules name one mistake, which is then mended in a copy, and they are asked again.
//! It must not know the rules.

use serde_json::{Value, json};

use crate::envelope::validate_card;

/// Most mistakes that are told of one card.
const MOST: usize = 100;

/// One step to a part of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member.
    Name(String),
    /// An element.
    Index(usize),
}

/// A mistake: the way to it, and what is wrong. The last step is the name of a member that should not be there, too.
#[derive(Debug)]
pub struct Mistake {
    pub way: Vec<Step>,
    pub reason: String,
}

/// What is wrong with the card `text`, which is JSON.
pub fn mistakes(text: &str) -> Vec<Mistake> {
    let mut found = Vec::new();
    let Ok(mut card) = serde_json::from_str::<Value>(text) else { return found };
    while found.len() < MOST {
        let Err(told) = validate_card(&card.to_string()) else { break };
        let mistake = read(&told);
        let mended = mend(&mut card, &mistake);
        found.push(mistake);
        if !mended {
            break;
        }
    }
    found
}

/// Takes the path off the front of a message.
fn read(told: &str) -> Mistake {
    let path = told.split(": ").next().filter(|_| told.contains(": ")).filter(|path| !path.contains([' ', '`']));
    let (path, reason) = path.map_or(("", told), |path| (path, &told[path.len() + 2..]));
    let mut way = Vec::new();
    if let Some(unknown) = between(reason, "unknown field `") {
        let above = if path == unknown { "" } else { path.strip_suffix(&format!(".{unknown}")).unwrap_or(path) };
        way = steps(above);
        way.push(Step::Name(unknown.to_owned()));
    } else {
        way.extend(steps(path));
    }
    Mistake { way, reason: reason.to_owned() }
}

fn between<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split('`').next()
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        steps.push(match part.strip_suffix(']').map(str::parse) {
            Some(Ok(index)) => Step::Index(index),
            _ => Step::Name(part.to_owned()),
        });
    }
    steps
}

/// Puts something right in the place of what is wrong; false where that cannot be.
fn mend(card: &mut Value, mistake: &Mistake) -> bool {
    let name = mistake.way.iter().rev().find_map(|step| match step {
        Step::Name(name) => Some(name.as_str()),
        Step::Index(_) => None,
    });
    if let Some(missing) = between(&mistake.reason, "missing field `") {
        let inside_chart = name == Some("charts");
        let Some(Value::Object(members)) = reach(card, &mistake.way) else { return false };
        members.insert(missing.to_owned(), stand_in(missing));
        if inside_chart && missing == "labels" {
            members.insert("series".to_owned(), stand_in("series"));
        }
        return true;
    }
    let Some((last, above)) = mistake.way.split_last() else { return false };
    let columns = count_beside(card, &mistake.way);
    match (reach(card, above), last) {
        (Some(Value::Object(members)), Step::Name(name)) => {
            if mistake.reason.starts_with("unknown field") || name == "content_type" {
                return members.remove(name).is_some();
            }
            match name.as_str() {
                "columns" => drop(members.insert("rows".to_owned(), json!([]))),
                "labels" => drop(members.insert("series".to_owned(), stand_in("series"))),
                "series" => drop(members.insert("labels".to_owned(), json!(["x"]))),
                _ => {}
            }
            let good = if name == "values" { json!(vec![Value::Null; columns.max(1)]) } else { stand_in(name) };
            members.insert(name.clone(), good);
            true
        }
        (Some(Value::Array(items)), Step::Index(index)) => match items.get_mut(*index) {
            Some(item) => {
                let is_row = name == Some("rows") && above.last() == Some(&Step::Name("rows".to_owned()));
                *item = if is_row { json!(vec![Value::Null; columns]) } else { item_for(name.unwrap_or_default()) };
                true
            }
            None => false,
        },
        _ => false,
    }
}

/// How many columns the table, or labels the chart, has that `way` leads into.
fn count_beside(card: &mut Value, way: &[Step]) -> usize {
    let Some([list, index]) = way.get(..2) else { return 0 };
    let part = reach(card, &[list.clone(), index.clone()]);
    let part = part.and_then(|part| part.get("columns").or_else(|| part.get("labels")));
    part.and_then(Value::as_array).map_or(0, Vec::len)
}

fn reach<'a>(value: &'a mut Value, way: &[Step]) -> Option<&'a mut Value> {
    way.iter().try_fold(value, |value, step| match step {
        Step::Name(name) => value.get_mut(name),
        Step::Index(index) => value.get_mut(*index),
    })
}

/// A good value of the member `name`.
fn stand_in(name: &str) -> Value {
    match name {
        "status" => json!("ok"),
        "kind" => json!("line"),
        "link" | "url" => json!("https://x"),
        "at" => json!("2026-01-01T00:00:00Z"),
        "value" => Value::Null,
        "columns" | "labels" => json!(["x"]),
        "series" => json!([{"label": "x", "values": [null]}]),
        "badges" | "fields" | "tables" | "charts" | "timeline" | "links" | "rows" => json!([]),
        _ => json!("x"),
    }
}

/// A good element of the list `name`.
fn item_for(name: &str) -> Value {
    match name {
        "badges" => json!({"text": "x"}),
        "fields" => json!({"label": "x", "value": null}),
        "tables" => json!({"columns": ["x"], "rows": []}),
        "charts" => json!({"labels": ["x"], "series": stand_in("series")}),
        "timeline" => json!({"at": "2026-01-01T00:00:00Z", "text": "x"}),
        "links" => json!({"label": "x", "url": "https://x"}),
        "columns" | "labels" => json!("x"),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_once() {
        let long = "x".repeat(201);
        let card = json!({
            "titel": "a", "status": "fine", "summary": 7,
            "badges": [{"text": ""}, 3],
            "fields": [{"label": "a"}, {"label": long, "value": {}, "link": "javascript:x", "lnk": 1}],
            "tables": [{"columns": ["a", "b"], "rows": [[1], [1, []]]}],
            "charts": [{"labels": ["a"], "series": [{"label": "s", "values": [1, 2]}]}, {"series": []}],
            "timeline": [{"at": "yesterday", "text": "x"}],
            "links": [{"label": "a", "url": "/x"}],
        });
        let found = mistakes(&card.to_string());
        let told: Vec<String> = found.iter().map(|m| format!("{:?} {}", m.way, m.reason)).collect();
        for words in [
            "unknown field `titel`",
            "missing field `title`",
            "unknown variant `fine`",
            "Name(\"summary\")] invalid type",
            "Index(0), Name(\"text\")] it is empty",
            "Index(1)] invalid type",
            "missing field `value`",
            "it has 201 characters",
            "Name(\"value\")] it must be text",
            "Name(\"link\")]",
            "unknown field `lnk`",
            "it has 1 cells",
            "Index(1), Index(1)] it must be text",
            "2 values for 1",
            "missing field `labels`",
            "yesterday",
            "Name(\"url\")]",
        ] {
            assert_eq!(told.iter().filter(|t| t.contains(words)).count(), 1, "{words}: {told:#?}");
        }
        assert_eq!(told.len(), 17, "{told:#?}");
    }
}
