//! The chart, by Helm 3 and 4: every scenario renders, is valid for every Kubernetes, is as safe as it says, and holds a
//! configuration that the program itself accepts; what is wrong is refused.

mod refusals;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::run;
use crate::harness::{binary, repository, yaml};

/// Minor versions of Kubernetes for which there are schemas.
const KUBERNETES: std::ops::RangeInclusive<u32> = 28..=37;

/// What `scripts/helm.sh` installs.
struct Tools {
    helms: Vec<PathBuf>,
    validate: PathBuf,
}

fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let output = run(&mut Command::new(repository().join("scripts/helm.sh")));
        let mut paths: Vec<PathBuf> = output.lines().map(PathBuf::from).collect();
        let validate = paths.pop().expect("paths");
        assert_eq!(paths.len(), 2, "Helm 3 and Helm 4");
        Tools { helms: paths, validate }
    })
}

fn chart() -> PathBuf {
    repository().join("helm/ralphext")
}

/// The values of every scenario, by file.
fn scenarios() -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(chart().join("ci")).expect("scenarios").flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn template(helm: &Path, chart: &Path) -> Command {
    let mut command = Command::new(helm);
    command.args(["template", "tabs", "--namespace", "ralph"]).arg(chart);
    command
}

/// The manifests that a chart makes of values, the same by every Helm.
fn render(chart: &Path, values: Option<&Path>) -> String {
    let mut rendered: Vec<String> = tools()
        .helms
        .iter()
        .map(|helm| {
            let mut command = template(helm, chart);
            values.into_iter().for_each(|values| _ = command.arg("--values").arg(values));
            run(&mut command)
        })
        .collect();
    let last = rendered.pop().expect("two Helms");
    for other in rendered {
        let sorted = |text: &str| {
            let mut all: Vec<String> = yaml::documents(text).iter().map(Value::to_string).collect();
            all.sort();
            all
        };
        assert_eq!(sorted(&other), sorted(&last), "Helm 3 and Helm 4 differ");
    }
    last
}

/// Panics unless every Kubernetes takes the manifests.
fn validate(manifests: &str, versions: impl Iterator<Item = u32>) {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("manifests.yaml");
    fs::write(&path, manifests).expect("it is written");
    for minor in versions {
        let mut command = Command::new(&tools().validate);
        // Kinds of the Prometheus Operator are not Kubernetes' own: they are passed over with a warning.
        run(command.args(["--strict", "--no-warn", "--kubernetes-version", &format!("1.{minor}")]).arg(&path));
    }
}

/// Every pod that the manifests make, as its specification.
fn pods(manifests: &str) -> Vec<Value> {
    let specs = yaml::documents(manifests).into_iter().filter_map(|document| {
        let places = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
        let found = places.iter().find_map(|place| document.pointer(place).cloned());
        found.or_else(|| (document["kind"] == "Pod").then(|| document["spec"].clone()))
    });
    specs.collect()
}

fn containers(pod: &Value) -> Vec<&Value> {
    ["initContainers", "containers"].iter().filter_map(|kind| pod[kind].as_array()).flatten().collect()
}

/// The Pod Security Standard `restricted`, and a little more.
fn is_restricted(pod: &Value) {
    assert_eq!(pod["automountServiceAccountToken"], false, "{pod:#}");
    let of_pod = &pod["securityContext"];
    for container in containers(pod) {
        let own = &container["securityContext"];
        assert_eq!(own["allowPrivilegeEscalation"], false, "{container:#}");
        assert_eq!(own["capabilities"]["drop"], json!(["ALL"]), "{container:#}");
        assert_eq!(own["readOnlyRootFilesystem"], true, "{container:#}");
        for (name, wanted) in [("runAsNonRoot", json!(true)), ("seccompProfile", json!({"type": "RuntimeDefault"}))] {
            assert!(own[name] == wanted || of_pod[name] == wanted, "{name}: {container:#}");
        }
        let volumes: Vec<_> = pod["volumes"].as_array().expect("volumes").iter().map(|v| &v["name"]).collect();
        for mount in container["volumeMounts"].as_array().into_iter().flatten() {
            assert!(mount["name"] == "spool" || volumes.contains(&&mount["name"]), "{mount} is of no volume: {pod:#}");
        }
        if container["image"].as_str().is_some_and(|image| image.contains("/ralphext:")) {
            assert!(container["resources"]["limits"]["memory"].is_string(), "{container:#}");
        }
    }
}

#[test]
#[ignore = "make test-all: needs Helm"]
fn every_scenario_is_valid_for_every_kubernetes_and_restricted() {
    let tools = tools();
    for values in scenarios() {
        for helm in &tools.helms {
            run(Command::new(helm).args(["lint", "--strict"]).arg(chart()).arg("--values").arg(&values));
        }
        let manifests = render(&chart(), Some(&values));
        validate(&manifests, KUBERNETES);
        let pods = pods(&manifests);
        assert!(!pods.is_empty());
        pods.iter().for_each(is_restricted);
    }
    // The test can fail: a key that there is not.
    let dir = TempDir::new().expect("a directory");
    let wrong = dir.path().join("wrong.yaml");
    let text =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: c, replica: 2}]}\n";
    fs::write(&wrong, text).expect("it is written");
    let mut command = Command::new(&tools.validate);
    let output = command.args(["--strict", "-k", "1.30"]).arg(&wrong).output().expect("it starts");
    assert!(!output.status.success(), "{output:?}");
}

#[test]
#[ignore = "make test-all: needs Helm"]
fn the_program_accepts_every_configuration_that_is_rendered() {
    let mut judged = 0;
    for values in scenarios() {
        let documents = yaml::documents(&render(&chart(), Some(&values)));
        for map in documents.iter().filter_map(|document| document["data"]["ralphext.json"].as_str()) {
            if map.contains("\"panels\"") {
                continue;
            }
            let dir = TempDir::new().expect("a directory");
            let path = dir.path().join("ralphext.json");
            fs::write(&path, map).expect("it is written");
            let mut command = Command::new(binary());
            command.arg("--config").arg(&path).arg("check").env_clear();
            let service = &serde_json::from_str::<Value>(map).expect("JSON")["service"]["name"];
            for job in documents.iter().filter(|document| document["kind"] == "CronJob") {
                if job["metadata"]["labels"]["app.kubernetes.io/component"] == *service {
                    command.args(["--schedule", job["spec"]["schedule"].as_str().expect("a schedule")]);
                }
            }
            assert!(run(&mut command).contains("configuration is valid"));
            judged += 1;
        }
    }
    assert_eq!(judged, 9, "services in all scenarios");
}

#[test]
#[ignore = "make test-all: needs Helm"]
fn a_chart_of_ones_own_has_ralphext_as_a_native_sidecar() {
    let dir = TempDir::new().expect("a directory");
    run(Command::new("cp").arg("-r").arg(repository().join("helm")).arg(dir.path()));
    let own = dir.path().join("helm/example-sidecar");
    for helm in &tools().helms {
        run(Command::new(helm).args(["dependency", "update"]).arg(&own).env("HOME", dir.path()));
    }
    let manifests = render(&own, None);
    validate(&manifests, KUBERNETES);
    let pods = pods(&manifests);
    let pod = pods.iter().find(|pod| pod["initContainers"].is_array()).expect("the author's pod");
    let [check, sidecar] = pod["initContainers"].as_array().expect("two").as_slice() else { panic!("{pod:#}") };
    assert_eq!((&check["args"], &check["restartPolicy"]), (&json!(["check"]), &Value::Null));
    assert_eq!((&sidecar["args"], &sidecar["restartPolicy"]), (&json!(["run"]), &json!("Always")));
    assert_eq!(sidecar["securityContext"]["runAsNonRoot"], true, "whoever the pod runs as");
    assert_eq!(sidecar["startupProbe"]["httpGet"]["path"], "/livez", "the next container finds it listening");
    let mounts = |container: &Value| container["volumeMounts"].to_string();
    let author = &pod["containers"][0];
    assert!(mounts(author).contains("ralphext-tickets-run") && mounts(sidecar).contains("ralphext-tickets-run"));
}

#[test]
#[ignore = "make test-all: needs Helm and promtool"]
fn alerts_fire_when_they_should_and_are_rendered_whole() {
    let tests = repository().join("tests/data/alerts.test.yaml");
    run(Command::new("promtool").args(["test", "rules"]).arg(tests));
    let values = chart().join("ci/deployment-values.yaml");
    let documents = yaml::documents(&render(&chart(), Some(&values)));
    let rule = documents.iter().find(|document| document["kind"] == "PrometheusRule").expect("a PrometheusRule");
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("rules.yaml");
    fs::write(&path, rule["spec"].to_string()).expect("JSON is YAML");
    let output = Command::new("promtool").args(["check", "rules"]).arg(&path).output().expect("it starts");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let plain = fs::read_to_string(chart().join("rules/ralphext.yaml")).expect("rules").matches("- alert:").count();
    assert!(told.contains(&format!("{} rules found", plain + 3)), "{told}: one more for each of three services");
    for rule in rule["spec"]["groups"].as_array().expect("groups").iter().flat_map(|g| g["rules"].as_array()).flatten()
    {
        assert_eq!((&rule["labels"]["severity"], &rule["labels"]["team"]), (&json!("warning"), &json!("dc")));
        let url = rule["annotations"]["runbook_url"].as_str().unwrap_or_default();
        assert!(url.starts_with("https://git.example.org/ralphext/blob/main/docs/operations.md#ralphext"), "{url}");
    }
    let monitor = documents.iter().find(|document| document["kind"] == "PodMonitor").expect("a PodMonitor");
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["honorLabels"], true, "the label `service` is ours");
}

#[test]
#[ignore = "make test-all: needs promtool"]
fn every_panel_asks_what_prometheus_understands() {
    let text = fs::read_to_string(chart().join("dashboards/ralphext.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let targets =
        dashboard["panels"].as_array().expect("panels").iter().filter_map(|panel| panel["targets"].as_array());
    let asked = targets.flatten().map(|target| target["expr"].as_str().expect("an expression"));
    // Promtool reads expressions in rules; Grafana fills in its variables first.
    let filled =
        asked.map(|expr| expr.replace("$__rate_interval", "5m").replace("$namespace", ".*").replace("$service", ".*"));
    let rules: Vec<Value> =
        filled.enumerate().map(|(n, expr)| json!({"record": format!("panel:{n}"), "expr": expr})).collect();
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("rules.yaml");
    let check = |rules: &[Value]| {
        fs::write(&path, json!({"groups": [{"name": "panels", "rules": rules}]}).to_string()).expect("JSON is YAML");
        Command::new("promtool").args(["check", "rules"]).arg(&path).output().expect("it starts")
    };
    let output = check(&rules);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!check(&[json!({"record": "a:b", "expr": "sum by (a (b)"})]).status.success(), "the test can fail");
}
