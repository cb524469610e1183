//! Children: a command with all its descendants as one group, the environment it gets, what it says on standard error, why it
//! could not be started. It must not know what a child is for.

mod environment;
mod group;
mod show;
mod spawn_error;
mod stderr;

use std::{collections::BTreeMap, ffi::OsString, process::Stdio};

use tokio::process::Command;

pub use self::{
    environment::{for_child, secrets_of},
    group::{Group, Leader, Leavings},
    show::{explain, shown},
    spawn_error::{Unstartable, foresee, unstartable},
    stderr::{LastLine, Meter, Quota, log},
};

/// A program to be started with nothing but `env`, as the leader of a group of its own, its output and errors piped. Dropped while it
/// runs, it is killed.
pub fn command(program: &str, env: &BTreeMap<OsString, OsString>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(env).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    command
}
