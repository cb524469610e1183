//! Contents page: what is tested against real servers, in the order of a reader's questions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

/// Real servers, the built binary, an independent eye on the contract.
mod harness;

/// That the harness sees what it claims to see.
mod ground;
/// The rules of the code itself: imports, sizes, first lines.
mod tidy;

/// How old content may become, and what is told of a source that falls quiet.
mod ages;
/// Change events: what the service tells others.
mod announcing;
/// Unless an operator says so.
mod approve;
/// Bad objects (how we know 7).
mod bad_objects;
/// Bad Redis, in `once` (how we know 9).
mod bad_redis;
/// Bad sources (how we know 8).
mod bad_sources;
/// Bounded memory and log, whatever comes.
mod bounds;
/// Ralph's jobs (rq), done by any program.
mod bridge;
/// A change, an addition, a removal, a restart (how we know 3).
mod changes;
/// The Helm chart, its alerts and its dashboard.
mod chart;
/// Faults at random moments, many of them (how issue B knows 2, 3, 4, 5, 7 and 9).
mod faults;
/// What readers miss and ask for.
mod fill;
/// Whatever happens to the keys, they come back (how we know 5 and 6).
mod healing;
/// Whatever stands at the keys that ralphext keeps for itself.
mod internal_keys;
/// With keyspace events, at once.
mod keyspace;
/// One writer at a time.
mod lease;
/// What is counted, and that it is counted right.
mod metrics;
/// Sources that keep failing, or fall silent.
mod patience;
/// Probes: alive, ready, standing by.
mod probes;
/// Bad Redis, under a running sidecar (how we know 9).
mod recovery;
/// What was lost is restored at a bounded rate, and memory is bounded.
mod restoring;
/// Too much gone at once is not believed.
mod shrink;
/// Traces of passes, for a collector of OpenTelemetry.
mod traces;
/// Unchanged content is not written (how we know 2 and 4).
mod unchanged;
/// Everything in Redis against the source, and mended.
mod verify;
/// Versions never go back.
mod versions;
/// Nothing, half, twice, garbage, ten times as much: wild answers of a source (how we know 6).
mod wild_answers;

/// What may stand in a tab: JSON, cards, HTML, Markdown, text, files.
mod content;
/// The examples and lists of docs/content.md.
mod docs_content;
/// The examples of docs/sources.md.
mod docs_sources;
/// A Redis Stream as the source.
mod events;
/// Each example, by the one command of its README.
mod examples;
/// Templates, and what one bad object costs others.
mod render;
/// CSV and spreadsheets.
mod tables;
/// The public lists of cross-site scripting.
mod xss;

/// Every way to a server, the whole round on each: write, skip, renew, remove, read back; failover.
mod matrix;
/// Sentinels that are down, frozen, wrong; a master that is cut off.
mod sentinel;
/// Certificates, and what is wrong with them.
mod tls;

/// The JSON API for operators.
mod api;
/// Servers that are asked for lists or single objects.
mod http;
/// Objects named by what is known of them, and an inventory from Ralph.
mod identity;
/// Several inputs for one service.
mod inputs;
/// What the inventory tells, and what is not concluded from what it does not.
mod inventory;
/// Data as it comes.
mod mapping;
/// Extensions that push.
mod push;
/// Several services in one process.
mod services;
/// The page for operators, as it is served.
mod site;
/// Standard input and the file watch.
mod sources;
/// What a stream said is kept.
mod spool;
/// Databases.
mod sql;
/// Long-running commands that print deltas.
mod stream;

/// `check`, `schema`, `completions`, exit codes of usage.
mod cli_config;
/// `test` and `plan`: looking without touching.
mod cli_dry;
/// `index`: what extensions there are, for documentation.
mod cli_index;
/// `rm`, `purge`, `retire`, `stats`, `watch`, `diff`, and the parts of `get`.
mod cli_keys;
/// `get`, `ls`, `explain`, `status`: looking at what is there.
mod cli_look;
/// `top`, and Redis targets by the name that a user has for them.
mod cli_top;
/// A new extension passes its own test.
mod init;
/// What is wrong with a sample, line by line.
mod lint;
/// `preview`: one object, as people will see it.
mod preview;

/// The least rights in a Redis: exactly what is used, and nothing of others.
mod acl;
/// `doctor`: what an operator should know.
mod doctor;

/// The demo.
mod demo;

/// What needs more than Redis: `make test-all`.
mod more;

/// The documentation: every page in its place, every link to something.
mod book;
/// The keyspace, the head, the published schemas.
mod contract;
/// The reader kit, and the cases for readers in any language.
mod reader;
/// Nothing secret leaves.
mod secrets;
