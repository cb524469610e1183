//! Where settings come from: defaults < etcd, shared < etcd, of the service < shared files < a service's file < environment
//! < flags. It must not know what the settings are used for, nor touch the network: what stands in etcd is handed in.

mod contexts;
mod error;
mod expand;
mod files;
mod formats;
mod keys;
mod node;
mod overrides;
mod paths;
mod remote;
mod rules;
mod show;
#[cfg(test)]
mod tests;
mod types;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{error::Report, node::Node, paths::resolve_paths, rules::Rules, types::unknown};
pub use self::{
    error::{ConfigError, Origin, Problem},
    files::{SEARCH, is_configuration},
    remote::{Document, Place, Remote},
    show::{Shown, show},
};
use crate::settings::{Bridge, Log, Redis, Settings};

/// What to load.
#[derive(Debug, Clone)]
pub struct Request {
    /// Files and directories, in order (`-c`); none: `RALPHEXT_CONFIG`, else the first of `search` that exists.
    pub paths: Vec<PathBuf>,
    /// Keys set by flags (`--set redis.timeout=3s`, `--redis-url`), dotted; the highest layer, the last one wins.
    pub sets: Vec<(String, String)>,
    /// The environment: `RALPHEXT__...`, and what `${VAR}` is replaced from.
    pub env: BTreeMap<String, String>,
    /// Where to look when no path is given.
    pub search: Vec<PathBuf>,
    /// What stands in etcd; none where it is not asked.
    pub remote: Option<Remote>,
    /// A Redis by the name that the user has for it, in place of all files (`--context`).
    pub context: Option<String>,
}

impl Request {
    /// No paths, no flags, the default places, and this environment.
    pub fn new(env: impl IntoIterator<Item = (String, String)>) -> Self {
        let search = SEARCH.iter().map(PathBuf::from).collect();
        Self {
            paths: Vec::new(),
            sets: Vec::new(),
            env: env.into_iter().collect(),
            search,
            remote: None,
            context: None,
        }
    }

    /// As [`Request::new`] with the process's own environment; variables that are not UTF-8 are left out.
    pub fn from_process() -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::new(std::env::vars_os().filter_map(utf8))
    }
}

/// One service's settings, and where they came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings; relative paths in files have been resolved against the file's directory.
    pub settings: Settings,
    /// The service's own file; none where environment and flags say everything.
    pub file: Option<PathBuf>,
    /// Files whose settings it shares with other services, in order.
    pub shared: Vec<PathBuf>,
    /// Where each key that is not at its default was set, by dotted key: `f.toml:3`, `environment variable X`.
    pub origins: BTreeMap<String, String>,
}

/// The settings that reading commands need, without a service.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The server.
    pub redis: Redis,
    /// The log.
    pub log: Log,
}

/// Loads the settings of all services, in the order of their files.
///
/// # Errors
/// Everything that is wrong with them, at once.
pub fn load(request: &Request) -> Result<Vec<Loaded>, ConfigError> {
    let mut report = Report::default();
    let layers = Layers::gather(request, &mut report);
    if layers.services.is_empty() && report.is_empty() {
        layers.nothing_found(request, &mut report);
    }
    layers.all(request, report)
}

/// As [`load`], for what can do without services: where none is named, there are none.
///
/// # Errors
/// Everything that is wrong with the files, environment and flags.
pub fn load_any(request: &Request) -> Result<Vec<Loaded>, ConfigError> {
    let mut report = Report::default();
    let layers = Layers::gather(request, &mut report);
    if layers.names_a_service() { layers.all(request, report) } else { report.finish(Vec::new()) }
}

/// Loads what is needed to read from Redis. There need not be a service, nor any configuration file; where there are
/// several services, the first one's server is taken.
///
/// # Errors
/// Everything that is wrong with the files, environment and flags.
pub fn load_connection(request: &Request) -> Result<Connection, ConfigError> {
    let mut report = Report::default();
    let layers = Layers::gather(request, &mut report);
    let own = layers.services.first().and_then(Option::as_ref);
    let service = layers.build(own, request, false, &mut report);
    let settings = service.map(|(loaded, _)| loaded.settings);
    // Without settings there were problems, so the defaults are never seen.
    let connection = settings.map_or_else(
        || Connection { redis: Redis::default(), log: Log::default() },
        |settings| Connection { redis: settings.redis, log: settings.log },
    );
    report.finish(connection)
}

/// Loads the settings of the bridge, which has no service; none where there is no `[bridge]`.
///
/// # Errors
/// Everything that is wrong with the files, environment and flags.
pub fn load_bridge(request: &Request) -> Result<Option<(Bridge, Settings)>, ConfigError> {
    let mut report = Report::default();
    let layers = Layers::gather(request, &mut report);
    let own = layers.services.first().and_then(Option::as_ref);
    let settings = layers.build(own, request, false, &mut report).map(|(loaded, _)| loaded.settings);
    report.finish(settings.and_then(|settings| Some((settings.bridge.clone()?, settings))))
}

type Service = (Loaded, Node);

/// A file as it was read.
struct Parsed {
    path: Arc<Path>,
    tree: Node,
}

/// What was found, not merged yet.
struct Layers {
    /// What stands in etcd.
    remote: remote::Layers,
    /// Files without a service, when there are several files.
    shared: Vec<Parsed>,
    /// Files with one; `None` stands for a service that environment or flags alone name.
    services: Vec<Option<Parsed>>,
    environment: Node,
    flags: Node,
    found: bool,
}

impl Layers {
    fn gather(request: &Request, report: &mut Report) -> Self {
        let environment = overrides::environment(&request.env, report);
        let flags = overrides::flags(&request.sets, report);
        if let Some(name) = &request.context {
            let own = contexts::find(name, &request.env, report);
            let services = own.map(|(path, tree)| Some(Parsed { path, tree })).into_iter().collect();
            let remote = remote::Layers::default();
            return Self { remote, shared: Vec::new(), services, environment, flags, found: true };
        }
        let remote = request.remote.as_ref().map(|remote| remote.layers(report)).unwrap_or_default();
        let paths = files::find(&request.paths, &request.search, &request.env, report);
        let found = paths.is_some() || request.remote.is_some();
        let paths = paths.unwrap_or_default();
        let alone = paths.len() == 1;
        let (mut shared, mut services) = (Vec::new(), Vec::new());
        for path in paths {
            let Some(mut tree) = formats::read(&path, report) else { continue };
            types::take_unknown(&mut tree, "", report);
            if alone || tree.at("service").is_some() {
                services.push(Some(Parsed { path, tree }));
            } else {
                if let Some(source) = tree.at("source") {
                    let reason = "a file without service holds what services share, and a source is not shared";
                    report.push(types::problem("source", source, reason, "add service = \"...\" to the file"));
                }
                shared.push(Parsed { path, tree });
            }
        }
        let named = environment.at("service.name").is_some() || flags.at("service.name").is_some();
        // Whoever names no service is the only one there is in etcd.
        if services.is_empty() && (named || remote.services.len() == 1) {
            services.push(None);
        }
        Self { remote, shared, services, environment, flags, found }
    }

    /// The name of the service that `own` is about, where it is said.
    fn name(&self, own: Option<&Parsed>) -> Option<String> {
        let layers = [Some(&self.flags), Some(&self.environment), own.map(|parsed| &parsed.tree)];
        let said = layers.into_iter().flatten().find_map(|layer| layer.at("service.name")?.as_str());
        said.map(str::to_owned).or_else(|| self.remote.only())
    }

    fn names_a_service(&self) -> bool {
        let own = self.services.iter().flatten().any(|parsed| parsed.tree.at("service").is_some());
        own || self.remote.only().is_some()
            || [&self.environment, &self.flags].iter().any(|layer| layer.at("service.name").is_some())
    }

    /// Builds every service.
    fn all(&self, request: &Request, mut report: Report) -> Result<Vec<Loaded>, ConfigError> {
        let services: Vec<Service> =
            self.services.iter().filter_map(|own| self.build(own.as_ref(), request, true, &mut report)).collect();
        let pairs: Vec<_> = services.iter().map(|service| (service.0.settings.clone(), service.1.clone())).collect();
        if report.is_empty() {
            rules::together(&pairs, &mut report);
        }
        report.finish(services.into_iter().map(|(loaded, _)| loaded).collect())
    }

    fn nothing_found(&self, request: &Request, report: &mut Report) {
        if self.found {
            let origin = self.shared.first().map_or(Origin::Default, |parsed| Origin::file(&parsed.path));
            let names: Vec<&str> = self.remote.services.keys().map(String::as_str).collect();
            if names.len() > 1 {
                let reason =
                    format!("etcd has several services ({}), and none of them is named here", names.join(", "));
                return report.whole(origin, reason, format!("write RALPHEXT__SERVICE={}, or another", names[0]));
            }
            let hint = "write service = \"hwinfo\" at the top of one file for each service";
            return report.whole(origin, "no file of the configuration names a service", hint);
        }
        let places: Vec<_> = request.search.iter().map(|path| path.display().to_string()).collect();
        let reason = format!("there is none; looked for {}", places.join(", "));
        report.whole(Origin::Default, reason, "name one with -c FILE, or in RALPHEXT_CONFIG");
    }

    /// Merges and checks one service; `None` where it cannot be made, and then there are problems.
    fn build(&self, own: Option<&Parsed>, request: &Request, whole: bool, report: &mut Report) -> Option<Service> {
        let file = own.map(|parsed| &parsed.path);
        let origin = file.map_or(Origin::Default, Origin::file);
        let mut tree = Node::table(origin.clone());
        let files = self.shared.iter().chain(own).map(|parsed| &parsed.tree);
        let remote = self.remote.of(self.name(own).as_deref());
        for layer in remote.into_iter().chain(files).chain([&self.environment, &self.flags]) {
            tree.merge(layer.clone());
        }
        let mut failed = types::check(&mut tree, &request.env, report);
        let mut ignored = Report::default();
        rules::required(&tree, &origin, &mut failed, if whole { report } else { &mut ignored });
        resolve_paths(&mut tree);
        let whole = rules::with_stand_ins(&tree);
        let settings: Settings = match serde_path_to_error::deserialize(whole.to_value()) {
            Ok(settings) => settings,
            Err(misfit) => {
                // The check of types above leaves nothing to find here but what is free.
                report.push(types::misfit(&whole, &misfit));
                return None;
            }
        };
        Rules::check(&settings, &tree, &failed, report);
        let mut origins = BTreeMap::new();
        tree.leaves("", &mut |key, node| {
            origins.insert(key.to_owned(), node.origin.to_string());
        });
        let shared = self.shared.iter().map(|parsed| parsed.path.to_path_buf()).collect();
        Some((Loaded { settings, file: file.map(|path| path.to_path_buf()), shared, origins }, tree))
    }
}
