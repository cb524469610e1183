//! Takes ids off the queues, on a connection of its own, since it waits there. It must not look at jobs.

use std::time::{Duration, Instant};

use redis::RedisResult;

use super::names::{Names, SUSPENDED};
use crate::store::{StoreError, Target, connection::Connection};

/// Longest wait in one step: a process that is to end looks up in between.
const WAIT: Duration = Duration::from_secs(1);
/// The same where there are several queues: the others are looked at in between.
const GLANCE: Duration = Duration::from_millis(50);
/// How often it is asked whether the workers are suspended.
const ASK: Duration = Duration::from_secs(1);

/// What there was to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Nothing yet.
    Nothing,
    /// `rq suspend`: nothing may be taken.
    Suspended,
    /// A job, which stands in the intermediate queue now.
    Job {
        /// Its queue.
        queue: String,
        /// Its id.
        id: String,
    },
}

/// Takes from queues, the first one first.
pub struct Taker {
    target: Target,
    names: Names,
    queues: Vec<String>,
    connection: Option<Connection>,
    asked: Option<Instant>,
}

impl Taker {
    /// Nothing is sent yet.
    pub fn new(target: Target, queues: Vec<String>) -> Self {
        Self { target, names: Names { worker: String::new() }, queues, connection: None, asked: None }
    }

    /// Waits up to a second for a job (`LMOVE`, `BLMOVE`).
    ///
    /// # Errors
    /// When Redis fails; an id that was moved and not told stands in the intermediate queue.
    pub fn take(&mut self) -> Result<Taken, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.target.open()?,
        };
        match self.look(&mut connection) {
            Ok(taken) => {
                self.connection = Some(connection);
                Ok(taken)
            }
            Err(e) => Err(self.target.failed(&e)),
        }
    }

    fn look(&mut self, c: &mut Connection) -> RedisResult<Taken> {
        if self.asked.is_none_or(|at| at.elapsed() > ASK) {
            if redis::cmd("EXISTS").arg(SUSPENDED).query(c)? {
                return Ok(Taken::Suspended);
            }
            self.asked = Some(Instant::now());
        }
        // With one queue, the one that waits takes at once what is there.
        if self.queues.len() > 1 {
            for queue in &self.queues {
                let id = self.moving("LMOVE", queue).query::<Option<String>>(c)?;
                if let Some(id) = id {
                    return Ok(Taken::Job { queue: queue.clone(), id });
                }
            }
        }
        let Some(queue) = self.queues.first() else { return Ok(Taken::Nothing) };
        let wait = if self.queues.len() > 1 { GLANCE } else { WAIT };
        let wait = wait.min(self.target.settings().timeout.0 / 2);
        let id = self.moving("BLMOVE", queue).arg(wait.as_secs_f64()).query::<Option<String>>(c)?;
        Ok(id.map_or(Taken::Nothing, |id| Taken::Job { queue: queue.clone(), id }))
    }

    fn moving(&self, command: &str, queue: &str) -> redis::Cmd {
        let mut cmd = redis::cmd(command);
        cmd.arg(self.names.queue(queue)).arg(self.names.intermediate(queue)).arg("LEFT").arg("RIGHT");
        cmd
    }
}
