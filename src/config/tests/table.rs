//! `[source.table]`: what is taken, and what is refused.

use super::*;

fn table(path: &str, keys: &str) -> World {
    toml(&format!("service = \"a\"\n[source]\nkind = \"file\"\npath = \"{path}\"\n[source.table]\n{keys}\n"))
}

#[test]
fn every_key_of_tables() {
    let world = table(
        "a.txt",
        "format = \"csv\"\ndelimiter = \"tab\"\nencoding = \"windows-1250\"\nsheet = \"x\"\nheader_row = 3\nmatch = [\"sn\"]\n\
         settle = \"5s\"\nmax_size = \"1MiB\"",
    );
    let table = world.one().source.table.expect("it is there");
    assert_eq!((table.delimiter(), table.header_row, table.matching), (Some(b'\t'), 3, vec!["sn".to_owned()]));
}

#[test]
fn impossible_tables() {
    for (path, keys, expected) in [
        ("a.txt", "sheet = \"x\"", "does not say what kind of table it is"),
        ("a.csv", "delimiter = \"--\"", "it is not one character"),
    ] {
        let error = table(path, keys).error();
        assert!(error.contains(expected), "{keys}\n{error}");
    }
    let unused = toml("service = \"a\"\n[source]\nkind = \"stdin\"\n[source.table]\nsheet = \"x\"").error();
    assert!(unused.contains("kind stdin has no use for it"), "{unused}");
    let items = toml("service = \"a\"\n[source]\nkind = \"file\"\npath = \"a.csv\"\nitems = \"/x\"").error();
    assert!(items.contains("a table has rows, and no pointers"), "{items}");
}
