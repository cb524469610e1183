//! Whatever could be put below a service's prefix by mistake or on purpose, by chance and yet repeatable. It must not know
//! what becomes of it.

use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use redis::{Cmd, cmd};

use crate::harness::is_soak;

const PREFIX: &str = "ralphext:v1:hwinfo:";
const MAX: u64 = (1 << 53) - 1;
const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 3600 * 1000;

/// What is put somewhere.
pub struct Plant {
    /// Its kind, for counting.
    pub kind: String,
    /// The commands that put it there.
    pub commands: Vec<Cmd>,
    /// The object in whose place it is put, if it is one of the service's.
    pub object: Option<u64>,
}

/// What plants are made of: values of the service and of another one as they stand in Redis.
pub struct Soil {
    /// Objects `1..=own.len()`.
    pub own: Vec<Vec<u8>>,
    /// Values of another service.
    pub others: Vec<Vec<u8>>,
}

/// One plant.
pub fn plant(rng: &mut Rng, soil: &Soil) -> Plant {
    match rng.u32(0..100) {
        0..70 => {
            let id = rng.u64(1..=soil.own.len() as u64);
            let key = format!("{PREFIX}{id}").into_bytes();
            let value = &soil.own[id as usize - 1];
            let (kind, commands) = at_object(rng, &key, value, soil);
            Plant { kind: format!("object: {kind}"), commands, object: Some(id) }
        }
        70..82 => {
            // An object that the source does not have; values that pass for ours are left to the shrink guard.
            let key = format!("{PREFIX}x{}", rng.u32(..)).into_bytes();
            let (kind, commands) = match rng.u32(0..3) {
                0 => ("other type", other_type(rng, &key)),
                1 => ("random bytes", vec![set(&key, &bytes(rng, 300))]),
                _ => ("another's envelope", vec![set(&key, pick(rng, &soil.own))]),
            };
            Plant { kind: format!("no object: {kind}"), commands, object: None }
        }
        82..90 => Plant { kind: "strange key".into(), commands: vec![set(&strange_key(rng), b"x")], object: None },
        _ => internal(rng),
    }
}

fn at_object(rng: &mut Rng, key: &[u8], value: &[u8], soil: &Soil) -> (&'static str, Vec<Cmd>) {
    let put = |kind, value: Vec<u8>| (kind, vec![set(key, &value)]);
    let text = || String::from_utf8_lossy(value).into_owned();
    match rng.u32(0..18) {
        0 => put("truncated", value[..rng.usize(0..value.len())].to_vec()),
        1 => put("flipped byte", flipped(rng, value)),
        2 => put("odd version", field(rng, &text(), "version")),
        3 => put("odd epoch", field(rng, &text(), "epoch")),
        4 => put("other schema", text().replacen("envelope.v1", "envelope.v2", 1).into()),
        5 => put("white space", text().replacen("\",\"", "\", \"", rng.usize(1..4)).into()),
        6 => put("other order", reordered(&text())),
        7 => put("no UTF-8", vec![0xff; rng.usize(1..400)]),
        8 => put("NULs", vec![0; rng.usize(1..400)]),
        9 => put("random bytes", bytes(rng, 1000)),
        10 => put("empty", Vec::new()),
        11 => put("huge", huge(rng, value)),
        12 => ("other type", other_type(rng, key)),
        13 => ("no TTL", vec![cmd_of(&[b"PERSIST", key])]),
        14 => ("TTL of a century", vec![cmd_of(&[b"PEXPIRE", key, b"3155760000000"])]),
        15 => ("deleted", vec![cmd_of(&[b"DEL", key])]),
        16 => {
            let from = if rng.bool() { &soil.own } else { &soil.others };
            put("another's envelope", pick(rng, from).clone())
        }
        _ => put("other content behind its head", tampered(rng, &text())),
    }
}

fn internal(rng: &mut Rng) -> Plant {
    let name = ["@fence", "@canary", "@lease", "@baseline", "", "index"][rng.usize(0..6)];
    let key = match name {
        "" => PREFIX.trim_end_matches(':').to_owned(),
        "index" => return index(rng),
        _ => format!("{PREFIX}{name}"),
    };
    let key = key.as_bytes();
    let command = match rng.u32(0..6) {
        0 => other_type(rng, key),
        1 => vec![set(key, &bytes(rng, 100))],
        2 => vec![set(key, number(rng).as_bytes())],
        3 => vec![set(key, json(rng).as_bytes())],
        4 => vec![set(key, if rng.bool() { b"" } else { b"planted" })],
        // A lease that some other writer might have.
        _ if name == "@lease" => vec![cmd_of(&[b"SET", key, b"planted-1-2", b"PX", b"300"])],
        _ => vec![cmd_of(&[b"DEL", key])],
    };
    let name = if name.is_empty() { "descriptor" } else { name };
    Plant { kind: format!("internal: {name}"), commands: command, object: None }
}

fn index(rng: &mut Rng) -> Plant {
    let member = match rng.u32(0..3) {
        0 => bytes(rng, 40),
        1 => b"gone-service".to_vec(),
        _ => b"a:b@c\x1b[31m".to_vec(),
    };
    let score = ["inf", "-inf", "0", "1e300", "-1e300", "1795476802123"][rng.usize(0..6)];
    let add = cmd_of(&[b"ZADD", b"ralphext:v1", score.as_bytes(), &member]);
    Plant { kind: "internal: index".into(), commands: vec![add], object: None }
}

/// Numbers as a version, an epoch, a fence or a canary should not be, or just may be.
fn number(rng: &mut Rng) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    let edge = now + TEN_YEARS_MS;
    match rng.u32(0..16) {
        0 => "-1".into(),
        1 => "0".into(),
        2 => MAX.to_string(),
        3 => (MAX - 1).to_string(),
        4 => (MAX + 1).to_string(),
        5 => u64::MAX.to_string(),
        6 => "18446744073709551616".into(),
        7 => "9".repeat(rng.usize(17..400)),
        8 => "1e15".into(),
        9 => "1795476802123.5".into(),
        10 => "01795476802123".into(),
        11 => "0x10".into(),
        12 => (edge - rng.u64(60_000..600_000)).to_string(),
        13 => (edge + rng.u64(60_000..600_000)).to_string(),
        14 => "nan".into(),
        _ => rng.u64(..now).to_string(),
    }
}

fn json(rng: &mut Rng) -> String {
    let n = number(rng);
    match rng.u32(0..8) {
        0 => "{".into(),
        1 => "null".into(),
        2 => "[".repeat(rng.usize(1..100_000)),
        3 => format!(r#"{{"last_success_at":{n},"as_of":{n},"clock":{n},"wall":{n},"peaks":[[{n},{n}]]}}"#),
        4 => r#"{"schema":"service.v1"}"#.into(),
        5 => format!(r#"{{"waiting_since":{n}}}"#),
        6 => format!(r#"{{"refused":{{"since":{n},"most":{n},"present":{n},"vanished":{n},"baseline":{n}}}}}"#),
        _ => "\"\u{202e}\u{0007}\"".into(),
    }
}

fn field(rng: &mut Rng, text: &str, name: &str) -> Vec<u8> {
    let from = text.find(&format!("\"{name}\":")).expect("an envelope") + name.len() + 3;
    let to = from + text[from..].find(',').expect("more fields");
    format!("{}{}{}", &text[..from], number(rng), &text[to..]).into_bytes()
}

fn flipped(rng: &mut Rng, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    let at = rng.usize(0..value.len());
    value[at] ^= 1 << rng.u32(0..8);
    value
}

fn reordered(text: &str) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_str(text).expect("an envelope");
    value["zzz"] = value["version"].take();
    // Members sorted by name: not the order of the contract.
    serde_json::to_vec(&value).expect("a value")
}

/// The head as it was, and something else behind it; of the same length or not.
fn tampered(rng: &mut Rng, text: &str) -> Vec<u8> {
    let at = text.find("host-").expect("a host's name");
    match rng.u32(0..3) {
        0 => text.replacen("host-", "evil-", 1).into_bytes(),
        1 => format!("{}\"}}}}", &text[..at]).into_bytes(),
        _ => format!("{text}{text}").into_bytes(),
    }
}

fn huge(rng: &mut Rng, value: &[u8]) -> Vec<u8> {
    let size = if is_soak() && rng.u32(0..20) == 0 { 100 << 20 } else { rng.usize(1 << 20..3 << 20) };
    let mut huge = if rng.bool() { value.to_vec() } else { Vec::new() };
    huge.resize(size, b'x');
    huge
}

fn strange_key(rng: &mut Rng) -> Vec<u8> {
    let name: Vec<u8> = match rng.u32(0..9) {
        0 => b"*".to_vec(),
        1 => b"[a-z]?\\".to_vec(),
        2 => b"a\r\nDEL b\r\n".to_vec(),
        3 => b"a:b:c".to_vec(),
        4 => b"{tag}".to_vec(),
        5 => b"x".repeat(rng.usize(129..20_000)),
        6 => b"\xff\xfe\x00".to_vec(),
        7 => b"@unknown".to_vec(),
        _ => Vec::new(),
    };
    let salt = if name.is_empty() { String::new() } else { rng.u8(..).to_string() };
    [PREFIX.as_bytes(), &name, salt.as_bytes()].concat()
}

/// Replaces what stands at `key` by another type than a string, in one step.
fn other_type(rng: &mut Rng, key: &[u8]) -> Vec<Cmd> {
    let words: &[&str] =
        [&["RPUSH", "a"][..], &["HSET", "a", "b"], &["SADD", "a"], &["ZADD", "1", "a"], &["XADD", "*", "a", "b"]]
            [rng.usize(0..5)];
    let mut plant = cmd("EVAL");
    plant
        .arg("redis.call('DEL', KEYS[1]) return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))")
        .arg(1)
        .arg(key)
        .arg(words);
    vec![plant]
}

fn set(key: &[u8], value: &[u8]) -> Cmd {
    cmd_of(&[b"SET", key, value])
}

fn cmd_of(words: &[&[u8]]) -> Cmd {
    let mut command = Cmd::new();
    words.iter().for_each(|word| {
        command.arg(*word);
    });
    command
}

fn bytes(rng: &mut Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.usize(1..most)];
    rng.fill(&mut bytes);
    bytes
}

fn pick<'a>(rng: &mut Rng, from: &'a [Vec<u8>]) -> &'a Vec<u8> {
    &from[rng.usize(0..from.len())]
}
