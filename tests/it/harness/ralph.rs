//! A Ralph whose REST API answers in the shape of the real one, with its traps: pages, `next` links, order, ignored filters, rows
//! that make a 500 of their page, pages that shift, tokens, permissions. It must not know who reads it.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::{Asked, Body, Reply, Web};

/// The token that it takes at first.
pub const TOKEN: &str = "s3cret-ralph-token";

/// What Ralph has, and how it behaves.
#[derive(Default)]
pub struct Objects {
    /// By end point, in the order of their ids.
    pub rows: Vec<(&'static str, Value)>,
    /// Ids of rows that cannot be shown.
    pub broken: Vec<u64>,
    /// The token.
    pub token: String,
    /// It answers nothing but 503.
    pub away: bool,
    /// End points that the token's user may not view.
    pub forbidden: Vec<&'static str>,
    /// It ignores the order that it is asked for.
    pub is_shuffled: bool,
    /// Rows that are taken out, one after each page that is answered: those behind it move up.
    pub leaving: Vec<u64>,
}

/// See the module.
pub struct Ralph {
    web: Web,
    objects: Arc<Mutex<Objects>>,
}

impl Ralph {
    /// One without objects.
    pub fn start() -> Self {
        let objects = Arc::new(Mutex::new(Objects { token: TOKEN.into(), ..Objects::default() }));
        let shared = objects.clone();
        Self { web: Web::start(move |asked| answer(&mut shared.lock().expect("the objects"), asked)), objects }
    }

    /// The API's address.
    pub fn url(&self) -> String {
        self.web.url("/api/")
    }

    /// What it has, to be changed.
    pub fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().expect("the objects")
    }

    /// Adds a server of the data centre.
    pub fn add_server(&self, id: u64, hostname: &str, more: &Value) {
        let mut row = json!({
            "id": id, "object_type": "datacenterasset", "hostname": hostname, "sn": null, "barcode": format!("dc{id}"),
            "status": "in use", "model": {"id": 1, "name": "R640"}, "ethernet": [], "ipaddresses": [], "tags": [],
            "modified": format!("2026-11-{:02}T20:52:{:02}.{:06}", 1 + id / 60 % 28, id % 60, id),
            "url": format!("https://ralph.example/api/data-center-assets/{id}/"), "custom_fields": {},
        });
        more.as_object().into_iter().flatten().for_each(|(name, value)| row[name] = value.clone());
        let mut objects = self.objects();
        objects.rows.push(("data-center-assets", row));
        objects.rows.sort_by_key(|(_, row)| row["id"].as_u64());
    }

    /// Takes an object out.
    pub fn remove(&self, id: u64) {
        self.objects().rows.retain(|(_, row)| row["id"] != id);
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.web.seen().len()
    }
}

fn answer(objects: &mut Objects, asked: &Asked) -> Reply {
    if objects.away {
        return Reply::status(503);
    }
    let json =
        |status, value: Value| Reply::of(status, "application/json", Body::Whole(value.to_string().into_bytes()));
    if asked.header("authorization") != format!("Token {}", objects.token) {
        return json(401, json!({"detail": "Authentication credentials were not provided."}));
    }
    let path = asked.path.split('?').next().unwrap_or_default();
    let Some(endpoint) = path.strip_prefix("/api/").map(|rest| rest.trim_end_matches('/')) else {
        return json(404, json!({"detail": "Not found."}));
    };
    let known = ["data-center-assets", "back-office-assets", "cloud-hosts", "virtual-servers", "clusters"];
    if !known.contains(&endpoint) {
        return json(404, json!({"detail": "Not found."}));
    }
    if objects.forbidden.contains(&endpoint) {
        return json(403, json!({"detail": "You do not have permission to perform this action."}));
    }
    let mut rows: Vec<&Value> = objects.rows.iter().filter(|(at, _)| *at == endpoint).map(|(_, row)| row).collect();
    if asked.path.contains("ordering=-modified") {
        rows.sort_by_key(|row| std::cmp::Reverse(row["modified"].as_str().unwrap_or_default().to_owned()));
    }
    if objects.is_shuffled {
        rows.reverse();
    }
    let limit = match asked.number("limit") {
        0 => 10,
        limit => limit.min(1000),
    };
    let from = asked.number("offset").min(rows.len());
    let to = (from + limit).min(rows.len());
    let page = &rows[from..to];
    if page.iter().any(|row| objects.broken.iter().any(|id| row["id"] == *id)) {
        return Reply::of(500, "text/html", Body::Whole(b"<h1>Server Error (500)</h1>".to_vec()));
    }
    let link = |offset: usize| format!("http://{}{path}?limit={limit}&offset={offset}", asked.header("host"));
    let next = (to < rows.len()).then(|| link(to));
    let previous = (from > 0).then(|| link(from.saturating_sub(limit)));
    let reply = json(200, json!({"count": rows.len(), "next": next, "previous": previous, "results": page}));
    if !objects.leaving.is_empty() {
        let id = objects.leaving.remove(0);
        objects.rows.retain(|(_, row)| row["id"] != id);
    }
    reply
}
