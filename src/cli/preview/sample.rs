//! A record from a file, in whatever form authors have one at hand. It must not judge it.

use std::{ffi::OsStr, fs, io::Read, path::Path};

use serde_json::{Value, json};

use super::super::{Exit, Failure};

/// Largest sample, in bytes.
const LARGEST: u64 = 64 << 20;
/// What a record has, and content alone has not.
const OF_RECORDS: [&str; 6] = ["content", "deleted", "match", "begin", "end", "heartbeat"];

/// The records of a file, one JSON text each: NDJSON, an array, one record over many lines, content alone, or a file of
/// Markdown, HTML or text. Content alone is that of `id`.
pub(super) fn records(path: &Path, id: Option<&str>) -> Result<Vec<String>, Failure> {
    let text = read(path)?;
    let wrap = |content: Value, kind: &str| json!({"id": id.unwrap_or("1"), "content_type": kind, "content": content});
    let kind = match path.extension().and_then(OsStr::to_str) {
        Some("html" | "htm") => Some("text/html"),
        Some("md" | "markdown") => Some("text/markdown"),
        Some("txt") => Some("text/plain"),
        _ => None,
    };
    if let Some(kind) = kind {
        return Ok(vec![wrap(Value::String(text), kind).to_string()]);
    }
    let found = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(items)) if !items.is_empty() && items.iter().all(is_record) => {
            items.iter().map(Value::to_string).collect()
        }
        Ok(record) if is_record(&record) => vec![record.to_string()],
        Ok(content) => vec![json!({"id": id.unwrap_or("1"), "content": content}).to_string()],
        // Lines, each judged by itself.
        Err(_) => text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect::<Vec<_>>(),
    };
    if found.is_empty() {
        let hint = "write one record, such as {\"id\": 4711, \"content\": {\"hostname\": \"a\"}}";
        return Err(Failure::new(Exit::Usage, format!("{}: it is empty", path.display()), hint));
    }
    Ok(found)
}

fn is_record(value: &Value) -> bool {
    value.as_object().is_some_and(|members| OF_RECORDS.iter().any(|name| members.contains_key(*name)))
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(LARGEST).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(e) => {
            let hint = "name a file of UTF-8 text with a record, or - for standard input";
            Err(Failure::new(Exit::Usage, format!("cannot read the sample {}: {e}", path.display()), hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        records(&path, Some("7")).unwrap_or_else(|e| panic!("{}", e.message))
    }

    #[test]
    fn samples_in_many_forms() {
        let record = r#"{"content":{"a":1},"id":4711}"#;
        assert_eq!(of("a.ndjson", &format!("{record}\n\n{record}\n")), [record, record]);
        assert_eq!(of("a.json", &format!("[{record},{record}]")), [record, record]);
        assert_eq!(of("a.json", "{\n \"id\": 4711,\n \"content\": {\"a\": 1}\n}\n"), [record]);
        assert_eq!(of("a.json", "{\n \"a\": 1\n}"), [r#"{"content":{"a":1},"id":"7"}"#]);
        assert_eq!(of("a.json", "[1, 2]"), [r#"{"content":[1,2],"id":"7"}"#]);
        assert_eq!(of("a.md", "# a\n"), [r##"{"content":"# a\n","content_type":"text/markdown","id":"7"}"##]);
        assert_eq!(of("a.json", "{\"id\": 1,\nnonsense"), ["{\"id\": 1,", "nonsense"]);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert!(records(Path::new("/nowhere/a.json"), None).unwrap_err().message.contains("/nowhere/a.json"));
    }
}
