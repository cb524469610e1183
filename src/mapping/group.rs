//! Items of the same object, collected until the snapshot is complete, in an order of their own. It must not know what is
//! made of them.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::value::RawValue;

use super::scalar::Scalar;
use crate::model::Place;

/// What holding one item costs beside its text, in bytes; about.
const OVERHEAD: usize = 64;

/// Everything that is collected.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_object: BTreeMap<String, Group>,
    bytes: usize,
    items: u64,
}

/// The items of one object.
#[derive(Debug)]
pub(super) struct Group {
    /// Where the first of them stands.
    pub place: Place,
    /// A JSON array each: the content, and everything that may be shown or sorted by.
    pub items: Vec<Box<str>>,
    /// One of its items is bad: what the object shows must not lack it.
    pub bad: bool,
}

/// More was collected than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// Items that fitted.
    pub items: u64,
    /// Objects that they are of.
    pub objects: usize,
}

impl Groups {
    /// Adds an item of the object that `object` names; none for one that is bad.
    pub(super) fn add(&mut self, object: &str, place: &Place, item: Option<String>, max: usize) -> Result<(), TooMuch> {
        let is_new = !self.by_object.contains_key(object);
        let len = item.as_ref().map_or(0, |item| item.len() + OVERHEAD);
        self.bytes += len + if is_new { object.len() + 2 * OVERHEAD } else { 0 };
        if self.bytes > max {
            return Err(TooMuch { items: self.items, objects: self.by_object.len() });
        }
        if is_new {
            let group = Group { place: place.clone(), items: Vec::new(), bad: false };
            self.by_object.insert(object.to_owned(), group);
        }
        let Some(group) = self.by_object.get_mut(object) else { return Ok(()) };
        match item {
            Some(item) => {
                self.items += 1;
                group.items.push(item.into_boxed_str());
            }
            None => group.bad = true,
        }
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_object.is_empty()
    }

    /// All groups, by object.
    pub(super) fn take(&mut self) -> BTreeMap<String, Group> {
        std::mem::take(self).by_object
    }
}

/// What an item that was put aside holds.
pub(super) fn parts(item: &str) -> Vec<Option<&str>> {
    let parts: Vec<&RawValue> = serde_json::from_str(item).unwrap_or_default();
    parts.into_iter().map(|part| (part.get() != "null").then_some(part.get())).collect()
}

/// Orders the items of a group: by the parts in `keys` (turned round where `reverse`), then by all that is shown of them,
/// however it is spelt. So the order does not depend on the one that they came in: what is alike in everything is the same.
pub(super) fn sort<'a>(items: &'a [Box<str>], keys: &[(usize, bool)]) -> Vec<Vec<Option<&'a str>>> {
    let mut all: Vec<_> = items.iter().map(|item| (parts(item), canonical(item), item)).collect();
    all.sort_by(|a, b| {
        let by_keys = keys.iter().map(|(at, reverse)| {
            let order = compare(a.0.get(*at).copied().flatten(), b.0.get(*at).copied().flatten());
            if *reverse { order.reverse() } else { order }
        });
        let by_keys = by_keys.fold(Ordering::Equal, Ordering::then);
        by_keys.then_with(|| a.1.cmp(&b.1)).then_with(|| a.2.cmp(b.2))
    });
    all.into_iter().map(|(parts, ..)| parts).collect()
}

/// Nothing first, then numbers by value, then texts.
fn compare(a: Option<&str>, b: Option<&str>) -> Ordering {
    let (a, b) = (a.and_then(Scalar::read), b.and_then(Scalar::read));
    match (&a, &b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(Scalar::Number(x)), Some(Scalar::Number(y))) => {
            let number = |text: &str| text.parse::<f64>().unwrap_or(f64::MAX);
            number(x).total_cmp(&number(y))
        }
        (Some(Scalar::Number(_)), _) => Ordering::Less,
        (_, Some(Scalar::Number(_))) => Ordering::Greater,
        (Some(x), Some(y)) => x.text().cmp(&y.text()),
    }
}

/// The text with members in the order of their names; as it is where it has none, or is too deep.
fn canonical(item: &str) -> String {
    if !item.contains('{') {
        return item.to_owned();
    }
    serde_json::from_str::<serde_json::Value>(item).map_or_else(|_| item.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(items: &[&str], keys: &[(usize, bool)]) -> Vec<String> {
        let items: Vec<Box<str>> = items.iter().map(|item| (*item).into()).collect();
        let line =
            |parts: Vec<Option<&str>>| parts.iter().map(|part| part.unwrap_or("-")).collect::<Vec<_>>().join(" ");
        sort(&items, keys).into_iter().map(line).collect()
    }

    #[test]
    fn by_keys_then_by_what_is_shown() {
        let items = [r#"[10,"b"]"#, r#"[9,"a"]"#, r#"[null,"c"]"#, r#"["x","d"]"#];
        assert_eq!(sorted(&items, &[(0, false)]), ["- \"c\"", "9 \"a\"", "10 \"b\"", "\"x\" \"d\""]);
        assert_eq!(sorted(&items, &[(0, true)]), ["\"x\" \"d\"", "10 \"b\"", "9 \"a\"", "- \"c\""]);
        let spelt = [r#"[{"b":1,"a":2}]"#, r#"[{"a":1,"b":2}]"#];
        assert_eq!(sorted(&spelt, &[]), [r#"{"a":1,"b":2}"#, r#"{"b":1,"a":2}"#]);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut groups = Groups::default();
        let place = Place { origin: "x".into(), line: 1 };
        let mut add = |object: &str| groups.add(object, &place, Some("[1]".into()), 1000);
        assert_eq!((add("a"), add("a"), add("b")), (Ok(()), Ok(()), Ok(())));
        let full = (0..100).find_map(|_| add("a").err()).expect("it has an end");
        assert!(full.items < 15 && full.objects == 2, "{full:?}");
    }

    proptest! {
        #[test]
        fn the_order_they_came_in_does_not_matter(
            items in proptest::collection::vec(r#"\[(null|[0-3](\.0)?|"[ab]"),(\{"x":[0-2],"y":[0-2]\}|\{"y":[0-2]\})\]"#, 0..12),
            seed in any::<u64>(),
            reverse in any::<bool>(),
        ) {
            let mut shuffled = items.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let (a, b): (Vec<&str>, Vec<&str>) = (items.iter().map(|s| &**s).collect(), shuffled.iter().map(|s| &**s).collect());
            prop_assert_eq!(sorted(&a, &[(0, reverse)]), sorted(&b, &[(0, reverse)]));
        }
    }
}
