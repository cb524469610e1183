//! Whether a text is a card: its shape by type, then lengths, links and times. It must not know the schema's text.

use serde_json::Value;

use super::card::{Card, Chart, Event, MAX_ITEMS, MAX_LABEL, MAX_PARTS, MAX_ROWS, MAX_TEXT, MAX_URL, Table};
use crate::model::ContentType;

/// Whether the JSON `text` is a card; else what is wrong, with the path to it (`fields[2].value: ...`).
pub fn validate_card(text: &str) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let card: Card = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // The place in the text is of no help: people look at the path.
        let cause = error.into_inner().to_string();
        let cause = cause.split(" at line ").next().unwrap_or_default();
        if path == "." { cause.to_owned() } else { format!("{path}: {cause}") }
    })?;
    reader.end().map_err(|error| error.to_string())?;
    check_card(&card)
}

fn check_card(card: &Card) -> Result<(), String> {
    if let Some(found) = card.content_type.as_deref().filter(|found| *found != ContentType::CARD.as_str()) {
        return Err(format!("content_type: {found:?} is not {:?}", ContentType::CARD.as_str()));
    }
    label("title", &card.title)?;
    optional("summary", card.summary.as_deref(), MAX_TEXT)?;
    each("badges", &card.badges, MAX_ITEMS, |path, badge| label(&path("text"), &badge.text))?;
    each("fields", &card.fields, MAX_ITEMS, |path, field| {
        label(&path("label"), &field.label)?;
        scalar(&path("value"), &field.value)?;
        optional(&path("unit"), field.unit.as_deref(), MAX_LABEL)?;
        field.link.as_deref().map_or(Ok(()), |link| url(&path("link"), link))
    })?;
    each("tables", &card.tables, MAX_PARTS, |path, table| check_table(path, table))?;
    each("charts", &card.charts, MAX_PARTS, |path, chart| check_chart(path, chart))?;
    each("timeline", &card.timeline, MAX_ITEMS, |path, event| check_event(path, event))?;
    each("links", &card.links, MAX_ITEMS, |path, link| {
        label(&path("label"), &link.label)?;
        url(&path("url"), &link.url)
    })
}

/// Makes the path to a field of an item.
type Path<'a> = &'a dyn Fn(&str) -> String;

fn each<T>(
    name: &str,
    items: &[T],
    max: usize,
    check: impl Fn(Path<'_>, &T) -> Result<(), String>,
) -> Result<(), String> {
    count(name, items.len(), 0, max)?;
    items.iter().enumerate().try_for_each(|(i, item)| check(&|field| format!("{name}[{i}].{field}"), item))
}

fn check_table(path: Path<'_>, table: &Table) -> Result<(), String> {
    optional(&path("title"), table.title.as_deref(), MAX_LABEL)?;
    count(&path("columns"), table.columns.len(), 1, MAX_ITEMS)?;
    count(&path("rows"), table.rows.len(), 0, MAX_ROWS)?;
    for (i, column) in table.columns.iter().enumerate() {
        length(&path(&format!("columns[{i}]")), column, MAX_LABEL)?;
    }
    for (i, row) in table.rows.iter().enumerate() {
        if row.len() != table.columns.len() {
            let row_path = path(&format!("rows[{i}]"));
            return Err(format!("{row_path}: it has {} cells for {} columns", row.len(), table.columns.len()));
        }
        for (j, cell) in row.iter().enumerate() {
            scalar(&path(&format!("rows[{i}][{j}]")), cell)?;
        }
    }
    Ok(())
}

fn check_chart(path: Path<'_>, chart: &Chart) -> Result<(), String> {
    optional(&path("title"), chart.title.as_deref(), MAX_LABEL)?;
    optional(&path("unit"), chart.unit.as_deref(), MAX_LABEL)?;
    count(&path("labels"), chart.labels.len(), 1, MAX_ROWS)?;
    count(&path("series"), chart.series.len(), 1, MAX_PARTS)?;
    for (i, text) in chart.labels.iter().enumerate() {
        length(&path(&format!("labels[{i}]")), text, MAX_LABEL)?;
    }
    for (i, series) in chart.series.iter().enumerate() {
        label(&path(&format!("series[{i}].label")), &series.label)?;
        if series.values.len() != chart.labels.len() {
            let (path, values) = (path(&format!("series[{i}].values")), series.values.len());
            return Err(format!("{path}: it has {values} values for {} labels", chart.labels.len()));
        }
    }
    Ok(())
}

fn check_event(path: Path<'_>, event: &Event) -> Result<(), String> {
    if !is_time(&event.at) {
        return Err(format!("{}: {:?} is no RFC 3339 time like \"2026-11-23T23:33:22Z\"", path("at"), event.at));
    }
    not_empty(&path("text"), &event.text)?;
    length(&path("text"), &event.text, MAX_TEXT)?;
    event.link.as_deref().map_or(Ok(()), |link| url(&path("link"), link))
}

fn label(path: &str, text: &str) -> Result<(), String> {
    not_empty(path, text)?;
    length(path, text, MAX_LABEL)
}

fn not_empty(path: &str, text: &str) -> Result<(), String> {
    if text.is_empty() { Err(format!("{path}: it is empty")) } else { Ok(()) }
}

fn optional(path: &str, text: Option<&str>, max: usize) -> Result<(), String> {
    text.map_or(Ok(()), |text| length(path, text, max))
}

fn length(path: &str, text: &str, max: usize) -> Result<(), String> {
    // Bytes are never fewer than characters: most texts need no count.
    let found = if text.len() <= max { 0 } else { text.chars().count() };
    if found > max { Err(format!("{path}: it has {found} characters, at most {max} are allowed")) } else { Ok(()) }
}

fn count(path: &str, found: usize, min: usize, max: usize) -> Result<(), String> {
    if found < min {
        return Err(format!("{path}: it is empty"));
    }
    if found > max { Err(format!("{path}: it has {found} items, at most {max} are allowed")) } else { Ok(()) }
}

fn scalar(path: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => length(path, text, MAX_TEXT),
        Value::Array(_) | Value::Object(_) => Err(format!("{path}: it must be text, a number, true, false or null")),
        _ => Ok(()),
    }
}

/// Only schemes that a browser opens without running anything.
fn url(path: &str, url: &str) -> Result<(), String> {
    length(path, url, MAX_URL)?;
    let web = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let whole = match (web, url.strip_prefix("mailto:")) {
        (Some(rest), _) => !rest.is_empty() && !rest.starts_with(['/', '?', '#']),
        (None, Some(rest)) => !rest.is_empty(),
        (None, None) => false,
    };
    if !whole || url.chars().any(|c| c.is_whitespace() || c.is_ascii_control()) {
        return Err(format!("{path}: {url:?} is no http:, https: or mailto: URL"));
    }
    Ok(())
}

/// RFC 3339, section 5.6, with `T` and `Z` in upper case; leap seconds included.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        bytes.get(from..to)?.iter().try_fold(0u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
    };
    let within = |from: usize, min: u32, max: u32| number(from, from + 2).is_some_and(|n| (min..=max).contains(&n));
    let fixed = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let (Some(year), Some(month)) = (number(0, 4), number(5, 7)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    if !(fixed.iter().all(|(at, byte)| bytes.get(*at) == Some(byte))
        && within(8, 1, days)
        && within(11, 0, 23)
        && within(14, 0, 59)
        && within(17, 0, 60))
    {
        return false;
    }
    let rest = text.get(19..).unwrap_or_default();
    let (fraction, zone) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
    let fraction_fits = fraction.is_empty()
        || fraction
            .strip_prefix('.')
            .is_some_and(|digits| (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    let at = 19 + fraction.len();
    let offset =
        || zone.len() == 6 && bytes.get(at + 3) == Some(&b':') && within(at + 1, 0, 23) && within(at + 4, 0, 59);
    fraction_fits && (zone == "Z" || offset())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::card, *};

    fn conforms(text: &str) -> bool {
        let schema = card::card_schema();
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
        validator.is_valid(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_example_and_the_smallest_card() {
        let example = card::example().to_string();
        for text in
            [&example, r#"{"title":"x"}"#, r#"{"title":"x","content_type":"application/vnd.ralphext.card+json"}"#]
        {
            assert_eq!(validate_card(text), Ok(()));
            assert!(conforms(text));
            let card: Card = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&card).unwrap().to_string().len(), without_defaults(text));
        }
    }

    /// Its length once numbers are written as a card writes them (`91.0` in a chart).
    fn without_defaults(text: &str) -> usize {
        let mut value: Value = serde_json::from_str(text).unwrap();
        for chart in value.get_mut("charts").and_then(Value::as_array_mut).into_iter().flatten() {
            for number in chart["series"][0]["values"].as_array_mut().unwrap() {
                *number = json!(number.as_f64());
            }
        }
        value.to_string().len()
    }

    #[test]
    fn wrong_cards_are_refused_with_their_path() {
        let long = "x".repeat(201);
        let many = vec![json!({"text": "x"}); 201];
        for (card, says) in [
            (json!([]), "struct Card"),
            (json!({}), "title"),
            (json!({"title": ""}), "title: it is empty"),
            (json!({"title": long}), "title: it has 201 characters"),
            (json!({"title": "x", "titel": "y"}), "unknown field `titel`"),
            (json!({"title": "x", "status": "fine"}), "status: unknown variant `fine`"),
            (json!({"title": "x", "summary": null}), "summary: null is no value of it: leave it out"),
            (json!({"title": "x", "badges": [{"text": "x", "status": null}]}), "badges[0].status: null is no value"),
            (json!({"title": "x", "content_type": "card"}), "content_type: \"card\""),
            (json!({"title": "x", "badges": many}), "badges: it has 201 items"),
            (json!({"title": "x", "badges": [{"text": ""}]}), "badges[0].text: it is empty"),
            (json!({"title": "x", "fields": [{"label": "a"}]}), "fields[0]: missing field `value`"),
            (json!({"title": "x", "fields": [{"label": "a", "value": {}}]}), "fields[0].value: it must be text"),
            (
                json!({"title": "x", "fields": [{"label": "a", "value": 1, "link": "javascript:alert(1)"}]}),
                "fields[0].link",
            ),
            (json!({"title": "x", "links": [{"label": "a", "url": "https://"}]}), "links[0].url"),
            (json!({"title": "x", "links": [{"label": "a", "url": "https:///x"}]}), "links[0].url"),
            (json!({"title": "x", "links": [{"label": "a", "url": " https://x"}]}), "links[0].url"),
            (json!({"title": "x", "links": [{"label": "a", "url": "https://x/\ny"}]}), "links[0].url"),
            (json!({"title": "x", "links": [{"label": "a", "url": "/local"}]}), "links[0].url"),
            (json!({"title": "x", "tables": [{"columns": [], "rows": []}]}), "tables[0].columns: it is empty"),
            (
                json!({"title": "x", "tables": [{"columns": ["a"], "rows": [[[]]]}]}),
                "tables[0].rows[0][0]: it must be text",
            ),
            (json!({"title": "x", "charts": [{"labels": ["a"], "series": []}]}), "charts[0].series: it is empty"),
            (
                json!({"title": "x", "timeline": [{"at": "2026-02-28T00:00:00Z", "text": "x", "link": "/x"}]}),
                "timeline[0].link",
            ),
            (
                json!({"title": "x", "fields": [{"label": "a", "value": 1, "status": "fine"}]}),
                "fields[0].status: unknown variant",
            ),
            (json!({"title": "x", "timeline": [{"at": "yesterday", "text": "x"}]}), "timeline[0].at: \"yesterday\""),
            (json!({"title": "x", "timeline": [{"at": "2026-02-29T00:00:00Z", "text": "x"}]}), "timeline[0].at"),
            (json!({"title": "x", "timeline": [{"at": "2026-02-28T00:00:00", "text": "x"}]}), "timeline[0].at"),
        ] {
            let text = card.to_string();
            let error = validate_card(&text).expect_err(&text);
            assert!(error.contains(says), "{text}: {error}");
            assert!(!conforms(&text), "the schema accepts {text}");
        }
        // Beyond what the schema can say.
        for (card, says) in [
            (
                json!({"title": "x", "tables": [{"columns": ["a", "b"], "rows": [[1]]}]}),
                "tables[0].rows[0]: it has 1 cells",
            ),
            (
                json!({"title": "x", "charts": [{"labels": ["a"], "series": [{"label": "s", "values": [1, 2]}]}]}),
                "2 values for 1",
            ),
        ] {
            let error = validate_card(&card.to_string()).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(validate_card(r#"{"title":"x"} x"#).is_err());
    }

    #[test]
    fn times() {
        for good in ["2024-02-29T23:59:60Z", "2026-11-23T23:33:22.123456789+01:00", "2000-01-01T00:00:00-23:59"] {
            assert!(is_time(good), "{good}");
        }
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T23:33Z",
            "2026-13-01T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-11-23T23:33:22.Z",
            "2026-11-23T23:33:22+0100",
            "2026-11-23T23:33:22z",
            "2026-11-23T23:33:22+24:00",
            "2026-11-23T23:33:22Zx",
            "2026-11-23T23:33:22.1é+01:00",
        ] {
            assert!(!is_time(bad), "{bad}");
        }
    }
}
