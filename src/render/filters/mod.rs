//! What templates can do beside minijinja's own filters: dates, sizes, numbers, links, marks. It must not know the clock: content
//! that changes by itself would be written again and again.

mod dates;
mod links;
mod numbers;

use minijinja::{Environment, Error, ErrorKind, Value};

use crate::settings::RenderOutput;

/// Every filter that a template can use, for the hint on a wrong name.
pub(super) const NAMES: &[&str] = &[
    "abs",
    "attr",
    "badge",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "date",
    "datetime",
    "default",
    "dictsort",
    "duration",
    "e",
    "escape",
    "filesize",
    "filesizeformat",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "link",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "nl2br",
    "number",
    "pluralize",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "time",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "urlize",
    "zip",
];

/// Adds them to `environment`, whose templates yield `output`.
pub(super) fn add(environment: &mut Environment<'static>, output: RenderOutput) {
    environment.add_filter("date", dates::date);
    environment.add_filter("datetime", dates::datetime);
    environment.add_filter("time", dates::time);
    environment.add_filter("duration", numbers::duration);
    environment.add_filter("filesize", numbers::filesize);
    environment.add_filter("filesizeformat", minijinja_contrib::filters::filesizeformat);
    environment.add_filter("number", numbers::number);
    environment.add_filter("pluralize", minijinja_contrib::filters::pluralize);
    environment.add_filter("truncate", minijinja_contrib::filters::truncate);
    let html = matches!(output, RenderOutput::Html | RenderOutput::Markdown);
    environment.add_filter("link", move |value: Value, text: Option<Value>| links::link(&value, text.as_ref(), html));
    environment.add_filter("urlize", move |value: Value| links::urlize(&value, html));
    environment.add_filter("nl2br", move |value: Value| links::nl2br(&value, html));
    environment.add_filter("badge", move |value: Value, status: Option<String>| links::badge(&value, status, html));
}

/// A filter was given what it can do nothing with.
fn refuse(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}

/// Whether there is nothing to be filtered: what is not there stays nothing.
fn is_nothing(value: &Value) -> bool {
    value.is_undefined() || value.is_none() || value.as_str() == Some("")
}
