//! Equality conditions on an item. It must not know what follows from them.

use serde_json::Value;

use super::{
    pick::{Picked, Plan, Slot},
    scalar::Scalar,
};
use crate::settings::Conditions;

/// Pointers and the values that they may have.
#[derive(Debug)]
pub(super) struct Wanted(Vec<(Slot, Vec<Value>)>);

impl Wanted {
    pub(super) fn new(conditions: &Conditions, plan: &mut Plan) -> Self {
        Self(conditions.0.iter().map(|(pointer, wanted)| (plan.slot(pointer), wanted.values().to_vec())).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of them hold.
    pub(super) fn all(&self, item: &Picked<'_>) -> bool {
        self.0.iter().all(|one| holds(one, item))
    }

    /// Whether any of them holds.
    pub(super) fn any(&self, item: &Picked<'_>) -> bool {
        self.0.iter().any(|one| holds(one, item))
    }
}

fn holds((slot, values): &(Slot, Vec<Value>), item: &Picked<'_>) -> bool {
    let Some(raw) = item.raw(*slot) else { return false };
    let scalar = Scalar::read(raw);
    values.iter().any(|value| match (&scalar, value) {
        (Some(Scalar::Text(text)), Value::String(wanted)) => text == wanted,
        (Some(Scalar::Number(number)), Value::String(wanted)) => number == wanted,
        (Some(Scalar::Number(number)), Value::Number(wanted)) => number.parse::<f64>().ok() == wanted.as_f64(),
        (Some(Scalar::Bool(flag)), Value::Bool(wanted)) => flag == wanted,
        (Some(Scalar::Bool(flag)), Value::String(wanted)) => wanted == if *flag { "true" } else { "false" },
        // An empty text, or null, says nothing.
        (None, Value::String(wanted)) => wanted.is_empty(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_what_they_say() {
        let check = |conditions: Value, item: &str| {
            let mut plan = Plan::default();
            let wanted = Wanted::new(&serde_json::from_value(conditions).expect("conditions"), &mut plan);
            let picked = plan.pick(item, None).expect("JSON");
            (wanted.all(&picked), wanted.any(&picked))
        };
        let active = serde_json::json!({ "/status/state": ["active", "pending"], "/n": 1 });
        assert_eq!(check(active.clone(), r#"{"status": {"state": "active"}, "n": 1.0}"#), (true, true));
        assert_eq!(check(active.clone(), r#"{"status": {"state": "Active"}, "n": 1}"#), (false, true));
        assert_eq!(check(active, r#"{"status": "active"}"#), (false, false));
        assert_eq!(
            check(serde_json::json!({ "a": true, "b": "7", "c": "" }), r#"{"a": true, "b": 7, "c": null}"#),
            (true, true)
        );
        assert_eq!(check(serde_json::json!({}), "{}"), (true, false));
    }
}
