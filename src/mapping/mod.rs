//! Mapping: data as it comes, item by item, into records in the usual layout (`[source.map]`). It must not know where items
//! come from, nor what becomes of records.
//!
//! | step | file |
//! |---|---|
//! | all pointers are looked up in one walk over the item's text | `pick.rs` |
//! | `where`, `unless`, `deleted` | `condition.rs` |
//! | the object: `id`, or `match` | `key.rs`, `transform.rs` |
//! | the content: all, a part, members, a card | `content.rs`, `card.rs`, `status.rs`, `text.rs` |
//! | items of one object, when the snapshot is complete | `group.rs` |

mod card;
mod condition;
mod content;
mod date;
mod group;
mod key;
mod mapper;
mod pick;
mod scalar;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod transform;

pub use date::Day;
pub use group::TooMuch;
pub use mapper::Mapper;
