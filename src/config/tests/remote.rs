//! What stands in etcd, as layers.

use super::*;
use crate::{model::ServiceName, settings::MASK};

fn remote(documents: &[(&str, &str)]) -> Remote {
    let document = |(key, text): &(&str, &str)| Document { key: format!("/r/{key}"), text: (*text).to_owned() };
    Remote { prefix: "/r".to_owned(), documents: documents.iter().map(document).collect(), is_copy: false }
}

fn world(documents: &[(&str, &str)]) -> World {
    let mut world = toml(SMALLEST);
    world.request.remote = Some(remote(documents));
    world
}

#[test]
fn files_lie_over_the_services_document_and_that_over_the_defaults() {
    let documents = [
        ("defaults", "[content]\nttl = \"2h\"\nmax_stale = \"9h\"\n[source]\n"),
        ("defaults/limits/max_shrink", "50%"),
        ("history/defaults/1", "no setting"),
        ("services/hwinfo", "{\"content\": {\"ttl\": \"3h\"}, \"source\": {\"interval\": \"5m\"}}"),
        ("services/hwinfo/content/ignore", "/a, /b"),
        ("services/other", "[content]\nttl = \"1m\"\n"),
    ];
    let mut world = world(&documents);
    assert_eq!(
        world.error().lines().next(),
        Some("etcd:/r/defaults:4: source = a table: the defaults are what services share, and this is not shared")
    );
    world.request.remote =
        Some(remote(&[&[("defaults", "[content]\nttl = \"2h\"\nmax_stale = \"9h\"\n")], &documents[1..]].concat()));
    let loaded = world.all().remove(0);
    let settings = &loaded.settings;
    assert_eq!(settings.content.ttl, HumanDuration::from_secs(3 * 3600));
    assert_eq!(settings.content.max_stale, HumanDuration::from_secs(9 * 3600));
    assert_eq!(settings.content.ignore, ["/a", "/b"]);
    assert_eq!(settings.source.interval, HumanDuration::from_secs(60), "the file says so");
    assert_eq!(loaded.origins["content.ttl"], "etcd:/r/services/hwinfo:1");
    assert_eq!(loaded.origins["limits.max_shrink"], "etcd:/r/defaults/limits/max_shrink");
    let world = world.env("RALPHEXT__CONTENT__TTL", "4h");
    assert_eq!(world.all()[0].origins["content.ttl"], "environment variable RALPHEXT__CONTENT__TTL");
    let world = world.set("content.ttl", "5h");
    assert_eq!(world.one().content.ttl, HumanDuration::from_secs(5 * 3600));
}

#[test]
fn what_is_wrong_is_told_by_its_key() {
    for (key, text, told) in [
        ("defaults", "[content]\nttl = \"x\"\n", "etcd:/r/defaults:2: content.ttl = \"x\": it is no duration"),
        ("defaults", "[content\n", "etcd:/r/defaults:1: this is no valid TOML"),
        ("services/hwinfo", "{\"content\": 1}", "etcd:/r/services/hwinfo:1: content = 1: "),
        (
            "services/hwinfo/content/tll",
            "1h",
            "etcd:/r/services/hwinfo/content/tll: content.tll = \"1h\": there is no such key",
        ),
        ("services/Hw", "", "etcd:/r/services/Hw: \"Hw\" is no service name"),
        ("service/hwinfo", "", "etcd:/r/service/hwinfo: it is neither the defaults nor a service's"),
        (
            "services/hwinfo",
            "service = \"b\"",
            "etcd:/r/services/hwinfo:1: service.name = \"b\": the key is that of hwinfo",
        ),
    ] {
        let error = world(&[(key, text)]).error();
        assert!(error.starts_with(told), "{told}\n{error}");
    }
    let mut world = world(&[("defaults", "[content]\nttl = \"x\"\n")]);
    world.request.remote.as_mut().expect("it").is_copy = true;
    assert!(world.error().starts_with("etcd:/r/defaults:2 (kept copy): "), "{}", world.error());
}

#[test]
fn a_service_may_stand_in_etcd_alone() {
    let whole = "[redis]\nurl = \"redis://h\"\n[source]\nkind = \"file\"\npath = \"out.ndjson\"\n";
    let nothing = |documents: &[(&str, &str)]| {
        let request = Request { search: Vec::new(), remote: Some(remote(documents)), ..Request::new([]) };
        load(&request)
    };
    let loaded = nothing(&[("services/hwinfo", whole)]).expect("one service");
    assert_eq!(loaded[0].settings.name().as_str(), "hwinfo");
    assert_eq!(loaded[0].settings.source.path.as_deref(), Some(Path::new("out.ndjson")), "no file, no directory");
    let error = nothing(&[("services/a", whole), ("services/b", whole)]).expect_err("which").to_string();
    assert!(error.contains("etcd has several services (a, b)") && error.contains("RALPHEXT__SERVICE=a"), "{error}");
    assert!(nothing(&[]).is_err());
}

#[test]
fn a_document_is_checked_without_what_is_elsewhere() {
    let service = |name: &str| Place::Service(ServiceName::new(name).expect("a name"));
    let check = |documents: &[(&str, &str)], place: &Place| remote(documents).check(place, &Default::default());
    let half = ("services/a", "[source]\ninterval = \"5m\"\n");
    assert!(check(&[half], &service("a")).is_ok(), "the rest may be in a file");
    assert!(
        check(&[half, ("services/b", "[")], &service("a")).is_ok(),
        "what is wrong elsewhere is another's business"
    );
    assert!(check(&[half, ("services/b", "[")], &Place::Defaults).is_err());
    assert!(check(&[("defaults", "[content]\nttl = \"0s\"\n")], &Place::Defaults).is_err(), "with no service yet");
    let remote = remote(&[
        ("defaults", "[redis]\nurl = \"redis://u:pw@h\"\n"),
        ("services/a", "[redis]\npassword = \"${PW}\"\n"),
    ]);
    assert_eq!(remote.plain_secret(&Place::Defaults).as_deref(), Some("redis.url"));
    assert_eq!(remote.plain_secret(&service("a")), None);
}

#[test]
fn everything_is_shown_with_where_it_comes_from_and_no_secret() {
    let world = world(&[("defaults", "[redis]\npassword = \"s3cret\"\n")]).set("source.command", "./a, --token=s3cret");
    let shown = show(&world.request).expect("the settings");
    let (name, settings) = &shown[0];
    let find = |key: &str| settings.iter().find(|shown| shown.key == key).unwrap_or_else(|| panic!("{key}"));
    assert_eq!(name, "hwinfo");
    assert_eq!(
        (&find("redis.password").value, find("redis.password").origin.as_deref()),
        (&MASK.into(), Some("etcd:/r/defaults:2"))
    );
    assert_eq!((&find("content.ttl").value, find("content.ttl").origin.as_deref()), (&"24h".into(), None));
    assert!(find("service.name").origin.as_deref().is_some_and(|origin| origin.ends_with("f.toml:1")));
    let all = serde_json::to_string(settings).expect("JSON");
    assert!(!all.contains("s3cret"), "{all}");
}
