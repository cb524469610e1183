//! Contents page of ralphext: the rooms in the order in which imports may fall (ARCHITECTURE.md).
//! It must not hold logic.

pub mod model;
