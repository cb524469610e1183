//! Alert rules, their tests, their runbook, and the dashboard name what there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;

use super::{
    file, only,
    promql::{Use, grouped_by, uses},
};
use crate::harness::{repository, yaml};

/// One row of the metrics reference.
struct Metric {
    kind: String,
    /// Its own label, with all values.
    label: Option<(String, Vec<String>)>,
}

fn page(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn catalogue() -> BTreeMap<String, Metric> {
    let page = page("docs/reference/metrics.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let mut words = cells[3].split('`').skip(1).step_by(2).map(str::to_owned);
        let label = words.next().map(|name| (name, words.collect()));
        (cells[1].trim_matches('`').to_owned(), Metric { kind: cells[2].to_owned(), label })
    })
    .collect()
}

/// What is wrong with one use of a metric.
fn misuse(catalogue: &BTreeMap<String, Metric>, used: &Use) -> Option<String> {
    let name = &used.metric;
    let of_scrapes = ["namespace", "service", "job", "instance"];
    if name == "up" {
        return (used.is_rate).then(|| "up is no counter".to_owned());
    }
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    let (metric, is_part) = match (catalogue.get(name), base.and_then(|base| catalogue.get(base))) {
        (Some(metric), _) => (metric, false),
        (None, Some(metric)) if metric.kind == "histogram" => (metric, true),
        _ => return Some(format!("there is no metric {name}")),
    };
    let counts = metric.kind == "counter" || is_part;
    if counts != used.is_rate {
        return Some(format!("{name} is a {}, used {} a rate", metric.kind, if counts { "without" } else { "in" }));
    }
    if metric.kind == "histogram" && !is_part {
        return Some(format!("{name} is a histogram: it has _bucket, _sum and _count"));
    }
    used.matchers.iter().find_map(|(label, operator, value)| match &metric.label {
        _ if of_scrapes.contains(&label.as_str()) => None,
        Some((own, words)) if own == label => (operator == "=" && !words.contains(value))
            .then(|| format!("{name}: {label} is never {value:?}, but one of {words:?}")),
        _ => Some(format!("{name} has no label {label}")),
    })
}

/// Every rule of the rules' file, by its alert.
fn rules() -> BTreeMap<String, Value> {
    let rules = only(&file("rules/ralphext.yaml"));
    let all = rules["groups"].as_array().expect("groups").iter().flat_map(|group| group["rules"].as_array());
    all.flatten().map(|rule| (rule["alert"].as_str().expect("an alert").to_owned(), rule.clone())).collect()
}

/// The alert that the chart makes for each service; its expression names the service.
fn alert_of_the_chart() -> String {
    let template = file("templates/prometheusrule.yaml");
    template.split("\"alert\" \"").nth(1).and_then(|rest| rest.split('"').next()).expect("it has one").to_owned()
}

/// Every expression of a dashboard, with the title of its panel.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    panels
        .flat_map(|panel| {
            let title = panel["title"].as_str().expect("a title").to_owned();
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            targets.into_iter().map(move |t| (title.clone(), t["expr"].as_str().expect("an expression").to_owned()))
        })
        .collect()
}

#[test]
fn rules_and_panels_are_about_metrics_that_there_are() {
    let catalogue = catalogue();
    assert!(catalogue.len() > 30);
    let dashboard: Value = serde_json::from_str(&file("dashboards/ralphext.json")).expect("JSON");
    let mut all = expressions(&dashboard);
    assert!(all.len() > 30);
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        all.extend(variable["definition"].as_str().map(|query| ("variable".to_owned(), query.to_owned())));
    }
    for (alert, rule) in rules() {
        all.push((alert, rule["expr"].as_str().expect("an expression").to_owned()));
    }
    let template = file("templates/prometheusrule.yaml");
    let expr = template.lines().find(|line| line.contains("$expr := printf")).expect("its expression");
    assert!(expr.contains("absent(ralphext_lease_held{namespace=%q, service=%q})"), "{expr}");
    let mut broken = Vec::new();
    for (place, expr) in &all {
        let used = uses(expr);
        assert!(!used.is_empty(), "{place}: {expr} is about nothing");
        broken.extend(used.iter().filter_map(|one| misuse(&catalogue, one)).map(|why| format!("{place}: {why}")));
        for label in grouped_by(expr) {
            let known = ["namespace", "service", "instance", "le"].contains(&label.as_str());
            let own = |one: &Use| {
                let base = one.metric.trim_end_matches("_bucket");
                catalogue.get(base).and_then(|m| m.label.as_ref()).is_some_and(|(own, _)| *own == label)
            };
            if !known && !used.iter().any(own) {
                broken.push(format!("{place}: nothing has a label {label} to be grouped by"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn a_wrong_use_of_a_metric_is_seen() {
    let catalogue = catalogue();
    for (expr, why) in [
        ("ralphext_lease_hold == 0", "no metric"),
        ("rate(ralphext_lease_held[5m])", "gauge"),
        ("ralphext_passes_total > 3", "without a rate"),
        ("rate(ralphext_passes_total{outcome=\"good\"}[5m])", "never"),
        ("ralphext_objects{kind=\"sound\"}", "no label kind"),
        ("ralphext_pass_duration_seconds > 1", "histogram"),
        ("rate(ralphext_passes_bucket[5m])", "no metric"),
    ] {
        let told = uses(expr).iter().find_map(|one| misuse(&catalogue, one)).unwrap_or_default();
        assert!(told.contains(why), "{expr}: {told:?} does not say {why:?}");
    }
}

#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let rules = rules();
    let tests = only(&page("tests/data/alerts.test.yaml")).to_string();
    for (alert, rule) in &rules {
        assert_eq!(rule["labels"]["severity"], "warning", "{alert}: nothing here wakes anybody up");
        let words = ["summary", "description"].map(|name| rule["annotations"][name].as_str().unwrap_or_default());
        assert!(words.iter().all(|text| text.len() > 10), "{alert}: {words:?}");
        let link = format!("docs/operations.md#{}", alert.to_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], link.as_str());
        assert!(tests.contains(&format!("alertname=\\\"{alert}\\\"")), "{alert}: no test sees it fire");
    }
    let mut alerts: BTreeSet<String> = rules.into_keys().collect();
    alerts.insert(alert_of_the_chart());
    let page = page("docs/operations.md");
    let runbook: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("#### ")).map(str::to_owned).collect();
    assert_eq!(runbook, alerts, "a section of the runbook for each alert, and the reverse");
    let snippet = page.split("```yaml\n").find(|part| part.contains("inhibit_rules:")).expect("inhibition rules");
    let inhibition = yaml::documents(snippet.split("```").next().unwrap_or_default()).remove(0).to_string();
    let named: Vec<&str> =
        inhibition.split(|c: char| !c.is_alphanumeric()).filter(|w| w.starts_with("Ralphext")).collect();
    assert!(named.len() > 8, "{named:?}");
    assert!(named.iter().all(|name| alerts.contains(*name)), "{named:?}");
}
