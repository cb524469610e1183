//! `[source.http]`: which server is asked, and how. It must not ask.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Secret, Size};

/// The server of a source of kind `http`: a list of objects at one address (`source.items` says where in the answer), or an
/// address for each object.
///
/// All files are relative to the configuration file, and read at every request, so that a changed secret needs no restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address of the list: a JSON array, NDJSON, or a document with an array at `source.items`. With `object_url` the list
    /// is one of ids.
    pub url: Option<String>,
    /// Address of one object, with `{id}` in it; its answer is the object's content, of the type that it says. A 404 means
    /// that the object has none.
    pub object_url: Option<String>,
    /// For a list of records at `url`: address of one object's records, with `{id}` in it, such as
    /// `https://host/assets/?id={id}`. Its answer has the form of the list's; a 404 means that there are none. For `[fill]`, and for objects
    /// that are fetched anew by hand.
    pub item_url: Option<String>,
    /// The ids for `object_url`, in place of a list at `url`.
    pub ids: Vec<String>,
    /// File with the ids for `object_url`, one a line, in place of `ids`.
    pub ids_file: Option<PathBuf>,
    /// Where in an item of the list its id is, for `object_url`; an item that is a text or a number is the id itself.
    pub id_at: String,
    /// Most requests for objects under way at the same time, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub concurrency: u32,
    /// Over which time the requests for objects are spread. Default: half of `source.interval` in `run`, not at all in `once`.
    pub spread: Option<HumanDuration>,
    /// How the list goes on: `link` (header `Link: <...>; rel="next"`), `next` (an address in the answer, as Django REST
    /// framework gives it), `offset`, `cursor`, or `none`.
    pub paging: Paging,
    /// Where in the answer the next address (`next`) or the next cursor (`cursor`) is, as a pointer.
    pub next_at: String,
    /// Where in the answer the number of all objects is, as a pointer. Where it is there and is not how many came, the pages
    /// have shifted while they were read, and the snapshot removes nothing.
    pub count_at: String,
    /// Name of the parameter for `offset` or `cursor`. Default: `offset`, or `cursor`.
    pub page_param: Option<String>,
    /// Name of the parameter for the size of a page, for `offset`.
    pub limit_param: String,
    /// Objects asked for at once, for `offset`.
    #[schemars(range(min = 1, max = 100_000))]
    pub page_size: u32,
    /// Most pages: with more the fetch fails.
    #[schemars(range(min = 1))]
    pub max_pages: u32,
    /// Sent as `Authorization: Bearer ...` (see `token_scheme`). Better is `token_file`.
    pub token: Option<Secret>,
    /// File that holds `token`.
    pub token_file: Option<PathBuf>,
    /// The word before the token: `Bearer`, or `Token` for Django REST framework.
    pub token_scheme: String,
    /// User of `Authorization: Basic ...`.
    pub username: Option<String>,
    /// Its password. Better is `password_file`.
    pub password: Option<Secret>,
    /// File that holds `password`.
    pub password_file: Option<PathBuf>,
    /// Headers of your own, by name. They are shown nowhere.
    pub headers: BTreeMap<String, Secret>,
    /// Files that hold the values of headers, by name: `{ X-Api-Key = "/run/secrets/key" }`.
    pub header_files: BTreeMap<String, PathBuf>,
    /// Certificates (PEM) of the authorities that may have signed the server's; no others are trusted then. Default: those
    /// of the system.
    pub ca: Option<PathBuf>,
    /// Certificate (PEM) to show to the server, together with `key`.
    pub cert: Option<PathBuf>,
    /// Private key of `cert`, not encrypted.
    pub key: Option<PathBuf>,
    /// Proxy: `http://host:3128`, `socks5://host:1080`, or `none`. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    pub proxy: Option<Secret>,
    /// How long connecting may take.
    pub connect_timeout: HumanDuration,
    /// How long nothing may come of an answer that has begun, or not begun yet. The whole of one request is bounded by
    /// `source.timeout`.
    pub idle_timeout: HumanDuration,
    /// Most bytes of one answer, decompressed.
    pub max_body: Size,
    /// Most requests a second. Default: no limit.
    #[schemars(range(min = 1, max = 10_000))]
    pub rate: Option<u32>,
    /// How often a request is sent again that failed for a reason that passes (429, 502, 503, 504, a broken connection); later
    /// each time, and not sooner than `Retry-After` says.
    #[schemars(range(max = 20))]
    pub retries: u32,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            url: None,
            object_url: None,
            item_url: None,
            ids: Vec::new(),
            ids_file: None,
            id_at: "/id".to_owned(),
            concurrency: 4,
            spread: None,
            paging: Paging::Link,
            next_at: "/next".to_owned(),
            count_at: "/count".to_owned(),
            page_param: None,
            limit_param: "limit".to_owned(),
            page_size: 500,
            max_pages: 10_000,
            token: None,
            token_file: None,
            token_scheme: "Bearer".to_owned(),
            username: None,
            password: None,
            password_file: None,
            headers: BTreeMap::new(),
            header_files: BTreeMap::new(),
            ca: None,
            cert: None,
            key: None,
            proxy: None,
            connect_timeout: HumanDuration::from_secs(5),
            idle_timeout: HumanDuration::from_secs(30),
            max_body: Size::mib(1024),
            rate: None,
            retries: 3,
        }
    }
}

impl Http {
    /// Name of the parameter that says where a page begins.
    pub fn page_param(&self) -> &str {
        let default = if self.paging == Paging::Cursor { "cursor" } else { "offset" };
        self.page_param.as_deref().unwrap_or(default)
    }
}

/// How a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Paging {
    /// One answer has all.
    None,
    /// By the header `Link` (RFC 8288), where there is one.
    Link,
    /// By an address in the answer.
    Next,
    /// By the number of the first object.
    Offset,
    /// By a word in the answer, which goes into the next request.
    Cursor,
}

impl fmt::Display for Paging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Link => "link",
            Self::Next => "next",
            Self::Offset => "offset",
            Self::Cursor => "cursor",
        })
    }
}
