//! `[render]`: how content becomes what a reader is shown. It must not know templates, Markdown or HTML.

use std::{fmt, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How content becomes what a reader is shown: by a template, from Markdown, or as it is. HTML is always sanitised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Render {
    /// A template in Jinja2's language, for JSON content. Its names are the content's fields, `content` (all of it),
    /// `object_id` and `service`. Records that name another content type than JSON pass it by. See docs/content.md.
    pub template: Option<String>,
    /// The same in a file; relative to the configuration file. What it includes, extends or imports is looked for in its
    /// directory, and nowhere else. It is read at the start.
    pub template_file: Option<PathBuf>,
    /// What the template yields: `html`, `markdown` (becomes HTML), `text`, `card` or `json`. Values are escaped for it.
    pub output: RenderOutput,
    /// Content that is a JSON string and names no content type is Markdown; with a template, the same as
    /// `output = "markdown"`.
    pub markdown: bool,
    /// A name that the content does not have makes the object fail. Else it is nothing, and `ralphext test` and `preview`
    /// tell of it.
    pub strict: bool,
    /// Hosts that images in HTML may be loaded from, over https only (`["img.example.net"]`). Without any there are none:
    /// an image tells its host who looks at which object.
    pub images: Vec<String>,
    /// Count what the sanitiser removes (`ralphext_markup_removed_total`), and log it at level debug with each change.
    /// `ralphext test` and `preview` show it in any case.
    pub report: bool,
}

impl Default for Render {
    fn default() -> Self {
        Self {
            template: None,
            template_file: None,
            output: RenderOutput::Html,
            markdown: false,
            strict: false,
            images: Vec::new(),
            report: true,
        }
    }
}

impl Render {
    /// Whether there is a template.
    pub fn has_template(&self) -> bool {
        self.template.is_some() || self.template_file.is_some()
    }

    /// What a template yields, `markdown` included.
    pub fn yields(&self) -> RenderOutput {
        if self.markdown { RenderOutput::Markdown } else { self.output }
    }
}

/// What a template yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RenderOutput {
    /// HTML, sanitised.
    #[default]
    Html,
    /// Markdown, which becomes sanitised HTML.
    Markdown,
    /// Plain text.
    Text,
    /// The JSON text of a card (`schemas/card.v1.schema.json`).
    Card,
    /// Any JSON text.
    Json,
}

impl RenderOutput {
    /// Its word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Text => "text",
            Self::Card => "card",
            Self::Json => "json",
        }
    }

    /// Whether it is JSON text.
    pub fn is_json(self) -> bool {
        matches!(self, Self::Card | Self::Json)
    }
}

impl fmt::Display for RenderOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
