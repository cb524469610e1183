//! Flags and verbs. It must not act.

mod acl;
mod authors;
mod keys;
mod shared;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::{
    acl::{Acl, Feature, RedisVersion},
    authors::{Lint, Preview, Test},
    keys::{
        Diff, Doctor, Get, Index, IndexForm, Ls, Purge, Removal, Retire, Rm, Scan, Stats, Top, Ui, Unmatched, Watch,
    },
    shared::{Config, Push, Rollback, Shared, Show, Which},
};
use super::crontab::Crontab;
use crate::settings::LogFormat;

const EXIT_CODES: &str = "\
Exit codes:
  0  all well (bad objects up to limits.max_failed are told, not an exit code)
  1  the pass ran, and more objects failed than limits.max_failed; what was asked for is not there; or
     verify found something wrong
  2  wrong command line or configuration
  3  the source failed
  4  Redis failed
  5  another writer holds the lease";

/// Keeps the content of Ralph extension tabs in Redis.
#[derive(Debug, Parser)]
#[command(name = "ralphext", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// For every verb.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags for every verb.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {
    /// Configuration: a file (TOML; YAML and JSON by extension), or a directory with one file per service.
    /// Default: $RALPHEXT_CONFIG, ./ralphext.toml, /etc/ralphext/ralphext.toml, /etc/ralphext/conf.d
    #[arg(short, long, global = true, value_name = "PATH")]
    pub config: Vec<PathBuf>,
    /// Sets one key, above file and environment: --set content.ttl=1h
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub sets: Vec<(String, String)>,
    /// A Redis by the name that it has in ~/.config/ralphext/contexts.toml, in place of a configuration
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "config")]
    pub context: Option<String>,
    /// Address of Redis: redis://, rediss:// or unix://
    #[arg(long, global = true, value_name = "URL")]
    pub redis_url: Option<String>,
    /// Least important level to be logged
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<Format>,
    /// How results look
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "table")]
    pub output: Output,
    /// Where shared configuration is.
    #[command(flatten)]
    pub shared: Shared,
}

/// See [`LogFormat`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// Pretty on a terminal, else JSON
    Auto,
    /// For people
    Pretty,
    /// One JSON object per line
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Auto => Self::Auto,
            Format::Pretty => Self::Pretty,
            Format::Json => Self::Json,
        }
    }
}

/// How results look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned, for people
    #[default]
    Table,
    /// JSON, for scripts
    Json,
    /// The same with one line for each element of a list
    Ndjson,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Be the sidecar: pass after pass, until SIGTERM
    Run,
    /// One snapshot, then end (CronJobs, pipes)
    Once(Snapshot),
    /// Do Ralph's jobs (rq) by a command or an HTTP server, until SIGTERM; apart from every service
    Bridge,
    /// Check the configuration, without network
    Check(Check),
    /// Run the source once and show its first records as they would be taken; needs no Redis
    Test(Test),
    /// Explain what is wrong with a sample of records, line by line; exit code 1 when anything is
    Lint(Lint),
    /// Begin an extension: a directory with configuration, sample, test, image and CI
    Init(super::init::Init),
    /// Show one object as people will see it, on the terminal or as a page; needs no Redis
    Preview(Preview),
    /// Tell how the configured services are doing
    Status,
    /// Tell which records are about no object of Ralph's
    Unmatched(Unmatched),
    /// Tell what `once` would write, renew and remove; touches nothing
    Plan(Snapshot),
    /// Print one object's value
    Get(Get),
    /// List the services of a Redis, or the objects of one
    Ls(Ls),
    /// Show what is set and where it comes from; push, compare and roll back what stands in etcd
    #[command(subcommand)]
    Config(Config),
    /// Print the index of extensions, for documentation: what each shows, of which objects, how fresh, whom to ask
    Index(Index),
    /// Tell why an object's key is as it is
    Explain(Object),
    /// Show what the source says of an object now against what Redis has
    Diff(Diff),
    /// Follow services, or one of them, until it is stopped
    Watch(Watch),
    /// Show all services of a Redis with their rates, the worst first, again and again; once where there is no terminal
    Top(Top),
    /// Serve a page about every service of a Redis; it changes nothing
    Ui(Ui),
    /// Tell how large a service's values are, and how long they live
    Stats(Stats),
    /// Remove objects of a service that nobody writes now
    Rm(Rm),
    /// Remove a service's objects that did not change for a while
    Purge(Purge),
    /// Remove a service with everything that it has in Redis
    Retire(Retire),
    /// Compare everything in Redis with the source now, value by value; with --repair mend it
    Verify(Verify),
    /// Approve the deletion of objects that the shrink guard has refused
    ApproveShrink(ApproveShrink),
    /// Print the least rights that a service needs in Redis, as an ACL SETUSER line
    Acl(Acl),
    /// Look at Redis and the configured services, and tell what is wrong or may become so; changes nothing
    Doctor(Doctor),
    /// Print one of the published schemas
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a manual page
    Man(Man),
    /// Put a copy of this program elsewhere, from an image that has nothing else
    Install(Install),
    /// Show everything on a private Redis with real extensions
    Demo(Demo),
    /// Write the generated files of the repository
    #[command(hide = true)]
    Generate(Generate),
}

/// Where a snapshot comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct Snapshot {
    /// Read records from standard input, whatever source.kind says
    #[arg(long, value_name = "KIND")]
    pub source: Option<SourceOverride>,
    /// Standard input is a complete snapshot: objects that it does not name are gone
    #[arg(long)]
    pub complete: bool,
    /// Wait for the lease while another writer holds it
    #[arg(long)]
    pub wait: bool,
}

/// A source that a flag can ask for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SourceOverride {
    /// Standard input
    Stdin,
}

/// See [`Verb::Check`].
#[derive(Debug, Args)]
pub struct Check {
    /// Also try Redis and the permissions there
    #[arg(long)]
    pub connect: bool,
    /// `once` runs on this schedule, as of a CronJob ("*/15 * * * *"): content.ttl has to outlast a run that fails
    #[arg(long, value_name = "CRON")]
    pub schedule: Option<Crontab>,
}

/// One object.
#[derive(Debug, Args)]
pub struct Object {
    /// The service
    pub service: String,
    /// The object's id
    pub id: String,
}

/// See [`Verb::Verify`].
#[derive(Debug, Args)]
pub struct Verify {
    /// The service; without it, all that are configured
    pub service: Option<String>,
    /// Write again what is missing, different, invalid or without TTL, and remove orphans; needs the lease
    #[arg(long)]
    pub repair: bool,
    /// Wait for the lease while another writer holds it
    #[arg(long, requires = "repair")]
    pub wait: bool,
    /// Read records from standard input, whatever source.kind says
    #[arg(long, value_name = "KIND")]
    pub source: Option<SourceOverride>,
    /// Standard input is a complete snapshot: objects that it does not name are orphans
    #[arg(long)]
    pub complete: bool,
}

/// See [`Verb::ApproveShrink`].
#[derive(Debug, Args)]
pub struct ApproveShrink {
    /// The service
    pub service: String,
    /// The one of its several inputs whose shrink is refused
    #[arg(long, value_name = "NAME")]
    pub input: Option<String>,
    /// Approve that no object is left
    #[arg(long)]
    pub to_zero: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// See [`Verb::Schema`].
#[derive(Debug, Args)]
pub struct Schema {
    /// The schema
    pub name: crate::cli::schema::Name,
}

/// See [`Verb::Completions`].
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// See [`Verb::Install`].
#[derive(Debug, Args)]
pub struct Install {
    /// Where: a file, or a directory in which it is called `ralphext`
    #[arg(value_name = "PATH")]
    pub to: PathBuf,
}

/// See [`Verb::Man`].
#[derive(Debug, Args)]
pub struct Man {
    /// The verb that it is about; without it, the program
    pub verb: Option<String>,
}

/// See [`Verb::Demo`].
#[derive(Debug, Args)]
pub struct Demo {
    /// Leave it running, and tell how to look around
    #[arg(long)]
    pub keep: bool,
}

/// See [`Verb::Generate`].
#[derive(Debug, Args)]
pub struct Generate {
    /// The repository's root
    #[arg(default_value = ".")]
    pub root: PathBuf,
    /// Change nothing; end with 1 when a file has drifted
    #[arg(long)]
    pub check: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as content.ttl=1h".to_owned()),
    }
}
