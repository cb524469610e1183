//! What is wrong with a template, told so that it can be repaired: where, what, and what to do. It must not know objects.

use std::fmt;

use minijinja::{Error, ErrorKind};

use super::filters;

/// One problem of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// `render.template`, or the file's name in its directory.
    pub template: String,
    /// Line in it, from 1; 0 where it is not known.
    pub line: usize,
    /// Column in it, from 1, in characters; 0 where it is not known.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// It uses a filter, test or function that there is not: so it is for every object.
    pub(super) is_unknown_name: bool,
}

impl TemplateProblem {
    /// From what the engine says, of `template`; `fuel` is the number of steps that a template may take.
    pub(super) fn new(error: &Error, template: &str, fuel: u64) -> Self {
        let inner = innermost(error);
        let name = inner.name().unwrap_or(template).to_owned();
        let column = match (inner.range(), inner.template_source()) {
            (Some(range), Some(source)) => source
                .get(..range.start)
                .map_or(0, |before| before.rsplit('\n').next().map_or(0, |line| line.chars().count() + 1)),
            _ => 0,
        };
        let detail = inner.detail().map_or_else(|| inner.kind().to_string(), str::to_owned);
        let reason = match inner.kind() {
            ErrorKind::OutOfFuel => format!("it takes more than {fuel} steps"),
            ErrorKind::UndefinedError if inner.detail().is_none() => "a value that is not there is used".to_owned(),
            _ => detail,
        };
        let unknown = [ErrorKind::UnknownFilter, ErrorKind::UnknownTest, ErrorKind::UnknownFunction];
        Self {
            template: name,
            line: inner.line().unwrap_or(0),
            column,
            hint: hint(inner),
            reason,
            is_unknown_name: unknown.contains(&inner.kind()),
        }
    }

    /// For whoever checks the configuration, with the hint.
    pub fn for_settings(&self) -> String {
        format!("{self}\nhint: {}", self.hint)
    }

    /// One that has no place in the text.
    pub(super) fn whole(template: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        let (reason, hint) = (reason.into(), hint.into());
        Self { template: template.to_owned(), line: 0, column: 0, reason, hint, is_unknown_name: false }
    }
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}: {}", self.template, self.reason),
            (line, 0) => write!(f, "{}:{line}: {}", self.template, self.reason),
            (line, column) => write!(f, "{}:{line}:{column}: {}", self.template, self.reason),
        }
    }
}

/// The error of the template that went wrong, not of those that include it.
fn innermost(error: &Error) -> &Error {
    let mut found = error;
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        if let Some(inner) = next.downcast_ref::<Error>().filter(|inner| inner.name().is_some()) {
            found = inner;
        }
        cause = next.source();
    }
    found
}

fn hint(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::SyntaxError => {
            "values stand in {{ ... }}, statements in {% ... %}, comments in {# ... #}".to_owned()
        }
        ErrorKind::UnknownFilter => {
            let name = detail.split_whitespace().nth(1).unwrap_or_default();
            let near = filters::NAMES.iter().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            near.map_or_else(String::new, |near| format!("the nearest filter is {near}"))
        }
        ErrorKind::UnknownFunction if detail.starts_with("now") || detail.contains(" now") => {
            "there is no clock in templates: content that changes by itself would be written all the time".to_owned()
        }
        ErrorKind::OutOfFuel => "is there a loop over a loop, or one that never ends?".to_owned(),
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => {
            "other templates are looked for in the directory of render.template_file, and nowhere else".to_owned()
        }
        ErrorKind::UndefinedError => {
            "give it a default, as in {{ x|default(\"-\") }}, or ask before: {% if x is defined %}".to_owned()
        }
        _ => "`ralphext preview` shows one object at a time".to_owned(),
    }
}
