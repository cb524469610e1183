//! Who does a job, and what comes of it. It must not know how jobs come and go.

use super::{
    call::{BadCall, Call},
    command::Program,
    post::Post,
    sidecar::Sidecar,
    value::Value,
};
use crate::settings::{Bridge, JobOutput, Secret};

/// Which job it is, for who does it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) id: &'a str,
    pub(super) function: &'a str,
    pub(super) queue: &'a str,
}

/// Why a job failed: what stands in `exc_info`, and the word for it in metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) outcome: &'static str,
    /// In the form of the last line of a Python traceback: a class, and what it says.
    pub(super) text: String,
    pub(super) is_hostile: bool,
}

impl Failed {
    pub(super) fn new(class: &str, what: impl AsRef<str>) -> Self {
        Self { outcome: "failed", text: format!("{class}: {}", what.as_ref()), is_hostile: false }
    }
}

impl From<BadCall> for Failed {
    fn from(bad: BadCall) -> Self {
        let hint = "only plain data is taken: None, numbers, texts, bytes, lists and dicts, in named arguments";
        let text = format!("RefusedJob: {bad}\nhint: {hint}");
        Self { outcome: "refused", text, is_hostile: bad.is_hostile() }
    }
}

/// Does jobs by a command, a server, or (built in) the sidecar.
pub struct Doer {
    functions: Vec<String>,
    who: Option<Who>,
    sidecar: Option<Sidecar>,
    output: Option<JobOutput>,
}

enum Who {
    Program(Program),
    Post(Box<Post>),
}

impl Doer {
    /// No variable of the environment that holds one of `secrets` reaches a command.
    ///
    /// # Errors
    /// Settings that make nobody, with what is wrong.
    pub fn new(settings: &Bridge, secrets: &[Secret]) -> Result<Self, String> {
        let who = match &settings.url {
            Some(url) => Some(Who::Post(Box::new(Post::new(settings, url)?))),
            None if settings.command.is_empty() => None,
            None => Some(Who::Program(Program::new(settings, secrets))),
        };
        let socket = settings.sidecar_socket().map_err(|why| format!("bridge.sidecar: {why}"))?;
        let sidecar = socket.map(|socket| Sidecar { socket, service: settings.sidecar_service.clone() });
        Ok(Self { functions: settings.functions.clone(), who, sidecar, output: settings.output })
    }

    /// Who does the jobs, for people.
    pub fn describe(&self) -> String {
        match &self.who {
            Some(Who::Program(program)) => program.shown().to_owned(),
            Some(Who::Post(post)) => post.shown(),
            None => "the sidecar".to_owned(),
        }
    }

    /// Waits for commands that were stopped.
    pub async fn close(&self) {
        if let Some(Who::Program(program)) = &self.who {
            program.close().await;
        }
    }

    /// What `call` comes to. Dropping the future stops it.
    pub(super) async fn answer(&self, call: &Call, id: &str, queue: &str) -> Result<Value, Failed> {
        let job = Job { id, function: &call.function, queue };
        if !self.functions.contains(&call.function) {
            return match &self.sidecar {
                Some(sidecar) if Sidecar::serves(&call.function) => sidecar.refresh(call).await,
                _ => Err(self.unknown(&call.function)),
            };
        }
        let input = call.input()?;
        match &self.who {
            None => Err(self.unknown(&call.function)),
            Some(Who::Program(program)) => {
                let out = program.run(&input, &job).await?;
                as_value(self.output.unwrap_or(JobOutput::Bytes), out)
            }
            Some(Who::Post(post)) => post.ask(input, &job).await,
        }
    }

    fn unknown(&self, function: &str) -> Failed {
        let function: String = function.chars().take(200).collect();
        let served = self.functions.join(", ");
        let text = format!(
            "UnknownFunction: {function:?} is not served here; served are: {served}\n\
             hint: name it in bridge.functions, if the extension answers it"
        );
        Failed { outcome: "unknown", text, is_hostile: false }
    }
}

/// What was said, as what it is to Ralph.
pub(super) fn as_value(output: JobOutput, said: Vec<u8>) -> Result<Value, Failed> {
    let bad = |what: String| Failed::new("BadResult", what);
    match output {
        JobOutput::Bytes => Ok(Value::Bytes(said)),
        JobOutput::Text => {
            String::from_utf8(said).map(Value::Str).map_err(|_| bad("the result is no UTF-8 text".into()))
        }
        JobOutput::Json => {
            serde_json::from_slice(&said).map(Value::from_json).map_err(|e| bad(format!("the result is no JSON: {e}")))
        }
    }
}
