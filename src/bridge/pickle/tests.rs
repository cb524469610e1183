//! Pickles as the real Python writes them, and as attackers do.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use proptest::prelude::*;

use super::*;
use crate::bridge::value::Value;

const MAX: usize = 1 << 20;

/// What `program` prints, with `input` on its standard input.
fn python(program: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    child.stdin.take().expect("its input").write_all(input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    output.stdout
}

/// The pickles of a Python expression, by all protocols.
fn pickles(expression: &str) -> Vec<Vec<u8>> {
    let program = format!(
        "import sys, pickle, struct, collections, datetime, decimal, uuid\n\
         for p in range(pickle.HIGHEST_PROTOCOL + 1):\n\
         \x20   b = pickle.dumps({expression}, p)\n\
         \x20   sys.stdout.buffer.write(struct.pack('>I', len(b)) + b)"
    );
    let mut rest = &python(&program, b"")[..];
    let mut all = Vec::new();
    while let Some((size, behind)) = rest.split_first_chunk() {
        let (pickle, behind) = behind.split_at(u32::from_be_bytes(*size) as usize);
        all.push(pickle.to_vec());
        rest = behind;
    }
    assert!(all.len() >= 5);
    all
}

#[track_caller]
fn json(expression: &str, wanted: &str) {
    for (protocol, pickle) in pickles(expression).iter().enumerate() {
        let value = decode(pickle, MAX).unwrap_or_else(|e| panic!("protocol {protocol} of {expression}: {e}"));
        assert_eq!(value.to_json().unwrap(), wanted, "protocol {protocol}");
    }
}

#[test]
fn plain_data_of_every_protocol() {
    json(
        "(None, True, False, 0, 1, 255, 256, 65536, -1, -2**31, 2**31)",
        "[null,true,false,0,1,255,256,65536,-1,-2147483648,2147483648]",
    );
    json(
        "[2**63 - 1, -2**63, 2**63, -2**64, 10**40, -(2**256)]",
        "[9223372036854775807,-9223372036854775808,9223372036854775808,-18446744073709551616,10000000000000000000000000000000000000000,-115792089237316195423570985008687907853269984665640564039457584007913129639936]",
    );
    json(
        "[1.5, -0.0, 1e300, 'za\\u017c\\u00f3\\u0142\\u0107 \\n\\\\ \\U0001f600', '']",
        "[1.5,-0.0,1e300,\"zażółć \\n\\\\ 😀\",\"\"]",
    );
    json(
        "[b'', b'\\x00\\xff', b'a' * 300, bytearray(b'x')]",
        &format!(
            "[{{\"base64\":\"\"}},{{\"base64\":\"AP8=\"}},{{\"base64\":\"{}\"}},{{\"base64\":\"eA==\"}}]",
            "YWFh".repeat(100)
        ),
    );
    json("{'a': [1, (2, 3), {'b': ()}], 'c': {}, 4: None}", "{\"a\":[1,[2,3],{\"b\":[]}],\"c\":{},\"4\":null}");
    json("[{7}, frozenset([8]), set()]", "[[7],[8],[]]");
    json("(lambda x: [x, x, {'k': x}])(['shared'])", "[[\"shared\"],[\"shared\"],{\"k\":[\"shared\"]}]");
    json("list(range(3000))", &format!("[{}]", (0..3000).map(|n| n.to_string()).collect::<Vec<_>>().join(",")));
}

#[test]
fn what_callers_of_rq_pass_beside_that() {
    json("collections.OrderedDict([('b', 1), ('a', 2)])", "{\"b\":1,\"a\":2}");
    json("(lambda d: (d['x'].append(1), d)[1])(collections.defaultdict(list))", "{\"x\":[1]}");
    json("datetime.datetime(2026, 11, 23, 23, 33, 22)", "\"2026-11-23T23:33:22\"");
    json(
        "datetime.datetime(2026, 11, 23, 23, 33, 22, 5, datetime.timezone(datetime.timedelta(hours=-1)))",
        "\"2026-11-23T23:33:22.000005-01:00\"",
    );
    json("datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)", "\"2026-01-02T00:00:00+00:00\"");
    json(
        "[datetime.date(2026, 1, 2), datetime.timedelta(1, 2, 3), datetime.timedelta(0, 7)]",
        "[\"2026-01-02\",86402.000003,7]",
    );
    json("decimal.Decimal('12.50')", "\"12.50\"");
    for pickle in &pickles("uuid.UUID(int=2**127 + 5)")[2..] {
        assert_eq!(decode(pickle, MAX).unwrap(), Value::Str("80000000-0000-0000-0000-000000000005".into()));
    }
}

#[test]
fn nothing_that_would_be_called_is_read() {
    let hostile = [
        ("cos\nsystem\n(S'id'\ntR.".as_bytes().to_vec(), "os.system"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.".to_vec(), "posix.system"),
        (b"(S'id'\nios\nsystem\n.".to_vec(), "os.system"),
        (b"(cos\nsystem\nS'id'\no.".to_vec(), "os.system"),
        (b"c__builtin__\neval\n(S'1'\ntR.".to_vec(), "__builtin__.eval"),
        (b"cbuiltins\ngetattr\n.".to_vec(), "builtins.getattr"),
        (b"c_codecs\ndecode\n.".to_vec(), "_codecs.decode"),
        (b"ccopyreg\n_reconstructor\n.".to_vec(), "copyreg._reconstructor"),
        (b"\x80\x02\x82\x01.".to_vec(), "0x82"),
        (b"Pfile\n.".to_vec(), "0x50"),
        (b"\x80\x02NQ.".to_vec(), "0x51"),
        (b"\x80\x05\x97.".to_vec(), "0x97"),
        (b"c_\n\x1b[2J\n.".to_vec(), "_.?[2J"),
        (b"cbuiltins\nlist\n.".to_vec(), "a type is no value"),
        (b"cbuiltins\nlist\n(tR.".to_vec(), "what a type is made of"),
        (b"ccollections\ndefaultdict\n(cos\nsystem\ntR.".to_vec(), "os.system"),
        (b"}}b.".to_vec(), "0x62"),
    ];
    for (pickle, told) in hostile {
        let error = decode(&pickle, MAX).unwrap_err().to_string();
        assert!(error.contains(told), "{error} does not say {told}");
    }
    for pickle in pickles("(lambda c: c())(type('C', (), {'__reduce__': lambda self: (eval, ('1',))}))") {
        let error = decode(&pickle, MAX).unwrap_err().to_string();
        assert!(error.contains(".eval"), "{error}");
    }
}

#[test]
fn what_grows_without_end_is_refused() {
    // A list that holds itself; a thousand levels; a billion laughs; a list copied again and again; one text many times.
    assert_eq!(decode(b"]q\x00h\x00a.", MAX), Err(BadPickle::TooMuch));
    assert_eq!(decode(&[vec![b']'; 1000], vec![b'a'; 999], vec![b'.']].concat(), MAX), Err(BadPickle::TooMuch));
    let laughs =
        [b"]q\x00".to_vec(), b"(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00lq\x00".repeat(90), b".".to_vec()];
    assert_eq!(decode(&laughs.concat(), MAX), Err(BadPickle::TooMuch));
    let list = [b"(".to_vec(), b"N".repeat(10_000), b"lq\x000".to_vec()].concat();
    let copies = [list, b"cbuiltins\nset\nq\x010".to_vec(), b"h\x01h\x00\x85R0".repeat(10_000), b"N.".to_vec()];
    assert_eq!(decode(&copies.concat(), MAX), Err(BadPickle::TooMuch));
    let texts =
        [b"X\x00\x10\x00\x00".to_vec(), vec![b'x'; 4096], b"q\x000(".to_vec(), b"h\x00".repeat(1000), b"l.".to_vec()];
    assert_eq!(decode(&texts.concat(), MAX), Err(BadPickle::TooMuch));
    for broken in [
        &b""[..],
        b".",
        b"a.",
        b"(.",
        b"X\xff\xff\xff\xffab.",
        b"\x8b\xff\xff\xff\x7f.",
        b"Nb.",
        b"h\x05.",
        b"Inope\n.",
        b"\x87.",
    ] {
        assert!(decode(broken, MAX).is_err(), "{broken:?}");
    }
}

fn plain() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("equal to itself", |f| !f.is_nan()).prop_map(Value::Float),
        any::<String>().prop_map(Value::Str),
        any::<Vec<u8>>().prop_map(Value::Bytes),
        (any::<u128>(), any::<bool>())
            .prop_filter("large", |(n, _)| *n > 1 << 64)
            .prop_map(|(n, minus)| Value::BigInt(format!("{}{n}", if minus { "-" } else { "" }))),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec((any::<String>().prop_map(Value::Str), inner), 0..6).prop_map(|pairs| {
                let mut seen = std::collections::HashSet::new();
                Value::Dict(pairs.into_iter().filter(|(key, _)| seen.insert(format!("{key:?}"))).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in plain()) {
        prop_assert_eq!(decode(&encode(&value), MAX).unwrap(), value);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in any::<Vec<u8>>()) {
        let _ = decode(&bytes, MAX);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Through the real Python and back, by its highest protocol and by its lowest.
    #[test]
    fn python_reads_and_writes_the_same(values in prop::collection::vec(plain(), 1..20)) {
        let value = Value::List(values);
        for protocol in [0, 2, 5] {
            let program = format!(
                "import sys, pickle; sys.stdout.buffer.write(pickle.dumps(pickle.load(sys.stdin.buffer), {protocol}))"
            );
            let back = python(&program, &encode(&value));
            prop_assert_eq!(decode(&back, MAX).unwrap(), value.clone());
        }
    }
}
