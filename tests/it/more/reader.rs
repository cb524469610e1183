//! The reader kit in a Django project, against a real Redis that the real sidecar wrote into: on the oldest and newest Python,
//! Django and redis-py that install here, and some in between.

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
    format!("{out}{err}")
}

/// Python `version`, where pyenv has it.
fn python(version: &str) -> Option<PathBuf> {
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
    for test in ["test_conformance.py", "test_readme.py", "test_tabs.py"] {
        let mut command = Command::new(&here);
        let out = run(command.arg(root.join("tests").join(test)).env("RALPHEXT", binary()).current_dir(&root));
        assert!(out.contains("\nOK"), "{python:?} {packages:?} {test}: {out}");
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
