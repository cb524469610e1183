//! Many pointers looked up in one walk over an item's text, by borrowing: no tree is built. It must not know what they are for.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::Scalar;
use crate::settings::Pointer;

/// A pointer's place in what was picked.
pub(super) type Slot = usize;

/// The pointers that are looked up together.
#[derive(Debug, Default)]
pub(super) struct Plan {
    root: Node,
    pointers: Vec<Pointer>,
    /// Those that were asked for since [`Plan::note_use`].
    used: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Node {
    slot: Option<Slot>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// The name as a number, for arrays.
    index: Option<usize>,
    node: Node,
}

/// What stands at each pointer of a plan, as JSON text.
#[derive(Debug, Clone)]
pub(super) struct Picked<'a>(Vec<Option<&'a str>>);

impl Plan {
    /// The slot of `pointer`, which is looked up from now on.
    pub(super) fn slot(&mut self, pointer: &Pointer) -> Slot {
        let slot = self.place(pointer);
        if !self.used.contains(&slot) {
            self.used.push(slot);
        }
        slot
    }

    /// From here on, what is asked for is remembered for [`Plan::used`].
    pub(super) fn note_use(&mut self) {
        self.used.clear();
    }

    /// The slots that were asked for since [`Plan::note_use`].
    pub(super) fn used(&self) -> Vec<Slot> {
        self.used.clone()
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.pointers.len()
    }

    fn place(&mut self, pointer: &Pointer) -> Slot {
        if let Some(slot) = self.pointers.iter().position(|known| known == pointer) {
            return slot;
        }
        let slot = self.pointers.len();
        self.pointers.push(pointer.clone());
        if !pointer.is_file_name() {
            let node = pointer.tokens().iter().fold(&mut self.root, Node::member);
            // `a` and `/a` are two pointers to one place.
            match node.slot {
                Some(same) => {
                    self.pointers.pop();
                    return same;
                }
                None => node.slot = Some(slot),
            }
        }
        slot
    }

    /// The pointer of `slot`.
    pub(super) fn pointer(&self, slot: Slot) -> &Pointer {
        &self.pointers[slot]
    }

    /// Looks all pointers up in `item`. `name` is a JSON text, the name of the file that it is.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(super) fn pick<'a>(&self, item: &'a str, name: Option<&'a str>) -> Result<Picked<'a>, serde_json::Error> {
        let mut out = vec![None; self.pointers.len()];
        let mut json = serde_json::Deserializer::from_str(item);
        Walk { node: &self.root, out: &mut out }.deserialize(&mut json)?;
        json.end()?;
        if let Some(slot) = self.pointers.iter().position(Pointer::is_file_name) {
            out[slot] = name;
        }
        Ok(Picked(out))
    }
}

impl<'a> Picked<'a> {
    /// What was put aside of other items before.
    pub(super) fn from_texts(texts: Vec<Option<&'a str>>) -> Self {
        Self(texts)
    }

    /// The JSON text at `slot`.
    pub(super) fn raw(&self, slot: Slot) -> Option<&'a str> {
        self.0[slot]
    }

    /// The first of `slots` that is there and says something.
    pub(super) fn first(&self, slots: &[Slot]) -> Option<Scalar<'a>> {
        slots.iter().filter_map(|slot| Scalar::read(self.0[*slot]?)).next()
    }
}

impl Node {
    fn member(&mut self, name: &String) -> &mut Self {
        let at = self.members.iter().position(|member| member.name == *name).unwrap_or_else(|| {
            let is_index = name == "0" || (!name.starts_with('0') && name.bytes().all(|b| b.is_ascii_digit()));
            let index = is_index.then(|| name.parse().ok()).flatten();
            self.members.push(Member { name: name.clone(), index, node: Self::default() });
            self.members.len() - 1
        });
        &mut self.members[at].node
    }
}

struct Walk<'n, 'o, 'de> {
    node: &'n Node,
    out: &'o mut Vec<Option<&'de str>>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        let Some(slot) = self.node.slot else { return de.deserialize_any(self) };
        let raw = <&'de RawValue as serde::Deserialize>::deserialize(de)?.get();
        self.out[slot] = Some(raw);
        if !self.node.members.is_empty() && raw.starts_with(['{', '[']) {
            serde_json::Deserializer::from_str(raw).deserialize_any(self).map_err(D::Error::custom)?;
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(found) = map.next_key_seed(Name(self.node))? {
            match found {
                Some(node) => map.next_value_seed(Walk { node, out: &mut *self.out })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for at in 0.. {
            let member = self.node.members.iter().find(|member| member.index == Some(at));
            let more = match member {
                Some(member) => list.next_element_seed(Walk { node: &member.node, out: &mut *self.out })?.is_some(),
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Which member a name is of, without copying it.
struct Name<'n>(&'n Node);

impl<'de, 'n> DeserializeSeed<'de> for Name<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Name<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.members.iter().find(|member| member.name == name).map(|member| &member.node))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(pointers: &[&str]) -> Plan {
        let mut plan = Plan::default();
        for pointer in pointers {
            plan.slot(&Pointer::parse(pointer).expect("a pointer"));
        }
        plan
    }

    #[test]
    fn pointers_within_each_other_and_into_arrays() {
        let plan = plan(&["/a", "/a/b", "/list/1/x", "/a~1b", "/n/0", "plain", "@name"]);
        let item =
            r#" {"a": {"b" : [1, 2]}, "list": [0, {"x": "\u0041"}], "a\/b": null, "n": {"0": -1e999}, "plain": tr"#;
        assert!(plan.pick(item, None).is_err());
        let item = item.to_owned() + "ue}";
        let picked = plan.pick(&item, Some("\"web1\"")).expect("JSON");
        let all: Vec<_> = (0..7).map(|slot| picked.raw(slot)).collect();
        let expected = ["{\"b\" : [1, 2]}", "[1, 2]", "\"\\u0041\"", "null", "-1e999", "true", "\"web1\""];
        assert_eq!(all, expected.map(Some));
        assert!(plan.pick("{} x", None).is_err() && plan.pick("", None).is_err());
        assert_eq!(plan.pick("7", None).expect("JSON").raw(0), None);
        assert_eq!(plan.pick(r#"[{"a":1}]"#, None).expect("JSON").raw(0), None);
    }

    proptest! {
        /// As a tree would find it.
        #[test]
        fn one_walk_finds_what_a_tree_has(
            item in r#"\{("a":([0-9]|\{"b":(\[1,"x"\]|null)\}|\[\{"b":2\}\]))?\}"#,
            pointers in proptest::collection::vec(r"(/(a|b|0|1)){1,3}", 1..6),
        ) {
            let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
            let plan = plan(&pointers);
            let picked = plan.pick(&item, None).expect("JSON");
            let tree: serde_json::Value = serde_json::from_str(&item).expect("JSON");
            for slot in 0..plan.pointers.len() {
                let found = picked.raw(slot).map(|raw| serde_json::from_str::<serde_json::Value>(raw).expect("JSON"));
                prop_assert_eq!(found.as_ref(), tree.pointer(plan.pointer(slot).as_str()));
            }
        }
    }
}
