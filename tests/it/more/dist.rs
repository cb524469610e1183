//! Releases: the wheel installs into a fresh environment of any Python, and goes away again; the same input gives the same bytes.
//! What is released is static, and its wheel is tagged for that. Not a release build is packed, which takes minutes, but a static
//! program that starts the binary under test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::run;
use crate::harness::{binary, repository};

fn pack(program: &Path, out: &Path) {
    let script = repository().join("scripts/dist.py");
    let mut command = Command::new("python3");
    run(command.arg(script).arg(program).arg("--out").arg(out).env("SOURCE_DATE_EPOCH", "1764000000"));
}

/// A statically linked program that becomes the binary under test.
fn static_program(folder: &Path) -> PathBuf {
    let (source, program) = (folder.join("front.c"), folder.join("front"));
    let code = format!(
        "#include <unistd.h>\nint main(int n, char **words) {{ return execv(\"{}\", words), n > 0 ? 127 : 126; }}\n",
        binary().display()
    );
    fs::write(&source, code).expect("a file");
    run(Command::new("cc").arg("-static").arg("-o").arg(&program).arg(&source));
    program
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
    pack(&static_program(scratch.path()), &dist);
    let wheel = file_ending(&dist, ".whl");
    let name = wheel.to_string_lossy().into_owned();
    let oldest = if cfg!(target_arch = "x86_64") {
        "-py3-none-manylinux1_x86_64.manylinux2010"
    } else {
        "-py3-none-manylinux2014"
    };
    assert!(name.contains(oldest) && name.contains("manylinux_2_17"), "{name}");
    for (number, python) in pythons().iter().enumerate() {
        let venv = scratch.path().join(format!("venv{number}"));
        run(Command::new(python).args(["-m", "venv"]).arg(&venv));
        let pip = |words: &[&str]| {
            let mut command = Command::new(venv.join("bin/python"));
            command.args(["-m", "pip", "--disable-pip-version-check"]).args(words);
            command
        };
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
    pack(&binary(), &one);
    pack(&binary(), &two);
    for ending in [".whl", ".tar.gz", "SHA256SUMS"] {
        let same =
            fs::read(file_ending(&one, ending)).expect("one") == fs::read(file_ending(&two, ending)).expect("two");
        assert!(same, "{ending} differs");
    }
    // It is linked dynamically, as one for its own machine only: the tag is that of its glibc.
    let name = file_ending(&one, ".whl").to_string_lossy().into_owned();
    let elf = fs::read(binary()).expect("the binary");
    let asks = |minor: &u32| memchr::memmem::find(&elf, format!("\0GLIBC_2.{minor}\0").as_bytes()).is_some();
    let newest = (0..100).rev().find(asks);
    let tag = format!("-none-manylinux_2_{}_", newest.expect("a glibc"));
    assert!(newest < Some(18) || name.contains(&tag), "{name} has no {tag}");
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
