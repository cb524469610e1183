//! `[bridge]`: which rq queues are served, and who does their jobs. It must not know rq.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, ListenPlace, Size};

/// Ralph's jobs (rq), done by a command or an HTTP server of yours: `ralphext bridge`. Off unless it is here. It has a file, a
/// process and a user in Redis of its own, apart from every service: whoever may write results of jobs can have them executed
/// by Ralph (see docs/security.md).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bridge {
    /// The queues, by their names (`ralph_ext_pdf`). The first one that has a job goes first.
    pub queues: Vec<String>,
    /// The functions that are served, as jobs name them (`inkpy_jinja.pdf`); a job that names another one fails.
    pub functions: Vec<String>,
    /// Program and arguments, run for each job: the job's named arguments are a JSON object on its standard input, its result
    /// is what it prints. Not together with `url`.
    pub command: Vec<String>,
    /// Environment variables for the command, on top of this process's own without everything that leads into Redis.
    pub env: BTreeMap<String, String>,
    /// Address that each job is posted to, as the same JSON object; its result is the answer's body. Not together with
    /// `command`.
    pub url: Option<String>,
    /// File that holds what is sent to `url` as `Authorization: Bearer ...`. Relative to the configuration file.
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that may have signed the certificate of `url`. Relative to the configuration
    /// file. Default: those of the system.
    pub ca: Option<PathBuf>,
    /// What a result is to Ralph: `bytes`, `text`, or `json` (numbers, lists, dicts). Default: what the answer's content type
    /// says, and `bytes` of a command.
    pub output: Option<JobOutput>,
    /// Socket of the sidecar's page (`admin.page_listen`), `unix:/run/ralphext/page.sock`: then `refresh(object_id)` is served
    /// too, which has the object recomputed and gives its envelope. Default: it is not served.
    pub sidecar: Option<String>,
    /// The service whose objects are refreshed. Default: the sidecar's only one.
    pub sidecar_service: Option<String>,
    /// Most jobs under way at the same time, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub concurrency: u32,
    /// How long a job may take that does not say itself.
    pub timeout: HumanDuration,
    /// How long any job may take, whatever it says.
    pub max_timeout: HumanDuration,
    /// How long a result is kept, where the job does not say. 0s: not at all.
    pub result_ttl: HumanDuration,
    /// How long a failure is kept, where the job does not say.
    pub failure_ttl: HumanDuration,
    /// How often a job is begun in all when the bridge dies over it; then it fails. 1: it fails at once, as with rq's own
    /// worker.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// How often the bridge says that it lives. One that has not for three times this long is dead, and another one takes its
    /// jobs over.
    pub heartbeat: HumanDuration,
    /// Most bytes of a job's data, unpacked.
    pub max_job: Size,
    /// Most bytes of a result.
    pub max_result: Size,
}

/// What a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum JobOutput {
    /// As it is: a PDF.
    Bytes,
    /// UTF-8 text.
    Text,
    /// A JSON value.
    Json,
}

impl Bridge {
    /// The socket of the sidecar, if there is one.
    ///
    /// # Errors
    /// Why `sidecar` is no unix socket.
    pub fn sidecar_socket(&self) -> Result<Option<PathBuf>, &'static str> {
        let Some(text) = &self.sidecar else { return Ok(None) };
        match ListenPlace::parse(text)? {
            ListenPlace::Unix(path) => Ok(Some(path)),
            ListenPlace::Tcp(_) => Err("it is no unix socket"),
        }
    }
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            functions: Vec::new(),
            command: Vec::new(),
            env: BTreeMap::new(),
            url: None,
            token_file: None,
            ca: None,
            output: None,
            sidecar: None,
            sidecar_service: None,
            concurrency: 2,
            timeout: HumanDuration::from_secs(180),
            max_timeout: HumanDuration::from_secs(3600),
            result_ttl: HumanDuration::from_secs(500),
            failure_ttl: HumanDuration::from_secs(365 * 86_400),
            attempts: 3,
            heartbeat: HumanDuration::from_secs(10),
            max_job: Size::mib(16),
            max_result: Size::mib(64),
        }
    }
}
