//! A sample cut into its records, with where each stands. It must not judge them.

use std::ops::Range;

/// What a sample holds.
pub struct Pieces {
    /// Bytes of each record.
    pub records: Vec<Range<usize>>,
    /// What stands between them and must not: byte, and why.
    pub strays: Vec<(usize, String)>,
}

/// One JSON array, or one record a line.
pub fn pieces(data: &[u8]) -> Pieces {
    let from = if data.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    match data[from..].trim_ascii_start().first() {
        Some(b'[') => array(data, from),
        _ => lines(data, from),
    }
}

fn lines(data: &[u8], from: usize) -> Pieces {
    let mut records = Vec::new();
    let mut start = from;
    for line in data[from..].split_inclusive(|b| *b == b'\n') {
        let left = line.len() - line.trim_ascii_start().len();
        let len = line.trim_ascii().len();
        if len > 0 {
            records.push(start + left..start + left + len);
        }
        start += line.len();
    }
    Pieces { records, strays: Vec::new() }
}

fn array(data: &[u8], from: usize) -> Pieces {
    let mut out = Pieces { records: Vec::new(), strays: Vec::new() };
    let mut at = data.iter().skip(from).position(|b| *b == b'[').map_or(data.len(), |open| from + open + 1);
    let mut after_value = false;
    let mut after_comma = None;
    loop {
        at += data[at..].len() - data[at..].trim_ascii_start().len();
        match data.get(at) {
            None => {
                out.strays.push((data.len().saturating_sub(1), "the array has no end: \"]\" is missing".to_owned()));
                return out;
            }
            Some(b']') => {
                if let Some(comma) = after_comma {
                    out.strays.push((comma, "a comma stands before the array's end".to_owned()));
                }
                let rest = at + 1;
                let space = data[rest..].len() - data[rest..].trim_ascii_start().len();
                if rest + space < data.len() {
                    out.strays.push((rest + space, "something stands after the array's end".to_owned()));
                }
                return out;
            }
            Some(b',') => {
                if !after_value {
                    out.strays.push((at, "an element of the array is missing before this comma".to_owned()));
                }
                (after_value, after_comma) = (false, Some(at));
                at += 1;
            }
            Some(_) => {
                if after_value {
                    out.strays.push((at, "no comma stands before this element of the array".to_owned()));
                }
                let end = element_end(data, at);
                out.records.push(at..end);
                (after_value, after_comma) = (true, None);
                at = end;
            }
        }
    }
}

/// One past the last byte of the value that begins at `start`, or of what stands in its place.
fn element_end(data: &[u8], start: usize) -> usize {
    let (mut depth, mut string, mut escaped) = (0_u32, false, false);
    for (i, byte) in data.iter().enumerate().skip(start) {
        if string {
            string = escaped || *byte != b'"';
            escaped = *byte == b'\\' && !escaped;
            if !string && depth == 0 {
                return i + 1;
            }
            continue;
        }
        match byte {
            b'"' if depth == 0 && i > start => return i,
            b'"' => string = true,
            b'{' | b'[' => depth += 1,
            b',' | b']' if depth == 0 => return i.max(start + 1),
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
            b if depth == 0 && b.is_ascii_whitespace() => return i,
            _ => {}
        }
    }
    start + data[start..].trim_ascii_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> (Vec<&str>, usize) {
        let pieces = pieces(text.as_bytes());
        (pieces.records.into_iter().map(|range| &text[range]).collect(), pieces.strays.len())
    }

    #[test]
    fn lines_and_arrays() {
        assert_eq!(cut("\u{feff}{\"a\":1}\r\n\n  {}"), (vec!["{\"a\":1}", "{}"], 0));
        assert_eq!(cut(" [{\"a\":\"]\\\"\"}, 2 ,[3]]\n"), (vec!["{\"a\":\"]\\\"\"}", "2", "[3]"], 0));
        assert_eq!(cut("[1,]"), (vec!["1"], 1));
        assert_eq!(cut("[,1 2] x"), (vec!["1", "2"], 3));
        assert_eq!(cut("[{\"a\""), (vec!["{\"a\""], 1));
        assert_eq!(cut(""), (vec![], 0));
    }
}
