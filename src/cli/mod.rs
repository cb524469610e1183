//! The command line: one file per verb. It must not know how anything works, only what to ask for and how to show it.

mod acl;
mod approve;
mod args;
mod bridge;
mod changes;
mod check;
mod completions;
mod config;
mod crontab;
mod demo;
mod diff;
mod doctor;
mod exit;
mod explain;
mod generate;
mod get;
mod holding;
mod index;
mod init;
mod install;
mod lint;
mod ls;
mod man;
mod once;
mod output;
mod plan;
mod preview;
mod progress;
mod retire;
mod rm;
mod run;
mod schema;
mod stats;
mod status;
mod target;
mod test;
mod top;
mod ui;
mod unmatched;
mod verify;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Output, Verb};
pub use exit::{Exit, Failure};

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no errors; everything else is a wrong command line.
            let code = if e.use_stderr() { Exit::Usage } else { Exit::Well };
            // Nothing can be told when even the terminal is gone.
            let _ = e.print();
            return code.into();
        }
    };
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::failure(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let mut globals = cli.globals;
    if globals.output == Output::Ndjson {
        output::LINES.store(true, std::sync::atomic::Ordering::Relaxed);
        globals.output = Output::Json;
    }
    match cli.verb {
        Verb::Run => run::run(&globals),
        Verb::Bridge => bridge::bridge(&globals),
        Verb::Once(args) => once::once(&globals, &args),
        Verb::Check(args) => check::check(&globals, &args),
        Verb::Test(args) => test::test(&globals, &args),
        Verb::Lint(args) => lint::lint(&globals, &args),
        Verb::Init(args) => init::init(&args),
        Verb::Preview(args) => preview::preview(&globals, &args),
        Verb::Unmatched(args) => unmatched::unmatched(&globals, &args),
        Verb::Status => status::status(&globals),
        Verb::Plan(args) => plan::plan(&globals, &args),
        Verb::Get(args) => get::get(&globals, &args),
        Verb::Config(what) => config::config(&globals, &what),
        Verb::Index(args) => index::index(&globals, &args),
        Verb::Ls(args) => ls::ls(&globals, &args),
        Verb::Explain(args) => explain::explain(&globals, &args),
        Verb::Diff(args) => diff::diff(&globals, &args),
        Verb::Watch(args) => watch::watch(&globals, &args),
        Verb::Top(args) => top::top(&globals, &args),
        Verb::Ui(args) => ui::ui(&globals, &args),
        Verb::Stats(args) => stats::stats(&globals, &args),
        Verb::Rm(args) => rm::rm(&globals, &args),
        Verb::Purge(args) => rm::purge(&globals, &args),
        Verb::Retire(args) => retire::retire(&globals, &args),
        Verb::Verify(args) => verify::verify(&globals, &args),
        Verb::ApproveShrink(args) => approve::approve_shrink(&globals, &args),
        Verb::Acl(args) => acl::acl(&globals, &args),
        Verb::Doctor(args) => doctor::doctor(&globals, &args),
        Verb::Schema(args) => schema::schema(&args),
        Verb::Completions(args) => completions::completions(&args),
        Verb::Install(args) => install::install(&args),
        Verb::Man(args) => man::man(&args),
        Verb::Demo(args) => demo::demo(&args),
        Verb::Generate(args) => generate::generate(&args),
    }
}
