//! Flags of the verbs that authors of extensions try things with. It must not act.

use std::path::PathBuf;

use clap::Args;

use super::SourceOverride;

/// See [`super::Verb::Test`].
#[derive(Debug, Args)]
pub struct Test {
    /// How many records to show
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub limit: usize,
    /// Read records from standard input, whatever source.kind says
    #[arg(long, value_name = "KIND")]
    pub source: Option<SourceOverride>,
}

/// See [`super::Verb::Preview`].
#[derive(Debug, Args)]
pub struct Preview {
    /// The service; may be left out where one is configured
    #[arg(value_name = "SVC")]
    pub service: Option<String>,
    /// The object's id; without it, the first one
    #[arg(value_name = "OBJECT")]
    pub id: Option<String>,
    /// Take the record from a file (JSON, NDJSON, Markdown, HTML) or standard input (-), not from the source
    #[arg(long, value_name = "FILE")]
    pub sample: Option<PathBuf>,
    /// Write a page to this file: one file, which runs nothing
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Open the page in a browser
    #[arg(long)]
    pub open: bool,
    /// Show it again when configuration, template or sample are saved; with --open the page reloads itself
    #[arg(long)]
    pub watch: bool,
}

/// See [`super::Verb::Lint`].
#[derive(Debug, Args)]
pub struct Lint {
    /// The sample: one record a line, or one JSON array. Default, or `-`: standard input
    pub file: Option<PathBuf>,
}
