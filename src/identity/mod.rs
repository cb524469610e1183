//! Identity: what an extension knows of an object (host name, serial number, address) -> its id in Ralph, by an inventory
//! that is read from Ralph or from an export. It must know neither records nor Redis.
//!
//! `key` spells values one way, `inventory` finds and resolves, `view` is what others see of it at a moment, `keeper` keeps
//! it up to date out of `export` or `ralph`, and over restarts in `cache`.

mod cache;
mod error;
mod export;
mod inventory;
mod keeper;
mod key;
mod moment;
mod origin;
mod query;
mod ralph;
mod resolve;
mod row;
mod rows;
#[cfg(test)]
mod tests;
mod view;

pub use error::IdentityError;
pub use inventory::{Builder, Inventory};
pub use keeper::Keeper;
pub use origin::{Reachable, reach};
pub use query::{BadMatch, Query};
pub use resolve::{Outcome, Reason, Unmatched};
pub use row::Row;
pub use view::{Handle, Standing, View};
