//! The only room that knows Redis: keys, connections, fenced batches, lease, reading. It must not know what values mean.

mod batch;
mod connect;
mod connection;
mod dial;
mod error;
mod keys;
mod keyspace;
mod observe;
mod probe;
mod reader;
mod renew;
mod scan;
mod scripts;
mod sentinel;
mod session;
mod stream;
mod tls;
mod writer;

pub use batch::{Batch, BatchBuilder, Touched};
pub use connect::{Survey, Target};
pub use error::{FailureClass, StoreError};
pub use keys::Keys;
pub use keyspace::{KeyspaceEvents, News};
pub use observe::{KeyEvent, Observer, flush_all};
pub use probe::{Probe, probe};
pub use reader::{Listed, Reader, Stored};
pub use renew::{RenewBatch, Renewal};
pub use scan::RawHead;
pub use session::{Acquired, Beat, BeatRequest, SavedBaseline, Session};
pub use writer::{Job, Receipt, Writer};
