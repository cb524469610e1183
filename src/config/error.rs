//! Problems of a configuration, told so that they can be repaired. It must not know how they are found.

use std::{fmt, path::Path, sync::Arc};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file; line and column count from 1 and are 0 where they are not known. The column is for syntax alone.
    File {
        /// The file, as it was named.
        path: Arc<Path>,
        /// Line in it.
        line: usize,
        /// Column in it, in characters.
        column: usize,
    },
    /// A key of etcd; the line counts from 1 and is 0 where it is not known.
    Etcd {
        /// The key.
        key: Arc<str>,
        /// Line in its value.
        line: usize,
        /// It is not from etcd itself but from the copy that is kept for when it is away.
        is_copy: bool,
    },
    /// An environment variable.
    Env(Arc<str>),
    /// A flag of the command line.
    Flag,
    /// No file, key, variable or flag: a default, or something missing.
    Default,
}

impl Origin {
    /// A line of `path`.
    pub(super) fn line(path: &Arc<Path>, line: usize) -> Self {
        Self::File { path: Arc::clone(path), line, column: 0 }
    }

    /// The file alone.
    pub(super) fn file(path: &Arc<Path>) -> Self {
        Self::line(path, 0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, column: 0 } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Etcd { key, line, is_copy } => {
                let copy = if *is_copy { " (kept copy)" } else { "" };
                match line {
                    0 => write!(f, "etcd:{key}{copy}"),
                    line => write!(f, "etcd:{key}:{line}{copy}"),
                }
            }
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("command line"),
            Self::Default => f.write_str("configuration"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// The key, dotted; empty where it is about a whole file.
    pub key: String,
    /// The value as it was written, secrets masked.
    pub value: Option<String>,
    /// What is wrong, naming the nearest valid key or word where there is one.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match (&*self.key, &self.value) {
            ("", _) => {}
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
        }
        write!(f, "{}\nhint: {}", self.reason, self.hint)
    }
}

/// Everything that is wrong with a configuration; at least one problem, ordered by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The problems.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.problems.len() > 1 {
            writeln!(f, "{} problems in the configuration", self.problems.len())?;
        }
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects problems; the same problem seen through two services is told once.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn push(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// A problem of a whole file, or of none.
    pub(super) fn whole(&mut self, origin: Origin, reason: impl Into<String>, hint: impl Into<String>) {
        let problem = Problem { origin, key: String::new(), value: None, reason: reason.into(), hint: hint.into() };
        self.push(problem);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems, in the order in which they were found.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// `value`, unless there were problems.
    pub(super) fn finish<T>(mut self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() {
            return Ok(value);
        }
        self.problems.sort_by(|a, b| a.origin.cmp(&b.origin));
        Err(ConfigError { problems: self.problems })
    }
}
