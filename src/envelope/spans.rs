//! Where the values of JSON text stand. It must not judge them.

use std::ops::Range;

use super::Canonicaliser;

/// A value, and where it stands in the text.
#[derive(Debug, Clone)]
pub struct Spot {
    /// Bytes of the value.
    pub span: Range<usize>,
    /// What it holds.
    pub inside: Inside,
}

/// What a value holds.
#[derive(Debug, Clone)]
pub enum Inside {
    /// Members, in their order: name, bytes of the name with its quotes, value.
    Object(Vec<(String, Range<usize>, Spot)>),
    /// Elements.
    Array(Vec<Spot>),
    /// Nothing: text, a number, a word.
    Scalar,
}

impl Spot {
    /// The member `name` of an object: bytes of its name, and its value.
    pub fn member(&self, name: &str) -> Option<(&Range<usize>, &Self)> {
        let Inside::Object(members) = &self.inside else { return None };
        members.iter().find(|(own, _, _)| own == name).map(|(_, key, value)| (key, value))
    }

    /// The element `index` of an array.
    pub fn element(&self, index: usize) -> Option<&Self> {
        let Inside::Array(elements) = &self.inside else { return None };
        elements.get(index)
    }
}

/// Reads `text`, which has to be JSON that has a canonical form.
///
/// # Errors
/// Why it has none, with the byte.
pub fn spots(text: &str) -> Result<Spot, super::CanonicalError> {
    // It says what is wrong, and bounds how deep values are nested: the reader below has nothing left to refuse.
    Canonicaliser::default().json(text, &mut Vec::new())?;
    Ok(Reader { text, at: 0 }.value())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> u8 {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self) -> Spot {
        let first = self.peek();
        let start = self.at;
        let inside = match first {
            b'{' => Inside::Object(self.members()),
            b'[' => Inside::Array(self.elements()),
            b'"' => {
                self.string();
                Inside::Scalar
            }
            _ => {
                let rest = self.text.as_bytes().get(start..).unwrap_or_default();
                let ends = |b: &u8| matches!(b, b',' | b']' | b'}') || b.is_ascii_whitespace();
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                Inside::Scalar
            }
        };
        Spot { span: start..self.at, inside }
    }

    fn members(&mut self) -> Vec<(String, Range<usize>, Spot)> {
        let mut members = Vec::new();
        self.at += 1;
        while self.peek() == b'"' {
            let key = self.string();
            let name = self.text.get(key.clone()).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            self.peek();
            self.at += 1;
            members.push((name, key, self.value()));
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        members
    }

    fn elements(&mut self) -> Vec<Spot> {
        let mut elements = Vec::new();
        self.at += 1;
        while !matches!(self.peek(), b']' | 0) {
            elements.push(self.value());
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        elements
    }

    fn string(&mut self) -> Range<usize> {
        let start = self.at;
        let mut escaped = false;
        let rest = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let end = rest.iter().position(|b| {
            let ends = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            ends
        });
        self.at = start + 2 + end.unwrap_or(rest.len());
        start..self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_they_stand() {
        let text = r#" { "a\"b" : [ 1 , {"c":"x\\"}, [] ] , "d":null } "#;
        let root = spots(text).unwrap();
        let (key, list) = root.member("a\"b").unwrap();
        assert_eq!(&text[key.clone()], r#""a\"b""#);
        assert_eq!(&text[list.span.clone()], r#"[ 1 , {"c":"x\\"}, [] ]"#);
        let (_, inner) = list.element(1).unwrap().member("c").unwrap();
        assert_eq!(&text[inner.span.clone()], r#""x\\""#);
        assert_eq!(&text[root.member("d").unwrap().1.span.clone()], "null");
        assert_eq!(spots("{\"a\":tru}").unwrap_err().offset, 5);
    }
}
