//! What a child inherits: the environment without anything that leads into Redis. It must not run anything.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use crate::settings::{Redis, Secret};

/// Shorter secrets would match by chance, and take half of the environment away.
const SHORTEST: usize = 4;

/// The environment of a child: `inherited`, without every variable
///
/// - whose name begins with `RALPHEXT`, or contains `REDIS` or `VALKEY`, in upper or lower case,
/// - or whose value contains one of `secrets` or a Redis URL (`PATH` apart, which a short password is in by chance);
///
/// then `PYTHONUNBUFFERED=1`, and `extra` (`source.env`) over all of it.
pub fn for_child(
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
    extra: &BTreeMap<String, String>,
    secrets: &[Secret],
) -> BTreeMap<OsString, OsString> {
    let may =
        |name: &OsStr, value: &OsStr| name == "PATH" || (!is_secret_name(name) && !is_secret_value(value, secrets));
    let mut out: BTreeMap<_, _> = inherited.into_iter().filter(|(name, value)| may(name, value)).collect();
    out.insert("PYTHONUNBUFFERED".into(), "1".into());
    out.extend(extra.iter().map(|(name, value)| (name.into(), value.into())));
    out
}

/// The passwords in `redis`: its own, that of its sentinels, and the one in its address, as written there and decoded.
pub fn secrets_of(redis: &Redis) -> Vec<Secret> {
    let url = redis.url.expose();
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    // Up to the last @, as a password may hold what should have been encoded.
    let user_info = address.rsplit_once('@').map_or("", |(user_info, _)| user_info);
    let in_address = user_info.split_once(':').map(|(_, password)| password);
    let in_query = query.split('&').filter_map(|pair| pair.strip_prefix("pass=").or(pair.strip_prefix("password=")));
    let of_sentinels = redis.sentinel.as_ref().and_then(|sentinel| sentinel.password.as_ref());
    let mut out: Vec<Secret> = redis.password.iter().chain(of_sentinels).cloned().collect();
    for password in in_address.into_iter().chain(in_query) {
        out.push(Secret::new(password));
        out.push(Secret::new(percent_decoded(password)));
    }
    out
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = text.get(i + 1..i + 3).filter(|_| bytes[i] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(hex.unwrap_or(bytes[i]));
        i += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_secret_name(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    name.starts_with("RALPHEXT") || name.contains("REDIS") || name.contains("VALKEY")
}

fn is_secret_value(value: &OsStr, secrets: &[Secret]) -> bool {
    let value = value.as_encoded_bytes();
    let holds = |needle: &[u8]| memchr::memmem::find(value, needle).is_some();
    if secrets.iter().map(|s| s.expose().trim()).any(|s| s.len() >= SHORTEST && holds(s.as_bytes())) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    ["redis://", "rediss://", "redis+", "valkey://", "valkeys://"]
        .iter()
        .any(|scheme| memchr::memmem::find(&lower, scheme.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(vars: &[(&str, &str)], secrets: &[&str]) -> Vec<String> {
        let vars = vars.iter().map(|(n, v)| (OsString::from(n), OsString::from(v)));
        let secrets: Vec<_> = secrets.iter().map(|s| Secret::new(*s)).collect();
        let env = for_child(vars, &BTreeMap::new(), &secrets);
        env.into_keys().map(|n| n.into_string().expect("names are ASCII here")).collect()
    }

    #[test]
    fn nothing_that_leads_into_redis_is_inherited() {
        let vars = [
            ("PATH", "/bin"),
            ("HOME", "/root"),
            ("RALPHEXT__REDIS__URL", "x"),
            ("RALPHEXT_CONFIG", "x"),
            ("RedisPassword", "x"),
            ("MY_VALKEY_HOST", "x"),
            ("REDISCLI_AUTH", "x"),
            ("CACHE", "REDISS://u:p@h"),
            ("BROKER", "redis+sentinel://h"),
            ("DB_PASS", "prefix-s3cret-suffix"),
        ];
        assert_eq!(names(&vars, &["s3cret\n"]), ["HOME", "PATH", "PYTHONUNBUFFERED"]);
    }

    #[test]
    fn passwords_are_found_in_all_their_places() {
        let of = |url: &str, password: Option<&str>| {
            let mut redis = crate::settings::Settings::for_tests("a", url).redis;
            redis.password = password.map(Secret::new);
            secrets_of(&redis).iter().map(|s| s.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of("redis://h:6379/0", Some("own1")), ["own1"]);
        assert_eq!(of("redis://u:p%40ss@h/0", None), ["p%40ss", "p@ss"]);
        assert_eq!(of("unix:///run/r.sock?pass=abcd", None), ["abcd", "abcd"]);
        let sentinel = crate::settings::Sentinel { password: Some(Secret::new("own2")), ..Default::default() };
        let redis = Redis { sentinel: Some(sentinel), ..Redis::default() };
        assert_eq!(secrets_of(&redis)[0].expose(), "own2");
    }

    #[test]
    fn a_short_secret_takes_nothing_that_commands_need() {
        assert_eq!(
            names(&[("HOME", "/bin"), ("PATH", "/usr/bin")], &["b", "", "/usr/bin"]),
            ["HOME", "PATH", "PYTHONUNBUFFERED"]
        );
    }

    #[test]
    fn what_the_settings_add_is_added_whatever_its_name() {
        let extra = BTreeMap::from([("REDIS_HOST".to_owned(), "mine".to_owned())]);
        let env = for_child([], &extra, &[]);
        assert_eq!(env.get(OsStr::new("REDIS_HOST")), Some(&OsString::from("mine")));
    }
}
