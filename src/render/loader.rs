//! Template files: read from one directory, and never from elsewhere. It must not know what is in them, but for the names of
//! other templates.

use std::path::{Path, PathBuf};

use minijinja::{Error, ErrorKind};

/// Largest template file, in bytes.
const LARGEST: u64 = 1 << 20;

/// The text of the template `name` below `dir`; none where there is no such file.
///
/// # Errors
/// When the name or a link leads out of the directory, or the file cannot be read.
pub(super) fn load(dir: &Path, name: &str) -> Result<Option<String>, Error> {
    let refuse = |why: String| Error::new(ErrorKind::BadInclude, format!("template {name:?} {why}"));
    let Some(path) = join(dir, name) else {
        return Err(refuse("is not named by a path below the directory of render.template_file".to_owned()));
    };
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(refuse(format!("cannot be read: {e}"))),
    };
    let base = dir.canonicalize().map_err(|e| refuse(format!("cannot be read: {e}")))?;
    if !path.starts_with(&base) {
        return Err(refuse("is a link that leads out of the directory of render.template_file".to_owned()));
    }
    let meta = path.metadata().map_err(|e| refuse(format!("cannot be read: {e}")))?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(refuse(format!("is no file, or has more than {LARGEST} bytes")));
    }
    std::fs::read_to_string(&path).map(Some).map_err(|e| refuse(format!("cannot be read: {e}")))
}

/// `name` below `dir`, where it names something there.
fn join(dir: &Path, name: &str) -> Option<PathBuf> {
    let fits = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    name.split('/').all(fits).then(|| dir.join(name))
}

/// The names of other templates in `source`, and whether each has to exist.
pub(super) fn named(source: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for block in source.split("{%").skip(1) {
        let block = block.split("%}").next().unwrap_or_default().trim_start_matches(['-', '+']).trim();
        let word = block.split_whitespace().next().unwrap_or_default();
        if !matches!(word, "include" | "extends" | "import" | "from") {
            continue;
        }
        // One of several, or one that may be missing, is looked for when it is needed.
        let must = !block.contains(['[', '(', '~']) && !block.contains(" if ") && !block.contains("ignore missing");
        let mut rest = block;
        while let Some(start) = rest.find(['"', '\'']) {
            let quote = &rest[start..=start];
            let Some(end) = rest[start + 1..].find(quote) else { break };
            found.push((rest[start + 1..start + 1 + end].to_owned(), must));
            rest = &rest[start + 2 + end..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_directory_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("templates");
        std::fs::create_dir_all(dir.join("parts")).unwrap();
        std::fs::write(outer.path().join("secret"), "s").unwrap();
        std::fs::write(dir.join("parts/a.html"), "a").unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret"), dir.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.join("parts"), dir.join("inside")).unwrap();
        assert_eq!(load(&dir, "parts/a.html").unwrap().as_deref(), Some("a"));
        assert_eq!(load(&dir, "inside/a.html").unwrap().as_deref(), Some("a"));
        assert_eq!(load(&dir, "missing").unwrap(), None);
        let absolute = outer.path().join("secret").display().to_string();
        for name in
            ["../secret", "link", &absolute, "parts/../../secret", "", ".hidden", "a\\b", "parts", "./parts/a.html"]
        {
            assert!(load(&dir, name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_of_others() {
        let source = "{% extends 'base.html' %}{%- include \"a\" ignore missing %}{% from 'm' import x %}\
                      {% include ['b', 'c'] %}{{ 'include' }}{% if 'd' %}{% endif %}";
        let expected = [("base.html", true), ("a", false), ("m", true), ("b", false), ("c", false)];
        assert_eq!(named(source), expected.map(|(name, must)| (name.to_owned(), must)));
    }
}
