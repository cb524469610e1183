//! The bridge to rq: jobs that Ralph enqueued, done by any program. It must not know Redis, nor tabs.
//!
//! ```text
//! store/rq: Taker -> id -> Desk::begin -> Run { data }      one permit of bridge.concurrency
//!    |  call.rs      Call::read: unpacked (bounded), a pickle by pickle/ or JSON -> function, named arguments
//!    |  doer.rs      command.rs, post.rs or sidecar.rs      -> Value of plain data, within the job's time
//!    |  call.rs      Serializer::dump
//!    v
//! store/rq: Desk::succeed, fail, put_back                   tried until Redis has it
//! ```

mod call;
mod command;
mod doer;
mod job;
pub mod pickle;
mod post;
mod sidecar;
mod value;
mod work;

pub use self::{
    call::{BadCall, Call, Serializer},
    doer::Doer,
    value::{NoJson, Value},
    work::{Bridging, bridge},
};
