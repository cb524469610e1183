//! How a server is to be asked: who we are, whom we trust, how long, how much. It must not ask.

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::WebError;
use crate::settings::Secret;

/// What a client is made of. Secrets in files are read at every request.
#[derive(Debug, Clone)]
pub struct Access {
    /// `Authorization: Bearer ...`, or after another word, see `scheme`.
    pub token: Option<Secret>,
    /// File that holds the token, in place of `token`.
    pub token_file: Option<PathBuf>,
    /// The word before the token: `Bearer`, or `Token` as Django REST framework has it.
    pub scheme: String,
    /// User of `Authorization: Basic ...`.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Headers of their own.
    pub headers: BTreeMap<String, Secret>,
    /// Files that hold headers' values, by name.
    pub header_files: BTreeMap<String, PathBuf>,
    /// Certificates of the authorities that are trusted, in place of the system's.
    pub ca: Option<PathBuf>,
    /// Certificate to show, with its key.
    pub cert: Option<PathBuf>,
    /// Private key of `cert`.
    pub key: Option<PathBuf>,
    /// Where requests go through: an address, `none`; without it the environment says (`HTTPS_PROXY`, `NO_PROXY`).
    pub proxy: Option<Secret>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long nothing may come.
    pub idle_timeout: Duration,
    /// How long one request may take in all, its body and its retries included.
    pub timeout: Duration,
    /// Most bytes of one body, decompressed.
    pub max_body: u64,
    /// Most requests a second.
    pub rate: Option<u32>,
    /// How often a request that failed for a reason that passes is sent again.
    pub retries: u32,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            token: None,
            token_file: None,
            scheme: "Bearer".to_owned(),
            username: None,
            password: None,
            password_file: None,
            headers: BTreeMap::new(),
            header_files: BTreeMap::new(),
            ca: None,
            cert: None,
            key: None,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(300),
            max_body: 1 << 30,
            rate: None,
            retries: 3,
        }
    }
}

impl Access {
    /// Whether requests carry anything that no other host may see.
    pub(super) fn has_secret(&self) -> bool {
        self.token.is_some() || self.token_file.is_some() || self.username.is_some() || !self.header_files.is_empty()
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> Result<Option<String>, WebError> {
        if let Some(token) = either(self.token.as_ref(), self.token_file.as_deref(), "the token")? {
            return Ok(Some(format!("{} {}", self.scheme, token.expose())));
        }
        let Some(user) = &self.username else { return Ok(None) };
        let password = either(self.password.as_ref(), self.password_file.as_deref(), "the password")?;
        let pair = format!("{user}:{}", password.as_ref().map_or("", Secret::expose));
        Ok(Some(format!("Basic {}", STANDARD.encode(pair))))
    }

    /// The other headers.
    pub(super) fn headers(&self) -> Result<Vec<(String, Secret)>, WebError> {
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, path) in &self.header_files {
            headers.push((name.clone(), read(path, &format!("the header {name}"))?));
        }
        Ok(headers)
    }
}

fn either(given: Option<&Secret>, path: Option<&Path>, what: &str) -> Result<Option<Secret>, WebError> {
    match (given, path) {
        (Some(secret), _) => Ok(Some(secret.clone())),
        (None, Some(path)) => read(path, what).map(Some),
        (None, None) => Ok(None),
    }
}

fn read(path: &Path, what: &str) -> Result<Secret, WebError> {
    let problem = |why: String| format!("cannot read {what} from {}: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|e| {
        let hint = "it is read at every request: is it mounted, and may this user read it";
        WebError::settings(problem(e.to_string()), hint)
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(WebError::settings(
            problem("it is empty".to_owned()),
            "write the secret into it, and nothing else",
        ));
    }
    Ok(Secret::new(text))
}
