//! Releases: the wheel installs into a fresh environment of any Python, and goes away again; the same input gives the same bytes.
//! The binary under test is packed, not a release build: how it is packed does not depend on how it was optimised.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::harness::{binary, repository};

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}

fn pack(python: &str, out: &Path) {
    let script = repository().join("scripts/dist.py");
    let mut command = Command::new(python);
    run(command.arg(script).arg(binary()).arg("--out").arg(out).env("SOURCE_DATE_EPOCH", "1764000000"));
}

fn file_ending(folder: &Path, ending: &str) -> PathBuf {
    let mut entries = fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    entries.find(|path| path.to_string_lossy().ends_with(ending)).expect(ending)
}

/// The oldest and newest Python 3 of pyenv, where there is one, and the system's.
fn pythons() -> Vec<String> {
    let mut found = vec!["python3".to_owned()];
    let home =
        std::env::var("PYENV_ROOT").unwrap_or_else(|_| format!("{}/.pyenv", std::env::var("HOME").unwrap_or_default()));
    let versions = fs::read_dir(format!("{home}/versions")).into_iter().flatten().flatten();
    let mut minors: Vec<(u32, String)> = versions
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let minor = name.strip_prefix("3.")?.split('.').next()?.parse().ok()?;
            Some((minor, entry.path().join("bin/python3").display().to_string()))
        })
        .collect();
    minors.sort();
    found.extend(minors.first().into_iter().chain(minors.last()).map(|(_, path)| path.clone()));
    found
}

#[test]
#[ignore = "make test-all: needs Python with venv"]
fn the_wheel_installs_and_goes_away_again() {
    let scratch = TempDir::new().expect("a directory");
    let dist = scratch.path().join("dist");
    pack("python3", &dist);
    let wheel = file_ending(&dist, ".whl");
    for (number, python) in pythons().iter().enumerate() {
        let venv = scratch.path().join(format!("venv{number}"));
        run(Command::new(python).args(["-m", "venv"]).arg(&venv));
        let pip = |words: &[&str]| {
            let mut command = Command::new(venv.join("bin/python"));
            command.args(["-m", "pip", "--disable-pip-version-check"]).args(words);
            command
        };
        let mut wheel = wheel.clone();
        let debug_glibc = !wheel.to_string_lossy().contains("2014");
        if python.contains("/3.6") && debug_glibc {
            // Its pip is older than the tags of such a glibc (PEP 600), which only builds that are not static need.
            let plain = scratch.path().join("ralphext-0.1.0-py3-none-any.whl");
            fs::copy(&wheel, &plain).expect("a copy");
            wheel = plain;
        }
        run(pip(&["install", "--no-index", "--no-deps"]).arg(&wheel));
        let installed = venv.join("bin/ralphext");
        assert_eq!(run(Command::new(&installed).arg("--version")).trim(), "ralphext 0.1.0", "{python}");
        assert!(run(&mut pip(&["show", "ralphext"])).contains("Apache-2.0"));
        run(&mut pip(&["check"]));
        run(&mut pip(&["uninstall", "--yes", "ralphext"]));
        assert!(!installed.exists(), "{python}: it is still there");
    }
}

#[test]
#[ignore = "make test-all: needs Python"]
fn the_same_input_gives_the_same_bytes_and_sums() {
    let scratch = TempDir::new().expect("a directory");
    let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
    pack("python3", &one);
    pack("python3", &two);
    for ending in [".whl", ".tar.gz", "SHA256SUMS"] {
        let same =
            fs::read(file_ending(&one, ending)).expect("one") == fs::read(file_ending(&two, ending)).expect("two");
        assert!(same, "{ending} differs");
    }
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&one));
    let listed = run(Command::new("tar")
        .args(["--list", "--verbose", "--numeric-owner", "--file"])
        .arg(file_ending(&one, ".tar.gz")));
    for name in
        ["/ralphext\n", "/LICENSE", "/README.md", "/schemas/record.v1.schema.json", "/completions/ralphext.bash"]
    {
        assert!(listed.contains(name), "{name}: {listed}");
    }
    assert!(listed.lines().all(|line| line.split_whitespace().nth(1) == Some("0/0")), "{listed}");
}
