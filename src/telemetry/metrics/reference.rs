//! The Markdown reference of the metrics, made from the catalogue. It must not know where the text is kept.

use std::fmt::Write as _;

use super::{Entry, Kind, bridge::BRIDGE, entries, values::BOUNDS};

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

fn row(out: &mut String, entry: &Entry) {
    let label = entry.label.map_or("-".to_owned(), |label| {
        if entry.words.is_empty() {
            return format!("`{label}`");
        }
        let words: Vec<_> = entry.words.iter().map(|word| format!("`{word}`")).collect();
        format!("`{label}`: {}", words.join(", "))
    });
    // Writing to a String cannot fail.
    let _ = writeln!(out, "| `{}` | {} | {label} | {} |", entry.name, entry.kind.as_str(), entry.help());
}

/// The Markdown reference of every metric: type, label with its values, meaning.
pub fn metrics_reference() -> String {
    let mut out = HEAD.to_owned();
    for entry in entries() {
        row(&mut out, entry);
    }
    out.push_str(
        "\n## The bridge to rq\n\n`ralphext bridge` tells these, with the label `queue`, and those of the process.\n",
    );
    out.push_str("\n| metric | type | label | meaning |\n|---|---|---|---|\n");
    BRIDGE.iter().for_each(|entry| row(&mut out, entry));
    let bounds: Vec<_> = BOUNDS.iter().map(|(_, le)| *le).collect();
    let _ = write!(out, "\nA {} has `_bucket`, `_sum` and `_count`; ", Kind::Histogram.as_str());
    let _ = writeln!(out, "the bounds are {} seconds.", bounds.join(", "));
    out
}
