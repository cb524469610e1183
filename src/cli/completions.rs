//! `ralphext completions`. It must not know the verbs; clap does.

use clap::CommandFactory;

use super::{
    Exit, Failure,
    args::{Cli, Completions},
    output,
};

/// Prints completions for a shell.
pub fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ralphext", &mut script);
    output::say!("{}", String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Well)
}
