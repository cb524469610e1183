//! `ralphext completions`. It must not know the verbs; clap does.

use clap::CommandFactory;

use super::{
    Exit, Failure,
    args::{Cli, Completions},
};

/// Prints completions for a shell.
pub fn completions(args: &Completions) -> Result<Exit, Failure> {
    clap_complete::generate(args.shell, &mut Cli::command(), "ralphext", &mut std::io::stdout());
    Ok(Exit::Well)
}
