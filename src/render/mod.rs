//! From what a record holds to what a reader may be shown: Markdown to HTML, HTML sanitised. It must not know ids,
//! hashing or Redis.

mod sanitise;

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::model::{Content, ContentType, Encoding, Fault, FaultKind};

/// Renders content that a record gave as JSON text.
///
/// Without a content type of its own, a string is plain text and anything else is JSON.
pub fn from_record<'a>(content: &'a str, content_type: Option<ContentType>) -> Result<Content<'a>, Fault> {
    let is_text = content.starts_with('"');
    let content_type = content_type.unwrap_or(if is_text { ContentType::TEXT } else { ContentType::JSON });
    if content_type.is_json() {
        return Ok(Content { content_type, body: content.into() });
    }
    if !is_text {
        let reason = format!("content of type {} has to be a string", content_type.as_str());
        return Err(Fault::new(FaultKind::BadType, reason));
    }
    let text = unescape(content)?;
    render(text, content_type)
}

/// Renders a whole file.
pub fn from_document(data: &[u8], content_type: ContentType) -> Result<Content<'_>, Fault> {
    let text = std::str::from_utf8(data).map_err(|e| {
        Fault::new(FaultKind::NotJson, format!("the file is no UTF-8 from byte {} on", e.valid_up_to() + 1))
    })?;
    if content_type.is_json() {
        return Ok(Content { content_type, body: text.into() });
    }
    render(text.into(), content_type)
}

/// Bytes that count against `limits.max_content` or, decoded, against `limits.max_binary`.
pub fn decoded_len(content: &Content<'_>) -> usize {
    match content.content_type.encoding() {
        Encoding::Base64 => base64::decoded_len_estimate(content.body.len()),
        _ => content.body.len(),
    }
}

fn render(text: Cow<'_, str>, content_type: ContentType) -> Result<Content<'_>, Fault> {
    if content_type == ContentType::MARKDOWN {
        let mut html = String::with_capacity(text.len() * 3 / 2);
        let options = pulldown_cmark::Options::ENABLE_TABLES | pulldown_cmark::Options::ENABLE_STRIKETHROUGH;
        pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new_ext(&text, options));
        return Ok(Content { content_type: ContentType::HTML, body: sanitise::html(&html).into() });
    }
    if content_type == ContentType::HTML {
        return Ok(Content { content_type, body: sanitise::html(&text).into() });
    }
    if content_type.encoding() == Encoding::Base64 {
        STANDARD.decode(text.as_bytes()).map_err(|e| {
            let reason = format!("content of type {} is no base64 (RFC 4648, section 4): {e}", content_type.as_str());
            Fault::new(FaultKind::BadType, reason)
        })?;
    }
    Ok(Content { content_type, body: text })
}

fn unescape(json: &str) -> Result<Cow<'_, str>, Fault> {
    // A RawValue that begins with a quote ends with one.
    let inner = &json[1..json.len() - 1];
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(inner.into());
    }
    let text: String = serde_json::from_str(json)
        .map_err(|e| Fault::new(FaultKind::NotCanonical, format!("content is no valid text: {e}")))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(content: &str, content_type: Option<ContentType>) -> String {
        from_record(content, content_type).expect(content).body.into_owned()
    }

    #[test]
    fn the_type_follows_the_value_where_none_is_named() {
        assert_eq!(from_record("\"a\"", None).unwrap().content_type, ContentType::TEXT);
        assert_eq!(from_record("{}", None).unwrap().content_type, ContentType::JSON);
        assert_eq!(from_record("\"a\"", Some(ContentType::JSON)).unwrap().body, "\"a\"");
        assert_eq!(from_record("{}", Some(ContentType::HTML)).unwrap_err().kind, FaultKind::BadType);
    }

    #[test]
    fn html_and_markdown_come_out_sanitised() {
        let html = body(r#""<p onclick=\"x()\">hi<script>alert(1)</script></p>""#, Some(ContentType::HTML));
        assert_eq!(html, "<p>hi</p>");
        let html =
            body(r##""# A\n\n[x](javascript:alert(1))\n\n<script>alert(1)</script>""##, Some(ContentType::MARKDOWN));
        assert!(html.contains("<h1>A</h1>") && !html.contains("<script") && !html.contains("href"), "{html}");
    }

    #[test]
    fn binary_has_to_be_base64() {
        let pdf = ContentType::parse("application/pdf");
        assert_eq!(body("\"JVBERi0=\"", pdf.clone()), "JVBERi0=");
        assert_eq!(from_record("\"%%%\"", pdf).unwrap_err().kind, FaultKind::BadType);
    }
}
