//! Which files there are to read. It must not know what is in them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::{Origin, Report},
    formats::ENDINGS,
};

/// Where a configuration is looked for when none is named; the first that exists is taken.
pub const SEARCH: [&str; 3] = ["./ralphext.toml", "/etc/ralphext/ralphext.toml", "/etc/ralphext/conf.d"];

/// Names a configuration when no flag does.
const VARIABLE: &str = "RALPHEXT_CONFIG";

/// The files to read, in order; `None` where no configuration was named and none found.
pub(super) fn find(
    named: &[PathBuf],
    search: &[PathBuf],
    env: &BTreeMap<String, String>,
    report: &mut Report,
) -> Option<Vec<Arc<Path>>> {
    let variable = env.get(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let roots = match (named, variable) {
        ([], Some(path)) => vec![path],
        ([], None) => vec![search.iter().find(|path| path.exists())?.clone()],
        (named, _) => named.to_vec(),
    };
    let mut files: Vec<Arc<Path>> = Vec::new();
    for root in roots {
        let found = if root.is_dir() { in_directory(&root, report) } else { one(&root, report) };
        for file in found {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Some(files)
}

fn one(path: &Path, report: &mut Report) -> Vec<Arc<Path>> {
    let path: Arc<Path> = Arc::from(path);
    if path.exists() {
        return vec![path];
    }
    let hint = "name an existing file or directory with -c, or in RALPHEXT_CONFIG";
    report.whole(Origin::file(&path), "there is no such file or directory", hint);
    Vec::new()
}

/// The configuration files of a directory, by name. Hidden ones are left out: editors' and Kubernetes' own.
fn in_directory(directory: &Path, report: &mut Report) -> Vec<Arc<Path>> {
    let at = Origin::file(&Arc::from(directory));
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(cause) => {
            let hint = "check that the user who runs this may read the directory";
            report.whole(at, format!("it cannot be read: {cause}"), hint);
            return Vec::new();
        }
    };
    let mut files: Vec<Arc<Path>> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_configuration(path))
        .map(Arc::from)
        .collect();
    files.sort();
    if files.is_empty() {
        let reason = "the directory holds no configuration file";
        report.whole(at, reason, "put files ending in .toml, .yaml, .yml or .json there, one for each service");
    }
    files
}

/// Whether a file of a directory is read as a configuration.
pub fn is_configuration(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    !hidden && ending.is_some_and(|e| ENDINGS.contains(&&*e)) && path.is_file()
}
