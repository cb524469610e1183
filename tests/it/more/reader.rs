//! The reader kit in a Django project, against a real Redis that the real sidecar wrote into: on the oldest and newest Python,
//! Django and redis-py that install here, and some in between.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::browser::browse;
use crate::harness::{binary, repository, xss::vectors};

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    format!("{out}{err}")
}

/// Python `version`, where pyenv has it.
pub fn python(version: &str) -> Option<PathBuf> {
    let roots = [std::env::var("PYENV_ROOT").ok(), std::env::var("HOME").ok().map(|home| home + "/.pyenv")];
    let prefix = format!("{version}.");
    roots.iter().flatten().find_map(|root| {
        let versions = fs::read_dir(format!("{root}/versions")).ok()?.flatten();
        let found = versions.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).last()?;
        Some(found.path().join("bin/python3"))
    })
}

/// Installs the kit with these versions, and runs its own tests with them.
fn kit(python: &Path, packages: &[&str]) {
    let dir = TempDir::new().expect("a directory");
    let venv = dir.path().join("venv");
    run(Command::new(python).args(["-m", "venv"]).arg(&venv));
    // A copy: building leaves files beside it.
    run(Command::new("cp").arg("-r").arg(repository().join("ralph")).arg(dir.path()));
    let root = dir.path().join("ralph");
    let pip = ["--disable-pip-version-check", "install", "--quiet", "setuptools", "wheel"];
    run(Command::new(venv.join("bin/pip")).args(pip).args(packages));
    run(Command::new(venv.join("bin/pip"))
        .args(["--disable-pip-version-check", "install", "--quiet", "--no-build-isolation"])
        .arg(&root));
    let here = venv.join("bin/python");
    let parts = "import os, ralph_ext_tabs as t; r = os.path.dirname(t.__file__); assert 'site-packages' in r, r\n\
        for p in ('templates/ralph_ext_tabs/tab.html', 'static/ralph_ext_tabs/tabs.css', 'locale/pl/LC_MESSAGES/django.mo'):\n\
        \x20   assert os.path.exists(os.path.join(r, p)), p";
    run(Command::new(&here).args(["-c", parts]).current_dir(&venv));
    for test in ["test_conformance.py", "test_events.py", "test_readme.py", "test_tabs.py"] {
        let mut command = Command::new(&here);
        let out = run(command.arg(root.join("tests").join(test)).env("RALPHEXT", binary()).current_dir(&root));
        assert!(out.contains("\nOK"), "{python:?} {packages:?} {test}: {out}");
    }
}

/// Values as somebody could have put them into Redis by hand: no sidecar sanitised them.
#[test]
#[ignore = "make test-all: needs Chromium, Node.js and Django"]
fn nothing_of_a_hostile_value_runs_in_a_browser() {
    let dir = TempDir::new().expect("a directory");
    let venv = dir.path().join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    run(Command::new(venv.join("bin/pip")).args(["--disable-pip-version-check", "install", "--quiet", "Django"]));
    // Every third one, each with a page: as text in a frame, or in any other place, they are all alike.
    let texts: Vec<String> = vectors().into_iter().step_by(3).map(|vector| vector.text).collect();
    let mut python = Command::new(venv.join("bin/python"));
    python.arg(repository().join("ralph/tests/pages.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("python");
    let mut input = child.stdin.take().expect("its input");
    let sending = thread::spawn(move || input.write_all(json!(texts).to_string().as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    sending.join().expect("a thread").expect("it reads");
    assert!(output.status.success());
    let pages: Vec<String> = serde_json::from_slice(&output.stdout).expect("pages");
    assert!(pages.len() > 100);
    let jobs: Vec<Value> =
        pages.iter().enumerate().map(|(i, html)| json!({"id": i.to_string(), "html": html, "wait": 100})).collect();
    let told = browse(&jobs);
    assert_eq!(told.len(), pages.len());
    for (id, told) in &told {
        let page = &pages[id.parse::<usize>().expect("a number")];
        assert_eq!(page.matches("<section").count(), 6, "{page}");
        // What the frame's policy refuses is told as an error, and neither ran nor was asked for.
        assert_eq!((&told["hits"], &told["requests"]), (&json!([]), &json!([])), "{told}\n{page}");
    }
}

#[test]
#[ignore = "make test-all: needs Django and redis-py, from PyPI"]
fn newest_of_this_python() {
    kit(Path::new("python3"), &["Django", "redis"]);
}

#[test]
#[ignore = "make test-all: needs old Pythons, where pyenv has them"]
fn what_ralph_pins() {
    match python("3.6") {
        Some(python) => kit(&python, &["Django==2.0.13", "redis==3.2.1"]),
        None => eprintln!("there is no Python 3.6 here"),
    }
}

#[test]
#[ignore = "make test-all: needs old and new Pythons, where pyenv has them"]
fn some_in_between_and_the_newest() {
    for (version, packages) in [("3.8", ["Django<3.3", "redis<5"]), ("3.13", ["Django", "redis"])] {
        match python(version) {
            Some(python) => kit(&python, &packages),
            None => eprintln!("there is no Python {version} here"),
        }
    }
}
