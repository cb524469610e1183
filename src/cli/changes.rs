//! `ralphext watch SVC` of a service that tells its changes: one line for each event, and for each gap. It must not look at values.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Exit, Failure,
    args::{Globals, Output, Watch},
    output,
    run::{blocking, system},
    target,
};
use crate::{
    app,
    events::{Event, EventKind},
    model::{Position, ServiceName, Version},
    registry::EventsInfo,
    settings::{Announce, AnnounceKind},
    store::{ChangeFeed, StoreError, Told},
};

/// How long one look waits; less than any time limit of an answer.
const WAIT: Duration = Duration::from_millis(300);
/// Pause before it connects again.
const PAUSE: Duration = Duration::from_secs(1);

/// A line of JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// The stream's entry, for `--from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a str>,
    /// Whether something was told before this that is not here.
    gap: bool,
    event: Option<&'a RawValue>,
}

/// Where the service of a descriptor tells its changes; nothing where it does not.
pub(super) fn announce(info: Option<&EventsInfo>) -> Announce {
    let Some(info) = info else { return Announce::default() };
    let kind = [AnnounceKind::Stream, AnnounceKind::Pubsub].into_iter().find(|kind| kind.as_str() == info.kind);
    Announce { kind: kind.unwrap_or_default(), max_len: info.max_len.unwrap_or(Announce::default().max_len) }
}

/// Follows the changes of a service, and what of them is missing.
struct Follower {
    service: ServiceName,
    prefix: String,
    kind: AnnounceKind,
    /// The last event, and where it stands.
    entry: Option<String>,
    last: Option<Position>,
    /// Nothing is known of what came before what comes next.
    is_lost: bool,
    output: Output,
    left: Option<u64>,
}

/// Follows until it is told to end, or for `--count` events.
pub(super) fn follow(
    globals: &Globals,
    args: &Watch,
    service: ServiceName,
    kind: AnnounceKind,
) -> Result<Exit, Failure> {
    let (redis, prefix) = target::redis(globals)?;
    if args.from.is_some() && kind != AnnounceKind::Stream {
        let message = format!("{service} tells its changes on a channel, which keeps none");
        return Err(Failure::new(Exit::Usage, message, "leave --from away, or set events.kind = \"stream\""));
    }
    let mut follower = Follower {
        service,
        prefix,
        kind,
        entry: args.from.clone(),
        last: None,
        is_lost: false,
        output: globals.output,
        left: args.count,
    };
    blocking(async move {
        let mut stop = app::stop_on_signal().map_err(system)?;
        let open = |follower: &mut Follower| {
            let redis = redis.clone();
            tokio::task::block_in_place(|| follower.open(redis))
        };
        let mut feed = Some(open(&mut follower)?);
        while follower.left != Some(0) && !*stop.borrow() {
            let looked = match feed.as_mut() {
                Some(feed) => tokio::task::block_in_place(|| feed.next(WAIT)),
                None => open(&mut follower).map(|opened| {
                    feed = Some(opened);
                    Some(Vec::new())
                }),
            };
            match looked {
                Ok(told) => follower.take(told),
                Err(e) => {
                    feed = None;
                    output::note(format_args!("{}", output::clean(&e.to_string())));
                    tokio::select! {
                        () = crate::pipeline::stopped(&mut stop) => {}
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        }
        Ok(Exit::Well)
    })
}

impl Follower {
    fn open(&mut self, redis: crate::store::Target) -> Result<ChangeFeed, StoreError> {
        let (feed, before) = ChangeFeed::open(redis, &self.prefix, &self.service, self.kind, self.entry.as_deref())?;
        let known = before.as_ref().and_then(event).map(|event| position(&event));
        // What was read last is gone, or on a channel nobody knows what was missed.
        self.is_lost = self.last.is_some() || self.entry.is_some();
        if known.is_some() {
            (self.last, self.is_lost) = (known, false);
        }
        Ok(feed)
    }

    fn take(&mut self, told: Option<Vec<Told>>) {
        let Some(told) = told else {
            self.is_lost = true;
            return;
        };
        for one in told {
            if self.left == Some(0) {
                return;
            }
            // What is no event of ours is nobody's business here.
            let Some(event) = event(&one) else { continue };
            let here = position(&event);
            let gap = self.is_lost || self.last.is_some_and(|last| !here.follows(&last));
            (self.last, self.is_lost) = (Some(here), false);
            self.show(&one, &event, gap);
            self.entry = one.id;
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
    }

    fn show(&self, told: &Told, event: &Event, gap: bool) {
        if self.output != Output::Table {
            let raw = std::str::from_utf8(&told.event).ok().and_then(|text| serde_json::from_str(text).ok());
            return output::json(&Line { entry: told.id.as_deref(), gap, event: raw });
        }
        if gap {
            output::note(format_args!("events are missing here: what they told of has to be read anew"));
        }
        let entry = told.id.as_deref().unwrap_or("-");
        match event.kind {
            EventKind::Status => {
                let status = output::clean(event.status.as_deref().unwrap_or("unknown"));
                output::say!("{}  {entry}  status {status}", output::clean(&event.at));
            }
            EventKind::Written | EventKind::Removed => {
                let word = if event.kind == EventKind::Written { "written" } else { "removed" };
                let id = output::clean(event.object_id.as_deref().unwrap_or("-"));
                let why = event.reason.map_or("-", crate::events::Reason::as_str);
                output::say!("{}  {entry}  {word} {id} ({why})", output::clean(&event.at));
            }
        }
    }
}

fn event(told: &Told) -> Option<Event> {
    serde_json::from_slice(&told.event).ok()
}

fn position(event: &Event) -> Position {
    Position { batch: Version(event.batch), previous: Version(event.previous), place: event.place, of: event.of }
}
