//! The bridge to rq: jobs as old and new clients write them, done by a command or a server, and what becomes of them when
//! somebody dies, stops, cancels or attacks (how issue E knows 2 and 3; rq's own clients: `more/rq.rs`).

mod dying;
mod hostile;
mod serving;
pub mod stage;
