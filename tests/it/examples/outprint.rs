//! The outprint: a real PDF with the right letters, rendered and written only on change. Read by the PDF's own tables, not the writer's.

use std::{collections::BTreeMap, fs};

use serde_json::json;

use super::Example;

/// The bytes of a base64 text.
fn decode(text: &str) -> Vec<u8> {
    let value = |b: u8| match b {
        b'A'..=b'Z' => u32::from(b - b'A'),
        b'a'..=b'z' => u32::from(b - b'a') + 26,
        b'0'..=b'9' => u32::from(b - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut out, mut bits, mut held) = (Vec::new(), 0, 0_u32);
    for b in text.bytes().filter(|b| *b != b'=') {
        held = (held << 6) | value(b);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from((held >> bits) & 0xff).expect("a byte"));
        }
    }
    out
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

/// The texts of a PDF whose streams are not compressed, by its own table of letters.
fn texts(pdf: &[u8]) -> Vec<String> {
    let pdf = String::from_utf8_lossy(pdf);
    let code = |hex: &str| u32::from_str_radix(hex, 16).expect("hexadecimal");
    let mut letters: BTreeMap<u32, char> = (0x20..0x7f).map(|c| (c, char::from_u32(c).expect("ASCII"))).collect();
    for line in between(&pdf, "beginbfchar\n", "endbfchar")[0].lines() {
        let both = between(line, "<", ">");
        letters.insert(code(both[0]), char::from_u32(code(both[1])).expect("a letter"));
    }
    let hexes = between(&pdf, " Td <", "> Tj");
    hexes.iter().map(|hex| (0..hex.len()).step_by(2).map(|i| letters[&code(&hex[i..i + 2])]).collect()).collect()
}

/// Each object stands where the table at the end says.
fn check_offsets(pdf: &[u8]) {
    let text: String = pdf.iter().map(|b| char::from(*b)).collect();
    assert!(text.starts_with("%PDF-1.7\n") && text.ends_with("%%EOF\n"));
    let table: usize = between(&text, "startxref\n", "\n")[0].parse().expect("a number");
    assert!(text[table..].is_char_boundary(0) && pdf[table..].starts_with(b"xref\n"));
    for (number, line) in between(&text, "xref\n", "trailer")[0].lines().skip(2).enumerate() {
        let at: usize = line[..10].parse().expect("an offset");
        assert!(pdf[at..].starts_with(format!("{} 0 obj", number + 1).as_bytes()), "object {}", number + 1);
    }
}

fn pdf(example: &Example, id: &str) -> Vec<u8> {
    let envelope = example.redis.object("outprint", id).json;
    assert_eq!((&envelope["content_type"], &envelope["encoding"]), (&json!("application/pdf"), &json!("base64")));
    decode(envelope["content"].as_str().expect("text"))
}

/// How often something was rendered, by what the script says.
fn rendered(said: &str) -> usize {
    said.matches("rendered 47").count()
}

#[test]
fn a_protocol_is_rendered_and_written_only_when_it_changed() {
    let example = Example::new("outprint");
    let script = "./outprint.py 2>&1 >/dev/null";
    example.sh(&example.promised()).expect(0);
    assert_eq!(example.ids("outprint"), ["4711", "4720"]);
    let first = pdf(&example, "4711");
    check_offsets(&first);
    let shown = texts(&first);
    for text in [
        "Protokół zdawczo-odbiorczy nr 12/2026",
        "Źródło Danych sp. z o.o., Łódź, 2026-11-23",
        "Odbierający: Józef Żądło",
        "Stacja dokująca USB-C",
        "ZDK88123",
        "Przekazujący",
    ] {
        assert!(shown.iter().any(|s| s == text), "{text}: {shown:?}");
    }
    assert!(!shown.iter().any(|s| s.contains('?')), "{shown:?}");

    assert_eq!(rendered(&example.sh(script).expect(0).all()), 0, "nothing changed");
    example.sh("ralphext --output json once").expect(0).counts(&[("written", 0), ("skipped", 2)]);
    // Without its cache it renders the same bytes again.
    let outcome = example.sh(&format!("rm -r .cache && {script}")).expect(0);
    assert_eq!(rendered(&outcome.all()), 2);
    example.sh("ralphext --output json once").expect(0).counts(&[("written", 0), ("skipped", 2)]);

    let outcome = example.sh(&format!("sed -i 's/Józef Żądło/Zażółć Gęś/' assets.json && {script}")).expect(0);
    assert_eq!(rendered(&outcome.all()), 1);
    example.sh("ralphext --output json once").expect(0).counts(&[("written", 1), ("skipped", 1)]);
    assert!(texts(&pdf(&example, "4711")).iter().any(|s| s == "Odbierający: Zażółć Gęś"));
    assert_eq!(fs::read_dir(example.dir.path().join(".cache")).expect("the cache").count(), 2, "old ones are gone");
}

#[test]
fn a_long_list_goes_over_pages() {
    let example = Example::new("outprint");
    let grow = "python3 -c \"import json; d = json.load(open('assets.json')); d['4711']['assets'] *= 60; json.dump(d, open('assets.json', 'w'))\"";
    example.sh(&format!("{grow} && ralphext once")).expect(0);
    let long = pdf(&example, "4711");
    check_offsets(&long);
    let count = between(&String::from_utf8_lossy(&long), "/Count ", " ")[0].parse::<u32>().expect("pages");
    assert!(count >= 3, "{count}");
    assert_eq!(texts(&long).iter().filter(|text| *text == "Stacja dokująca USB-C").count(), 60);
}
