//! The Debian package and its units: they install, are as confined as they say, run as systemd would run them, and go away.
//! The binary under test is packed, not a release build: how it is packed does not depend on how it was optimised.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;

use super::run;
use crate::harness::{PASSWORD, Pusher, Redis, Running, binary, repository, user_of};

/// The exposure that `systemd-analyze security` may find, from 0 (none) to 10.
const EXPOSURE: f64 = 1.5;

/// A root of its own with nothing in it, for dpkg.
fn root(dir: &TempDir) -> PathBuf {
    let root = dir.path().join("root");
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(root.join("var/lib/dpkg").join(folder)).expect("a directory");
    }
    fs::write(root.join("var/lib/dpkg/status"), "").expect("a file");
    root
}

fn dpkg(root: &Path, words: &[&str]) -> String {
    let mut command = Command::new("dpkg");
    let root = format!("--root={}", root.display());
    run(command.args([&root, "--force-script-chrootless", "--force-depends", "--force-not-root"]).args(words))
}

/// The values of a key of a unit.
fn of_unit<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn files_below(root: &Path) -> Vec<String> {
    let told =
        run(Command::new("find").args([".", "-type", "f", "-not", "-path", "./var/lib/dpkg/*"]).current_dir(root));
    told.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "make test-all: needs dpkg, systemd-analyze and cargo-deb"]
fn the_package_installs_is_confined_and_goes_away() {
    let dir = TempDir::new().expect("a directory");
    // What is for debugging would be most of the package, and of the time to pack it.
    let lean = dir.path().join("ralphext");
    run(Command::new("strip").arg("-o").arg(&lean).arg(binary()));
    let mut command = Command::new(repository().join("scripts/deb.sh"));
    let told = run(command.arg("--fast").arg("--out").arg(dir.path()).env("RALPHEXT_BIN", &lean));
    let root = root(&dir);
    dpkg(&root, &["--install", told.lines().last().expect("the package")]);
    let version = run(Command::new(root.join("usr/bin/ralphext")).arg("--version"));
    assert_eq!(version.trim(), format!("ralphext {}", env!("CARGO_PKG_VERSION")));
    for name in ["copyright", "docs/operations.md", "licenses/sbom.cdx.json", "licenses/THIRD-PARTY.txt"] {
        assert!(root.join("usr/share/doc/ralphext").join(name).is_file(), "{name}");
    }
    assert!(
        !root.join("etc/systemd/system/multi-user.target.wants").exists(),
        "nothing starts without a configuration"
    );

    // What the units name of systemd's own.
    let units = root.join("usr/lib/systemd/system");
    run(Command::new("sh")
        .args(["-c", "cp /usr/lib/systemd/system/*.target /usr/lib/systemd/system/*.slice \"$0\""])
        .arg(&units));
    let at = format!("--root={}", root.display());
    for unit in ["ralphext.service", "ralphext@hwinfo.service"] {
        let output = Command::new("systemd-analyze").args(["verify", &at, unit]).output().expect("it starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !told.contains("ralphext"), "{told}");
        let told = run(Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager", &at, unit]));
        let score = told.split("Overall exposure level for ").nth(1).and_then(|rest| rest.split_whitespace().nth(1));
        println!("{unit}: exposure {}", score.unwrap_or("?"));
        assert!(score.and_then(|s| s.parse().ok()).is_some_and(|score: f64| score <= EXPOSURE), "{told}");
    }

    dpkg(&root, &["--remove", "ralphext"]);
    fs::remove_dir_all(&units).expect("the copies");
    let left = files_below(&root);
    assert!(left.iter().all(|f| f.starts_with("./etc/ralphext/") || f.starts_with("./var/lib/systemd/")), "{left:?}");
    fs::create_dir_all(root.join("var/lib/private/ralphext/hwinfo")).expect("a state");
    dpkg(&root, &["--purge", "ralphext"]);
    assert_eq!(files_below(&root), [""; 0]);
    assert!(!root.join("var/lib/private/ralphext").exists());
}

#[test]
#[ignore = "make test-all: stands beside the test of the package"]
fn an_instance_runs_as_systemd_would_run_it() {
    let unit = fs::read_to_string(repository().join("packaging/ralphext@.service")).expect("the unit");
    let dir = TempDir::new().expect("a directory");
    let place = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(&path).expect("a directory");
        path
    };
    let (etc, state, runtime, credentials) = (place("etc"), place("state"), place("run"), place("credentials"));
    fs::write(credentials.join("redis"), PASSWORD).expect("a credential");
    let redis = Redis::start();
    // As docs/operations.md shows it.
    let config = format!(
        "service = \"hwinfo\"\n[redis]\nurl = \"{}\"\nusername = \"{}\"\npassword_file = \"${{CREDENTIALS_DIRECTORY}}/redis\"\n\
         [source]\nkind = \"push\"\nlisten = \"unix:${{RUNTIME_DIRECTORY}}/push.sock\"\nspool = \"${{STATE_DIRECTORY}}\"\n",
        redis.url(),
        user_of("hwinfo")
    );
    fs::write(etc.join("hwinfo.toml"), config).expect("a configuration");
    let command = |key: &str| {
        let [line] = of_unit(&unit, key)[..] else { panic!("one {key}") };
        let mut command = Command::new(binary());
        command.args(line.strip_prefix("/usr/bin/ralphext ").expect("our program").split(' ')).env_clear();
        let [variable] = of_unit(&unit, "Environment")[..] else { panic!("one variable") };
        let (name, value) = variable.split_once('=').expect("a variable");
        command.env(name, value.replace("%i", "hwinfo").replace("/etc/ralphext", &etc.display().to_string()));
        command
            .env("STATE_DIRECTORY", &state)
            .env("RUNTIME_DIRECTORY", &runtime)
            .env("CREDENTIALS_DIRECTORY", &credentials);
        command.env("RALPHEXT__ADMIN__LISTEN", "127.0.0.1:0");
        command
    };
    run(&mut command("ExecStartPre"));
    let mut sidecar = Running::spawn(&mut command("ExecStart"), None);
    let pusher = Pusher::Unix(runtime.join("push.sock"));
    sidecar.wait_until("it writes", || pusher.is_there() && pusher.ask("GET /v1/status", &[], b"").status == 200);
    pusher.put("4711", &json!({"cpu": "Xeon"})).expect(200).counts(&[("written", 1)]);
    assert!(state.join("hwinfo.redb").exists());
    sidecar.stop().expect(0);
    // A configuration that is wrong is not tried again and again.
    fs::write(etc.join("hwinfo.toml"), "service = 1\n").expect("a configuration");
    let told = command("ExecStart").output().expect("it starts");
    assert_eq!(
        told.status.code().map(|code| code.to_string()).as_deref(),
        of_unit(&unit, "RestartPreventExitStatus").first().copied()
    );
}
