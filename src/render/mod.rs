//! From what a record holds to what a reader may be shown: templates, Markdown to HTML, HTML sanitised. It must not know
//! identities, hashing or Redis.

mod filters;
mod loader;
mod markdown;
mod problem;
mod sanitise;
mod template;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

use self::template::{Failed, Template};
pub use self::{
    problem::TemplateProblem,
    sanitise::{ATTRIBUTES, CLASSES, IMAGE, Part, Removed, SCHEMES, SWALLOWED, Sanitiser, TAGS},
};
use crate::{
    model::{Content, ContentType, Encoding, Fault, FaultKind},
    settings::{RenderOutput, Settings},
};

/// What a reader may be shown.
#[derive(Debug)]
pub struct Rendered<'a> {
    /// Rendered and sanitised.
    pub content: Content<'a>,
    /// What the sanitiser took out of it.
    pub removed: Removed,
}

impl<'a> Rendered<'a> {
    fn as_is(content_type: ContentType, body: Cow<'a, str>) -> Self {
        Self { content: Content { content_type, body }, removed: Removed::default() }
    }
}

/// Renders the content of one object after another for one service. Its template is compiled once.
#[derive(Debug)]
pub struct Renderer {
    template: Result<Option<Template>, TemplateProblem>,
    sanitiser: Sanitiser,
    markdown: bool,
}

impl Renderer {
    /// For the service of `settings`. A template that does not compile is told by [`Self::problem`], and by every object.
    pub fn new(settings: &Settings) -> Self {
        let render = &settings.render;
        let max_output = settings.limits.max_content.as_usize();
        Self {
            template: Template::new(render, settings.name().as_str(), max_output),
            sanitiser: Sanitiser::new(&render.images, render.report),
            markdown: render.markdown,
        }
    }

    /// What is wrong with the template.
    pub fn problem(&self) -> Option<&TemplateProblem> {
        self.template.as_ref().err()
    }

    /// Whether content is taken as it is, unless its type says otherwise.
    pub fn is_plain(&self) -> bool {
        matches!(self.template, Ok(None)) && !self.markdown
    }

    /// Renders content that a record gave as JSON text.
    ///
    /// Without a content type of its own, a string is plain text (or Markdown) and anything else is JSON.
    ///
    /// # Errors
    /// Why the object cannot be taken.
    pub fn record<'a>(
        &self,
        id: &str,
        content: &'a str,
        content_type: Option<ContentType>,
    ) -> Result<Rendered<'a>, Fault> {
        if content_type.as_ref().is_none_or(|kind| *kind == ContentType::JSON)
            && let Some(rendered) = self.templated(id, content)?
        {
            return Ok(rendered);
        }
        let is_text = content.starts_with('"');
        let of_text = if self.markdown { ContentType::MARKDOWN } else { ContentType::TEXT };
        let content_type = content_type.unwrap_or(if is_text { of_text } else { ContentType::JSON });
        if content_type.is_json() {
            return Ok(Rendered::as_is(content_type, content.into()));
        }
        if !is_text {
            let reason = format!("content of type {} has to be a string", content_type.as_str());
            return Err(Fault::new(FaultKind::BadType, reason));
        }
        self.text(unescape(content)?, content_type)
    }

    /// Renders a whole file.
    ///
    /// # Errors
    /// Why the object cannot be taken.
    pub fn document<'a>(&self, id: &str, data: &'a [u8], content_type: ContentType) -> Result<Rendered<'a>, Fault> {
        let text = std::str::from_utf8(data).map_err(|e| {
            Fault::new(FaultKind::NotJson, format!("the file is no UTF-8 from byte {} on", e.valid_up_to() + 1))
        })?;
        if content_type == ContentType::JSON
            && let Some(rendered) = self.templated(id, text)?
        {
            return Ok(rendered);
        }
        if content_type.is_json() {
            return Ok(Rendered::as_is(content_type, text.into()));
        }
        self.text(text.into(), content_type)
    }

    /// Names that the template asks for and this content does not have; see [`Template::missing`].
    pub fn missing(&self, id: &str, content: &str) -> Vec<String> {
        let Ok(Some(template)) = &self.template else { return Vec::new() };
        template.missing(id, content)
    }

    /// What the template makes of JSON content; none where there is no template.
    fn templated<'a>(&self, id: &str, content: &str) -> Result<Option<Rendered<'a>>, Fault> {
        let template = match &self.template {
            Ok(None) => return Ok(None),
            Ok(Some(template)) => template,
            Err(problem) => return Err(fault(problem)),
        };
        let out = template.render(id, content).map_err(|failed| match failed {
            Failed::Problem(problem) => fault(&problem),
            Failed::TooLarge(max) => {
                let reason = format!("{}: it yields more bytes than limits.max_content ({max})", template.name());
                Fault::new(FaultKind::TooLarge, reason)
            }
            Failed::Content(e) => Fault::new(FaultKind::NotJson, format!("content is no JSON: {e}")),
        })?;
        let content_type = match template.output() {
            RenderOutput::Html => ContentType::HTML,
            RenderOutput::Markdown => ContentType::MARKDOWN,
            RenderOutput::Text => ContentType::TEXT,
            RenderOutput::Card => ContentType::CARD,
            RenderOutput::Json => ContentType::JSON,
        };
        if !content_type.is_json() {
            return self.text(out.into(), content_type).map(Some);
        }
        check_json(template.name(), &out)?;
        Ok(Some(Rendered::as_is(content_type, out.trim().to_owned().into())))
    }

    fn text<'a>(&self, text: Cow<'a, str>, content_type: ContentType) -> Result<Rendered<'a>, Fault> {
        let html = match content_type == ContentType::MARKDOWN {
            true => Some(Cow::Owned(markdown::html(&text))),
            false => (content_type == ContentType::HTML).then_some(Cow::Borrowed(&*text)),
        };
        if let Some(html) = html {
            let (clean, removed) =
                self.sanitiser.clean(&html).map_err(|reason| Fault::new(FaultKind::Render, reason))?;
            return Ok(Rendered { content: Content { content_type: ContentType::HTML, body: clean.into() }, removed });
        }
        if content_type.encoding() == Encoding::Base64 {
            STANDARD.decode(text.as_bytes()).map_err(|e| {
                let reason =
                    format!("content of type {} is no base64 (RFC 4648, section 4): {e}", content_type.as_str());
                Fault::new(FaultKind::BadType, reason)
            })?;
        }
        Ok(Rendered::as_is(content_type, text))
    }
}

/// Bytes that count against `limits.max_content` or, decoded, against `limits.max_binary`.
pub fn decoded_len(content: &Content<'_>) -> usize {
    match content.content_type.encoding() {
        Encoding::Base64 => base64::decoded_len_estimate(content.body.len()),
        _ => content.body.len(),
    }
}

fn fault(problem: &TemplateProblem) -> Fault {
    Fault::new(FaultKind::Render, format!("{problem} ({})", problem.hint))
}

/// Whether a template's output is JSON, told with the line of the output that is not.
fn check_json(template: &str, out: &str) -> Result<(), Fault> {
    let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(out) else { return Ok(()) };
    let cause = e.to_string();
    let cause = cause.split(" at line ").next().unwrap_or_default();
    let line: String =
        out.lines().nth(e.line().saturating_sub(1)).unwrap_or_default().trim().chars().take(80).collect();
    let reason = format!(
        "{template}: it yields no JSON: {cause} in line {} of the output: {line:?} (values are written as JSON, texts with \
         their quotes: \"title\": {{{{ name }}}})",
        e.line()
    );
    Err(Fault::new(FaultKind::Render, reason))
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
