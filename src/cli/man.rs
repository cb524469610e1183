//! `ralphext man`: manual pages, made from the command line itself. It must not describe anything by its own words.

use std::io::Write as _;

use clap::CommandFactory;
use clap_mangen::Man;

use super::{
    Exit, Failure,
    args::{self, Cli},
};

/// Prints the page in roff, for `man -l -` or a package.
pub fn man(args: &args::Man) -> Result<Exit, Failure> {
    let mut root = Cli::command();
    root.build();
    let command = match &args.verb {
        None => root,
        Some(verb) => {
            let found = root.find_subcommand(verb).filter(|command| !command.is_hide_set()).cloned();
            found.ok_or_else(|| {
                Failure::new(Exit::Usage, format!("there is no verb {verb:?}"), "`ralphext --help` lists the verbs")
            })?
        }
    };
    let mut page = Vec::new();
    // It is written to memory.
    let _ = Man::new(command).render(&mut page);
    // Whoever reads it may stop reading.
    let _ = std::io::stdout().write_all(&page);
    Ok(Exit::Well)
}
