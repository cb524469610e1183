//! Resolution as a whole: it never guesses, in whatever order an inventory was read.

use proptest::prelude::*;

use super::{Builder, Inventory, Outcome, Query, Reason, Row};

fn row(id: u64, sn: Option<u8>, hostname: Option<u8>, retired: bool) -> Row {
    let field = |name: &str, value: Option<u8>| value.map(|v| format!(",\"{name}\":\"v{v}\"")).unwrap_or_default();
    let status = if retired { ",\"status\":\"liquidated\"" } else { "" };
    let text = format!("{{\"id\":{id}{}{}{status}}}", field("sn", sn), field("hostname", hostname));
    Row::parse(&text, &["liquidated".into()]).expect("a row")
}

fn inventory<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Inventory {
    let mut builder = Builder::default();
    rows.into_iter().for_each(|row| builder.add(row));
    builder.finish(false)
}

fn resolve(inventory: &Inventory, text: &str) -> Result<String, Reason> {
    match inventory.resolve(&Query::parse(text).expect(text)) {
        Outcome::Id(id) => Ok(id.to_owned()),
        Outcome::Unmatched(unmatched) => Err(unmatched.reason),
    }
}

#[test]
fn the_strongest_key_decides_and_contradictions_do_not() {
    let rows = [row(1, Some(1), Some(9), false), row(2, Some(2), Some(9), false), row(3, Some(3), None, true)];
    let inventory = inventory(&rows);
    assert_eq!(resolve(&inventory, r#"{"sn":"V1"}"#), Ok("1".into()));
    assert_eq!(resolve(&inventory, r#"{"hostname":"v9"}"#), Err(Reason::Ambiguous));
    assert_eq!(resolve(&inventory, r#"{"hostname":"v9","sn":"v2"}"#), Ok("2".into()));
    assert_eq!(resolve(&inventory, r#"{"sn":["v1","v2"]}"#), Err(Reason::Ambiguous));
    assert_eq!(resolve(&inventory, r#"{"id":1,"sn":"v2"}"#), Err(Reason::Ambiguous));
    assert_eq!(resolve(&inventory, r#"{"sn":"v7"}"#), Err(Reason::Unknown));
    assert_eq!(resolve(&inventory, r#"{"sn":"v3"}"#), Err(Reason::Decommissioned));
}

proptest! {
    /// An id is only told when every object that has any of the keys is that one, or shares the key with it; and it is the same
    /// one whatever the order of the rows.
    #[test]
    fn no_two_objects_become_one(
        rows in proptest::collection::vec((proptest::option::of(0u8..6), proptest::option::of(0u8..6), any::<bool>()), 1..12),
        sn in proptest::option::of(0u8..6),
        hostname in proptest::option::of(0u8..6),
        turn in 0usize..12,
    ) {
        prop_assume!(sn.is_some() || hostname.is_some());
        let mut rows: Vec<Row> = rows.iter().zip(1..).map(|((sn, host, gone), id)| row(id, *sn, *host, *gone && id % 3 == 0)).collect();
        let first = inventory(&rows);
        let middle = turn % rows.len();
        rows.rotate_left(middle);
        rows.swap(0, middle / 2);
        let second = inventory(&rows);
        let keys: Vec<String> = [("sn", sn), ("hostname", hostname)].into_iter()
            .filter_map(|(name, value)| value.map(|v| format!("\"{name}\":\"v{v}\""))).collect();
        let text = format!("{{{}}}", keys.join(","));
        let resolved = resolve(&first, &text);
        prop_assert_eq!(&resolved, &resolve(&second, &text));
        if let Ok(id) = resolved {
            let query = Query::parse(&text).expect("a match");
            let decided = query.keys.iter().any(|key| {
                let having: Vec<&Row> = rows.iter().filter(|row| row.keys.contains(key) && !row.retired).collect();
                having.len() == 1 && having[0].id == id
            });
            prop_assert!(decided, "{} is guessed", id);
            for key in &query.keys {
                let having: Vec<&str> = rows.iter().filter(|row| row.keys.contains(key) && !row.retired).map(|row| row.id.as_str()).collect();
                prop_assert!(having.is_empty() || having.contains(&id.as_str()), "{:?} is that of {:?}, not of {}", key, having, id);
            }
        }
    }
}
