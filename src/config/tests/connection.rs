//! `[redis]`, `[redis.sentinel]` and `[redis.tls]`: what is refused, and in which words.

use super::*;

/// A configuration with `lines` below `[redis]`.
fn redis(lines: &str) -> World {
    toml(&format!("service = \"hwinfo\"\n[source]\nkind = \"stdin\"\n[redis]\n{lines}\n"))
}

#[test]
fn a_sentinel_set_up_that_is_good() {
    let nodes = "nodes = [\"s1:26379\", \"rediss://s2\"]";
    let world = redis(&format!("[redis.sentinel]\nmaster = \"mymaster\"\n{nodes}\npassword_file = \"p\""));
    let settings = world.one().redis;
    let sentinel = settings.sentinel.expect("it is set");
    assert_eq!((sentinel.master.as_str(), sentinel.nodes.len()), ("mymaster", 2));
    assert_eq!(sentinel.password_file, Some(world.path().join("p")));
    assert_eq!(sentinel.timeout, HumanDuration::from_millis(500));
    for url in ["redis://mymaster/2", "rediss://u:p@MyMaster"] {
        redis(&format!("url = \"{url}\"\n[redis.sentinel]\nmaster = \"mymaster\"\n{nodes}")).one();
    }
    let world = toml(SMALLEST)
        .set("redis.url", "rediss://mymaster")
        .env("RALPHEXT__REDIS__SENTINEL__MASTER", "mymaster")
        .env("RALPHEXT__REDIS__SENTINEL__NODES", "s1:1, s2:2")
        .env("RALPHEXT__REDIS__SENTINEL__PASSWORD", "s3cret");
    let sentinel = world.one().redis.sentinel.expect("it is set");
    assert_eq!(sentinel.nodes, ["s1:1", "s2:2"]);
    assert_eq!(sentinel.password.expect("it is set").expose(), "s3cret");
}

#[test]
fn a_sentinel_set_up_that_is_not() {
    let whole = "master = \"mymaster\"\nnodes = [\"s1\"]\n";
    let of = |before: &str, lines: &str| redis(&format!("{before}\n[redis.sentinel]\n{lines}")).error();
    assert_eq!(
        of("", ""),
        "2 problems in the configuration\n\
         f.toml:6: redis.sentinel.master: the sentinels have to be asked for a master by its name\n\
         hint: write master = \"mymaster\" in [redis.sentinel]: the name in `sentinel monitor NAME ...`\n\
         f.toml:6: redis.sentinel.nodes: there is no sentinel to ask\n\
         hint: write nodes = [\"host:26379\", ...] in [redis.sentinel], all of them"
    );
    assert_eq!(
        of("url = \"rediss://u:s3cret@10.0.0.1:6380/2\"", whole),
        "f.toml:5: redis.url = \"rediss://u:***@10.0.0.1:6380/2\": its host and port are not used, as redis.sentinel \
         names the server\n\
         hint: write rediss://mymaster/0 (user, password and database as before), or leave it out"
    );
    assert!(of("url = \"unix:///run/redis.sock\"", whole).contains("a socket is no server"));
    assert_eq!(
        of("", "master = \"m\"\nnodes = [\"redis://:s3cret@s1:26379\"]"),
        "f.toml:8: redis.sentinel.nodes = [\"redis://:***@s1:26379\"]: \"redis://:***@s1:26379\" is no sentinel's \
         address: a user or password stands in it\n\
         hint: write redis.sentinel.password, or password_file"
    );
    assert!(of("", "master = \"m\"\nnodes = [\"s1:x\"]").contains("the port has to be a number"));
    assert!(of("", &format!("{whole}password = \"a\"\npassword_file = \"b\"")).contains("is given too"));
    assert!(of("", &format!("{whole}timeout = \"1ms\"")).contains("less than 10ms"));
    let many: Vec<String> = (0..17).map(|n| format!("\"s{n}\"")).collect();
    assert!(of("", &format!("master = \"m\"\nnodes = [{}]", many.join(","))).contains("more than 16"));
    assert_eq!(
        of("", &format!("{whole}hosts = [\"s\"]")),
        "f.toml:9: redis.sentinel.hosts = [\"s\"]: there is no such key; the nearest is redis.sentinel.nodes (it is \
         called nodes)\n\
         hint: rename it to nodes"
    );
    let error = of("", &format!("{whole}pasword = \"s3cret\""));
    assert!(error.contains("pasword = ***") && !error.contains("s3cret"), "{error}");
}

#[test]
fn certificates() {
    let world = redis("url = \"rediss://h\"\n[redis.tls]\nca = \"ca.pem\"\ncert = \"c\"\nkey = \"k\"");
    let tls = world.one().redis.tls;
    assert_eq!((tls.ca, tls.cert), (Some(world.path().join("ca.pem")), Some(world.path().join("c"))));
    assert_eq!(
        redis("[redis.tls]\nca = \"ca.pem\"").error(),
        "f.toml:6: redis.tls.ca = \"ca.pem\": redis.url does not ask for TLS, so it has no use\n\
         hint: write rediss:// in redis.url, or remove it"
    );
    let sentinels = "[redis.sentinel]\nmaster = \"m\"\nnodes = [\"rediss://s\"]";
    redis(&format!("{sentinels}\n[redis.tls]\nca = \"ca.pem\"")).one();
    assert_eq!(
        redis("url = \"rediss://h\"\n[redis.tls]\ncert = \"c\"").error(),
        "f.toml:7: redis.tls.cert = \"c\": redis.tls.key is missing\nhint: give both, or none"
    );
    assert!(redis("url = \"rediss://h\"\ntls.server_name = \"h:6379\"").error().contains("no name of a server"));
    assert_eq!(
        redis("url = \"redis://h\"\ntls = true").error(),
        "f.toml:6: redis.tls = true: a table is needed\n\
         hint: TLS is switched on by rediss:// in redis.url; [redis.tls] is for its certificates"
    );
}
