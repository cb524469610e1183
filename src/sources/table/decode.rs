//! Text in any code page, as UTF-8. It must not know what the text is.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};

/// Bytes decoded at once.
const PIECE: usize = 16 << 10;

/// The code page of this name, as the web has them.
pub(super) fn named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes())
}

/// What the beginning of a text says of its code page.
pub(super) fn guess(sample: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(sample) {
        return encoding;
    }
    match std::str::from_utf8(sample) {
        Ok(_) => return UTF_8,
        // Cut off in the middle of a character.
        Err(e) if e.error_len().is_none() && e.valid_up_to() > 0 => return UTF_8,
        Err(_) => {}
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Allow)
}

/// All of a sample.
pub(super) fn whole(sample: &[u8], encoding: &'static Encoding) -> String {
    encoding.decode(sample).0.into_owned()
}

/// Reads `R`, gives UTF-8 without a byte order mark.
pub(super) struct Text<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Decoded, and not given yet.
    text: Vec<u8>,
    at: usize,
    ended: bool,
    had_errors: bool,
}

impl<R: Read> Text<R> {
    pub(super) fn new(input: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        Self { input, decoder, raw: vec![0; PIECE], text: Vec::new(), at: 0, ended: false, had_errors: false }
    }

    /// Whether something was no text in this code page.
    pub(super) fn had_errors(&self) -> bool {
        self.had_errors
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        while self.text.is_empty() && !self.ended {
            let read = self.input.read(&mut self.raw)?;
            self.ended = read == 0;
            let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(PIECE * 4);
            self.text.resize(room, 0);
            let (result, _, written, had_errors) =
                self.decoder.decode_to_utf8(&self.raw[..read], &mut self.text, self.ended);
            debug_assert_eq!(result, CoderResult::InputEmpty);
            self.text.truncate(written);
            self.had_errors |= had_errors;
        }
        Ok(())
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() {
            self.fill()?;
        }
        let count = buf.len().min(self.text.len() - self.at);
        buf[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_are_found_and_read() {
        let text = "id;miejsce;ulica\n1;Łódź;Żwirki i Wigury, świetny zakład\n2;Kraków;Długa ćma\n";
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for bytes in [text.as_bytes().to_vec(), bom, utf16, named("windows-1250").unwrap().encode(text).0.into_owned()]
        {
            let encoding = guess(&bytes);
            let mut decoded = String::new();
            Text::new(bytes.as_slice(), encoding).read_to_string(&mut decoded).unwrap();
            assert_eq!(decoded, text, "{}", encoding.name());
        }
        let mut wrong = Text::new(&b"a\xff\xfe"[..], UTF_8);
        wrong.read_to_end(&mut Vec::new()).unwrap();
        assert!(wrong.had_errors());
    }
}
