//! Inputs in any order, with restarts in between, and what a reader has in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::{board::Board, desk::Desk, record::control, runner::News, *};
use crate::{
    model::{Block, Fetched, ServiceName, SharedTally, Span},
    pipeline::record::{Record, parse},
    settings::{HumanDuration, SourceKind},
};

/// What one input says in one step, in its own order.
#[derive(Debug, Clone)]
enum Said {
    /// All that it has: by object, a number.
    All(BTreeMap<u8, u8>),
    /// Something changed, or went.
    Change(u8, Option<u8>),
}

/// Two that tell all, one that is pushed.
const INPUTS: [(&str, SourceKind); 3] =
    [("costs", SourceKind::Exec), ("facts", SourceKind::Exec), ("status", SourceKind::Push)];

fn settings() -> Settings {
    let mut settings = Settings::for_tests("hwinfo", "redis://localhost");
    for (name, kind) in INPUTS {
        let input = crate::settings::Source { kind, ..crate::settings::Source::default() };
        settings.source.inputs.insert(name.to_owned(), input);
    }
    settings
}

fn records(lines: &[String]) -> Fetched {
    let mut block = Block::default();
    for line in lines {
        let start = block.data.len() as u32;
        block.data.extend_from_slice(line.as_bytes());
        block.records.push(Span { start, end: block.data.len() as u32, line: 1 });
    }
    Fetched::Block { origin: "test".into(), block }
}

/// What stands in Redis when everything told is written.
#[derive(Debug, Default)]
struct Reader {
    has: BTreeMap<String, String>,
    named: Option<BTreeSet<String>>,
    asked: u64,
}

impl Reader {
    fn take(&mut self, item: Fetched) {
        match item {
            Fetched::Block { block, .. } => {
                for span in &block.records {
                    self.record(&block.data[span.range()]);
                }
            }
            Fetched::Asked(item, _) => {
                self.asked += 1;
                self.take(*item);
            }
            Fetched::Vanishing(asked) => (asked.reply)(Ok(())),
            _ => {}
        }
    }

    fn record(&mut self, bytes: &[u8]) {
        match parse(bytes).expect("a good record") {
            Record::Upsert { id, content, .. } => {
                if let Some(named) = &mut self.named {
                    named.insert(id.to_string());
                }
                self.has.insert(id.into_owned(), content.to_owned());
            }
            Record::Remove { id } => drop(self.has.remove(&*id)),
            Record::Begin => self.named = Some(BTreeSet::new()),
            Record::End => {
                let named = self.named.take().expect("it has begun");
                self.has.retain(|id, _| named.contains(id));
            }
            Record::Heartbeat => {}
        }
    }
}

/// The steps of an input as the desk is told them.
fn news(said: &Said, items: bool) -> Vec<News> {
    match said {
        Said::All(objects) => {
            let lines: Vec<String> =
                objects.iter().map(|(id, n)| format!("{{\"id\":{id},\"content\":{{\"n\":{n}}}}}")).collect();
            let (first, rest) = lines.split_at(lines.len() / 2);
            let mut all = vec![News::Begins, News::Item(records(first)), News::Item(records(rest))];
            all.push(News::Ended(Ok(Ending::Complete)));
            all
        }
        Said::Change(id, n) => {
            let line = match n {
                Some(n) => format!("{{\"id\": {id}, \"content\": {{\"n\": {n} }} }}"),
                None => format!("{{\"id\":{id},\"deleted\":true}}"),
            };
            let item = records(&[line]);
            let asked = if items { item } else { Fetched::Asked(Box::new(item), SharedTally::default()) };
            vec![News::Item(asked), News::Item(Fetched::Idle)]
        }
    }
}

/// What each input has when it has said all of this.
fn expected(scripts: &[Vec<Said>; 3]) -> BTreeMap<String, String> {
    let mut all: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for ((name, _), script) in INPUTS.iter().zip(scripts) {
        let mut has = BTreeMap::new();
        for said in script {
            match said {
                Said::All(objects) => has.clone_from(objects),
                Said::Change(id, Some(n)) => drop(has.insert(*id, *n)),
                Said::Change(id, None) => drop(has.remove(id)),
            }
        }
        for (id, n) in has {
            all.entry(id).or_default().push(format!("\"{name}\":{{\"n\":{n}}}"));
        }
    }
    all.into_iter().map(|(id, parts)| (id.to_string(), format!("{{{}}}", parts.join(",")))).collect()
}

/// Has the inputs say their scripts in an order that `order` picks, with a new process at the steps `restarts`.
async fn play(scripts: &[Vec<Said>; 3], order: &[usize], restarts: &BTreeSet<usize>) -> Reader {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings();
    let service = ServiceName::new("hwinfo").expect("a name");
    let mut reader = Reader::default();
    // What of its script each input has said, and what is left of what it is saying.
    let (mut said, mut saying) = ([0; 3], [const { Vec::new() }; 3]);
    let mut picks = order.iter().copied().chain((0..).map(|n: usize| n % 3));
    let mut step = 0;
    loop {
        let board = Board::default();
        let spool = Spool::open(folder.path(), &service, Duration::ZERO).expect("it opens");
        *lock(board.spool()) = Some(spool);
        let mut desk = Desk::new(&settings, board, Merging::Run);
        desk.begin().expect("it begins");
        let (sink, mut items) = Sink::channel(4);
        let is_over = {
            let feed = async {
                desk.open(&sink).await.expect("it opens");
                desk.take(2, News::Begins, &sink).await.expect("it is taken");
                let is_over = loop {
                    let left = |at: usize| said[at] < scripts[at].len();
                    if !(0..3).any(left) {
                        break true;
                    }
                    step += 1;
                    if restarts.contains(&step) {
                        break false;
                    }
                    let at = picks.find(|at| left(*at)).expect("one is left");
                    if saying[at].is_empty() {
                        saying[at] = news(&scripts[at][said[at]], step % 2 == 0);
                        saying[at].reverse();
                    }
                    let next = saying[at].pop().expect("something to say");
                    desk.take(at, next, &sink).await.expect("it is taken");
                    said[at] += usize::from(saying[at].is_empty());
                };
                drop(sink);
                is_over
            };
            let read = async {
                while let Some(item) = items.recv().await {
                    reader.take(item);
                }
            };
            tokio::join!(feed, read).0
        };
        // What an input was saying is said anew.
        saying = [const { Vec::new() }; 3];
        if is_over {
            return reader;
        }
    }
}

fn scripts() -> impl Strategy<Value = [Vec<Said>; 3]> {
    let all = || proptest::collection::btree_map(0u8..6, 0u8..3, 0..6).prop_map(Said::All);
    let change = (0u8..6, proptest::option::weighted(0.7, 0u8..3)).prop_map(|(id, n)| Said::Change(id, n));
    let alls = || proptest::collection::vec(all(), 1..4);
    (alls(), alls(), proptest::collection::vec(change, 0..8)).prop_map(|(a, b, c)| [a, b, c])
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_the_merged_content_is_the_same(
        scripts in scripts(),
        one in proptest::collection::vec(0usize..3, 0..60),
        other in proptest::collection::vec(0usize..3, 0..60),
        restarts in proptest::collection::btree_set(1usize..40, 0..3),
    ) {
        let expected = expected(&scripts);
        let runtime = runtime();
        for (order, restarts) in [(&one, &BTreeSet::new()), (&other, &restarts)] {
            let reader = runtime.block_on(play(&scripts, order, restarts));
            prop_assert_eq!(&reader.has, &expected);
        }
    }
}

#[test]
fn nothing_is_handed_on_until_each_input_that_tells_all_was_asked() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let service = ServiceName::new("hwinfo").expect("a name");
        let board = Board::default();
        *lock(board.spool()) = Some(Spool::open(folder.path(), &service, Duration::ZERO).expect("it opens"));
        let mut settings = settings();
        settings.content.max_stale = HumanDuration::from_secs(3600);
        let mut desk = Desk::new(&settings, board.clone(), Merging::Run);
        desk.begin().expect("it begins");
        let (sink, mut items) = Sink::channel(64);
        let mut reader = Reader::default();
        let all = Said::All(BTreeMap::from([(1, 1), (2, 2)]));
        let facts = desk.position("facts").expect("it is there");
        let feed = async {
            for news in news(&all, false) {
                desk.take(facts, news, &sink).await.expect("it is taken");
            }
            // One that fails is not waited for, but nothing is gone because of it.
            let failed = SourceError::Spool { problem: "away".into(), hint: "wait" };
            sink.send(control("{\"heartbeat\":true}")).await.expect("it is sent");
            desk.take(0, News::Begins, &sink).await.expect("it is taken");
            desk.take(0, News::Ended(Err(failed)), &sink).await.expect("it is taken");
            drop(sink);
        };
        let mut before = None;
        let read = async {
            while let Some(item) = items.recv().await {
                if matches!(&item, Fetched::Block { block, .. } if block.data.starts_with(b"{\"heart")) {
                    before = Some(reader.has.len());
                }
                let is_begin = matches!(&item, Fetched::Block { block, .. } if block.data.starts_with(b"{\"begin"));
                assert!(!is_begin, "an input is not known");
                reader.take(item);
            }
        };
        tokio::join!(feed, read);
        assert_eq!(before, Some(0), "the other one was not asked yet");
        assert_eq!(reader.has.len(), 2);
        let sum = board.sum(crate::pipeline::now().unix_ms);
        assert_eq!(sum.error.expect("one fails").message, "input costs: away");
        assert!(sum.success > 0, "and the other keeps what there is alive");
    });
}
