//! What a sidecar serves: where it listens, one request, a scrape taken apart. It must not know which metrics there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;

use super::{DEADLINE, Running};

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Head, lower-case names.
    pub head: BTreeMap<String, String>,
    /// All of the body.
    pub body: String,
}

impl Answer {
    /// The JSON document that is the body.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("no JSON: {e}: {self:?}"))
    }
}

/// Sends `request` as it is and reads to the end of the connection.
pub fn talk(port: u16, request: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let pairs = lines.filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned()));
    Ok(Answer { status, head: pairs.collect(), body: body.to_owned() })
}

/// `GET path`, as HTTP/1.0, with more lines in the head.
#[track_caller]
pub fn get(port: u16, path: &str, lines: &str) -> Answer {
    let lines: String = lines.lines().map(|line| format!("{line}\r\n")).collect();
    talk(port, &format!("GET {path} HTTP/1.0\r\nHost: h\r\n{lines}\r\n")).unwrap_or_else(|e| panic!("GET {path}: {e}"))
}

impl Running {
    /// The port on which it listens, by what the kernel says of its sockets.
    #[track_caller]
    pub fn port(&mut self) -> u16 {
        let mut port = None;
        let pid = self.pid();
        self.wait_until("it listens", || {
            port = listening(pid);
            port.is_some()
        });
        port.expect("waited for")
    }

    /// What it serves under `path`.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        get(self.port(), path, "")
    }

    /// What `/readyz` says of a service.
    #[track_caller]
    pub fn ready(&mut self, service: &str) -> Value {
        let answer = self.get("/readyz");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["services"][service].clone()
    }

    /// `/metrics`, taken apart.
    #[track_caller]
    pub fn scrape(&mut self) -> Scrape {
        Scrape::parse(&self.get("/metrics").body)
    }

    /// Waits until a metric of `hwinfo` has a value that is `wanted`; `labels` are those beside `service`.
    #[track_caller]
    pub fn wait_for_metric(&mut self, name: &str, labels: &[(&str, &str)], wanted: impl Fn(f64) -> bool) {
        let port = self.port();
        let mut last = None;
        self.wait_until(&format!("{name} {labels:?} is as wanted"), || {
            last = Scrape::parse(&get(port, "/metrics", "").body).of("hwinfo", name, labels);
            last.is_some_and(&wanted)
        });
    }
}

fn listening(pid: u32) -> Option<u16> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let own: BTreeSet<String> = links
        .filter_map(|link| fs::read_link(link.ok()?.path()).ok()?.to_str()?.strip_prefix("socket:[").map(str::to_owned))
        .map(|inode| inode.trim_end_matches(']').to_owned())
        .collect();
    fs::read_to_string("/proc/net/tcp").ok()?.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // 0A is LISTEN (include/net/tcp_states.h).
        let is_own = fields.get(3) == Some(&"0A") && own.contains(*fields.get(9)?);
        let port = fields.get(1)?.rsplit_once(':')?.1;
        is_own.then(|| u16::from_str_radix(port, 16).ok()).flatten()
    })
}

/// A series: name and labels.
type Series = (String, BTreeMap<String, String>);

/// One exposition in the text format of Prometheus.
#[derive(Debug)]
pub struct Scrape {
    /// Kind of each family, by name.
    pub kinds: BTreeMap<String, String>,
    /// Each sample.
    pub samples: BTreeMap<Series, f64>,
}

impl Scrape {
    /// Takes a text apart; panics where it breaks the format or its conventions.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut scrape = Self { kinds: BTreeMap::new(), samples: BTreeMap::new() };
        let mut helped = BTreeSet::new();
        assert!(text.ends_with('\n'), "the last line has an end");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                assert!(helped.insert(name.to_owned()) && !help.is_empty(), "{line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                assert!(helped.contains(name), "help comes first: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(scrape.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
            } else {
                scrape.sample(line);
            }
        }
        scrape
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let (name, labels) = series.strip_suffix('}').map_or((series, ""), |s| s.split_once('{').expect("a brace"));
        let family =
            |suffix| name.strip_suffix(suffix).filter(|n| self.kinds.get(*n).is_some_and(|k| k == "histogram"));
        let known =
            self.kinds.contains_key(name) || ["_bucket", "_sum", "_count"].into_iter().any(|s| family(s).is_some());
        assert!(known, "its family was not announced: {line}");
        let labels = labels.split(',').filter(|l| !l.is_empty()).map(|label| {
            let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), value.strip_suffix('"').unwrap_or_else(|| panic!("{line}")).to_owned())
        });
        let value = value.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(self.samples.insert((name.to_owned(), labels.collect()), value).is_none(), "twice: {line}");
    }

    /// The value of a series of `service` with these labels beside it; none if there is no such series.
    pub fn of(&self, service: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let service = [("service", service)];
        let labels = labels.iter().chain(&service).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// [`Scrape::of`] the service `hwinfo`, which has to be there.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.of("hwinfo", name, labels).unwrap_or_else(|| panic!("{name} {labels:?} is not told: {self:#?}"))
    }
}
