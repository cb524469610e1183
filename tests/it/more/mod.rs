//! What needs more than Redis to be tested: database servers, browsers, tools of other languages. Each test here is ignored
//! by `make test` and run by `make test-all`, which installs what they need (`scripts/setup.sh --all`).

/// The documentation, by mdBook.
mod book;
/// What a real browser makes of it.
mod browser;
/// The Debian package.
mod deb;
/// Tarball and wheel.
mod dist;
/// Shared configuration in etcd.
mod etcd;
/// Rows that readers miss, on database servers.
mod fill;
/// The chart, by Helm 3 and 4.
mod helm;
/// The container image.
mod image;
/// The reader kit on old and new versions.
mod reader;
/// The bridge by rq's own clients.
mod rq;
/// What `init` makes, seen by others' tools.
mod scaffold;
/// The push API by a tester of others'.
mod schemathesis;
/// The page for operators in a real browser.
mod site;
/// PostgreSQL and MariaDB as sources.
mod sql;

use std::process::Command;

/// Runs a tool to its end, which has to be a good one; its standard output.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}
