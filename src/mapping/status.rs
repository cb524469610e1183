//! A status from a value or a date. It must not know the clock, nor what the status is of.

use std::collections::BTreeMap;

use super::{
    date::{Day, day},
    pick::{Picked, Plan, Slot},
};
use crate::settings::{FoundStatus, HumanDuration, StatusRule, StatusWord};

/// How a status is found.
#[derive(Debug)]
pub(super) enum Rule {
    Always(StatusWord),
    ByValue { slots: Vec<Slot>, values: BTreeMap<String, StatusWord>, default: StatusWord },
    ByDate { slots: Vec<Slot>, warning_days: Day, critical_days: Day, default: StatusWord },
}

impl Rule {
    pub(super) fn new(rule: &StatusRule, plan: &mut Plan) -> Self {
        let found = match rule {
            StatusRule::Always(word) => return Self::Always(*word),
            StatusRule::Found(found) => found,
        };
        let FoundStatus { from, values, by_date, warning_before, critical_before, default } = found;
        let mut slots = |pointers: &[_]| pointers.iter().map(|pointer| plan.slot(pointer)).collect();
        if by_date.0.is_empty() {
            let values = values.iter().map(|(value, word)| (value.to_lowercase(), *word)).collect();
            return Self::ByValue { slots: slots(&from.0), values, default: *default };
        }
        Self::ByDate {
            slots: slots(&by_date.0),
            warning_days: days(*warning_before),
            critical_days: days(*critical_before),
            default: *default,
        }
    }

    /// Whether it changes with the day.
    pub(super) fn is_by_date(&self) -> bool {
        matches!(self, Self::ByDate { .. })
    }

    /// The status of `item`, `today`.
    pub(super) fn find(&self, item: &Picked<'_>, today: Day) -> StatusWord {
        match self {
            Self::Always(word) => *word,
            Self::ByValue { slots, values, default } => {
                let Some(value) = item.first(slots) else { return *default };
                let text = value.text().trim().to_lowercase();
                values.get(&text).copied().or_else(|| StatusWord::parse(&text)).unwrap_or(*default)
            }
            Self::ByDate { slots, warning_days, critical_days, default } => {
                match item.first(slots).and_then(|value| day(&value.text())) {
                    None => *default,
                    Some(date) if today > date - critical_days => StatusWord::Critical,
                    Some(date) if today > date - warning_days => StatusWord::Warning,
                    Some(_) => StatusWord::Ok,
                }
            }
        }
    }
}

fn days(duration: HumanDuration) -> Day {
    Day::try_from(duration.as_secs().div_ceil(86_400)).unwrap_or(Day::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(rule: &str, item: &str, today: &str) -> StatusWord {
        let rule: StatusRule = serde_json::from_str(rule).expect("a rule");
        let mut plan = Plan::default();
        let rule = Rule::new(&rule, &mut plan);
        rule.find(&plan.pick(item, None).expect("JSON"), day(today).expect("a day"))
    }

    #[test]
    fn by_value() {
        let rule =
            r#"{"from": "/labels/severity", "values": {"page": "critical", "Info": "ok"}, "default": "warning"}"#;
        for (item, expected) in [
            (r#"{"labels": {"severity": "PAGE"}}"#, StatusWord::Critical),
            (r#"{"labels": {"severity": "info"}}"#, StatusWord::Ok),
            (r#"{"labels": {"severity": "critical"}}"#, StatusWord::Critical),
            (r#"{"labels": {"severity": "odd"}}"#, StatusWord::Warning),
            ("{}", StatusWord::Warning),
        ] {
            assert_eq!(status(rule, item, "2026-11-25"), expected, "{item}");
        }
        assert_eq!(status("\"ok\"", "{}", "2026-11-25"), StatusWord::Ok);
    }

    #[test]
    fn by_date_it_changes_on_the_day_and_not_before() {
        let rule = r#"{"by_date": "until", "warning_before": "30days", "critical_before": "1day"}"#;
        for (today, expected) in [
            ("2026-11-01", StatusWord::Ok),
            ("2026-11-25", StatusWord::Ok),
            ("2026-11-26", StatusWord::Warning),
            ("2026-12-24", StatusWord::Warning),
            ("2026-12-25", StatusWord::Critical),
            ("2027-12-25", StatusWord::Critical),
        ] {
            assert_eq!(status(rule, r#"{"until": "25.12.2026"}"#, today), expected, "{today}");
        }
        let simple = r#"{"by_date": "until"}"#;
        assert_eq!(status(simple, r#"{"until": "2026-11-25"}"#, "2026-11-25"), StatusWord::Warning, "the last day");
        assert_eq!(status(simple, r#"{"until": "2026-11-24"}"#, "2026-11-25"), StatusWord::Critical);
        assert_eq!(status(simple, r#"{"until": "never"}"#, "2026-11-25"), StatusWord::Unknown);
    }
}
