//! Python's pickles, as plain data only. It must not know jobs, nor run anything that a pickle names.
//!
//! A pickle is a program for a small stack machine, and Python's own reader calls whatever it names. This one is closed: the
//! few names in [`names`] are taken for data of their kind (`collections.OrderedDict` is a dict), and any other is an error
//! that tells it. Nothing is imported, called or looked up. What it reads is bounded in size, number and depth.

mod decode;
mod encode;
mod names;
mod reader;
#[cfg(test)]
mod tests;

pub use self::{decode::decode, encode::encode, reader::BadPickle};
