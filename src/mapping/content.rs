//! What of an item the content is: all of it, a part, members, or a card. It must not know which object it is of.

use super::{
    card::Card,
    date::Day,
    key::Picker,
    pick::{Picked, Plan, Slot},
    scalar::quote,
};
use crate::{
    model::{Fault, FaultKind},
    settings::{ContentMap, Map, Pointer},
};

/// What of an item the content is.
#[derive(Debug)]
pub(super) enum Content {
    Whole,
    At(Slot, Pointer),
    Members(Vec<(String, Picker)>),
    Card(Box<Card>),
}

impl Content {
    pub(super) fn new(map: &Map, plan: &mut Plan) -> Self {
        match (&map.card, &map.content) {
            (Some(card), _) => Self::Card(Box::new(Card::new(card, plan))),
            (None, None) => Self::Whole,
            (None, Some(ContentMap::Pointer(pointer))) => Self::At(plan.slot(pointer), pointer.clone()),
            (None, Some(ContentMap::Members(members))) => {
                Self::Members(members.iter().map(|(name, pick)| (name.clone(), Picker::new(pick, plan))).collect())
            }
        }
    }

    /// Appends the content that an item has.
    pub(super) fn write(&self, text: &str, picked: &Picked<'_>, today: Day, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Whole => out.extend_from_slice(text.as_bytes()),
            Self::At(slot, pointer) => match picked.raw(*slot) {
                Some(raw) => out.extend_from_slice(raw.as_bytes()),
                None => {
                    let reason = format!("it has nothing at {pointer} (source.map.content)");
                    return Err(Fault::new(FaultKind::NoContent, reason));
                }
            },
            Self::Members(members) => {
                out.push(b'{');
                let mut any = false;
                for (name, picker) in members {
                    let before = out.len();
                    if any {
                        out.push(b',');
                    }
                    quote(name, out);
                    out.push(b':');
                    if picker.write(picked, out) {
                        any = true;
                    } else {
                        out.truncate(before);
                    }
                }
                out.push(b'}');
            }
            Self::Card(card) => {
                card.write(std::slice::from_ref(picked), today, out)
                    .map_err(|reason| Fault::new(FaultKind::Render, reason))?;
            }
        }
        Ok(())
    }
}
