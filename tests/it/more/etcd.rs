//! Shared configuration out of a real etcd: what it sets, how it is managed, and what happens when it is away.

use serde_json::{Value, json};

use crate::harness::{Etcd, Ext, Outcome, Pki, Redis, records};

const SERVICE: &str =
    "[service]\ntitle = \"Hardware\"\n[source]\nkind = \"file\"\npath = \"/nowhere/objects.ndjson\"\n";

/// An extension whose own file has only its source.
fn sharing(redis: &Redis, etcd: &Etcd) -> Ext {
    let ext = Ext::new(redis).env("RALPHEXT_CONFIG_ETCD", &etcd.endpoints());
    ext.source(&records(3, 1));
    ext
}

#[track_caller]
fn push(ext: &Ext, which: &[&str], text: &str) -> Outcome {
    ext.write("document.toml", text);
    ext.verb(&[&["config", "push"], which, &["document.toml"]].concat())
}

/// Value and origin of a setting.
fn set(ext: &Ext, key: &str) -> (Value, String) {
    let told = ext.verb(&["-o", "json", "config", "show", key, "--origin"]).expect(0).json();
    let one = told[0]["settings"][0].clone();
    assert_eq!(one["key"], key, "{told}");
    (one["value"].clone(), one["origin"].as_str().unwrap_or("default").to_owned())
}

#[test]
#[ignore = "needs etcd: make test-all"]
fn layers_lie_over_each_other_in_their_order() {
    let (redis, etcd) = (Redis::start(), Etcd::start());
    let ext = sharing(&redis, &etcd).unset("content.ttl");
    assert_eq!(set(&ext, "content.ttl"), (json!("24h"), "default".to_owned()));
    push(&ext, &["--defaults"], "[content]\nttl = \"2h\"\nmax_stale = \"5h\"\n").expect(0);
    assert_eq!(set(&ext, "content.ttl"), (json!("2h"), "etcd:/ralphext/defaults:2".to_owned()));
    push(&ext, &["--service", "hwinfo"], "[content]\nttl = \"3h\"\n").expect(0);
    assert_eq!(set(&ext, "content.ttl"), (json!("3h"), "etcd:/ralphext/services/hwinfo:2".to_owned()));
    assert_eq!(set(&ext, "content.max_stale").0, json!("5h"), "what is only shared stays");
    etcd.ctl(&["put", "/ralphext/services/hwinfo/content/ttl", "4h"]);
    assert_eq!(set(&ext, "content.ttl"), (json!("4h"), "etcd:/ralphext/services/hwinfo/content/ttl".to_owned()));
    etcd.ctl(&["put", "/ralphext/services/other/content/ttl", "1m"]);
    let ext = ext.set("content.ttl", "5h");
    assert!(set(&ext, "content.ttl").1.contains("ralphext.toml"), "a file lies over etcd");
    // What is set there is in force.
    ext.unset("content.ttl").once().expect(0);
    let left: i64 = redis.cmd(&["PTTL", "ralphext:v1:hwinfo:1"]);
    assert!(left > 3 * 3_600_000 && left <= 4 * 3_600_000, "{left}");
    // A service may be named by etcd alone.
    etcd.ctl(&["del", "--prefix", "/ralphext/services/other"]);
    let all = format!("{SERVICE}[redis]\nurl = \"{}\"\n", redis.url());
    let alone = Ext::new(&redis).env("RALPHEXT_CONFIG_ETCD", &etcd.endpoints());
    push(&sharing(&redis, &etcd), &["--service", "hwinfo", "--with-secrets"], &all).expect(0);
    let told = crate::harness::Running::spawn(&mut alone.bare(&["check"]), None).finish(crate::harness::DEADLINE);
    assert!(told.code == 0 && told.stdout.contains("hwinfo") && told.stdout.contains("/nowhere/objects"), "{told}");
}

#[test]
#[ignore = "needs etcd: make test-all"]
fn documents_are_checked_kept_compared_and_rolled_back() {
    let (redis, etcd) = (Redis::start(), Etcd::start());
    let ext = sharing(&redis, &etcd);
    push(&ext, &["--defaults"], "[content]\nttl = \"2x\"\n").expect(2).says(&["etcd:/ralphext/defaults:2", "2x"]);
    push(&ext, &["--defaults"], "[contents]\nttl = \"2h\"\n").expect(2).says(&["contents", "content"]);
    push(&ext, &["--defaults"], "service = \"hwinfo\"\n").expect(2).says(&["not shared"]);
    push(&ext, &["--service", "hwinfo"], "service = \"other\"\n").expect(2).says(&["the key is that of hwinfo"]);
    push(&ext, &["--defaults"], "[redis]\nurl = \"redis://u:s3cret@h\"\n")
        .expect(2)
        .says(&["redis.url", "with-secrets"]);
    assert!(etcd.ctl(&["get", "--prefix", "/ralphext"]).stdout.is_empty(), "nothing of that was stored");

    for ttl in ["2h", "3h"] {
        push(&ext, &["--defaults"], &format!("[content]\nttl = \"{ttl}\"\n")).expect(0);
    }
    let again = push(&ext, &["--defaults"], "[content]\nttl = \"3h\"\n").expect(0);
    assert!(again.stdout.contains("is so already"), "{again}");
    // Defaults that do not go with what a service has are refused.
    push(&ext, &["--service", "hwinfo"], "[content]\nttl = \"3h\"\n").expect(0);
    ext.write("document.toml", "[content]\nttl = \"4h\"\n");
    let diff = ext.verb(&["config", "diff", "--defaults", "document.toml"]).expect(1);
    assert!(diff.stdout.contains("- ttl = \"3h\"") && diff.stdout.contains("+ ttl = \"4h\""), "{diff}");
    let history = ext.verb(&["-o", "json", "config", "history", "--defaults"]).expect(0).json();
    let texts: Vec<&str> = history.as_array().expect("a list").iter().filter_map(|one| one["text"].as_str()).collect();
    assert_eq!(texts, ["[content]\nttl = \"3h\"\n", "[content]\nttl = \"2h\"\n"]);
    ext.verb(&["config", "rollback", "--defaults"]).expect(0);
    assert_eq!(etcd.ctl(&["get", "--print-value-only", "/ralphext/defaults"]).stdout.trim(), "[content]\nttl = \"2h\"");
    let first = history[0]["at"].as_str().expect("a moment");
    ext.verb(&["config", "rollback", "--defaults", "--to", first]).expect(0);
    assert!(etcd.ctl(&["get", "/ralphext/defaults"]).stdout.contains("3h"));
    ext.verb(&["config", "rollback", "--defaults", "--to", "2020-01-01T00:00:00Z"]).expect(1).says(&["history"]);
    // What somebody put there by hand is not lost by the next push.
    etcd.ctl(&["put", "/ralphext/defaults", "[content]\nttl = \"7h\"\n"]);
    push(&ext, &["--defaults"], "[content]\nttl = \"8h\"\n").expect(0);
    ext.verb(&["config", "rollback", "--defaults"]).expect(0);
    assert!(etcd.ctl(&["get", "/ralphext/defaults"]).stdout.contains("7h"));
}

#[test]
#[ignore = "needs etcd: make test-all"]
fn of_two_who_push_at_once_none_is_overwritten_unseen() {
    let (redis, etcd) = (Redis::start(), Etcd::start());
    let ext = sharing(&redis, &etcd);
    let pushes: Vec<_> = (0..12)
        .map(|n| {
            ext.write(&format!("{n}.toml"), &format!("[content]\nttl = \"{}h\"\n", n + 1));
            crate::harness::Running::spawn(
                &mut ext.command(&["config", "push", "--defaults", &format!("{n}.toml")]),
                None,
            )
        })
        .collect();
    let ended: Vec<Outcome> = pushes.into_iter().map(|push| push.finish(crate::harness::DEADLINE)).collect();
    let won = ended.iter().filter(|outcome| outcome.code == 0).count();
    for lost in ended.iter().filter(|outcome| outcome.code != 0) {
        assert_eq!(lost.code, 1, "{lost}");
        lost.says(&["changed by somebody else meanwhile"]);
    }
    let history = ext.verb(&["-o", "json", "config", "history", "--defaults"]).expect(0).json();
    assert_eq!(history.as_array().map(Vec::len), Some(won), "each that was told to be stored is in the history");
    let now = etcd.ctl(&["get", "--print-value-only", "/ralphext/defaults"]).stdout;
    assert_eq!(Some(now.trim()), history[0]["text"].as_str().map(str::trim));
}

#[test]
#[ignore = "needs etcd: make test-all"]
fn what_it_said_last_holds_while_it_is_away() {
    let (redis, mut etcd) = (Redis::start(), Etcd::start());
    let ext = sharing(&redis, &etcd).unset("content.ttl");
    push(&ext, &["--defaults"], "[content]\nttl = \"2h\"\n").expect(0);
    let kept = ext.path("kept.json").display().to_string();
    let ext = ext.env("RALPHEXT_CONFIG_COPY", &kept);
    assert_eq!(set(&ext, "content.ttl").0, json!("2h"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).expect("the copy").permissions());
    assert_eq!(mode & 0o777, 0o600, "it may hold secrets");
    etcd.kill(0);
    assert_eq!(set(&ext, "content.ttl"), (json!("2h"), "etcd:/ralphext/defaults:2 (kept copy)".to_owned()));
    ext.once().expect(0).says(&["etcd is away", "this is what it said at"]);
    let other = ext.env("RALPHEXT_CONFIG_PREFIX", "/elsewhere");
    other.verb(&["check"]).expect(2).says(&["Connection refused"]);
    let ext = other.env("RALPHEXT_CONFIG_PREFIX", "/ralphext/").env("RALPHEXT_CONFIG_COPY", "");
    ext.verb(&["check"]).expect(2).says(&["Connection refused"]);
    push(&ext, &["--defaults"], "[content]\nttl = \"3h\"\n").expect(2).says(&["Connection refused"]);
    etcd.spawn(0);
    etcd.wait();
    push(&ext, &["--defaults"], "[content]\nttl = \"3h\"\n").expect(0);
    assert_eq!(set(&ext, "content.ttl"), (json!("3h"), "etcd:/ralphext/defaults:2".to_owned()));
    // A past that was compacted is nobody's business here.
    let revision = etcd.ctl(&["get", "nothing", "-w", "json"]).json()["header"]["revision"].to_string();
    etcd.ctl(&["compact", &revision]);
    push(&ext, &["--defaults"], "[content]\nttl = \"4h\"\n").expect(0);
    ext.verb(&["config", "rollback", "--defaults"]).expect(0);
    assert_eq!(set(&ext, "content.ttl").0, json!("3h"));
}

#[test]
#[ignore = "needs etcd: make test-all"]
fn a_cluster_that_loses_its_leader_goes_on() {
    let (redis, mut etcd) = (Redis::start(), Etcd::cluster(3, None));
    let ext = sharing(&redis, &etcd).unset("content.ttl");
    push(&ext, &["--defaults"], "[content]\nttl = \"2h\"\n").expect(0);
    let leader = etcd.leader();
    etcd.kill(leader);
    etcd.wait();
    assert_eq!(set(&ext, "content.ttl").0, json!("2h"));
    push(&ext, &["--defaults"], "[content]\nttl = \"3h\"\n").expect(0);
    let next = (0..3).find(|at| *at != leader).expect("another");
    etcd.kill(next);
    // One of three decides nothing.
    push(&ext, &["--defaults"], "[content]\nttl = \"4h\"\n").expect(2);
    etcd.spawn(leader);
    etcd.wait();
    assert_eq!(set(&ext, "content.ttl").0, json!("3h"));
}

#[test]
#[ignore = "needs etcd: make test-all"]
fn certificates_users_and_rights_are_checked() {
    let (redis, pki) = (Redis::start(), Pki::new());
    let etcd = Etcd::cluster(1, Some(&pki));
    let client = pki.issue("client", &["client"]);
    let path = |path: std::path::PathBuf| path.display().to_string();
    let ext = sharing(&redis, &etcd);
    ext.verb(&["check"]).expect(2).says(&["hint"]);
    let ext = ext.env("RALPHEXT_CONFIG_ETCD_CA", &path(pki.ca()));
    ext.verb(&["check"]).expect(2).says(&["hint"]);
    let ext =
        ext.env("RALPHEXT_CONFIG_ETCD_CERT", &path(client.cert)).env("RALPHEXT_CONFIG_ETCD_KEY", &path(client.key));
    push(&ext, &["--defaults"], "[content]\nttl = \"2h\"\n").expect(0);

    let open = Etcd::start();
    for words in [
        &["user", "add", "root:r00t"][..],
        &["user", "add", "reader:s3cret"],
        &["role", "add", "reads"],
        &["role", "grant-permission", "reads", "--prefix=true", "read", "/ralphext/"],
        &["user", "grant-role", "root", "root"],
        &["user", "grant-role", "reader", "reads"],
        &["put", "/ralphext/defaults", "[content]\nttl = \"2h\"\n"],
        &["auth", "enable"],
    ] {
        open.ctl(words);
    }
    let ext = sharing(&redis, &open).unset("content.ttl");
    ext.verb(&["check"]).expect(2).says(&["user name is empty", "RALPHEXT_CONFIG_ETCD_USER"]);
    let ext = ext.env("RALPHEXT_CONFIG_ETCD_USER", "reader").env("RALPHEXT_CONFIG_ETCD_PASSWORD", "wr0ng-one");
    let told = ext.verb(&["check"]).expect(2);
    told.says(&["authentication failed"]);
    assert!(!told.all().contains("wr0ng-one"), "{told}");
    ext.write("password", "s3cret\n");
    let file = ext.path("password").display().to_string();
    let ext = ext.env("RALPHEXT_CONFIG_ETCD_PASSWORD", "").env("RALPHEXT_CONFIG_ETCD_PASSWORD_FILE", &file);
    assert_eq!(set(&ext, "content.ttl").0, json!("2h"));
    push(&ext, &["--defaults"], "[content]\nttl = \"3h\"\n").expect(2).says(&["permission denied", "grant-permission"]);
}
