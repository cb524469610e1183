//! The documentation as a book, by the real mdBook: it is built without a word, and no link within it leads nowhere.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use super::run;
use crate::harness::repository;

/// The pages of a built book, relative to it.
fn pages(book: &Path) -> Vec<String> {
    let folder = |name: &str| fs::read_dir(book.join(name)).expect("a folder").flatten().map(|e| e.file_name());
    let names = |at: &'static str| folder(at).filter_map(move |name| Some(format!("{at}{}", name.into_string().ok()?)));
    let all = names("").chain(names("reference/"));
    all.filter(|name| name.ends_with(".html") && !["404.html", "print.html", "toc.html"].contains(&name.as_str()))
        .collect()
}

#[test]
#[ignore = "make test-all: needs Python and the package index"]
fn the_book_is_built_and_holds_together() {
    let tool = run(Command::new(repository().join("scripts/python-tool.sh")).arg("mdbook"));
    let dir = TempDir::new().expect("a directory");
    let book = dir.path().join("book");
    let mut command = Command::new(tool.trim());
    command.arg("build").arg(repository().join("docs")).arg("--dest-dir").arg(&book);
    let output = command.output().expect("it starts");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && !told.contains("WARN") && !told.contains("ERROR"), "{told}");
    let pages = pages(&book);
    assert!(pages.len() > 18 && pages.contains(&"reference/metrics.html".to_owned()), "{pages:?}");
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(book.join(page)).expect("a page");
        let main = text.split("<main>").nth(1).and_then(|rest| rest.split("</main>").next()).expect("a main part");
        for link in main.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            // What lies outside of docs/ is in the repository, not in the book.
            let leads_out = link.contains("://")
                || link.starts_with("mailto:")
                || path.matches("../").count() > page.matches('/').count();
            if leads_out {
                continue;
            }
            let to =
                if path.is_empty() { book.join(page) } else { book.join(page).parent().expect("a folder").join(path) };
            let is_there = to.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&to).is_ok_and(|text| text.contains(&format!("id=\"{anchor}\""))));
            if !is_there {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}
