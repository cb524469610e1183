//! A bridge on a real Redis, and jobs as rq's clients write them: by Python's own pickle and plain Redis commands. It must not
//! know what a test expects.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

use redis::Connection;
use serde_json::{Value, json};

use crate::harness::{Ext, PASSWORD, Redis, Running};

pub const QUEUE: &str = "ralph_ext_pdf";
pub const FUNCTION: &str = "inkpy_jinja.pdf";

/// A program in Python, with `input`; what it prints.
#[track_caller]
pub fn python(program: &str, input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("python3");
    command.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python3");
    child.stdin.take().expect("its input").write_all(input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{program}");
    output.stdout
}

/// How a job's data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// As rq 1.0.
    Old,
    /// As the newest.
    Newer,
    /// The newest with its JSON serializer.
    Json,
}

/// A bridge's extension, and the Redis that it serves.
pub struct Stage {
    pub redis: Redis,
    pub ext: Ext,
}

impl Stage {
    /// The extension is `sh` running this script.
    pub fn new(script: &str) -> Self {
        let redis = Redis::start();
        let ext = Ext::at(&redis.url()).unset("service").unset("source.kind").unset("source.path");
        let path = ext.path("job.sh").display().to_string();
        let dir = ext.path("").display().to_string();
        ext.write("job.sh", &format!("set -eu\ncd {dir}\n{script}\n"));
        let ext = ext
            .set("bridge.queues", json!([QUEUE]))
            .set("bridge.functions", json!([FUNCTION]))
            .set("bridge.command", json!(["/bin/sh", path]))
            .set("bridge.heartbeat", "200ms")
            .set("redis.username", "ralphext-bridge")
            .set("redis.password", PASSWORD);
        let stage = Self { redis, ext };
        stage.grant();
        stage
    }

    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.ext.change(key, value);
        self.grant();
        self
    }

    /// The user has the rights that `ralphext acl --bridge` prints, and no others.
    fn grant(&self) {
        let config = self.ext.config().display().to_string();
        self.redis.grant(&["--bridge", "-c", &config]);
    }

    pub fn start(&self) -> Running {
        Running::spawn(&mut self.ext.command(&["bridge"]), None)
    }

    pub fn connect(&self) -> Connection {
        self.redis.connect().expect("a connection")
    }

    /// Puts a job into the queue as rq's client does: `call` is the Python tuple of its data.
    pub fn enqueue(&self, id: &str, how: How, call: &str, fields: &[(&str, &str)]) {
        let dumps = match how {
            How::Old => "pickle.dumps(c, 4)",
            How::Newer => "pickle.dumps(c, 5)",
            How::Json => "json.dumps(c).encode()",
        };
        let program = format!(
            "import sys, json, pickle, zlib, datetime, collections; c = {call}; sys.stdout.buffer.write(zlib.compress({dumps}))"
        );
        self.enqueue_data(id, how, &python(&program, b""), fields);
    }

    /// The same with its data as it is.
    pub fn enqueue_data(&self, id: &str, how: How, data: &[u8], fields: &[(&str, &str)]) {
        let (now, key) = ("2026-11-23T23:33:22.123456Z", format!("rq:job:{id}"));
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("SADD").arg("rq:queues").arg(format!("rq:queue:{QUEUE}"));
        pipe.cmd("HSET").arg(&key).arg("data").arg(data).arg("created_at").arg(now).arg("enqueued_at").arg(now);
        pipe.arg("status").arg("queued").arg("origin").arg(QUEUE).arg("description").arg("a job");
        if how != How::Old {
            for name in ["started_at", "ended_at", "last_heartbeat", "worker_name", "success_callback_name"] {
                pipe.cmd("HSET").arg(&key).arg(name).arg("");
            }
        }
        pipe.cmd("HSET").arg(&key).arg("timeout").arg(180);
        for (name, value) in fields {
            pipe.cmd("HSET").arg(&key).arg(name).arg(value);
        }
        pipe.cmd("RPUSH").arg(format!("rq:queue:{QUEUE}")).arg(id);
        pipe.exec(&mut self.connect()).expect("the job");
    }

    pub fn field(&self, id: &str, name: &str) -> Option<String> {
        self.redis.cmd(&["HGET", &format!("rq:job:{id}"), name])
    }

    pub fn status(&self, id: &str) -> String {
        self.field(id, "status").unwrap_or_default()
    }

    /// Waits until the job has this status.
    #[track_caller]
    pub fn wait(&self, bridge: &mut Running, id: &str, status: &str) {
        bridge.wait_until(&format!("job {id} is {status}"), || self.status(id) == status);
    }

    /// What the job's result is to Python, by its `repr`.
    pub fn result(&self, id: &str) -> String {
        let pickle: Vec<u8> = self.redis.cmd(&["HGET", &format!("rq:job:{id}"), "result"]);
        let program = "import sys, pickle; sys.stdout.write(repr(pickle.load(sys.stdin.buffer)))";
        String::from_utf8(python(program, &pickle)).expect("a text")
    }

    /// What the job's failure says.
    pub fn exc_info(&self, id: &str) -> String {
        let packed: Vec<u8> = self.redis.cmd(&["HGET", &format!("rq:job:{id}"), "exc_info"]);
        let program = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
        String::from_utf8(python(program, &packed)).expect("a text")
    }

    /// The entry in the stream of results.
    pub fn told(&self, id: &str) -> BTreeMap<String, String> {
        let key = format!("rq:results:{id}");
        let entries: Vec<(String, BTreeMap<String, String>)> = self.redis.cmd(&["XRANGE", &key, "-", "+"]);
        assert_eq!(entries.len(), 1);
        entries.into_iter().next().expect("one").1
    }

    /// The members of one of the queue's registries.
    pub fn registry(&self, kind: &str) -> Vec<String> {
        self.redis.cmd(&["ZRANGE", &format!("rq:{kind}:{QUEUE}"), "0", "-1"])
    }

    /// Nothing waits, and nothing is under way.
    pub fn is_empty(&self) -> bool {
        let long = |key: String| self.redis.cmd::<u64>(&["LLEN", &key]) > 0;
        !long(format!("rq:queue:{QUEUE}"))
            && !long(format!("rq:queue:{QUEUE}:intermediate"))
            && self.registry("wip").is_empty()
    }
}

/// A call of the function with these named arguments, in Python.
pub fn call(kwargs: &str) -> String {
    format!("('{FUNCTION}', None, (), {kwargs})")
}
