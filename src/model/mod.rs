//! Vocabulary: ids, digests, versions and the types of each stage. It must not know any other room, nor do I/O.

mod asked;
mod content;
mod digest;
mod fault;
mod ids;
mod position;
mod stage;
mod version;

pub use asked::{Answer, Confirm, Refusal, SharedTally, Tally};
pub use content::{Content, ContentType, Encoding};
pub use digest::{Digest, DigestPrefix, write_hex};
pub use fault::{Fault, FaultKind};
pub use ids::{IdError, ObjectId, ServiceName};
pub use position::Position;
pub use stage::{Block, Document, Ending, Fetched, Place, Span, Unmatched, Vanishing};
pub use version::{Clock, Epoch, UnixMs, Version, highest_plausible};
