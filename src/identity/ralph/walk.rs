//! All rows of one end point, page by page, although rows come and go meanwhile and some cannot be read. It must not know
//! HTTP, nor what a row means.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::Answer;

/// Rows that cannot be read, after which the API is what is broken.
const MOST_HOLES: usize = 50;
/// The same without any row that can be read.
const MOST_AT_FIRST: usize = 3;
/// Times in a row that a page is looked for further back.
const MOST_STEPS_BACK: u32 = 20;

/// What to tell, and what to do.
type Failure = (String, &'static str);

/// See the module.
#[derive(Debug)]
pub struct Walk {
    page_size: u32,
    /// Rows to ask for at once now.
    size: u32,
    /// The next row's number.
    next: u64,
    /// Id of the last row that was read.
    last: Option<u64>,
    /// The row before `next` could not be read, so that no page can begin with it.
    is_behind_hole: bool,
    steps_back: u32,
    read: u64,
    count: u64,
    /// Each begins behind the last row before it.
    holes: Vec<RangeInclusive<u64>>,
    /// The last of them has no end yet.
    is_open: bool,
    why: Option<String>,
}

/// How a walk ended.
#[derive(Debug)]
pub struct Walked {
    /// Rows read.
    pub read: u64,
    /// Rows that there are, as the last page said.
    pub count: u64,
    /// Ids between which rows could not be read.
    pub holes: Vec<RangeInclusive<u64>>,
    /// Why the first of them could not.
    pub why: Option<String>,
}

impl Walked {
    /// Whether there are more rows than were seen.
    pub fn is_short(&self) -> bool {
        self.read + (self.holes.len() as u64) < self.count
    }
}

#[derive(Deserialize)]
struct Numbered<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// The row's number, where it has one.
fn id_of(text: &str) -> Option<u64> {
    let row: Numbered<'_> = serde_json::from_str(text).ok()?;
    row.id?.get().parse().ok()
}

impl Walk {
    /// From the first row on.
    pub fn new(page_size: u32) -> Self {
        Self {
            page_size,
            size: page_size,
            next: 0,
            last: None,
            is_behind_hole: false,
            steps_back: 0,
            read: 0,
            count: 0,
            holes: Vec::new(),
            is_open: false,
            why: None,
        }
    }

    fn overlaps(&self) -> bool {
        self.last.is_some() && !self.is_behind_hole && self.next > 0
    }

    /// Offset and limit of the page that comes next: it begins with the row that was read last, to be seen there again.
    pub fn wants(&self) -> (u64, u32) {
        if self.overlaps() { (self.next - 1, self.size + 1) } else { (self.next, self.size) }
    }

    /// Takes the page that was asked for; rows that are new go to `add`, which says what is wrong with one. False when it
    /// was the last.
    pub fn take<E: ToString>(
        &mut self,
        answer: Answer,
        mut add: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<bool, Failure> {
        let page = match answer {
            Answer::Page(page) => page,
            Answer::Broken(why) => return self.broken(why),
        };
        self.count = page.count;
        let ids: Vec<Option<u64>> = page.rows.iter().map(|text| id_of(text)).collect();
        let numbers: Vec<u64> = ids.iter().flatten().copied().collect();
        if !numbers.is_sorted() {
            return Err((
                "the rows do not come in the order of their ids".into(),
                "report it: Ralph ignores ordering=id",
            ));
        }
        let (offset, _) = self.wants();
        if self.overlaps() && numbers.first().is_none_or(|first| Some(*first) > self.last) {
            return self.step_back();
        }
        self.steps_back = 0;
        for (text, id) in page.rows.iter().zip(&ids) {
            if id.is_some_and(|id| Some(id) <= self.last) {
                continue;
            }
            let Some(id) = *id else {
                self.open_hole("a row has no `id`".to_owned());
                continue;
            };
            if let Err(why) = add(text) {
                self.open_hole(why.to_string());
                continue;
            }
            self.close_hole(id);
            self.read += 1;
            self.last = Some(id);
        }
        self.next = offset + page.rows.len() as u64;
        self.is_behind_hole = ids.last().is_some_and(|id| id.is_none() || *id != self.last) && self.is_open;
        self.size = self.size.saturating_mul(2).min(self.page_size);
        if page.has_next && page.rows.is_empty() {
            return Err(("an empty page is followed by others".into(), "report it: Ralph's paging has no end"));
        }
        if self.holes.len() > MOST_HOLES {
            return Err(self.hopeless());
        }
        Ok(page.has_next)
    }

    /// The page cannot be read: a smaller one, down to the row that is broken, which is left out.
    fn broken(&mut self, why: String) -> Result<bool, Failure> {
        if self.size > 1 {
            self.size /= 2;
            return Ok(true);
        }
        self.open_hole(why);
        if self.holes.len() > MOST_HOLES || (self.read == 0 && self.holes.len() >= MOST_AT_FIRST) {
            return Err(self.hopeless());
        }
        self.next += 1;
        self.is_behind_hole = true;
        Ok(true)
    }

    /// Rows before the page are gone, and those behind moved up: what follows the last row stands further in front.
    fn step_back(&mut self) -> Result<bool, Failure> {
        self.steps_back += 1;
        if self.steps_back > MOST_STEPS_BACK {
            return Err(("its pages move all the time".into(), "it is tried again; make identity.page_size larger"));
        }
        self.next = self.next.saturating_sub(1 << self.steps_back.min(16));
        Ok(true)
    }

    fn open_hole(&mut self, why: String) {
        self.why.get_or_insert(why);
        let first = self.last.map_or(0, |last| last.saturating_add(1));
        self.holes.push(first..=u64::MAX);
        self.is_open = true;
    }

    fn close_hole(&mut self, id: u64) {
        if std::mem::take(&mut self.is_open) {
            for hole in self.holes.iter_mut().rev().take_while(|hole| *hole.end() == u64::MAX) {
                *hole = *hole.start()..=id.saturating_sub(1);
            }
        }
    }

    fn hopeless(&self) -> Failure {
        let why = self.why.as_deref().unwrap_or_default();
        (format!("too many rows cannot be read, such as: {why}"), "see Ralph's own log")
    }

    /// What it came to.
    pub fn end(self) -> Walked {
        Walked { read: self.read, count: self.count, holes: self.holes, why: self.why }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::api::Page, *};

    /// An end point as Ralph has it: rows by id, some of them broken.
    struct Table {
        rows: Vec<(u64, bool)>,
        requests: u32,
    }

    impl Table {
        fn answer(&mut self, offset: u64, limit: u32) -> Answer {
            self.requests += 1;
            let from = (offset as usize).min(self.rows.len());
            let to = (from + limit as usize).min(self.rows.len());
            if self.rows[from..to].iter().any(|(_, is_broken)| *is_broken) {
                return Answer::Broken("500".into());
            }
            let rows = self.rows[from..to].iter().map(|(id, _)| format!("{{\"id\":{id}}}")).collect();
            Answer::Page(Page { count: self.rows.len() as u64, has_next: to < self.rows.len(), rows })
        }
    }

    fn walk(table: &mut Table, page_size: u32, mut meanwhile: impl FnMut(&mut Table)) -> (Vec<u64>, Walked) {
        let (mut walk, mut seen) = (Walk::new(page_size), Vec::new());
        loop {
            let (offset, limit) = walk.wants();
            let answer = table.answer(offset, limit);
            let more = walk.take(answer, |text| {
                seen.extend(id_of(text));
                Ok::<(), String>(())
            });
            assert!(table.requests < 10_000, "it has an end");
            if !more.expect("a good table") {
                return (seen, walk.end());
            }
            meanwhile(table);
        }
    }

    #[test]
    fn broken_rows_are_left_out_and_it_is_known_where() {
        let mut table = Table { rows: (1..=100).map(|n| (n * 10, [13, 14, 77].contains(&n))).collect(), requests: 0 };
        let (seen, walked) = walk(&mut table, 32, |_| {});
        assert_eq!(seen, (1..=100).filter(|n| ![13, 14, 77].contains(n)).map(|n| n * 10).collect::<Vec<_>>());
        assert_eq!(walked.holes, [121..=149, 121..=149, 761..=779]);
        assert!(!walked.is_short() && table.requests < 40, "{walked:?} {}", table.requests);
        let mut table = Table { rows: vec![(1, false), (2, true)], requests: 0 };
        assert_eq!(walk(&mut table, 10, |_| {}).1.holes, [2..=u64::MAX]);
    }

    #[test]
    fn what_is_broken_altogether_is_given_up() {
        let mut walk = Walk::new(8);
        let result = (0..20).find_map(|_| walk.take(Answer::Broken("500".into()), |_| Ok::<(), String>(())).err());
        assert_eq!(result.expect("given up").0, "too many rows cannot be read, such as: 500");
        let unordered = Page { count: 2, has_next: false, rows: vec!["{\"id\":2}".into(), "{\"id\":1}".into()] };
        assert!(Walk::new(8).take(Answer::Page(unordered), |_| Ok::<(), String>(())).is_err());
    }

    proptest! {
        /// Whatever is deleted and added meanwhile, what was there all the time is seen, each once.
        #[test]
        fn shifting_pages_lose_nothing(
            count in 0u64..60,
            page_size in 2u32..9,
            changes in proptest::collection::vec((any::<bool>(), 0usize..80), 0..40),
        ) {
            let mut table = Table { rows: (1..=count).map(|n| (n * 2, false)).collect(), requests: 0 };
            let mut changes = changes.into_iter();
            let mut next_id = 1000;
            let mut deleted = Vec::new();
            let (seen, _) = walk(&mut table, page_size, |table| {
                match changes.next() {
                    Some((true, at)) if at < table.rows.len() => deleted.push(table.rows.remove(at).0),
                    Some((false, _)) => {
                        next_id += 1;
                        table.rows.push((next_id, false));
                    }
                    _ => {}
                }
            });
            prop_assert!(seen.is_sorted_by(|a, b| a < b), "{:?}", seen);
            for id in (1..=count).map(|n| n * 2).filter(|id| !deleted.contains(id)) {
                prop_assert!(seen.contains(&id), "{} is missing in {:?}", id, seen);
            }
        }
    }
}
