//! Whole configurations, from files to settings or messages.

mod bridge;
mod connection;
mod http;
mod identity;
mod inputs;
mod messages;
mod remote;
mod sql;
mod table;

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::settings::{HumanDuration, LogFormat, Percent, Size, SourceKind};

const SMALLEST: &str = "service = \"hwinfo\"\n\n[redis]\nurl = \"redis://127.0.0.1:6379/0\"\n\n[source]\nkind = \"exec\"\n\
                        command = [\"./facts.sh\"]\ninterval = \"60s\"\n";

/// A directory with files, and a request for it.
struct World {
    dir: TempDir,
    request: Request,
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory for the test");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("a file of the test");
        }
        let mut request = Request { search: Vec::new(), ..Request::new([]) };
        request.paths = match files {
            [(name, _)] => vec![dir.path().join(name)],
            _ => vec![dir.path().to_owned()],
        };
        Self { dir, request }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.request.env.insert(name.into(), value.into());
        self
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.request.sets.push((key.into(), value.into()));
        self
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn all(&self) -> Vec<Loaded> {
        load(&self.request).unwrap_or_else(|e| panic!("it should load:\n{e}"))
    }

    fn one(&self) -> Settings {
        let mut all = self.all();
        assert_eq!(all.len(), 1);
        all.remove(0).settings
    }

    /// The message, without the directory of the test.
    fn error(&self) -> String {
        let error = load(&self.request).expect_err("it should not load").to_string();
        error.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn toml(text: &str) -> World {
    World::new(&[("f.toml", text)])
}

#[test]
fn the_smallest_useful_file() {
    let world = toml(SMALLEST);
    let loaded = world.all().remove(0);
    let mut expected = Settings::for_tests("hwinfo", "redis://127.0.0.1:6379/0");
    expected.source.kind = SourceKind::Exec;
    expected.source.command = vec![world.path().join("facts.sh").display().to_string()];
    assert_eq!(loaded.settings, expected);
    assert_eq!(loaded.file, Some(world.path().join("f.toml")));
    assert_eq!(loaded.shared, Vec::<PathBuf>::new());
    assert_eq!(loaded.origins["source.interval"], format!("{}:9", world.path().join("f.toml").display()));
    assert_eq!(loaded.settings.source.timeout(), Some(Duration::from_secs(30)));
}

const EVERY_KEY: &str = r#"
        telemetry = { otlp = "http://127.0.0.1:4318", otlp_token_file = "/run/otlp.token", otlp_ca = "/ca.pem" }
        [service]
        name = "hwinfo"
        title = "Hardware"
        description = "Facts"
        owner = "dc@example.com"
        docs_url = "https://example.com"
        content_schema = "https://example.com/schema.json"
        models = ["data_center.DataCenterAsset"]
        [redis]
        url = "rediss://mymaster/1"
        username = "u"
        password = "s3cret"
        prefix = "test"
        connect_timeout = "1s"
        timeout = "2s"
        batch_commands = 50
        batch_bytes = "64KiB"
        max_in_flight = 131072
        [redis.sentinel]
        master = "mymaster"
        nodes = ["s1", "redis://s2:26380"]
        username = "su"
        password = "s3cret2"
        timeout = "100ms"
        [redis.tls]
        ca = "/ca.pem"
        cert = "/tls.crt"
        key = "/tls.key"
        server_name = "redis.example.com"
        [source]
        kind = "file"
        path = "out"
        items = "/data"
        absent = "empty"
        empty = { title = "Well", summary = "No alerts", status = "ok" }
        interval = "1h 30m"
        timeout = "5s"
        env = { HTTP_PROXY = "p" }
        backoff_min = "2s"
        backoff_max = "3s"
        breaker_failures = 3
        breaker_pause = "1m"
        [identity]
        kind = "ralph"
        url = "https://ralph.example.com/api/"
        token_file = "/run/secrets/ralph"
        ca = "/ca.pem"
        models = ["data_center.DataCenterAsset"]
        refresh = "1m"
        refresh_full = "2h"
        max_age = "3h"
        cache = "/var/lib/inventory"
        page_size = 100
        timeout = "20s"
        short_names = true
        decommissioned = []
        [source.map]
        match = { hostname = { from = "/labels/instance", transform = ["strip_port"] } }
        where = { "/state" = "active" }
        unless = { "/silenced" = [true] }
        deleted = {}
        group = true
        group_max = "1MiB"
        sort = ["-/startsAt"]
        content = { since = "/startsAt" }
        [content]
        ttl = "4s"
        max_stale = "2h"
        ignore = ["/generated_at"]
        content_type = "json"
        [render]
        template = "{{ a }}"
        output = "json"
        markdown = false
        strict = true
        images = ["img.example.net", "img.example.net:8443"]
        report = false
        [verify]
        every = "1s"
        keyspace_events = true
        whole_every = "12h"
        [recovery]
        max_rate = 500
        [fill]
        misses = true
        requests = true
        max_rate = 7
        max_waiting = 8
        unknown_for = "1m"
        max_unknown = 9
        replicas = false
        listen = ["replica:6379"]
        [events]
        kind = "stream"
        max_len = 500
        [limits]
        max_content = "1MB"
        max_binary = "2MiB"
        max_total = "1GiB"
        max_shrink = "50%"
        shrink_confirm = "10m"
        max_failed = "0%"
        [writer]
        lease = "3s"
        heartbeat = "1s"
        [admin]
        listen = "[::1]:0"
        page_listen = "unix:/run/page.sock"
        page_token_file = "/run/page.token"
        [log]
        level = "warn,ralphext=debug"
        format = "json"
        [shutdown]
        grace = "0s"
    "#;

#[test]
fn every_key_in_every_format() {
    let world = toml(EVERY_KEY);
    let settings = world.one();
    assert_eq!(settings.redis.password.as_ref().expect("a password").expose(), "s3cret");
    assert_eq!((settings.redis.batch_bytes, settings.redis.max_in_flight), (Size::kib(64), Size::kib(128)));
    assert_eq!(settings.source.path, Some(world.path().join("out")));
    assert_eq!(settings.source.interval, HumanDuration::from_secs(5400));
    assert_eq!(settings.source.env["HTTP_PROXY"], "p");
    assert_eq!((settings.limits.max_content, settings.limits.max_failed), (Size(1_000_000), Percent(0.0)));
    assert_eq!(settings.admin.listen.to_string(), "[::1]:0");
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.verify_every(), Duration::from_secs(1));

    // The same as JSON, which is YAML too. The tree is that of the file, so its values are as a person wrote them.
    let mut report = Report::default();
    let tree = formats::parse(&Arc::from(Path::new("f.toml")), EVERY_KEY, &mut report).expect("a tree");
    let json = tree.to_value().to_string();
    for name in ["f.json", "f.yaml", "f.yml"] {
        let world = World::new(&[(name, &json)]);
        let expected = Settings {
            source: crate::settings::Source { path: Some(world.path().join("out")), ..settings.source.clone() },
            ..settings.clone()
        };
        assert_eq!(world.one(), expected, "{name}");
    }
    let all = serde_json::to_value(&settings).expect("settings serialise");
    let every = all.as_object().expect("a table").iter().flat_map(|(section, table)| {
        let section = section.clone();
        let keys = table.as_object().expect("a table").iter();
        keys.flat_map(move |(key, value)| {
            let inner = value.as_object().into_iter().flat_map(|table| table.keys());
            let inner = inner.map(|name| format!("{section}.{key}.{name}"));
            inner.chain([format!("{section}.{key}")]).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
    });
    let unset: Vec<_> = every.filter(|key| tree.at(key).is_none()).collect();
    // Not together with others that are there, or with this kind of source.
    let impossible = [
        "identity.path",
        "identity.token",
        "redis.password_file",
        "redis.sentinel.password_file",
        "render.template_file",
        "source.command",
        "source.complete",
        "source.events",
        "source.expect_every",
        "source.http",
        "source.listen",
        "source.object_command",
        "source.spool",
        "source.sql",
        "source.table",
        "source.token",
        "source.token_file",
    ];
    assert_eq!(unset, impossible, "a key that this test forgets");
}

#[test]
fn environment_is_above_the_file_and_flags_are_above_both() {
    let world = toml(SMALLEST)
        .env("RALPHEXT__REDIS__URL", "redis://env:1")
        .env("ralphext__content__ttl", "2h")
        .env("RALPHEXT__CONTENT__IGNORE", "/a,/b")
        .env("RALPHEXT__SERVICE__TITLE", "Hardware")
        .env("RALPHEXT__SOURCE__ENV__Http_Proxy", "${NOT_EXPANDED}")
        .env("RALPHEXT__LIMITS__MAX_SHRINK", "")
        .set("redis.url", "redis://flag:2")
        .set("source.command", r#"["./other.sh", "a,b"]"#);
    let loaded = world.all().remove(0);
    let settings = &loaded.settings;
    assert_eq!(settings.redis.url.expose(), "redis://flag:2");
    assert_eq!(settings.content.ttl, HumanDuration::from_secs(7200));
    assert_eq!(settings.content.ignore, ["/a", "/b"]);
    assert_eq!((settings.service.name.as_str(), settings.service.title.as_deref()), ("hwinfo", Some("Hardware")));
    assert_eq!(settings.source.env["Http_Proxy"], "${NOT_EXPANDED}");
    assert_eq!(settings.source.command, ["./other.sh", "a,b"], "flags are relative to where they are given");
    assert_eq!(settings.limits.max_shrink, Percent(20.0));
    assert_eq!(loaded.origins["redis.url"], "command line");
    assert_eq!(loaded.origins["content.ttl"], "environment variable ralphext__content__ttl");
}

#[test]
fn environment_alone_can_say_everything() {
    let mut world = World::new(&[]).env("RALPHEXT__SERVICE", "hwinfo").env("RALPHEXT__SOURCE__KIND", "stdin");
    world.request.paths.clear();
    let loaded = world.all().remove(0);
    assert_eq!((loaded.settings.name().as_str(), loaded.file), ("hwinfo", None));
    world.request.env.clear();
    world.request.search = vec!["/nonexistent/ralphext.toml".into()];
    assert_eq!(
        world.error(),
        "configuration: there is none; looked for /nonexistent/ralphext.toml\n\
         hint: name one with -c FILE, or in RALPHEXT_CONFIG"
    );
}

#[test]
fn the_places_that_are_searched() {
    let mut world = World::new(&[("a.toml", SMALLEST), ("b.toml", "service = \"b\"\nsource.kind = \"stdin\"\n")]);
    let (a, b) = (world.path().join("a.toml"), world.path().join("b.toml"));
    world.request.paths.clear();
    world.request.search = vec!["/nonexistent/x.toml".into(), a, b.clone()];
    assert_eq!(world.one().name().as_str(), "hwinfo");
    let mut world = world.env("RALPHEXT_CONFIG", &b.display().to_string());
    assert_eq!(world.one().name().as_str(), "b");
    world.request.paths = vec![world.path().join("c.toml")];
    assert_eq!(
        world.error(),
        "c.toml: there is no such file or directory\n\
         hint: name an existing file or directory with -c, or in RALPHEXT_CONFIG"
    );
}

#[test]
fn a_value_that_another_layer_replaces_need_not_be_good() {
    let world = toml("service = \"a\"\n[source]\nkind = \"stdin\"\n[redis]\nurl = \"${UNSET}\"\ntimeout = 5\n")
        .env("RALPHEXT__REDIS__URL", "redis://h")
        .set("redis.timeout", "5s");
    assert_eq!(world.one().redis.url.expose(), "redis://h");
}

#[test]
fn a_directory_carries_several_services() {
    let world = World::new(&[
        ("00-shared.toml", "[redis]\nurl = \"redis://shared\"\nprefix = \"p\"\n[content]\nttl = \"1h\"\n"),
        ("10-hwinfo.toml", SMALLEST),
        ("20-tickets.yaml", "service: tickets\nsource: {kind: file, path: t.ndjson}\ncontent: {ttl: 2h}\n"),
        ("30-costs.json", r#"{"service": {"name": "costs"}, "source": {"kind": "stdin"}}"#),
        (".hidden.toml", "broken"),
        ("README.md", "broken"),
    ])
    .env("RALPHEXT__LOG__LEVEL", "debug");
    let all = world.all();
    let seen: Vec<_> = all
        .iter()
        .map(|l| {
            let s = &l.settings;
            assert_eq!((s.redis.prefix.as_str(), s.log.level.as_str()), ("p", "debug"));
            assert_eq!(l.shared, [world.path().join("00-shared.toml")]);
            (s.name().as_str(), s.redis.url.expose(), s.content.ttl.to_string())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("hwinfo", "redis://127.0.0.1:6379/0", "1h".to_owned()),
            ("tickets", "redis://shared", "2h".to_owned()),
            ("costs", "redis://shared", "1h".to_owned()),
        ]
    );
}

#[test]
fn a_source_kind_given_for_one_call_may_leave_keys_unused() {
    let settings = toml(SMALLEST).set("source.kind", "stdin").set("source.complete", "true").one();
    assert!(settings.source.kind == SourceKind::Stdin && settings.source.complete);
}

#[test]
fn programs_without_a_slash_are_left_to_the_path() {
    let text = "service = \"a\"\n[source]\nkind = \"exec\"\ncommand = [\"python3\", \"./x.py\"]\n[redis]\npassword_file = \"pw\"";
    let world = toml(text);
    let settings = world.one();
    assert_eq!(settings.source.command, ["python3", "./x.py"]);
    assert_eq!(settings.redis.password_file, Some(world.path().join("pw")));
}

#[test]
fn reading_needs_no_service() {
    let mut world = World::new(&[]).set("redis.url", "redis://h");
    world.request.paths.clear();
    assert_eq!(load_connection(&world.request).expect("no file is needed").redis.url.expose(), "redis://h");
    let world = toml("[redis]\nurl = \"redis://f\"\n");
    assert_eq!(load_connection(&world.request).expect("no service is needed").redis.url.expose(), "redis://f");
    let world = toml("[redis]\nurl = \"redsi://f\"\n");
    assert!(load_connection(&world.request).is_err());
}

#[test]
fn what_loads_fits_the_schema() {
    let validator = jsonschema::validator_for(&crate::settings::config_schema()).expect("a schema");
    for text in [SMALLEST, "[redis]\nbatch_bytes = \"${B}\"\n[content]\nttl = \"${T:-1h}\"\n"] {
        let mut report = Report::default();
        let tree = formats::parse(&Arc::from(Path::new("f.toml")), text, &mut report).expect("a tree");
        assert!(validator.is_valid(&tree.to_value()), "{text}");
    }
}
