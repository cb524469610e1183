//! What no flag says is asked, on a terminal. It must not write files.

use std::io::{BufRead, IsTerminal, Write};

use clap::ValueEnum;

use super::{Init, Kind, Language, files::Scaffold, name};
use crate::cli::{Exit, Failure};

const MODEL: &str = "data_center.datacenterasset";

/// The answers, from flags, the terminal, or as they usually are.
pub fn answers(args: &Init, service: String) -> Result<Scaffold, Failure> {
    let asks = !args.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut usual = service.replace('-', " ");
    if let Some(first) = usual.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let title = match &args.title {
        Some(title) => name::title(title)?,
        None => ask(asks, "Heading of the tab", &usual, name::title)?,
    };
    let model = match &args.model {
        Some(model) => name::model(model)?,
        None => ask(asks, "Model of Ralph that has it", MODEL, name::model)?,
    };
    let kind = match args.source {
        Some(kind) => kind,
        None => ask(asks, "Source (exec, file, stream, push)", "exec", choice::<Kind>)?,
    };
    let language = match args.language {
        Some(language) => language,
        None => ask(asks, "Language (python, sh)", "python", choice::<Language>)?,
    };
    Ok(Scaffold { name: service, title, model, kind, language, ci: args.ci })
}

fn choice<T: ValueEnum>(text: &str) -> Result<T, Failure> {
    T::from_str(text, true).map_err(|e| Failure::new(Exit::Usage, format!("{text:?}: {e}"), "write one of those named"))
}

/// Asks until the answer will do; nothing typed takes what is usual.
fn ask<T>(asks: bool, what: &str, usual: &str, read: impl Fn(&str) -> Result<T, Failure>) -> Result<T, Failure> {
    if !asks {
        return read(usual);
    }
    loop {
        anstream::eprint!("{what} [{usual}]: ");
        // Nothing can be told when even the terminal is gone.
        let _ = std::io::stderr().flush();
        let mut line = String::new();
        let count = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
        if count == 0 {
            return Err(Failure::new(Exit::Usage, "the answers broke off", "--yes asks nothing"));
        }
        let typed = line.trim();
        match read(if typed.is_empty() { usual } else { typed }) {
            Ok(answer) => return Ok(answer),
            Err(failure) => crate::cli::output::failure(&failure),
        }
    }
}
