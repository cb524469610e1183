//! Contents page of ralphext: the rooms in the order in which imports may fall (ARCHITECTURE.md).
//! It must not hold logic.

pub mod admin;
pub mod app;
pub mod bridge;
pub mod browse;
pub mod cli;
pub mod config;
pub mod decision;
pub mod envelope;
pub mod etcd;
pub mod events;
pub mod identity;
pub mod mapping;
pub mod model;
pub mod page;
pub mod pipeline;
pub mod process;
pub mod registry;
pub mod render;
pub mod settings;
pub mod sources;
pub mod spool;
pub mod store;
pub mod telemetry;
pub mod web;
