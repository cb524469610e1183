//! Named Redis targets of a user: `--context NAME`, as kubectl has it. It must not know what is looked at there.
//!
//! ```toml
//! # ~/.config/ralphext/contexts.toml
//! [contexts.prod.redis]
//! url = "rediss://redis.example.com:6380/0"
//! username = "ralphext-reader"
//! password_file = "prod.password"
//! ```

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::{Origin, Report},
    formats,
    node::Node,
    types,
};

/// Names another file.
const VARIABLE: &str = "RALPHEXT_CONTEXTS";

/// What a context says, as a file of settings would: `[redis]`, and whatever else.
pub(super) fn find(name: &str, env: &BTreeMap<String, String>, report: &mut Report) -> Option<(Arc<Path>, Node)> {
    let path = place(env);
    let at = path.as_deref().map_or(Origin::Default, |path| Origin::file(&Arc::from(path)));
    let Some(path) = path.filter(|path| path.is_file()) else {
        let hint = "write [contexts.NAME.redis] with url = \"...\" into ~/.config/ralphext/contexts.toml, or into what RALPHEXT_CONTEXTS names";
        report.whole(at, format!("there is no file of contexts, and --context {name} asks for one"), hint);
        return None;
    };
    let path: Arc<Path> = Arc::from(path);
    let tree = formats::read(&path, report)?;
    let contexts = tree.at("contexts").and_then(Node::as_table);
    match contexts.and_then(|all| all.get(name)) {
        Some(own) => {
            let mut own = own.clone();
            types::take_unknown(&mut own, "", report);
            Some((path, own))
        }
        None => {
            let known: Vec<&str> = contexts.map(|all| all.keys().map(String::as_str).collect()).unwrap_or_default();
            let known =
                if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
            report.whole(
                at,
                format!("there is no context {name:?}: {known}"),
                "write [contexts.NAME.redis] with url = \"...\"",
            );
            None
        }
    }
}

/// Where contexts stand: `$RALPHEXT_CONTEXTS`, else in the user's own configuration (XDG Base Directory Specification).
fn place(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let get = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || get("XDG_CONFIG_HOME").or_else(|| Some(get("HOME")?.join(".config")));
    get(VARIABLE).or_else(|| Some(own()?.join("ralphext/contexts.toml")))
}
