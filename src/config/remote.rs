//! What stands in etcd as layers: `<prefix>/defaults` for all services, `<prefix>/services/<svc>` for one, each one document, or a
//! tree of keys, or both (keys lie over the document). It must not ask etcd.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    error::{Origin, Problem, Report},
    formats, keys,
    node::Node,
    overrides, types,
};
use crate::{
    model::ServiceName,
    settings::{RedisUrl, Settings},
};

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The whole key.
    pub key: String,
    /// Its value: TOML, or JSON where it begins with `{`; of a key within a tree the value alone.
    pub text: String,
}

/// Everything below the prefix, as it was at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remote {
    /// What all keys begin with, without a slash at the end: `/ralphext`.
    pub prefix: String,
    /// The keys with their values, in order.
    pub documents: Vec<Document>,
    /// It is the copy that is kept for when etcd is away.
    pub is_copy: bool,
}

/// Which settings a document has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Those that all services share.
    Defaults,
    /// Those of one.
    Service(ServiceName),
}

impl Place {
    /// The key of the document, below `prefix`.
    pub fn key(&self, prefix: &str) -> String {
        match self {
            Self::Defaults => format!("{prefix}/defaults"),
            Self::Service(name) => format!("{prefix}/services/{name}"),
        }
    }

    /// For people.
    pub fn shown(&self) -> String {
        match self {
            Self::Defaults => "the defaults".to_owned(),
            Self::Service(name) => format!("service {name}"),
        }
    }
}

/// The layers of a [`Remote`].
#[derive(Debug, Default)]
pub(super) struct Layers {
    defaults: Option<Node>,
    pub(super) services: BTreeMap<String, Node>,
}

impl Layers {
    /// The layers of the service `name`, lowest first.
    pub(super) fn of(&self, name: Option<&str>) -> Vec<&Node> {
        let own = name.and_then(|name| self.services.get(name));
        self.defaults.iter().chain(own).collect()
    }

    /// The name of the only service that there is.
    pub(super) fn only(&self) -> Option<String> {
        let mut names = self.services.keys();
        names.next().filter(|_| names.next().is_none()).cloned()
    }
}

/// What is kept of former documents; no setting.
const HISTORY: &str = "history";

impl Remote {
    /// Where a document's former texts are kept, with a slash at the end.
    pub fn history(&self, place: &Place) -> String {
        let key = place.key("");
        format!("{}/{HISTORY}{key}/", self.prefix)
    }

    /// The document at `place`; none where there is none.
    pub fn document(&self, place: &Place) -> Option<&Document> {
        let key = place.key(&self.prefix);
        self.documents.iter().find(|document| document.key == key)
    }

    /// All services that it has settings of.
    pub fn services(&self) -> Vec<ServiceName> {
        let names = self.layers(&mut Report::default()).services;
        names.keys().filter_map(|name| ServiceName::new(name).ok()).collect()
    }

    /// Its layers; what is wrong with them alone is reported.
    pub(super) fn layers(&self, report: &mut Report) -> Layers {
        let mut layers = Layers::default();
        for document in &self.documents {
            let Some(rest) = document.key.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            let (place, path) = match rest.split_once('/').map_or((rest, ""), |(first, rest)| (first, rest)) {
                (HISTORY, _) => continue,
                ("defaults", path) => (None, path),
                ("services", rest) => {
                    let (name, path) = rest.split_once('/').map_or((rest, ""), |(name, path)| (name, path));
                    (Some(name), path)
                }
                _ => {
                    let reason = "it is neither the defaults nor a service's";
                    report.whole(
                        self.origin(document, 0),
                        reason,
                        "there are <prefix>/defaults and <prefix>/services/<svc>",
                    );
                    continue;
                }
            };
            let Some(node) = self.node(document, path, report) else { continue };
            match place {
                None => shared(&node, report),
                Some(name) if ServiceName::new(name).is_ok() => {}
                Some(name) => {
                    let hint = "names are lower-case letters, digits and -, beginning with a letter";
                    report.whole(self.origin(document, 0), format!("{name:?} is no service name"), hint);
                    continue;
                }
            }
            let layer = match place {
                None => layers.defaults.get_or_insert_with(|| Node::table(self.origin(document, 0))),
                Some(name) => layers.services.entry(name.to_owned()).or_insert_with(|| {
                    let mut layer = Node::table(self.origin(document, 0));
                    let path = ["service".to_owned(), "name".to_owned()];
                    layer.insert(&path, Node::scalar(name, self.origin(document, 0)));
                    layer
                }),
            };
            if let (Some(name), Some(other)) = (place, node.at("service.name"))
                && other.as_str() != Some(name)
            {
                let hint = "leave it away: the key says whose settings they are";
                report.push(types::problem("service.name", other, format!("the key is that of {name}"), hint));
                continue;
            }
            layer.merge(node);
        }
        layers
    }

    /// A key of the document at `place` that holds a secret itself, and no name of where one is.
    pub fn plain_secret(&self, place: &Place) -> Option<String> {
        let node = self.node(self.document(place)?, "", &mut Report::default())?;
        let mut found = None;
        node.leaves("", &mut |key, node| {
            let is_plain = keys::is_secret(key) && node.as_str().is_some_and(|text| !text.contains("${"));
            let has_password =
                |text: &str| text.contains("://") && !text.contains("${") && RedisUrl::mask(text) != text;
            if is_plain || node.as_str().is_some_and(has_password) {
                found.get_or_insert_with(|| key.to_owned());
            }
        });
        found
    }

    /// Without the services that `place` has no part in.
    fn only_of(&self, place: &Place) -> Self {
        let defaults = Place::Defaults.key(&self.prefix);
        let own = place.key(&self.prefix);
        let is_part = |document: &&Document| {
            let below = |key: &str| document.key == key || document.key.starts_with(&format!("{key}/"));
            *place == Place::Defaults || below(&defaults) || below(&own)
        };
        Self { documents: self.documents.iter().filter(is_part).cloned().collect(), ..self.clone() }
    }

    fn origin(&self, document: &Document, line: usize) -> Origin {
        Origin::Etcd { key: Arc::from(document.key.as_str()), line, is_copy: self.is_copy }
    }

    /// A document, or the value at a key within a tree (`content/ttl`).
    fn node(&self, document: &Document, path: &str, report: &mut Report) -> Option<Node> {
        let mut layer = Node::table(self.origin(document, 0));
        if !path.is_empty() {
            let mut problems = Report::default();
            overrides::single(
                &mut layer,
                &path.replace('/', "."),
                &document.text,
                self.origin(document, 0),
                &mut problems,
            );
            let is_well = problems.is_empty();
            problems.into_problems().into_iter().for_each(|problem| report.push(problem));
            return is_well.then(|| layer.with_service_as_table());
        }
        let form = if document.text.trim_start().starts_with('{') { "document.json" } else { "document.toml" };
        let mut problems = Report::default();
        let mut tree = formats::parse(&Arc::from(Path::new(form)), &document.text, &mut problems);
        if let Some(tree) = &mut tree {
            types::take_unknown(tree, "", &mut problems);
        }
        let elsewhere = |origin: &Origin| match origin {
            Origin::File { line, .. } => self.origin(document, *line),
            other => other.clone(),
        };
        for problem in problems.into_problems() {
            report.push(Problem { origin: elsewhere(&problem.origin), ..problem });
        }
        let mut tree = tree?;
        tree.comes_from(&elsewhere);
        Some(tree)
    }

    /// Whether services can be made of it, as far as can be told without their own files, environment and flags: what is
    /// missing may stand there.
    ///
    /// # Errors
    /// Everything that is wrong with the defaults and the service of `place`; with the defaults, of every service.
    pub fn check(&self, place: &Place, env: &BTreeMap<String, String>) -> Result<Vec<Settings>, super::ConfigError> {
        let request = super::Request {
            paths: Vec::new(),
            sets: Vec::new(),
            env: env
                .iter()
                .filter(|(name, _)| !overrides::is_ours(name))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect(),
            search: Vec::new(),
            remote: Some(self.only_of(place)),
            context: None,
        };
        let mut names = match place {
            Place::Service(name) => vec![name.clone()],
            Place::Defaults => self.services(),
        };
        // The defaults of nobody yet have to be sound as well.
        if names.is_empty() {
            names.extend(ServiceName::new("any").ok());
        }
        let mut report = Report::default();
        let mut all = Vec::new();
        for name in names {
            let sets = vec![("service.name".to_owned(), name.to_string())];
            let request = super::Request { sets, ..request.clone() };
            let layers = super::Layers::gather(&request, &mut report);
            let built = layers.build(None, &request, false, &mut report);
            all.extend(built.map(|(loaded, _)| loaded.settings));
        }
        report.finish(all)
    }
}

/// What services share has no service in it.
fn shared(node: &Node, report: &mut Report) {
    for key in ["service", "source"] {
        if let Some(node) = node.at(key) {
            let reason = "the defaults are what services share, and this is not shared";
            report.push(types::problem(key, node, reason, "write it to <prefix>/services/<svc>"));
        }
    }
}
