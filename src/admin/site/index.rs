//! The index of extensions, as `ralphext index` prints it. It must not look anything up.

use super::layout::{Layout, seen};
use crate::{
    admin::view::{Service, View},
    page::index::{Entry, html},
};

/// The index of all services that have a descriptor.
pub(super) fn page(services: &[Service], view: &View) -> Layout {
    let entries: Vec<Entry> = services
        .iter()
        .filter_map(|service| Some(Entry::new(service.descriptor.as_ref()?, view.prefix(&service.name), None)))
        .map(|entry| Entry {
            title: seen(&entry.title),
            description: entry.description.map(|text| seen(&text)),
            ..entry
        })
        .collect();
    let mut main = String::from("<h1>Extensions</h1>\n");
    if entries.is_empty() {
        main +=
            "<p>No services here yet; <code>ralphext run</code> or <code>ralphext once</code> brings the first.</p>\n";
    }
    main += &html(&entries);
    let path = vec![("Index".to_owned(), "/index".to_owned())];
    Layout { title: "Index of extensions".to_owned(), path, main, again: None }
}
