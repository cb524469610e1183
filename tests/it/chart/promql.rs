//! As much of PromQL as tells which metrics an expression is about, and how it uses them. It must not know which there are.

/// A metric in an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// The name of the samples: a histogram's with `_bucket`, `_sum` or `_count`.
    pub metric: String,
    /// What has to hold of its labels: name, operator, value.
    pub matchers: Vec<(String, String, String)>,
    /// Whether it is within `rate` or `increase`.
    pub is_rate: bool,
}

/// Everything that an expression is about.
pub(super) fn uses(expr: &str) -> Vec<Use> {
    let mut found = Vec::new();
    let mut rest = expr;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"') {
        let before = &rest[..start];
        rest = &rest[start..];
        if let Some(text) = rest.strip_prefix('"') {
            rest = text.split_once('"').map_or("", |(_, rest)| rest);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        let after = &rest[end..];
        let is_metric = word == "up" || word.starts_with("ralphext_") || word.starts_with("process_");
        if is_metric && !before.ends_with('$') {
            let (inside, after) = match after.strip_prefix('{') {
                Some(text) => text.split_once('}').unwrap_or((text, "")),
                None => ("", after),
            };
            let head = &expr[..expr.len() - rest.len()];
            let is_rate = ["rate(", "increase("].iter().any(|function| head.ends_with(function));
            found.push(Use { metric: word.to_owned(), matchers: matchers(inside), is_rate });
            rest = after;
        } else {
            rest = after;
        }
    }
    found
}

fn matchers(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(['=', '!']) {
        let name = rest[..end].trim_matches([' ', ',']).to_owned();
        let operator: String = rest[end..].chars().take_while(|c| "=!~".contains(*c)).collect();
        let quoted = rest[end + operator.len()..].trim_start();
        let (value, after) = quoted.strip_prefix('"').and_then(|q| q.split_once('"')).unwrap_or((quoted, ""));
        found.push((name, operator, value.to_owned()));
        rest = after;
    }
    found
}

/// The labels after `by`.
pub(super) fn grouped_by(expr: &str) -> Vec<String> {
    let lists = expr.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    lists.flat_map(|list| list.split(',').map(|label| label.trim().to_owned())).collect()
}

#[test]
fn expressions_are_read_well_enough() {
    let found =
        uses("sum by (up_to) (rate(ralphext_a_total{kind=\"x, ralphext_c\", job!~\"b.*\"}[5m])) / on() up == 1");
    let a = Use {
        metric: "ralphext_a_total".to_owned(),
        matchers: vec![
            ("kind".to_owned(), "=".to_owned(), "x, ralphext_c".to_owned()),
            ("job".to_owned(), "!~".to_owned(), "b.*".to_owned()),
        ],
        is_rate: true,
    };
    assert_eq!(found, [a, Use { metric: "up".to_owned(), matchers: Vec::new(), is_rate: false }]);
    assert_eq!(grouped_by("max by (a, b) (x) > sum by (c) (y)"), ["a", "b", "c"]);
}
