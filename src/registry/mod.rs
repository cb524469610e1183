//! The registry: what a service's descriptor and the index say. It must not know how passes work, nor how to write.

mod descriptor;

pub use descriptor::{
    Counts, Descriptor, EventsInfo, FailedObject, InputState, LastError, LastPass, Mode, SCHEMA, ServiceStatus, Stamp,
    UnmatchedRecord, UnmatchedRecords, WriterInfo, descriptor_schema,
};
