//! Where what the inputs tell comes together: kept first, then merged and handed on. It must not know how an input is asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    Merging,
    board::Board,
    input::{Input, Trouble},
    record::{blocks, control, ids, one},
    runner::{News, Told},
    with,
};
use crate::{
    events::Reason,
    model::{DigestPrefix, Ending, Fetched, SharedTally},
    settings::Settings,
    sources::{Sink, SourceError},
    spool::{Object, PartChange, Spool, SpoolError},
};

/// Bytes of parts that are kept at once.
const COMMIT: usize = 1 << 20;
/// Bytes of objects that are told again at once.
const PAGE: usize = 256 << 10;
/// Parts removed at once.
const REMOVED: usize = 2000;
/// How often it is looked whether something grows old, or falls silent.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often all is told again while what no input has is kept, so that an approval is found.
const AGAIN_EVERY: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Desk {
    inputs: Vec<Input>,
    board: Board,
    merging: Merging,
    max_stale: Duration,
    begun: Instant,
    /// Nothing is handed on until each input that tells all was asked once.
    holding: bool,
    /// All was told, so that what was not told is gone.
    told_whole: bool,
    told_at: Instant,
    left_out: BTreeSet<String>,
}

impl Desk {
    pub(super) fn new(settings: &Settings, board: Board, merging: Merging) -> Self {
        // Names in their order: it is the one of the content.
        let inputs = settings.source.inputs.keys().filter_map(|name| Input::new(settings, name)).collect();
        Self {
            inputs,
            board,
            merging,
            max_stale: settings.content.max_stale.0,
            begun: Instant::now(),
            holding: true,
            told_whole: false,
            told_at: Instant::now(),
            left_out: BTreeSet::new(),
        }
    }

    /// The place of the input `name`.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|input| &*input.name == name)
    }

    pub(super) fn settled(&self, at: usize) -> Arc<AtomicBool> {
        self.inputs[at].settled.clone()
    }

    /// Goes on from what the spool has; an error where there is none.
    pub(super) fn begin(&mut self) -> Result<(), SourceError> {
        let board = self.board.clone();
        with(&board, |spool| {
            spool.take_owed();
            self.inputs.iter_mut().try_for_each(|input| input.recall(spool))?;
            self.learn(spool)
        })?;
        let knows = |input: &Input| input.whole || input.lost || !input.handler.ledger.is_empty();
        if board.stood() > 0 && !self.inputs.iter().any(knows) {
            self.inputs.iter_mut().for_each(Input::lose);
            (0..self.inputs.len()).try_for_each(|at| self.commit(at).map(drop))?;
        }
        self.holding = self.merging != Merging::Run || !self.is_ready();
        (self.told_whole, self.told_at) = (false, Instant::now());
        self.left_out = self.too_old();
        board.leave_out(self.left_out.clone());
        self.put(false);
        Ok(())
    }

    /// Learns which object has which part; the answer is of which objects that was not known.
    fn learn(&mut self, spool: &Spool) -> Result<BTreeSet<String>, SpoolError> {
        let mut seen: BTreeMap<String, Vec<(String, DigestPrefix)>> = BTreeMap::new();
        spool.each_part(|id, input, digest| match seen.get_mut(input) {
            Some(parts) => parts.push((id.to_owned(), digest)),
            None => drop(seen.insert(input.to_owned(), vec![(id.to_owned(), digest)])),
        })?;
        let mut others = BTreeSet::new();
        for input in &mut self.inputs {
            others.extend(input.learn(seen.remove(&*input.name).unwrap_or_default().iter()));
        }
        let names: Vec<&str> = self.inputs.iter().map(|input| &*input.name).collect();
        if !seen.is_empty() || spool.inputs_with_numbers()?.iter().any(|known| !names.contains(&known.as_str())) {
            // They are not configured any more.
            spool.keep_inputs(&names)?;
        }
        Ok(others)
    }

    /// Takes what the inputs tell until they have all ended.
    pub(super) async fn work(&mut self, mut news: mpsc::Receiver<Told>, sink: &Sink) -> Result<Ending, SourceError> {
        self.open(sink).await?;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let forever = self.merging == Merging::Run;
        loop {
            tokio::select! {
                told = news.recv() => match told {
                    Some((at, news)) => self.take(at, news, sink).await?,
                    None if forever => std::future::pending().await,
                    None => return self.finish(sink).await,
                },
                _ = look.tick(), if forever => self.look(sink).await?,
            }
        }
    }

    /// Hands on what is known already.
    pub(super) async fn open(&mut self, sink: &Sink) -> Result<(), SourceError> {
        if self.holding { Ok(()) } else { self.tell_all(sink).await }
    }

    /// Takes what one input does.
    pub(super) async fn take(&mut self, at: usize, news: News, sink: &Sink) -> Result<(), SourceError> {
        match news {
            News::Begins => self.inputs[at].begin(),
            News::Item(Fetched::Asked(_, tally)) if tally.lock().is_abandoned => {}
            News::Item(Fetched::Asked(item, tally)) => self.asked(at, *item, tally, sink).await?,
            News::Item(Fetched::Confirm(confirm)) => sink.send(Fetched::Confirm(confirm)).await?,
            News::Item(item) => {
                let is_idle = matches!(item, Fetched::Idle);
                self.inputs[at].take(item);
                let input = &self.inputs[at];
                if is_idle || input.waiting() >= COMMIT || (input.tells_changes && input.handler.ended) {
                    self.flush(at, sink).await?;
                }
                if self.inputs[at].tells_changes && self.inputs[at].handler.ended {
                    self.end_snapshot(at, sink).await?;
                }
                if is_idle {
                    self.put(false);
                    sink.send(Fetched::Idle).await?;
                }
            }
            News::Ended(ended) => self.ended(at, &ended, sink).await?,
        }
        Ok(())
    }

    /// Records that somebody waits for an answer about: one item for each.
    async fn asked(&mut self, at: usize, asked: Fetched, tally: SharedTally, sink: &Sink) -> Result<(), SourceError> {
        let input = &mut self.inputs[at];
        let handler = &mut input.handler;
        handler.faults.recent = Some(Vec::new());
        // A change that comes in between belongs to no snapshot.
        let (in_snapshot, is_snapshot) = (handler.in_snapshot, tally.lock().is_snapshot);
        handler.in_snapshot &= is_snapshot;
        let mut ids = ids(&asked);
        input.take(asked);
        if !is_snapshot {
            input.handler.in_snapshot = in_snapshot;
        }
        for refusal in input.handler.faults.recent.take().unwrap_or_default() {
            // What it had stays, and is no news.
            if let Some(id) = &refusal.object_id {
                ids.remove(id);
            }
            tally.lock().refuse(refusal);
        }
        let is_over = input.handler.ended;
        self.commit(at)?;
        if is_over {
            let (removed, kept) = self.end_snapshot(at, sink).await?;
            let mut tally = tally.lock();
            (tally.is_complete, tally.kept) = (true, kept);
            tally.removed += removed;
        }
        let objects = with(&self.board, |spool| spool.objects(ids.iter().map(String::as_str)))?;
        let told = one(blocks(&objects, &self.left_out));
        sink.send(Fetched::Asked(Box::new(told), tally)).await
    }

    /// A snapshot within what an input tells is over; how many parts went, and why others did not.
    async fn end_snapshot(&mut self, at: usize, sink: &Sink) -> Result<(u64, Option<String>), SourceError> {
        let handler = &mut self.inputs[at].handler;
        handler.ended = false;
        let can_shrink = handler.in_snapshot && handler.counts.unnamed == 0;
        let (removed, refused) = if can_shrink { self.shrink(at, sink).await? } else { (0, None) };
        let input = &mut self.inputs[at];
        input.end_snapshot(refused.clone());
        input.handler.in_snapshot = false;
        self.flush(at, sink).await?;
        self.after(sink).await?;
        Ok((removed, refused))
    }

    /// A fetch ended.
    async fn ended(&mut self, at: usize, ended: &Result<Ending, SourceError>, sink: &Sink) -> Result<(), SourceError> {
        let handler = &mut self.inputs[at].handler;
        let mut refused = None;
        if let Ok(ending) = ended {
            if *ending == Ending::Unchanged {
                handler.confirm_all();
            }
            let is_whole = matches!(ending, Ending::Complete | Ending::Unchanged) || handler.ended;
            if is_whole && handler.in_snapshot && handler.counts.unnamed == 0 {
                self.flush(at, sink).await?;
                (_, refused) = self.shrink(at, sink).await?;
            }
        }
        if refused.is_some() {
            let handler = &self.inputs[at].handler;
            self.board.count_refusal(handler.counts.objects == 0);
        }
        if let Err(e) = ended {
            self.board.count_failure(e.kind());
        }
        self.inputs[at].end(ended, refused);
        self.flush(at, sink).await?;
        self.after(sink).await
    }

    /// Removes the parts that a complete snapshot does not name, unless that is not believed; how many, or why not.
    async fn shrink(&mut self, at: usize, sink: &Sink) -> Result<(u64, Option<String>), SourceError> {
        let (tx, answer) = oneshot::channel();
        let (slots, asked) = self.inputs[at].vanished(Box::new(move |believed| drop(tx.send(believed))));
        sink.send(Fetched::Vanishing(asked)).await?;
        if let Err(why) = answer.await.map_err(|_| SourceError::Closed)? {
            return Ok((0, Some(why)));
        }
        for some in slots.chunks(REMOVED) {
            some.iter().for_each(|slot| self.inputs[at].handler.remove_slot(*slot, Reason::Vanished));
            self.flush(at, sink).await?;
        }
        Ok((slots.len() as u64, None))
    }

    /// Keeps what an input told, and hands it on.
    async fn flush(&mut self, at: usize, sink: &Sink) -> Result<(), SourceError> {
        let changes = self.commit(at)?;
        if self.holding || changes.is_empty() {
            return Ok(());
        }
        self.tell(changes.iter().map(|change| change.id.as_str()), sink).await
    }

    /// Hands on what is known of these objects.
    async fn tell(&self, ids: impl Iterator<Item = &str>, sink: &Sink) -> Result<(), SourceError> {
        let objects = with(&self.board, |spool| spool.objects(ids))?;
        for block in blocks(&objects, &self.left_out) {
            sink.send(block).await?;
        }
        Ok(())
    }

    fn commit(&mut self, at: usize) -> Result<Vec<PartChange>, SourceError> {
        let input = &mut self.inputs[at];
        let (changes, marks) = (input.changes(), input.marks());
        if std::mem::take(&mut input.has_told) || !changes.is_empty() {
            with(&self.board, |spool| spool.commit_parts(&input.name, &changes, &marks))?;
        }
        Ok(changes)
    }

    /// Whether each input that tells all has been asked, or is not to be waited for any longer.
    fn is_ready(&self) -> bool {
        self.inputs.iter().all(|input| input.tells_changes || input.whole || input.tried) || self.is_late()
    }

    /// Whether what no input has is gone: each that tells all has done so, or is not to be waited for any longer.
    fn is_whole(&self) -> bool {
        let is_whole = |input: &Input| if input.tells_changes { !input.lost } else { input.whole || self.is_late() };
        self.inputs.iter().all(is_whole)
    }

    fn is_late(&self) -> bool {
        self.begun.elapsed() > self.max_stale
    }

    fn too_old(&self) -> BTreeSet<String> {
        let max = u64::try_from(self.max_stale.as_millis()).unwrap_or(u64::MAX);
        let old = self.inputs.iter().filter(|input| input.is_too_old(max));
        old.map(|input| input.name.to_string()).collect()
    }

    /// Something of an input has changed: hands on what waits for it.
    async fn after(&mut self, sink: &Sink) -> Result<(), SourceError> {
        self.put(true);
        if self.merging != Merging::Run {
            return Ok(());
        }
        let left_out = self.too_old();
        let is_other = left_out != self.left_out;
        if is_other {
            self.board.leave_out(left_out.clone());
            self.left_out = left_out;
        }
        let held = self.holding;
        self.holding = held && !self.is_ready();
        let goes_on = held && !self.holding;
        let is_late = self.board.is_refused() && self.told_at.elapsed() > AGAIN_EVERY;
        let is_first = !self.holding && !self.told_whole && self.is_whole();
        if goes_on || is_first || (!self.holding && (is_other || is_late)) {
            self.tell_all(sink).await?;
        }
        sink.send(Fetched::Idle).await
    }

    async fn look(&mut self, sink: &Sink) -> Result<(), SourceError> {
        let mut is_news = false;
        for input in &mut self.inputs {
            if input.listen() {
                is_news = true;
                input.trouble.iter().for_each(|trouble| self.board.count_failure(trouble.kind));
            }
        }
        if with(&self.board, |spool| Ok(spool.take_owed()))? {
            self.catch_up(sink).await?;
        }
        let is_late = self.board.is_refused() && self.told_at.elapsed() > AGAIN_EVERY;
        let waits = self.holding && self.is_ready();
        if is_news || waits || is_late || self.too_old() != self.left_out {
            return self.after(sink).await;
        }
        Ok(())
    }

    /// Something came into the spool past the inputs.
    async fn catch_up(&mut self, sink: &Sink) -> Result<(), SourceError> {
        for at in 0..self.inputs.len() {
            self.flush(at, sink).await?;
        }
        let board = self.board.clone();
        let others = with(&board, |spool| self.learn(spool))?;
        self.tell(others.iter().map(String::as_str), sink).await
    }

    /// Hands on every object that an input has something for; what is not among them is gone, when all are known.
    async fn tell_all(&mut self, sink: &Sink) -> Result<(), SourceError> {
        let is_whole = self.is_whole();
        let marked = is_whole && self.merging == Merging::Run;
        if marked {
            sink.send(control("{\"begin\":true}")).await?;
        }
        let mut after = String::new();
        loop {
            let page: Vec<Object> = with(&self.board, |spool| spool.object_page(&after, PAGE))?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for block in blocks(&page, &self.left_out) {
                sink.send(block).await?;
            }
        }
        if marked {
            sink.send(control("{\"end\":true}")).await?;
        }
        (self.told_whole, self.told_at) = (is_whole, Instant::now());
        Ok(())
    }

    /// Each input was asked once.
    async fn finish(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        self.left_out = self.too_old();
        self.tell_all(sink).await?;
        let failing = self.inputs.iter().find_map(|input| Some((&input.name, input.trouble.as_ref()?)));
        if let Some((name, Trouble { kind, message, hint, .. })) = failing {
            let problem = format!("input {name}: {message}");
            return Err(SourceError::Input { kind, problem, hint: hint.clone() });
        }
        Ok(if self.is_whole() { Ending::Complete } else { Ending::Open })
    }

    /// Tells everybody how the inputs are.
    fn put(&mut self, is_news: bool) {
        for input in &mut self.inputs {
            let standing = input.standing();
            self.board.put(&input.name, standing, is_news);
        }
    }
}
