//! The Markdown reference of the metrics, made from the catalogue. It must not know where the text is kept.

use std::fmt::Write as _;

use super::{Kind, entries, values::BOUNDS};

const HEAD: &str = "\
# Metrics reference

Generated from the program; do not edit. They are told under `/metrics` of `admin.listen`, in the text format of Prometheus
or in OpenMetrics, as the scraper asks for. [docs/operations.md](../operations.md) says what to alert on.

Every metric of a service has the label `service`. A label has a series for each of its values from the start, so that
`rate()` sees the first event too; `other` appears only if something was counted that this page does not name. A gauge is
left out while it is not known: of the content, the writer alone tells (`ralphext_lease_held`), not a standby.

| metric | type | label | meaning |
|---|---|---|---|
";

/// The Markdown reference of every metric: type, label with its values, meaning.
pub fn metrics_reference() -> String {
    let mut out = HEAD.to_owned();
    for entry in entries() {
        let label = entry.label.map_or("-".to_owned(), |label| {
            let words: Vec<_> = entry.words.iter().map(|word| format!("`{word}`")).collect();
            format!("`{label}`: {}", words.join(", "))
        });
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| `{}` | {} | {label} | {} |", entry.name, entry.kind.as_str(), entry.help());
    }
    let bounds: Vec<_> = BOUNDS.iter().map(|(_, le)| *le).collect();
    let _ = write!(out, "\nA {} has `_bucket`, `_sum` and `_count`; ", Kind::Histogram.as_str());
    let _ = writeln!(out, "the bounds are {} seconds.", bounds.join(", "));
    out
}
