//! Paths in files of settings: relative to the file that they stand in. It must not look whether they exist.

use std::path::Path;

use super::{
    error::Origin,
    node::{Data, Node},
};

/// Keys whose values are files or directories.
const FILES: &[&str] = &[
    "admin.page_token_file",
    "bridge.ca",
    "bridge.token_file",
    "identity.ca",
    "identity.cache",
    "identity.path",
    "identity.token_file",
    "redis.password_file",
    "redis.sentinel.password_file",
    "redis.tls.ca",
    "redis.tls.cert",
    "redis.tls.key",
    "render.template_file",
    "source.events.password_file",
    "source.http.ca",
    "source.http.cert",
    "source.http.ids_file",
    "source.http.key",
    "source.http.password_file",
    "source.http.token_file",
    "source.path",
    "source.spool",
    "source.sql.ca",
    "source.sql.password_file",
    "source.sql.query_file",
    "source.sql.url_file",
    "source.token_file",
    "telemetry.otlp_ca",
    "telemetry.otlp_token_file",
];

/// Makes relative paths in files absolute, from the file's directory; a program without a slash is left to `PATH`.
pub(super) fn resolve_paths(tree: &mut Node) {
    for key in FILES.iter().filter(|key| !key.starts_with("source.")) {
        if let Some(node) = tree.at_mut(key) {
            resolve(node);
        }
    }
    if let Some(node) = tree.at_mut("admin.page_listen") {
        resolve_behind(node, "unix:");
    }
    if let Some(node) = tree.at_mut("bridge.sidecar") {
        resolve_behind(node, "unix:");
    }
    if let Some(bridge) = tree.at_mut("bridge") {
        programs(bridge);
    }
    if let Some(source) = tree.at_mut("source") {
        of_source(source);
    }
    if let Some(Node { data: Data::Table(inputs), .. }) = tree.at_mut("source.inputs") {
        inputs.values_mut().for_each(of_source);
    }
}

/// The paths of a source, or of an input.
fn of_source(source: &mut Node) {
    for key in FILES.iter().filter_map(|key| key.strip_prefix("source.")) {
        if let Some(node) = source.at_mut(key) {
            resolve(node);
        }
    }
    if let Some(Node { data: Data::Table(files), .. }) = source.at_mut("http.header_files") {
        files.values_mut().for_each(resolve);
    }
    for (key, scheme) in [("listen", "unix:"), ("sql.url", "sqlite:")] {
        if let Some(node) = source.at_mut(key) {
            resolve_behind(node, scheme);
        }
    }
    programs(source);
}

/// The programs of a section's commands.
fn programs(section: &mut Node) {
    for key in ["command", "object_command"] {
        if let Some(Node { data: Data::List(command), .. }) = section.at_mut(key)
            && let Some(program) = command.first_mut()
            && program.as_str().is_some_and(|program| program.contains('/'))
        {
            resolve(program);
        }
    }
}

/// A path behind `unix:` or the like.
fn resolve_behind(node: &mut Node, scheme: &str) {
    let path = node.as_str().and_then(|text| text.strip_prefix(scheme)).map(str::to_owned);
    let Some(path) = path else { return };
    let written = node.written.clone().or_else(|| node.as_str().map(str::to_owned));
    node.data = Data::Scalar(path.strip_prefix("//").unwrap_or(&path).into());
    resolve(node);
    let resolved = format!("{scheme}{}", node.as_str().unwrap_or_default());
    (node.data, node.written) = (Data::Scalar(resolved.into()), written);
}

fn resolve(node: &mut Node) {
    let (Some(text), Origin::File { path, .. }) = (node.as_str(), &node.origin) else { return };
    if text.is_empty() {
        return;
    }
    let joined = path.parent().unwrap_or(Path::new("")).join(text);
    // Without a working directory there is no absolute path; the relative one fails with its own message then.
    let resolved = std::path::absolute(&joined).unwrap_or(joined);
    let written = node.written.clone().unwrap_or_else(|| text.to_owned());
    node.data = Data::Scalar(resolved.to_string_lossy().into_owned().into());
    node.written = Some(written);
}
