//! Flags of the verbs about keys. It must not act.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Crontab;
use crate::settings::HumanDuration;

/// See [`super::Verb::Doctor`].
#[derive(Debug, Args)]
pub struct Doctor {
    /// Do not ask the sources: where their programs, files or networks are not
    #[arg(long)]
    pub no_source: bool,
    /// `once` runs on this schedule, as of a CronJob ("*/15 * * * *"): content.ttl has to outlast a run that fails
    #[arg(long, value_name = "CRON")]
    pub schedule: Option<Crontab>,
}

/// See [`super::Verb::Get`].
#[derive(Debug, Args)]
pub struct Get {
    /// The service
    pub service: String,
    /// The object's id
    pub id: String,
    /// Print the value as it stands there, and nothing else
    #[arg(long)]
    pub raw: bool,
    /// Print what identifies it, without the content
    #[arg(long, conflicts_with = "raw")]
    pub head: bool,
    /// Print a page of it in one file, which runs nothing
    #[arg(long, conflicts_with_all = ["raw", "head"])]
    pub html: bool,
    /// Print one member of the envelope: /content/cpu (RFC 6901); texts without quotes
    #[arg(long, value_name = "POINTER", conflicts_with_all = ["raw", "head", "html"])]
    pub field: Option<String>,
}

/// See [`super::Verb::Diff`].
#[derive(Debug, Args)]
pub struct Diff {
    /// The service, which has to be configured here
    pub service: String,
    /// The object's id
    pub id: String,
}

/// See [`super::Verb::Watch`].
#[derive(Debug, Args)]
pub struct Watch {
    /// The service; without it, all of the Redis
    pub service: Option<String>,
    /// How often to look
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub every: HumanDuration,
    /// End after so many looks, or events
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Of a service with events.kind = "stream": begin behind this entry, as an earlier watch told it; 0-0 for all that is kept
    #[arg(long, value_name = "ID", requires = "service")]
    pub from: Option<String>,
}

/// See [`super::Verb::Top`].
#[derive(Debug, Args)]
pub struct Top {
    /// How often to look
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub every: HumanDuration,
    /// End after so many looks. Default: one without a terminal, else none
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

/// See [`super::Verb::Ui`].
#[derive(Debug, Args)]
pub struct Ui {
    /// Where: an address with its port, or unix:/path; any but a loopback address needs --token-file
    #[arg(long, value_name = "PLACE", default_value = "127.0.0.1:9785")]
    pub listen: String,
    /// File that holds what requests have to show: as a bearer token, or as the password that a browser asks for
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// How fast keys are walked over.
#[derive(Debug, Clone, Copy, Args)]
pub struct Scan {
    /// Most keys looked at in a second; 0: as fast as the server can
    #[arg(long, value_name = "KEYS", default_value_t = 100_000)]
    pub max_rate: u32,
}

/// See [`super::Verb::Ls`].
#[derive(Debug, Args)]
pub struct Ls {
    /// The service whose objects are listed; without it, all services
    pub service: Option<String>,
    /// How fast to walk
    #[command(flatten)]
    pub scan: Scan,
}

/// See [`super::Verb::Unmatched`].
#[derive(Debug, Args)]
pub struct Unmatched {
    /// The service; without it, all that are configured
    pub service: Option<String>,
    /// Ask the source and the inventory now, without Redis, in place of telling what the last pass found
    #[arg(long)]
    pub live: bool,
}

/// See [`super::Verb::Stats`].
#[derive(Debug, Args)]
pub struct Stats {
    /// The service
    pub service: String,
    /// How many of the largest objects to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub biggest: usize,
    /// How fast to walk
    #[command(flatten)]
    pub scan: Scan,
}

/// Flags of verbs that remove keys.
#[derive(Debug, Clone, Copy, Args)]
pub struct Removal {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Wait for the lease while another writer holds it
    #[arg(long)]
    pub wait: bool,
}

/// See [`super::Verb::Rm`].
#[derive(Debug, Args)]
pub struct Rm {
    /// The service
    pub service: String,
    /// The objects' ids
    #[arg(required = true)]
    pub ids: Vec<String>,
    /// Asking and waiting
    #[command(flatten)]
    pub removal: Removal,
}

/// See [`super::Verb::Purge`].
#[derive(Debug, Args)]
pub struct Purge {
    /// The service
    pub service: String,
    /// Those that did not change for so long: 30d
    #[arg(long, value_name = "DURATION")]
    pub older_than: HumanDuration,
    /// Asking and waiting
    #[command(flatten)]
    pub removal: Removal,
    /// How fast to walk
    #[command(flatten)]
    pub scan: Scan,
}

/// See [`super::Verb::Retire`].
#[derive(Debug, Args)]
pub struct Retire {
    /// The service
    pub service: String,
    /// Asking and waiting
    #[command(flatten)]
    pub removal: Removal,
    /// How fast to walk
    #[command(flatten)]
    pub scan: Scan,
}

/// See [`super::Verb::Index`].
#[derive(Debug, Args)]
pub struct Index {
    /// Take it from configurations, not from Redis: a file, a directory of services, or a directory of directories with a
    /// ralphext.toml each; may be repeated
    #[arg(long, value_name = "PATH")]
    pub from: Vec<PathBuf>,
    /// How it looks. Default: as the file of --check ends, else markdown; --output json is the same as json
    #[arg(long, value_name = "FORM")]
    pub form: Option<IndexForm>,
    /// Compare with a file that was written before; exit code 1 when it has drifted
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

/// How an index looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IndexForm {
    /// A table and a section for each
    Markdown,
    /// A page in one file
    Html,
    /// For scripts; from Redis with the state of each service
    Json,
}
