//! Children: a command with all its descendants as one group, the environment it gets, what it says on standard error, why it
//! could not be started. It must not know what a child is for.

mod environment;
mod group;
mod show;
mod spawn_error;
mod stderr;

pub use self::{
    environment::{for_child, secrets_of},
    group::{Group, Leader, Leavings},
    show::{explain, shown},
    spawn_error::{Unstartable, foresee, unstartable},
    stderr::{LastLine, Meter, Quota, log},
};
