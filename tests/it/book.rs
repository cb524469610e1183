//! The documentation as a book: it names every page once, and no link leads nowhere. It must not know what the pages say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use crate::harness::repository;

/// Pages outside of `docs/` that are read as they are.
const BESIDE: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "helm/ralphext/README.md", "examples/README.md"];

fn read(path: &Path) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every page below `folder`, relative to the repository.
fn pages(folder: &str) -> BTreeSet<PathBuf> {
    let mut waiting = vec![PathBuf::from(folder)];
    let mut found = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        let whole = repository().join(&path);
        if whole.is_dir() {
            let entries = fs::read_dir(whole).expect("a folder").flatten();
            waiting.extend(entries.map(|entry| path.join(entry.file_name())));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.insert(path);
        }
    }
    found
}

/// The lines of a page that are no code.
fn prose(text: &str) -> Vec<String> {
    let mut fence: Option<String> = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        let start: String = line.trim_start().chars().take_while(|c| matches!(c, '`' | '~')).collect();
        match &fence {
            Some(open) if start.len() >= open.len() && start.starts_with(&open[..1]) => fence = None,
            Some(_) => {}
            None if start.len() >= 3 => fence = Some(start),
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// Text outside of code spans.
fn without_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// Where links of a page lead to, as they are written.
fn links(text: &str) -> Vec<String> {
    let text = prose(text).iter().map(|line| without_spans(line)).collect::<Vec<_>>().join("\n");
    let rest = text.split("](").skip(1);
    rest.filter_map(|rest| rest.split([')', ' ']).next()).map(str::to_owned).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    let named = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            // What is shown of a link is its text.
            let title = title.replace("](", "\u{0}").split('\u{0}').next().unwrap_or_default().to_owned();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
            let times = seen.entry(slug.clone()).or_default();
            *times += 1;
            if *times == 1 { slug } else { format!("{slug}-{}", *times - 1) }
        })
        .chain(named)
        .collect()
}

/// A path without `..` in it.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = out.pop(),
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

/// Links of `page` that lead nowhere.
fn broken(page: &Path, text: &str) -> Vec<String> {
    let is_outside = |link: &String| link.contains("://") || link.starts_with("mailto:") || link.starts_with('<');
    let mut found = Vec::new();
    for link in links(text).into_iter().filter(|link| !is_outside(link)) {
        let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let to = if path.is_empty() { page.to_owned() } else { plain(&page.parent().expect("a folder").join(path)) };
        let there = repository().join(&to);
        let has_anchor = || anchor.is_empty() || there.is_dir() || anchors(&read(&to)).contains(anchor);
        if !there.exists() || !has_anchor() {
            found.push(format!("{}: {link}", page.display()));
        }
    }
    found
}

#[test]
fn the_summary_names_every_page_once() {
    let summary = read(Path::new("docs/SUMMARY.md"));
    let mut named: Vec<PathBuf> = links(&summary).iter().map(|link| Path::new("docs").join(link)).collect();
    named.sort();
    let mut there = pages("docs");
    there.remove(Path::new("docs/SUMMARY.md"));
    assert_eq!(named, there.into_iter().collect::<Vec<_>>());
    let config = read(Path::new("docs/book.toml"));
    assert!(config.contains("src = \".\""), "{config}");
}

#[test]
fn no_link_leads_nowhere() {
    let all = pages("docs").into_iter().chain(BESIDE.map(PathBuf::from));
    let found: Vec<String> = all.flat_map(|page| broken(&page, &read(&page))).collect();
    assert_eq!(found, [""; 0]);
    // The test can fail.
    let text = "# A `b`: c\n\n[x](operations.md#no-such-part) [y](nothing.md) [z](#a-b-c)\n```\n[q](code.md)\n```\n`[s](span.md)`\n";
    let told = broken(Path::new("docs/x.md"), text);
    assert_eq!(anchors(text).into_iter().collect::<Vec<_>>(), ["a-b-c"]);
    assert_eq!(told[..2], ["docs/x.md: operations.md#no-such-part", "docs/x.md: nothing.md"]);
}
