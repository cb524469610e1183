//! Flags about shared configuration. It must not act.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Where shared configuration is; each has a variable: `RALPHEXT_CONFIG_ETCD`, ...
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Shared configuration (docs/shared-configuration.md)")]
pub struct Shared {
    /// etcd's endpoints: http://host:2379, or several with commas [$RALPHEXT_CONFIG_ETCD]
    #[arg(long, global = true, value_name = "URLS", value_delimiter = ',')]
    pub config_etcd: Vec<String>,
    /// What its keys begin with. Default: /ralphext [$RALPHEXT_CONFIG_PREFIX]
    #[arg(long, global = true, value_name = "KEY")]
    pub config_prefix: Option<String>,
    /// Where a copy is kept for when etcd is away. Default: none [$RALPHEXT_CONFIG_COPY]
    #[arg(long, global = true, value_name = "FILE")]
    pub config_copy: Option<PathBuf>,
}

/// See [`super::Verb::Config`].
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Every setting of every configured service, secrets masked
    Show(Show),
    /// Check a document and store it in etcd; the former one is kept
    Push(Push),
    /// Show what a push would change; exit code 1 when anything
    Diff(Push),
    /// List the former texts of a document, newest first
    History(Which),
    /// Store a former text of a document again
    Rollback(Rollback),
}

/// See [`Config::Show`].
#[derive(Debug, Args)]
pub struct Show {
    /// Only those below this key, such as redis
    pub key: Option<String>,
    /// Say where each comes from
    #[arg(long)]
    pub origin: bool,
    /// Leave out what is at its default
    #[arg(long)]
    pub only_set: bool,
}

/// Which document.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The service whose settings it has
    #[arg(long, value_name = "SVC", required_unless_present = "defaults", conflicts_with = "defaults")]
    pub service: Option<String>,
    /// The settings that all services share
    #[arg(long)]
    pub defaults: bool,
}

/// See [`Config::Push`].
#[derive(Debug, Args)]
pub struct Push {
    /// Which document.
    #[command(flatten)]
    pub which: Which,
    /// The document, TOML or JSON; `-`: standard input
    pub file: PathBuf,
    /// Store it although it has secrets in it
    #[arg(long)]
    pub with_secrets: bool,
}

/// See [`Config::Rollback`].
#[derive(Debug, Args)]
pub struct Rollback {
    /// Which document.
    #[command(flatten)]
    pub which: Which,
    /// The moment of the text, as `history` shows it. Default: the one before the present one
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
}
