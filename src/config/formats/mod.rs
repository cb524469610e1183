//! Configuration files as trees that know their lines. It must not know which keys there are.

mod json;
mod toml;
mod yaml;

use std::{path::Path, sync::Arc};

use super::{
    error::{Origin, Report},
    node::{Data, Node},
};

/// Endings of the files that are read from a directory.
pub(super) const ENDINGS: [&str; 4] = ["toml", "yaml", "yml", "json"];

/// What is wrong with a file's text: line and column from 1 (0 where not known), and the reason.
#[derive(Debug, PartialEq)]
struct SyntaxError {
    line: usize,
    column: usize,
    reason: String,
}

/// Reads `path` by its ending (TOML, unless YAML or JSON); problems are reported, and then there is no tree.
pub(super) fn read(path: &Arc<Path>, report: &mut Report) -> Option<Node> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(cause) => {
            let hint = "check the path, and that the user who runs this may read the file";
            report.whole(Origin::file(path), format!("it cannot be read: {cause}"), hint);
            return None;
        }
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(cause) => {
            let good = cause.utf8_error().valid_up_to();
            let line = 1 + cause.as_bytes()[..good].iter().filter(|b| **b == b'\n').count();
            report.whole(Origin::line(path, line), "it is not UTF-8 text", "save the file as UTF-8");
            return None;
        }
    };
    parse(path, &text, report)
}

/// As [`read`], from a text at hand.
pub(super) fn parse(path: &Arc<Path>, text: &str, report: &mut Report) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    let (tree, name, hint) = match ending.as_deref() {
        Some("yaml" | "yml") => (yaml::parse(path, text), "YAML", "indent with spaces, and write key: value"),
        Some("json") => (json::parse(path, text), "JSON", "write one object: {\"service\": \"name\", ...}"),
        _ => (toml::parse(path, text), "TOML", "write key = \"value\" with texts in quotes, and tables as [name]"),
    };
    match tree {
        Ok(tree) if matches!(tree.data, Data::Table(_)) => Some(tree.with_service_as_table()),
        Ok(_) => {
            report.whole(Origin::file(path), "it holds no table of settings", hint);
            None
        }
        Err(SyntaxError { line, column, reason }) => {
            let origin = Origin::File { path: Arc::clone(path), line, column };
            report.whole(origin, format!("this is no valid {name}: {reason}"), hint);
            None
        }
    }
}

/// Line and column, from 1, of a byte offset.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree(name: &str, text: &str) -> Node {
        let mut report = Report::default();
        let tree = parse(&Arc::from(Path::new(name)), text, &mut report);
        assert_eq!(report.finish(()), Ok(()));
        tree.expect("a tree where there is no problem")
    }

    fn error(name: &str, text: &str) -> String {
        let mut report = Report::default();
        assert_eq!(parse(&Arc::from(Path::new(name)), text, &mut report), None);
        report.finish(()).expect_err("a problem").to_string()
    }

    const TOML: &str = "service = \"hwinfo\"\n\n[redis]\nurl = 'redis://h'\nbatch_commands = 7\n\n[source]\nkind = \"exec\"\n\
                        command = [\n  \"./a\",\n  \"b\",\n]\ncomplete = true\nenv = { A = \"1\" }\n";
    const YAML: &str = "service: hwinfo\n\nredis:\n  url: redis://h\n  batch_commands: 7\n\nsource:\n  kind: exec\n  \
                        command:\n    - ./a\n    - b\n  timeout:\n  complete: true\n  env: {A: \"1\"}\n";
    const JSON: &str = "{\n  \"service\": \"hwinfo\",\n  \"redis\": {\n    \"url\": \"redis:\\/\\/h\",\n    \
                        \"batch_commands\": 7\n  },\n  \"source\": {\n    \"kind\": \"exec\",\n    \
                        \"command\": [\n \"./a\",\n \"b\"],\n    \"timeout\": null,\n    \"complete\": true,\n    \
                        \"env\": {\"A\": \"1\"}\n  }\n}\n";

    #[test]
    fn all_formats_say_the_same_and_know_their_lines() {
        let expected = json!({
            "service": { "name": "hwinfo" },
            "redis": { "url": "redis://h", "batch_commands": 7 },
            "source": { "kind": "exec", "command": ["./a", "b"], "complete": true, "env": { "A": "1" } },
        });
        for (name, text, lines) in [
            ("f.toml", TOML, [1, 5, 9, 14]),
            ("f.conf", TOML, [1, 5, 9, 14]),
            ("f.yaml", YAML, [1, 5, 9, 14]),
            ("f.JSON", JSON, [2, 5, 9, 14]),
        ] {
            let tree = tree(name, text);
            assert_eq!(tree.to_value(), expected, "{name}");
            let keys = ["service.name", "redis.batch_commands", "source.command", "source.env.A"];
            let found = keys.map(|key| tree.at(key).expect(key).origin.to_string());
            assert_eq!(found, lines.map(|line| format!("{name}:{line}")), "{name}");
        }
    }

    #[test]
    fn syntax_errors_have_line_and_column() {
        assert_eq!(
            error("f.toml", "service = \"a\"\n[redis\nurl = 1"),
            "f.toml:2:7: this is no valid TOML: unclosed table, expected `]`\n\
             hint: write key = \"value\" with texts in quotes, and tables as [name]"
        );
        assert!(error("f.toml", "a = 1\na = 2").starts_with("f.toml:2:1: this is no valid TOML: duplicate key"));
        assert!(error("f.toml", "service = hwinfo").starts_with("f.toml:1:11: this is no valid TOML: "));
        assert!(
            error("f.yaml", "service: a\nservice: b")
                .starts_with("f.yaml:2:1: this is no valid YAML: the key \"service\"")
        );
        assert!(error("f.yaml", "a: [1\nb: 2").starts_with("f.yaml:"));
        assert!(error("f.yaml", "a: 1\n---\nb: 2").contains("more than one document"));
        let trailing = error("f.json", "{\n \"a\": 1,\n}");
        assert!(trailing.starts_with("f.json:3:1: this is no valid JSON: trailing comma"), "{trailing}");
        assert!(
            error("f.json", "{\"a\": {\n\"b\": 1, \"b\": 2}}")
                .starts_with("f.json:2:14: this is no valid JSON: the key \"b\"")
        );
        assert!(error("f.json", "[]").starts_with("f.json: it holds no table of settings"));
        assert!(error("f.yaml", "- a").starts_with("f.yaml: it holds no table of settings"));
    }

    #[test]
    fn empty_files_are_empty_tables() {
        for name in ["f.toml", "f.yaml"] {
            assert_eq!(tree(name, "# nothing\n").to_value(), json!({}), "{name}");
        }
        assert_eq!(tree("f.json", "{}").to_value(), json!({}));
    }

    #[test]
    fn yaml_anchors_are_followed_but_do_not_explode() {
        let text = "a: &x {k: [1, 0x10, 1.5, '2', yes, ~]}\nb: *x\n";
        assert_eq!(tree("f.yaml", text).at("b").expect("b").to_value(), json!({ "k": [1, 16, 1.5, "2", "yes"] }));
        let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for n in 1..12 {
            let last = format!("*a{}", n - 1);
            bomb += &format!("a{n}: &a{n} [{}]\n", vec![last; 10].join(","));
        }
        assert!(error("f.yaml", &bomb).contains("too large"));
    }
}
