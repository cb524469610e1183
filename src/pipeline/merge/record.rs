//! The record of an object from the parts that inputs have for it. It must not know what the parts say.

use std::collections::BTreeSet;

use crate::{
    model::{Block, Fetched, Span},
    pipeline::record,
    spool::{Object, Spool, SpoolError},
};

/// Bytes of records in one block.
const BLOCK: usize = 256 << 10;

/// The record of `id` as a source would tell it, from what is committed; none where no input has anything for it, but for
/// those that are `left_out`.
pub(in crate::pipeline) fn record(
    spool: &Spool,
    id: &str,
    left_out: &BTreeSet<String>,
) -> Result<Option<Vec<u8>>, SpoolError> {
    let object = spool.objects([id].into_iter())?.pop();
    let mut out = Vec::new();
    Ok(object.filter(|object| write(&mut out, object, left_out)).map(|_| out))
}

/// Appends the record of an object; false, and nothing, when it has no part.
fn write(out: &mut Vec<u8>, object: &Object, left_out: &BTreeSet<String>) -> bool {
    let mut parts = object.parts.iter().filter(|(input, _)| !left_out.contains(input)).peekable();
    if parts.peek().is_none() {
        return false;
    }
    // Ids and names need no escapes.
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(object.id.as_bytes());
    out.extend_from_slice(b"\",\"content\":{");
    for (n, (input, content)) in parts.enumerate() {
        out.extend_from_slice(if n == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(input.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(content);
    }
    out.extend_from_slice(b"}}");
    true
}

/// Blocks of the records of `objects`. One without parts, or with none but those left out, is removed.
pub(super) fn blocks(objects: &[Object], left_out: &BTreeSet<String>) -> Vec<Fetched> {
    let (mut all, mut block) = (Vec::new(), Block::default());
    for object in objects {
        let start = block.data.len();
        if !write(&mut block.data, object, left_out) {
            block.data.extend_from_slice(format!("{{\"id\":\"{}\",\"deleted\":true}}", object.id).as_bytes());
        }
        let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        block.records.push(Span { start: at(start), end: at(block.data.len()), line: 0 });
        if block.data.len() >= BLOCK {
            all.push(item(std::mem::take(&mut block)));
        }
    }
    if !block.records.is_empty() {
        all.push(item(block));
    }
    all
}

/// Where merged records come from, for people.
fn item(block: Block) -> Fetched {
    Fetched::Block { origin: "inputs".into(), block }
}

/// A control record.
pub(super) fn control(text: &str) -> Fetched {
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    item(Block { data: text.as_bytes().to_vec(), records: vec![Span { start: 0, end, line: 0 }] })
}

/// The ids of the objects that an item is about.
pub(super) fn ids(item: &Fetched) -> BTreeSet<String> {
    let Fetched::Block { block, .. } = item else { return BTreeSet::new() };
    let id = |bytes: &[u8]| match (record::fast_id(bytes), record::parse(bytes)) {
        (Some(id), _) => Some(id.to_owned()),
        (None, Ok(record::Record::Upsert { id, .. } | record::Record::Remove { id })) => Some(id.into_owned()),
        _ => None,
    };
    block.records.iter().filter_map(|span| id(&block.data[span.range()])).collect()
}

/// Several blocks as one item.
pub(super) fn one(blocks: Vec<Fetched>) -> Fetched {
    let mut all = Block::default();
    for block in blocks {
        let Fetched::Block { block, .. } = block else { continue };
        let shift = u32::try_from(all.data.len()).unwrap_or(u32::MAX);
        all.data.extend_from_slice(&block.data);
        all.records.extend(block.records.into_iter().map(|mut span| {
            (span.start, span.end) = (span.start + shift, span.end + shift);
            span
        }));
    }
    item(all)
}
