//! The bridge by rq's own clients: version 1.0, which Ralph pins, on Python 3.6 where pyenv has it, and the newest; and ten
//! thousand jobs while the bridge is killed again and again.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::{reader::python, run};
use crate::{bridge::stage::Stage, harness::repository};

/// What every job is done by: as its arguments say, it fails, takes long, or gives them back.
const JOB: &str = "input=$(cat)\ncase $input in *fail*) echo broken >&2; exit 3;; *sleep*) sleep 600;; \
                   *) printf 'done %s' \"$input\";; esac";

/// An environment with these packages.
fn client(python: &Path, packages: &[&str]) -> (TempDir, PathBuf) {
    let dir = TempDir::new().expect("a directory");
    let venv = dir.path().join("venv");
    run(Command::new(python).args(["-m", "venv"]).arg(&venv));
    let pip = ["--disable-pip-version-check", "install", "--quiet"];
    run(Command::new(venv.join("bin/pip")).args(pip).args(packages));
    (dir, venv.join("bin/python"))
}

fn ask(python: &Path, stage: &Stage, more: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.arg(repository().join("tests/it/more/rq_client.py")).arg(stage.redis.port().to_string()).args(more);
    command
}

fn serves(python: &Path, packages: &[&str]) {
    let (_dir, python) = client(python, packages);
    let stage = Stage::new(JOB);
    let bridge = stage.start();
    let told = run(&mut ask(&python, &stage, &[]));
    assert!(told.starts_with("well with rq"), "{told}");
    bridge.stop().expect(0);
}

#[test]
#[ignore = "make test-all: needs Python 3.6, where pyenv has it, and rq 1.0 from PyPI"]
fn what_ralph_pins() {
    match python("3.6") {
        Some(python) => serves(&python, &["rq==1.0", "redis==3.2.1", "click<8"]),
        None => eprintln!("there is no Python 3.6 here"),
    }
}

#[test]
#[ignore = "make test-all: needs rq from PyPI"]
fn the_newest() {
    serves(Path::new("python3"), &["rq"]);
}

#[test]
#[ignore = "make test-all: needs rq from PyPI, and minutes"]
fn ten_thousand_jobs_over_kills_are_all_done() {
    let (_dir, python) = client(Path::new("python3"), &["rq"]);
    let stage = Stage::new(JOB).set("bridge.concurrency", 4).set("bridge.attempts", 50);
    let mut asking = ask(&python, &stage, &["10000"]).spawn().expect("the client");
    for _ in 0..20 {
        let bridge = stage.start();
        thread::sleep(Duration::from_millis(fastrand::u64(500..3000)));
        bridge.kill();
    }
    let bridge = stage.start();
    assert!(asking.wait().expect("it ends").success());
    bridge.stop().expect(0);
}
