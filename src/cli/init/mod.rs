//! `ralphext init`: begins an extension, in a directory of its own. It must not overwrite anything.

mod ask;
mod files;
mod name;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{Exit, Failure, output};
use files::Scaffold;

/// See [`super::args::Verb::Init`].
#[derive(Debug, Args)]
pub struct Init {
    /// What the extension is called, such as disk-usage; the directory becomes ralph_ext_<name>
    pub name: String,
    /// How the sidecar learns what it says
    #[arg(long, value_name = "KIND")]
    pub source: Option<Kind>,
    /// Heading of the tab
    #[arg(long)]
    pub title: Option<String>,
    /// The model of Ralph whose pages have the tab, such as data_center.datacenterasset
    #[arg(long, value_name = "APP.MODEL")]
    pub model: Option<String>,
    /// What the sample extension is written in
    #[arg(long)]
    pub language: Option<Language>,
    /// Which CI runs its test
    #[arg(long, default_value = "both")]
    pub ci: Ci,
    /// Where the new directory is made
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub dir: PathBuf,
    /// Do not ask: what no flag says is as it usually is
    #[arg(short, long)]
    pub yes: bool,
}

/// Kinds of source that there is a sample for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A command that prints everything, again and again
    Exec,
    /// A file that somebody writes
    File,
    /// A command that runs for ever and prints changes
    Stream,
    /// A program that sends over HTTP
    Push,
}

/// Languages that there is a sample in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python 3
    Python,
    /// POSIX shell
    Sh,
}

/// Continuous integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ci {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// Both of them
    Both,
    /// None
    None,
}

/// Makes the directory; ends with 2 when it is there already.
pub fn init(args: &Init) -> Result<Exit, Failure> {
    let name = name::checked(&args.name)?;
    let scaffold = ask::answers(args, name)?;
    let root = args.dir.join(format!("ralph_ext_{}", scaffold.name.replace('-', "_")));
    make(&root, &scaffold)?;
    let shown = root.display();
    output::say!("{}made{:#} {shown}", output::GOOD, output::GOOD);
    output::say!("next:  cd {shown} && tests/test.sh      then read README.md");
    Ok(Exit::Well)
}

fn make(root: &Path, scaffold: &Scaffold) -> Result<(), Failure> {
    let cannot = |path: &Path, e: &io::Error| {
        let hint = match e.kind() {
            io::ErrorKind::AlreadyExists => "nothing is overwritten: choose another name, or another --dir",
            _ => "name a directory that can be written with --dir",
        };
        Failure::new(Exit::Usage, format!("cannot make {}: {e}", path.display()), hint)
    };
    if let Some(above) = root.parent() {
        fs::create_dir_all(above).map_err(|e| cannot(above, &e))?;
    }
    fs::create_dir(root).map_err(|e| cannot(root, &e))?;
    for file in scaffold.files() {
        let path = root.join(file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| cannot(folder, &e))?;
        }
        let mode = if file.is_program { 0o777 } else { 0o666 };
        let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        opened.and_then(|mut out| out.write_all(file.text.as_bytes())).map_err(|e| cannot(&path, &e))?;
    }
    Ok(())
}
