//! Why a command could not be started, said so that one can act on it. It must not start anything.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Why a command could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstartable {
    /// The cause, in one line.
    pub cause: String,
    /// What to do.
    pub hint: String,
}

/// What the kernel says in one word for half a dozen causes, told apart; `key` is the setting that names the program.
pub fn unstartable(program: &str, key: &str, path: Option<&OsString>, error: io::Error) -> Unstartable {
    let found = find(program, path);
    let (cause, hint) = match (error.kind(), &found) {
        (io::ErrorKind::NotFound, Some(file)) => match interpreter(file) {
            Some(name) if name.ends_with('\r') => (
                format!(
                    "the first line of {} ends with a carriage return, so its interpreter {:?} does not exist",
                    file.display(),
                    name
                ),
                "save the script with Unix line ends".to_owned(),
            ),
            Some(name) => (
                format!("{} asks for the interpreter {name}, which does not exist", file.display()),
                "install it, or correct the script's first line".to_owned(),
            ),
            None => (error.to_string(), "its dynamic loader may be missing: was it built for this system?".to_owned()),
        },
        (io::ErrorKind::NotFound, None) if program.contains('/') => {
            let here = env::current_dir().map(|dir| format!("; the working directory is {}", dir.display()));
            (format!("{program} does not exist"), format!("check {key}{}", here.unwrap_or_default()))
        }
        (io::ErrorKind::NotFound, None) => {
            let path = path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
            (
                format!("{program} is in none of the directories of PATH ({path})"),
                format!("install it, or write its full path in {key}"),
            )
        }
        (io::ErrorKind::PermissionDenied, _) => {
            let file = found.as_deref().unwrap_or(Path::new(program));
            let (what, hint) = if file.is_dir() {
                ("is a directory", format!("name a program in {key}"))
            } else {
                ("is not executable", format!("chmod +x {}, and mount its file system without noexec", file.display()))
            };
            (format!("{} {what} ({error})", file.display()), hint)
        }
        // ENOEXEC
        _ if error.raw_os_error() == Some(8) => (
            format!("{program} is no program for this machine ({error})"),
            "a script needs a first line such as #!/bin/sh; a binary has to be built for this processor".to_owned(),
        ),
        _ => (error.to_string(), "try it by hand as the same user".to_owned()),
    };
    Unstartable { cause, hint }
}

/// Whether `program` could be started with this `PATH`, as far as its file tells; nothing is started.
///
/// # Errors
/// As starting it would fail.
pub fn foresee(program: &str, key: &str, path: Option<&OsString>) -> Result<(), Unstartable> {
    let refused = |kind: io::ErrorKind| Err(unstartable(program, key, path, io::Error::from(kind)));
    let Some(file) = find(program, path) else { return refused(io::ErrorKind::NotFound) };
    if file.is_dir() || rustix::fs::access(&file, rustix::fs::Access::EXEC_OK).is_err() {
        return refused(io::ErrorKind::PermissionDenied);
    }
    match interpreter(&file) {
        Some(name) if !Path::new(&name).exists() => refused(io::ErrorKind::NotFound),
        _ => Ok(()),
    }
}

/// The file that `program` names, as the kernel or PATH would find it.
fn find(program: &str, path: Option<&OsString>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|file| file.exists());
    }
    env::split_paths(path?).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// The interpreter that a script's first line names.
fn interpreter(file: &Path) -> Option<String> {
    let mut first = Vec::new();
    fs::File::open(file).ok()?.take(256).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let line = line.trim_start();
    Some(line.split([' ', '\t']).next().unwrap_or_default().to_owned())
}
