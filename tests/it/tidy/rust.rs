//! Just enough of Rust's grammar to judge source files: what is code, what is a test, where functions end. It must not
//! know the rules that are checked.

use std::ops::Range;

/// The text with comments, strings and characters blanked out; lines and offsets stay.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => find(bytes, at, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => find(bytes, at + 2, b"*/") + 2,
            b'r' if !in_word(bytes, at) && raw_hashes(bytes, at).is_some() => {
                let hashes = raw_hashes(bytes, at).unwrap_or_default();
                let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
                find(bytes, at + hashes + 2, &closing) + closing.len()
            }
            b'"' => string_end(bytes, at + 1),
            b'\'' => char_end(text, at),
            _ => at + 1,
        };
        let end = end.min(bytes.len());
        if end > at + 1 {
            out[at..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("only whole pieces were blanked")
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(what.len()).position(|w| w == what).map_or(bytes.len(), |i| from + i)
}

fn in_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() && bytes[at - 1] != b'b' || bytes[at - 1] == b'_')
}

/// How many `#` stand before the quote of the raw string at `at`, if there is one.
fn raw_hashes(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|b| **b == b'#').count();
    (bytes.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Past the character literal at `at`; a lifetime ends at once.
fn char_end(text: &str, at: usize) -> usize {
    let mut rest = text[at + 1..].char_indices();
    match (rest.next(), rest.next()) {
        (Some((_, '\\')), Some((next, escaped))) => {
            let from = at + 1 + next + escaped.len_utf8();
            find(text.as_bytes(), from, b"'") + 1
        }
        (Some(_), Some((next, '\''))) => at + 1 + next + 1,
        _ => at + 1,
    }
}

/// Code (see [`code_only`]) with its `#[cfg(test)]` items blanked out as well.
pub fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let end = item_end(code, start).unwrap_or(code.len());
        out[start..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
    }
    String::from_utf8(out).expect("only whole pieces were blanked")
}

/// One past the item that begins at `from`: its closing brace, or its semicolon.
fn item_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut nested = 0usize;
    for (i, b) in code.bytes().enumerate().skip(from) {
        match b {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested = nested.saturating_sub(1),
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            b';' if depth == 0 && nested == 0 => return Some(i + 1),
            _ => {}
        }
    }
    None
}

/// Every function's name, and the range of its text from `fn` to its end.
pub fn functions(code: &str) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        if in_word(code.as_bytes(), start) || start > 0 && code.as_bytes()[start - 1] == b'b' {
            continue;
        }
        let name: String = code[start + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let (false, Some(end)) = (name.is_empty(), item_end(code, start)) {
            found.push((name, start..end));
        }
    }
    found
}

/// The rooms that code names as `crate::room`, each with its line from 1.
pub fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, prefix) in code.match_indices("crate::") {
        if in_word(code.as_bytes(), start) {
            continue;
        }
        let line = line_of(code, start);
        let rest = &code[start + prefix.len()..];
        match rest.strip_prefix('{') {
            None => found.push((line, word(rest))),
            Some(group) => found.extend(
                heads(group).into_iter().map(|(offset, name)| (line_of(code, start + prefix.len() + 1 + offset), name)),
            ),
        }
    }
    found
}

/// The first word of each entry of a brace group whose opening brace was just passed.
fn heads(group: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let (mut depth, mut fresh) = (0usize, true);
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                found.push((i, word(&group[i..])));
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The line of an offset, from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}
