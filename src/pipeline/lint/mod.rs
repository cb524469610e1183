//! All that is wrong with the records of a sample, and where. The rules are those of the intake; only positions are new.
//! It must not know where a sample comes from, nor show what it finds.

mod card;
mod pieces;
mod record;

use std::{collections::HashMap, ops::Range};

use xxhash_rust::xxh3::xxh3_128;

use super::each::each;
use crate::{
    model::{Fault, FaultKind, Fetched},
    settings::Settings,
    sources::{Source, SourceError},
};
use record::Judge;

/// Something wrong in a sample.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in it in characters, from 1.
    pub column: usize,
    /// RFC 6901 pointer into the record; empty for the record as a whole.
    pub pointer: String,
    /// Kind of the cause, as logs and metrics name it.
    pub kind: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
    /// The object's id, where it could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The bytes of the sample that it is about.
    #[serde(skip)]
    pub span: Range<usize>,
}

/// What became of a sample.
#[derive(Debug, Default, serde::Serialize)]
pub struct Linted {
    /// How many records it has.
    pub records: usize,
    /// How many of them have a problem.
    pub bad: usize,
    /// The problems, in the order of the sample.
    pub problems: Vec<Problem>,
    /// There is nothing in it, not even the end of a snapshot.
    #[serde(skip)]
    pub is_empty: bool,
}

/// A problem within one record.
#[derive(Debug)]
struct Found {
    span: Range<usize>,
    pointer: String,
    fault: Fault,
    hint: String,
}

/// Looks at every record of `sample`: one a line, or one JSON array.
pub fn lint(settings: &Settings, sample: &[u8]) -> Linted {
    let mut pieces = pieces::pieces(sample);
    let mut out = Linted { is_empty: pieces.records.is_empty() && pieces.strays.is_empty(), ..Linted::default() };
    let mut places = Places { sample, newlines: Vec::new() };
    places.newlines.extend(memchr::memchr_iter(b'\n', sample));
    if let Some(whole) = spread_out(sample, &pieces.records) {
        let hint = "bring each record onto one line: `jq -c .` does; or make it one JSON array";
        let fault = Fault::new(FaultKind::NotJson, "a record stands on one line, and this one is spread over several");
        let found = Found { span: whole.start..whole.start + 1, pointer: String::new(), fault, hint: hint.into() };
        out.problems.push(places.problem(0, None, found));
        pieces.records = vec![whole];
    }
    let mut judge = Judge::new(settings);
    let mut first_seen: HashMap<String, (u128, usize)> = HashMap::new();
    for range in &pieces.records {
        let text = &sample[range.clone()];
        let before = out.problems.len();
        let judged = judge.record(text);
        if let (Some(id), true) = (&judged.id, judged.is_content) {
            let (line, hash) = (places.line(range.start), xxh3_128(text));
            match first_seen.get(id) {
                Some((same, _)) if *same == hash => {}
                Some((_, first)) => {
                    let reason = format!("the object {id} stands in line {first} already, with something else");
                    let fault = Fault::new(FaultKind::Duplicate, reason);
                    let hint = "one record an object: put what belongs together into one `content`".to_owned();
                    let span = judged.id_span.clone().unwrap_or(0..1);
                    let found = Found { span, pointer: "/id".into(), fault, hint };
                    out.problems.push(places.problem(range.start, Some(id), found));
                }
                None => drop(first_seen.insert(id.clone(), (hash, line))),
            }
        }
        for found in judged.found {
            out.problems.push(places.problem(range.start, judged.id.as_deref(), found));
        }
        out.records += usize::from(!judged.is_control);
        out.bad += usize::from(out.problems.len() > before);
    }
    for (at, reason) in pieces.strays {
        let fault = Fault::new(FaultKind::NotJson, reason);
        let hint = "a JSON array is written [record, record]; a JSON library does it right".to_owned();
        let found = Found { span: at..at + 1, pointer: String::new(), fault, hint };
        out.problems.push(places.problem(0, None, found));
    }
    out.problems.sort_by_key(|problem| problem.span.start);
    out
}

/// As [`lint`], of the records that `source` makes of the items of a sample, and what could not be made one. The answer has
/// those records, one a line, to which the spans refer; lines are those of the items. Spans are empty where there is no record.
///
/// # Errors
/// When the sample cannot be read.
pub async fn lint_mapped(settings: &Settings, source: &mut dyn Source) -> Result<(Linted, Vec<u8>), SourceError> {
    let (mut text, mut lines, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    each(source, |item| {
        match item {
            Fetched::Block { block, .. } => {
                for span in &block.records {
                    text.extend_from_slice(&block.data[span.range()]);
                    text.push(b'\n');
                    lines.push(span.line as usize);
                }
            }
            Fetched::Broken { place, id, fault } => broken.push((place.line as usize, id, fault)),
            _ => {}
        }
        true
    })
    .await?;
    let mut out = lint(settings, &text);
    for problem in &mut out.problems {
        problem.line = lines.get(problem.line - 1).copied().unwrap_or(problem.line);
    }
    (out.records, out.bad) = (out.records + broken.len(), out.bad + broken.len());
    out.is_empty &= broken.is_empty();
    let (end, hint) = (text.len(), "see [source.map]; `ralphext preview --sample FILE` shows what becomes of an item");
    out.problems.extend(broken.into_iter().map(|(line, object_id, fault)| Problem {
        line,
        column: 1,
        pointer: String::new(),
        kind: fault.kind.as_str(),
        reason: fault.reason,
        hint: hint.to_owned(),
        object_id,
        span: end..end,
    }));
    out.problems.sort_by_key(|problem| problem.line);
    Ok((out, text))
}

/// The whole sample, if it is one JSON object over several lines.
fn spread_out(sample: &[u8], records: &[Range<usize>]) -> Option<Range<usize>> {
    let (first, last) = (records.first()?, records.last()?);
    let text = std::str::from_utf8(&sample[first.start..last.end]).ok()?;
    let is_one =
        records.len() > 1 && text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    is_one.then_some(first.start..last.end)
}

/// Lines and columns.
struct Places<'a> {
    sample: &'a [u8],
    newlines: Vec<usize>,
}

impl Places<'_> {
    fn line(&self, at: usize) -> usize {
        self.newlines.partition_point(|newline| *newline < at) + 1
    }

    fn problem(&self, start: usize, id: Option<&str>, found: Found) -> Problem {
        let span = start + found.span.start..start + found.span.end;
        let line = self.line(span.start);
        let begin = if line == 1 { 0 } else { self.newlines[line - 2] + 1 };
        let before = String::from_utf8_lossy(self.sample.get(begin..span.start).unwrap_or_default());
        Problem {
            line,
            column: before.trim_start_matches('\u{feff}').chars().count() + 1,
            pointer: found.pointer,
            kind: found.fault.kind.as_str(),
            reason: found.fault.reason,
            hint: found.hint,
            object_id: id.map(str::to_owned),
            span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sample: &str) -> Vec<(usize, usize, String, &'static str)> {
        let linted = lint(&Settings::for_tests("hwinfo", "redis://x"), sample.as_bytes());
        assert!(linted.problems.iter().all(|p| !p.hint.is_empty() && !p.reason.is_empty()), "{linted:?}");
        linted.problems.into_iter().map(|p| (p.line, p.column, p.pointer, p.kind)).collect()
    }

    #[test]
    fn problems_stand_where_they_are() {
        let sample = concat!(
            "{\"id\":1,\"content\":{\"a\":1}}\n",
            "{\"id\":2,\"content\":{\"a\":01}}\n",
            "{\"id\":\"zażółć:1\",\"contnet\":1}\n",
            "{\"id\":4,\"deleted\":\"yes\",\"content\":1,\"content_type\":\"Text\"}\n",
            "{\"id\":1,\"content\":2}\n",
            "{\"id\":6,\"content_type\":\"card\",\"content\":{\"title\":\"ż\",\"status\":\"fine\",\"titel\":1}}\n",
            "{\"end\":true,\"id\":7}\n",
            "{\"end\":true}\n",
        );
        let expected: &[(usize, usize, &str, &str)] = &[
            (2, 25, "/content/a", "not_json"),
            (3, 7, "/id", "bad_id"),
            (3, 18, "/contnet", "bad_field"),
            (3, 1, "", "no_content"),
            (4, 19, "/deleted", "bad_field"),
            (4, 52, "/content_type", "bad_type"),
            (5, 7, "/id", "duplicate"),
            (6, 63, "/content/status", "bad_type"),
            (6, 70, "/content/titel", "bad_type"),
            (7, 1, "", "bad_field"),
        ];
        let mut found = told(sample);
        found.sort();
        let mut expected: Vec<_> = expected.iter().map(|(l, c, p, k)| (*l, *c, (*p).to_owned(), *k)).collect();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_list_of_records() {
        assert_eq!(told("{\n  \"id\": 1,\n  \"content\": 2\n}\n"), [(1, 1, String::new(), "not_json")]);
        assert_eq!(told("[{\"id\":1,\"content\":2}"), [(1, 21, String::new(), "not_json")]);
        assert_eq!(told(""), []);
    }
}
