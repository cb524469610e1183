//! Envelopes: canonical form, digest, sealing and opening of one object's value, and the card that content may be.
//! It must not know sources, rendering, Redis or the wall clock.

mod canonical;
mod card;
mod card_rules;
mod error;
mod hash;
mod head;
mod ignore;
mod inspect;
mod key;
mod number;
mod open;
mod probe;
mod scan;
mod seal;
mod spans;
mod stamp;

pub use canonical::{Canonicaliser, MAX_DEPTH, canonical_string};
pub use card::{Badge, Card, Chart, ChartKind, Event, Field, Link, Series, Status, Table, card_schema};
pub use card_rules::validate_card;
pub use error::CanonicalError;
pub use hash::digest;
pub use head::{Head, HeadError, MAX_NUMBER, identity_len, parse_head, parse_head_of};
pub use ignore::{Ignore, IgnoreError};
pub use inspect::Inspector;
pub use open::{Envelope, OpenError, envelope_schema, open, verify_hash};
pub use probe::probe;
pub use seal::{ENVELOPE_SCHEMA, HEAD_MAX, Sealer};
pub use spans::{Inside, Spot, spots};

#[cfg(test)]
mod tests;
