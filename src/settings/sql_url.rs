//! The address of a database, with the password in it hidden. It must not connect.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{RedisUrl, ValueError};

const FORMS: &str = "write postgres://user@host/db, mysql://user@host/db, mariadb://user@host/db or sqlite:path";

/// Which kind of database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlEngine {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
    /// A file of SQLite.
    Sqlite,
}

/// `postgres://`, `mysql://`, `mariadb://` or `sqlite:` address. The password in it is masked in `Debug`, `Display` and
/// `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct SqlUrl(String);

impl SqlUrl {
    /// Checks `text`: its scheme, and that it has a host or path.
    ///
    /// # Errors
    /// What is wrong with it, without the password.
    pub fn parse(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        let bad = |reason: &str, hint: &str| {
            let value = format!("{:?}", RedisUrl::mask(&text));
            Err(ValueError { value, kind: "database address", reason: reason.to_owned(), hint: hint.to_owned() })
        };
        if text.chars().any(char::is_control) {
            return bad("it holds a line break or the like", "write it on one line");
        }
        let Some((scheme, rest)) = text.split_once(':') else { return bad("it has no scheme", FORMS) };
        match scheme {
            "sqlite" => {
                let path = sqlite_path(rest);
                if path.is_empty() || path == ":memory:" {
                    return bad("it names no file", "write sqlite:inventory.db, or sqlite:///var/lib/inventory.db");
                }
                if path.contains('?') {
                    return bad(
                        "it has parameters (?...)",
                        "leave them out: the file is only read, and has to be there",
                    );
                }
                return Ok(Self(text));
            }
            "postgres" | "postgresql" | "mysql" | "mariadb" => {}
            "sqlite3" => return bad("the scheme \"sqlite3\" is not known", "write sqlite:path"),
            "jdbc" => return bad("it is an address for Java", "leave out the jdbc: before it"),
            _ if scheme.contains('+') => {
                return bad("it is an address for SQLAlchemy", "leave out the + and what follows it, up to the colon");
            }
            _ => return bad(&format!("the scheme {scheme:?} is not known"), FORMS),
        }
        let Some(rest) = rest.strip_prefix("//") else { return bad("// is missing behind the scheme", FORMS) };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.matches('@').count() > 1
            || rest[authority.len()..].split('?').next().is_some_and(|p| p.contains('@'))
        {
            return bad(
                "it holds more than one @, or one behind a /",
                "percent-encode @ as %40 and / as %2F in the password, or use source.sql.password_file",
            );
        }
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host.is_empty() && !rest.contains("host=/") && !rest.contains("socket=/") {
            return bad("the host is missing", FORMS);
        }
        Ok(Self(text))
    }

    /// The address with its password, for the server alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Which kind of database it is of.
    pub fn engine(&self) -> SqlEngine {
        match self.0.split(':').next() {
            Some("sqlite") => SqlEngine::Sqlite,
            Some("mysql" | "mariadb") => SqlEngine::MySql,
            _ => SqlEngine::Postgres,
        }
    }

    /// The file, of SQLite.
    pub fn file(&self) -> Option<&str> {
        self.0.strip_prefix("sqlite:").map(sqlite_path)
    }

    /// The password in it, as it is written there.
    pub fn password(&self) -> Option<&str> {
        if self.file().is_some() {
            return None;
        }
        let (_, rest) = self.0.split_once("://")?;
        let authority = rest.split(['/', '?']).next()?;
        authority.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
    }

    /// Whether it says how TLS is to be used.
    pub fn names_tls(&self) -> bool {
        let query = self.0.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|pair| matches!(pair.split('=').next(), Some("sslmode" | "ssl-mode")))
    }
}

/// What follows `sqlite:`, without the `//` that other programs want before it.
fn sqlite_path(rest: &str) -> &str {
    rest.strip_prefix("//").unwrap_or(rest)
}

impl fmt::Display for SqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.file() {
            return write!(f, "sqlite:{path}");
        }
        match self.0.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
            // A user without a password is none, other than in Redis' addresses.
            Some((scheme, (user, server))) if !user.contains([':', '/', '?']) => {
                let masked = RedisUrl::mask(&format!("{scheme}://{server}"));
                write!(f, "{scheme}://{user}@{}", &masked[scheme.len() + 3..])
            }
            _ => f.write_str(&RedisUrl::mask(&self.0)),
        }
    }
}

impl fmt::Debug for SqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Serialize for SqlUrl {
    fn serialize<S: Serializer>(&self, ser: S) -> Result<S::Ok, S::Error> {
        ser.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for SqlUrl {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(de)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for SqlUrl {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SqlUrl".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "database address",
            "type": ["string", "null"],
            "examples": ["postgres://reader@db.example.com/assets", "mariadb://reader@db.example.com/assets", "sqlite:assets.db"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (good, engine) in [
            ("postgres://reader@db.example.com/assets", SqlEngine::Postgres),
            ("postgresql://r:p%40s@h:5433/a?sslmode=verify-full", SqlEngine::Postgres),
            ("postgres:///a?host=/run/postgresql", SqlEngine::Postgres),
            ("mysql://r@h/a", SqlEngine::MySql),
            ("mariadb://r@[::1]:3306/a?ssl-mode=REQUIRED", SqlEngine::MySql),
            ("sqlite:a b@c.db", SqlEngine::Sqlite),
            ("sqlite:///var/lib/a.db", SqlEngine::Sqlite),
        ] {
            let url = SqlUrl::parse(good).expect(good);
            assert_eq!((url.expose(), url.engine()), (good, engine));
        }
        let bad = [
            "",
            "db",
            "oracle://h",
            "jdbc:mysql://h/a",
            "postgresql+psycopg2://h/a",
            "postgres:h",
            "postgres://",
            "mysql:///a",
        ];
        for bad in bad.into_iter().chain([
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a?mode=rw",
            "postgres://u:p@q@h/a",
            "postgres://u:p/q@h/a",
        ]) {
            assert!(SqlUrl::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(SqlUrl::parse("sqlite:///a.db").expect("a good one").file(), Some("/a.db"));
        assert!(SqlUrl::parse("mysql://h/a?ssl-mode=DISABLED").expect("a good one").names_tls());
    }

    #[test]
    fn the_password_is_never_shown() {
        let url = SqlUrl::parse("postgres://reader:s3cret@h/a").expect("a good one");
        let shown = format!("{url} {url:?} {}", serde_json::to_string(&url).expect("it serialises"));
        assert!(!shown.contains("s3cret") && shown.contains("reader:***@h"), "{shown}");
        assert_eq!(url.password(), Some("s3cret"));
        let shown = |text: &str| SqlUrl::parse(text).expect("a good one").to_string();
        assert_eq!(shown("postgres://reader@h/a"), "postgres://reader@h/a");
        assert_eq!(shown("mysql://reader@h/a?password=s3cret"), "mysql://reader@h/a?password=***");
        for text in ["postgres://r:s3c@ret@h/a", "oracle://r:s3cret@h", "postgres://r:s3cr/et@h/a"] {
            let error = SqlUrl::parse(text).expect_err(text).to_string();
            assert!(!error.contains("s3c"), "{error}");
        }
    }
}
