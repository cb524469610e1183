//! Bodies as records. It must not judge content: that is the pipeline's.

use axum::http::StatusCode;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::value::RawValue;

use super::Refused;
use crate::{model::ContentType, pipeline};

fn unprocessable(error: impl Into<String>, hint: &'static str) -> Refused {
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, error, hint)
}

/// The record, and its line end, of an object with `id` (checked before) and this content.
pub(super) fn record(id: &str, content_type: Option<&str>, content: &[u8]) -> Result<Vec<u8>, Refused> {
    let media = content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    // curl says this when nobody told it what it sends.
    let media = media.filter(|media| media != "application/x-www-form-urlencoded" && !media.is_empty());
    let parsed = media.as_deref().map_or(Some(ContentType::JSON), ContentType::parse);
    let Some(parsed) = parsed else {
        let media = media.unwrap_or_default();
        return Err(unprocessable(format!("{media:?} is no content type"), "send Content-Type: application/json"));
    };
    let mut line = format!("{{\"id\":\"{id}\",\"content\":").into_bytes();
    if parsed.is_json() {
        json(content, &mut line)?;
    } else if is_text(&parsed) {
        let text = std::str::from_utf8(content)
            .map_err(|e| unprocessable(format!("the body is no UTF-8: {e}"), "send text in UTF-8"))?;
        line.extend(serde_json::to_vec(text).unwrap_or_default());
    } else {
        line.push(b'"');
        line.extend(BASE64_STANDARD.encode(content).into_bytes());
        line.push(b'"');
    }
    if let Some(media) = media.filter(|_| parsed != ContentType::JSON) {
        line.extend_from_slice(b",\"content_type\":");
        line.extend(serde_json::to_vec(&media).unwrap_or_default());
    }
    line.extend_from_slice(b"}\n");
    Ok(line)
}

fn is_text(content_type: &ContentType) -> bool {
    content_type.as_str().starts_with("text/")
}

/// JSON on one line: outside of strings, line ends are nothing but white space.
fn json(content: &[u8], line: &mut Vec<u8>) -> Result<(), Refused> {
    serde_json::from_slice::<&RawValue>(content).map_err(|e| {
        unprocessable(format!("the body is no JSON: {e}"), "send JSON, or say in Content-Type what it is")
    })?;
    line.extend(content.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
    Ok(())
}

/// Whether `records` holds nothing but changes: where a snapshot begins and ends is said by `POST /v1/snapshot`.
pub(super) fn only_changes(records: &[u8]) -> Result<(), Refused> {
    for line in records.split(|b| *b == b'\n') {
        // Most begin with their id.
        if pipeline::fast_id(line).is_none()
            && matches!(pipeline::parse(line), Ok(pipeline::Record::Begin | pipeline::Record::End))
        {
            return Err(unprocessable(
                "a snapshot's begin or end among changes",
                "send whole snapshots to POST /v1/snapshot",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: &str, content_type: Option<&str>, content: &[u8]) -> String {
        String::from_utf8(record(id, content_type, content).expect("a record")).expect("UTF-8")
    }

    #[test]
    fn content_becomes_a_record_on_one_line() {
        assert_eq!(text("7", None, b"{\n  \"a\": [1,\r\n 2]\n}"), "{\"id\":\"7\",\"content\":{   \"a\": [1,   2] }}\n");
        assert_eq!(
            text("7", Some("text/html; charset=utf-8"), b"<p>\"x\"\n</p>"),
            "{\"id\":\"7\",\"content\":\"<p>\\\"x\\\"\\n</p>\",\"content_type\":\"text/html\"}\n"
        );
        assert_eq!(
            text("7", Some("application/pdf"), b"\xff\x00"),
            "{\"id\":\"7\",\"content\":\"/wA=\",\"content_type\":\"application/pdf\"}\n"
        );
        assert_eq!(
            text("7", Some("application/json"), b"1"),
            text("7", Some("application/x-www-form-urlencoded"), b"1")
        );
    }

    #[test]
    fn what_cannot_be_content_is_refused() {
        for (content_type, content) in [
            (None, &b"{\"a\":"[..]),
            (None, b""),
            (None, b"{} {}"),
            (Some("text/plain"), b"\xff"),
            (Some("nonsense"), b"1"),
        ] {
            assert!(record("7", content_type, content).is_err(), "{content_type:?} {content:?}");
        }
    }

    #[test]
    fn begin_and_end_are_no_changes() {
        assert!(only_changes(b"{\"id\":1,\"content\":2}\n\nnot json\n{\"heartbeat\":true}\n").is_ok());
        assert!(only_changes(b"{\"id\":1,\"content\":2}\n{\"end\": true}").is_err());
        assert!(only_changes(b" {\"begin\":true}\n").is_err());
    }
}
