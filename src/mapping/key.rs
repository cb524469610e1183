//! Which object an item is of: an id, or what the item knows in its place. It must not resolve it.

use std::borrow::Cow;

use super::{
    pick::{Picked, Plan, Slot},
    scalar::{Scalar, cut, quote},
    transform,
};
use crate::{
    model::{Fault, FaultKind, ObjectId},
    settings::{Map, Pick, Pointer, Transform},
};

/// A value and what is made of it.
#[derive(Debug)]
pub(super) struct Picker {
    slots: Vec<Slot>,
    after: Option<String>,
    before: Option<String>,
    transform: Vec<Transform>,
    default: Option<String>,
}

/// How the object of an item is found.
#[derive(Debug)]
pub(super) enum Key {
    Id(Picker),
    Match(Vec<(&'static str, Picker)>),
}

/// The object of an item.
#[derive(Debug)]
pub(super) struct Object {
    /// The first member of its record: `"id":"4711"`, or `"match":{...}`.
    pub member: String,
    /// Its id, where that is known.
    pub id: Option<String>,
}

impl Picker {
    pub(super) fn new(pick: &Pick, plan: &mut Plan) -> Self {
        Self {
            slots: pick.from.iter().map(|pointer| plan.slot(pointer)).collect(),
            after: pick.after.clone(),
            before: pick.before.clone(),
            transform: pick.transform.clone(),
            default: pick.default.clone(),
        }
    }

    /// The text in `item`; none where it has none.
    fn text<'a>(&'a self, item: &Picked<'a>) -> Option<Cow<'a, str>> {
        let Some(value) = item.first(&self.slots) else { return self.default.as_deref().map(Cow::Borrowed) };
        let text = transform::between(value.text(), self.after.as_deref(), self.before.as_deref());
        let text = transform::apply(text, &self.transform);
        (!text.trim().is_empty()).then_some(text)
    }

    /// Appends the value as JSON, unchanged where nothing is to be made of it; false, and nothing, where there is none.
    pub(super) fn write(&self, item: &Picked<'_>, out: &mut Vec<u8>) -> bool {
        let is_plain = self.after.is_none() && self.before.is_none() && self.transform.is_empty();
        let said = self.slots.iter().filter_map(|slot| item.raw(*slot)).find(|raw| Scalar::read(raw).is_some());
        match said {
            Some(raw) if is_plain => out.extend_from_slice(raw.as_bytes()),
            _ => match self.text(item) {
                Some(text) => quote(&text, out),
                None => return false,
            },
        }
        true
    }

    /// The value that is no text, nor number.
    fn nested<'a>(&self, item: &Picked<'a>) -> Option<(Slot, &'a str)> {
        let first = self.slots.iter().find(|slot| item.first(&[**slot]).is_some())?;
        match item.first(&[*first]) {
            Some(Scalar::Nested(raw)) => Some((*first, raw)),
            _ => None,
        }
    }

    fn shown(&self, plan: &Plan) -> String {
        let pointers: Vec<&Pointer> = self.slots.iter().map(|slot| plan.pointer(*slot)).collect();
        pointers.iter().map(|pointer| pointer.as_str()).collect::<Vec<_>>().join(", nor at ")
    }
}

impl Key {
    pub(super) fn new(map: &Map, plan: &mut Plan) -> Self {
        match &map.id {
            Some(pick) => Self::Id(Picker::new(pick, plan)),
            None => Self::Match(map.matching.picks().map(|(name, pick)| (name, Picker::new(pick, plan))).collect()),
        }
    }

    /// The object that `item` is of.
    pub(super) fn find(&self, item: &Picked<'_>, plan: &Plan) -> Result<Object, Fault> {
        match self {
            Self::Id(picker) => id(picker, item, plan),
            Self::Match(pickers) => matching(pickers, item, plan),
        }
    }
}

fn id(picker: &Picker, item: &Picked<'_>, plan: &Plan) -> Result<Object, Fault> {
    refuse_nested(picker, item, plan)?;
    let Some(text) = picker.text(item) else {
        let reason = format!("it has nothing at {} (source.map.id)", picker.shown(plan));
        return Err(Fault::new(FaultKind::NoId, reason));
    };
    let text = text.trim();
    ObjectId::check(text).map_err(|e| {
        let reason = format!("{} gives the id {:?}: {e} (source.map.id)", picker.shown(plan), cut(text, 60));
        Fault::new(FaultKind::BadId, reason)
    })?;
    let mut member = b"\"id\":".to_vec();
    quote(text, &mut member);
    Ok(Object { member: String::from_utf8_lossy(&member).into_owned(), id: Some(text.to_owned()) })
}

fn matching(pickers: &[(&'static str, Picker)], item: &Picked<'_>, plan: &Plan) -> Result<Object, Fault> {
    let mut member = b"\"match\":{".to_vec();
    let mut any = false;
    for (name, picker) in pickers {
        refuse_nested(picker, item, plan)?;
        let Some(text) = picker.text(item) else { continue };
        if any {
            member.push(b',');
        }
        quote(name, &mut member);
        member.push(b':');
        quote(text.trim(), &mut member);
        any = true;
    }
    member.push(b'}');
    if any {
        return Ok(Object { member: String::from_utf8_lossy(&member).into_owned(), id: None });
    }
    let places: Vec<_> = pickers.iter().map(|(name, picker)| format!("{name} at {}", picker.shown(plan))).collect();
    let reason = format!("it has nothing of what source.map.match looks for: {}", places.join(", "));
    Err(Fault::new(FaultKind::NoId, reason))
}

fn refuse_nested(picker: &Picker, item: &Picked<'_>, plan: &Plan) -> Result<(), Fault> {
    let Some((slot, raw)) = picker.nested(item) else { return Ok(()) };
    let pointer = plan.pointer(slot);
    let reason = format!("{pointer} is neither text nor a number: {} (source.map)", cut(raw, 60));
    Err(Fault::new(FaultKind::BadId, reason))
}
