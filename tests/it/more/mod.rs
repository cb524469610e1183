//! What needs more than Redis to be tested: database servers, browsers, tools of other languages. Each test here is ignored
//! by `make test` and run by `make test-all`, which installs what they need (`scripts/setup.sh --all`).

/// What a real browser makes of it.
mod browser;
/// Tarball and wheel.
mod dist;
/// The chart, by Helm 3 and 4.
mod helm;
/// What `init` makes, seen by others' tools.
mod scaffold;
/// PostgreSQL and MariaDB as sources.
mod sql;
