//! `init`: a new extension passes its own test, whatever its kind and language; nothing is overwritten.

use std::{fs, path::Path, process::Command};

use crate::harness::{DEADLINE, Ext, Outcome, Redis, Running, binary, repository};

fn init(ext: &Ext, words: &[&str]) -> Outcome {
    let mut words = words.to_vec();
    words.insert(0, "init");
    words.push("--yes");
    Running::spawn(&mut ext.bare(&words), None).finish(DEADLINE)
}

/// Runs the scaffold's own test, as its author would.
fn own_test(root: &Path) -> Outcome {
    let mut command = Command::new(root.join("tests/test.sh"));
    command.env("RALPHEXT", binary()).env("RALPHEXT__ADMIN__LISTEN", "127.0.0.1:0").current_dir("/");
    Running::spawn(&mut command, None).finish(DEADLINE)
}

fn scaffold_and_test(kind: &str) {
    let ext = Ext::at(&Redis::nowhere());
    for language in ["python", "sh"] {
        let name = format!("disk-{kind}-{language}");
        let title = "Użycie dysków";
        init(&ext, &[&name, "--source", kind, "--language", language, "--title", title, "--model", "data_center.rack"])
            .expect(0);
        let root = ext.path(&format!("ralph_ext_{}", name.replace('-', "_")));
        let outcome = own_test(&root).expect(0);
        for word in ["all well", "2 records, all good", title, "db1.example.org"] {
            assert!(outcome.all().contains(word), "{word}: {outcome}");
        }
        assert!(!outcome.all().contains("left out"), "the part against Redis has to run here: {outcome}");
        for file in [
            "README.md",
            "Dockerfile",
            "values.yaml",
            ".gitignore",
            ".gitlab-ci.yml",
            ".github/workflows/test.yml",
            "ralphext.toml",
        ] {
            let text = fs::read_to_string(root.join(file)).expect(file);
            let marks = text.split('@').skip(1).step_by(2);
            let left: Vec<&str> =
                marks.filter(|m| !m.is_empty() && m.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect();
            assert!(left.is_empty(), "{file} is not filled in: {left:?}");
        }
        // It can fail: a bad record, and a sidecar that refuses the configuration.
        let extension = root.join(if language == "python" { "extension.py" } else { "extension.sh" });
        let good = fs::read_to_string(&extension).expect("the extension");
        fs::write(&extension, good.replace("4712", "47:12")).expect("a bad id");
        let outcome = own_test(&root).expect(1);
        assert!(outcome.all().contains("bad_id") && outcome.all().contains("^^^^"), "{outcome}");
    }
}

#[test]
fn exec_passes_its_own_test() {
    scaffold_and_test("exec");
}

#[test]
fn file_passes_its_own_test() {
    scaffold_and_test("file");
}

#[test]
fn stream_passes_its_own_test() {
    scaffold_and_test("stream");
}

#[test]
fn push_passes_its_own_test() {
    scaffold_and_test("push");
}

#[test]
fn a_pushing_extension_reaches_its_sidecar() {
    let redis = Redis::start();
    let ext = Ext::at(&redis.url());
    init(&ext, &["pushed", "--source", "push"]).expect(0);
    let root = ext.path("ralph_ext_pushed");
    let config = root.join("ralphext.toml");
    let url = redis.url();
    let flags = ["-c", config.to_str().expect("UTF-8"), "--redis-url", &url, "run"];
    let mut sidecar = Running::spawn(&mut ext.bare(&flags), None);
    let socket = root.join("push.sock");
    sidecar.wait_until("the socket", || socket.exists());
    sidecar.wait_until("the snapshot is taken", || {
        Command::new(root.join("extension.py")).output().is_ok_and(|output| output.status.success())
    });
    sidecar.wait_for_objects(&redis, "pushed", 2);
    sidecar.stop().expect(0);
}

#[test]
fn nothing_is_overwritten_and_names_are_told() {
    let ext = Ext::at(&Redis::nowhere());
    init(&ext, &["disk"]).expect(0);
    let config = ext.path("ralph_ext_disk/ralphext.toml");
    fs::write(&config, "mine").expect("a change");
    init(&ext, &["disk"]).expect(2).says(&["ralph_ext_disk", "nothing is overwritten"]);
    assert_eq!(fs::read_to_string(&config).expect("it"), "mine");
    init(&ext, &["Disk Usage"]).expect(2).says(&["\"Disk Usage\"", "such as disk-usage"]);
    init(&ext, &["x", "--title", "a \"b\""]).expect(2).says(&["hint"]);
    init(&ext, &["x", "--model", "Rack"]).expect(2).says(&["data_center.datacenterasset"]);
    assert!(!ext.path("ralph_ext_x").exists());
    init(&ext, &["x", "--dir", "a/b", "--ci", "none"]).expect(0);
    assert!(ext.path("a/b/ralph_ext_x/tests/test.sh").exists());
    assert!(!ext.path("a/b/ralph_ext_x/.github").exists());
}

/// Every `ralphext VERB` that the authors' pages name exists, with the flags that it is given there.
#[test]
fn the_pages_for_authors_name_what_exists() {
    let ext = Ext::at(&Redis::nowhere());
    let mut count = 0;
    for page in ["docs/authors.md", "docs/install.md", "examples/README.md", "examples/outprint/README.md"] {
        let text = fs::read_to_string(repository().join(page)).expect(page).replace("\\\n", " ");
        let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
        for line in blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or_default()) {
            let Some((_, call)) =
                line.rsplit_once("ralphext ").filter(|(before, _)| before.is_empty() || before.ends_with("| "))
            else {
                continue;
            };
            // What stands in quotes is one word.
            let quoted = call.split(" | ").next().unwrap_or_default().split('\'').enumerate();
            let call: String = quoted.map(|(at, part)| if at % 2 == 1 { "word" } else { part }).collect();
            let mut known: Vec<&str> = call.split_whitespace().collect();
            if known.is_empty() || known == ["--version"] {
                continue;
            }
            known.push("--help");
            let outcome = Running::spawn(&mut ext.bare(&known), None).finish(DEADLINE);
            assert_eq!(outcome.code, 0, "{page}: {line}: {outcome}");
            let help = outcome.stdout.clone();
            for flag in known.iter().filter(|word| word.starts_with("--") && **word != "--help") {
                assert!(help.contains(*flag), "{page}: {line}: there is no {flag}");
            }
            count += 1;
        }
    }
    assert!(count >= 9, "only {count} commands were found");
}
