//! What of `[redis]` is impossible, alone or together. It must not connect, nor read a file.

use super::Rules;
use crate::settings::{RedisUrl, Sentinel, SentinelNode};

/// Most sentinels: each may cost its time limit at a connect.
const MAX_SENTINELS: usize = 16;

impl Rules<'_> {
    pub(super) fn redis(&mut self) {
        self.password();
        self.sentinel();
        self.tls();
        let redis = &self.settings.redis;
        let prefix = &redis.prefix;
        let good_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if prefix.len() > 32
            || !prefix.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !prefix.chars().all(good_char)
        {
            let hint = "write letters, digits and _.-, at most 32, beginning with a letter or digit";
            self.refuse(&["redis.prefix"], "it cannot be the first part of a key", hint);
        }
        if redis.batch_bytes.0 < 1024 {
            self.refuse(&["redis.batch_bytes"], "it is less than 1KiB", "write \"1MiB\"");
        }
        if redis.max_in_flight < redis.batch_bytes {
            let reason = format!("it is less than redis.batch_bytes ({})", redis.batch_bytes);
            let hint = "let at least one batch be in flight, better four";
            self.refuse(&["redis.max_in_flight", "redis.batch_bytes"], reason, hint);
        }
    }

    fn password(&mut self) {
        let redis = &self.settings.redis;
        let both = "give the password in one place";
        if redis.password.is_some() && redis.password_file.is_some() {
            self.refuse(&["redis.password_file", "redis.password"], "redis.password is given too", both);
        }
        if redis.url.has_password() {
            for (key, given) in
                [("redis.password", redis.password.is_some()), ("redis.password_file", redis.password_file.is_some())]
            {
                if given {
                    self.refuse(&[key, "redis.url"], "a password stands in redis.url too", both);
                }
            }
        }
        if redis.sentinel.as_ref().is_some_and(|s| s.password.is_some() && s.password_file.is_some()) {
            let keys = ["redis.sentinel.password_file", "redis.sentinel.password"];
            self.refuse(&keys, "redis.sentinel.password is given too", both);
        }
    }

    fn sentinel(&mut self) {
        let redis = &self.settings.redis;
        let Some(sentinel) = &redis.sentinel else { return };
        if sentinel.master.is_empty() || sentinel.master.contains(char::is_whitespace) {
            let hint = "write master = \"mymaster\" in [redis.sentinel]: the name in `sentinel monitor NAME ...`";
            self.refuse(&["redis.sentinel.master"], "the sentinels have to be asked for a master by its name", hint);
        }
        self.nodes(sentinel);
        // A default address was not written by anybody.
        if self.tree.at("redis.url").is_none() {
            return;
        }
        let keys = ["redis.url", "redis.sentinel.master", "redis.sentinel"];
        let scheme = if redis.url.is_tls() { "rediss" } else { "redis" };
        let hint =
            format!("write {scheme}://{}/0 (user, password and database as before), or leave it out", sentinel.master);
        match redis.url.server() {
            None => self.refuse(&keys, "a socket is no server that sentinels could name", hint),
            Some((host, None)) if host.eq_ignore_ascii_case(&sentinel.master) => {}
            Some(_) => {
                let reason = "its host and port are not used, as redis.sentinel names the server";
                self.refuse(&keys, reason, hint);
            }
        }
    }

    fn nodes(&mut self, sentinel: &Sentinel) {
        let key = ["redis.sentinel.nodes"];
        let hint = "write nodes = [\"host:26379\", ...] in [redis.sentinel], all of them";
        if sentinel.nodes.is_empty() {
            self.refuse(&key, "there is no sentinel to ask", hint);
        }
        if sentinel.nodes.len() > MAX_SENTINELS {
            self.refuse(&key, format!("there are more than {MAX_SENTINELS}"), "name those that are near");
        }
        for node in &sentinel.nodes {
            if let Err(why) = SentinelNode::parse(node) {
                let hint = if node.contains('@') { "write redis.sentinel.password, or password_file" } else { hint };
                let shown = RedisUrl::mask(node);
                self.refuse(&key, format!("{shown:?} is no sentinel's address: {why}"), hint);
            }
        }
    }

    fn tls(&mut self) {
        let redis = &self.settings.redis;
        let tls = &redis.tls;
        for (one, other, given) in [
            ("redis.tls.cert", "redis.tls.key", (&tls.cert, &tls.key)),
            ("redis.tls.key", "redis.tls.cert", (&tls.key, &tls.cert)),
        ] {
            if given.0.is_some() && given.1.is_none() {
                self.refuse(&[one, other], format!("{other} is missing"), "give both, or none");
            }
        }
        if tls.server_name.as_ref().is_some_and(|name| name.is_empty() || name.contains([' ', '/', ':', '*'])) {
            let hint = "write a host name or an IPv4 address, without a port";
            self.refuse(&["redis.tls.server_name"], "it is no name of a server", hint);
        }
        let nodes = redis.sentinel.iter().flat_map(|sentinel| &sentinel.nodes);
        let has_tls = redis.url.is_tls() || nodes.into_iter().any(|node| node.starts_with("rediss://"));
        for (key, given) in tls.given() {
            if given && !has_tls {
                let hint = "write rediss:// in redis.url, or remove it";
                self.refuse(&[key, "redis.url"], "redis.url does not ask for TLS, so it has no use", hint);
            }
        }
    }
}
