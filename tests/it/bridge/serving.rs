//! Jobs that go well or fail in ordinary ways.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread,
};

use serde_json::json;

use super::stage::{FUNCTION, How, QUEUE, Stage, call, python};
use crate::harness::{DEADLINE, Ext, Redis, Running, eventually, get, records, signal};

#[test]
fn a_job_is_done_by_a_command_as_every_version_of_rq_reads_it() {
    let stage = Stage::new("cat; echo \" $JOB_ID $JOB_FUNCTION $JOB_QUEUE\"");
    let mut bridge = stage.start();
    let kwargs = "{'template': b'PK\\x00', 'data': {'id': 4711, 'name': 'zażółć', 'n': [1.5, None, True]}}";
    stage.enqueue("old", How::Old, &call(kwargs), &[]);
    stage.enqueue("new", How::Newer, &call(kwargs), &[("result_ttl", "60")]);
    stage.enqueue("json", How::Json, &call("{'a': [1, 'b']}"), &[]);
    let input = "{\"template\":{\"base64\":\"UEsA\"},\"data\":{\"id\":4711,\"name\":\"zażółć\",\"n\":[1.5,null,true]}}";
    for id in ["old", "new", "json"] {
        stage.wait(&mut bridge, id, "finished");
        assert!(stage.registry("finished").contains(&id.to_owned()));
        assert!(stage.field(id, "ended_at").is_some_and(|at| at.len() == 27 && at.ends_with('Z')));
    }
    let bytes = |id: &str| {
        python(
            "import sys; sys.stdout.write(ascii(sys.stdin.buffer.read()))",
            format!("{input} {id} {FUNCTION} {QUEUE}\n").as_bytes(),
        )
    };
    for id in ["old", "new"] {
        let ascii = stage.result(id);
        assert_eq!(ascii, String::from_utf8(bytes(id)).unwrap(), "{id}");
    }
    // Where newer versions look.
    let told = stage.told("new");
    assert_eq!((told["type"].as_str(), told["worker_name"].starts_with("ralphext.")), ("1", true));
    let same = "import sys, base64, pickle; print(len(pickle.loads(base64.b64decode(sys.stdin.read()))))";
    assert_ne!(python(same, told["return_value"].as_bytes()), b"0\n");
    let told = python(
        "import sys, base64; sys.stdout.buffer.write(base64.b64decode(sys.stdin.read()))",
        stage.told("json")["return_value"].as_bytes(),
    );
    let told: serde_json::Value = serde_json::from_slice(&told).expect("JSON");
    assert!(told["base64"].is_string(), "bytes in JSON: {told}");
    assert_eq!(stage.redis.cmd::<u64>(&["EXISTS", "rq:results:old"]), 0, "rq 1.0 has no stream");
    let ttl = |key: &str| stage.redis.cmd::<i64>(&["TTL", key]);
    assert!((1..=60).contains(&ttl("rq:job:new")) && (400..=500).contains(&ttl("rq:job:old")));
    assert!(stage.is_empty());
    bridge.stop().expect(0);
}

#[test]
fn results_are_texts_or_json_where_that_is_asked_for() {
    for (output, shown) in [("text", "'{\"a\":1}'"), ("json", "{'a': 1}")] {
        let stage = Stage::new("cat").set("bridge.output", output);
        let mut bridge = stage.start();
        stage.enqueue("one", How::Old, &call("{'a': 1}"), &[]);
        stage.wait(&mut bridge, "one", "finished");
        assert_eq!(stage.result("one"), shown);
    }
    let stage = Stage::new("cat").set("bridge.result_ttl", "0s");
    let mut bridge = stage.start();
    stage.enqueue("one", How::Old, &call("{'a': 1}"), &[]);
    bridge.wait_until("it is not kept", || stage.redis.cmd::<u64>(&["EXISTS", "rq:job:one"]) == 0 && stage.is_empty());
}

#[test]
fn a_job_that_fails_says_why() {
    let stage = Stage::new("echo 'no such template' >&2; exit 3");
    let mut bridge = stage.start();
    stage.enqueue("exit", How::Old, &call("{}"), &[("failure_ttl", "60")]);
    stage.enqueue("newer", How::Newer, &call("{}"), &[]);
    stage.enqueue("unknown", How::Newer, "('os.system', None, (), {'command': 'id'})", &[]);
    stage.enqueue("positional", How::Old, &format!("('{FUNCTION}', None, (1, 2), {{}})"), &[]);
    stage.enqueue("nan", How::Old, &call("{'x': float('nan')}"), &[]);
    for (id, words) in [
        ("exit", ["CommandFailed: /bin/sh", "exit status 3", "no such template"]),
        ("newer", ["CommandFailed: /bin/sh", "exit status 3", "no such template"]),
        ("unknown", ["UnknownFunction: \"os.system\" is not served here", FUNCTION, "bridge.functions"]),
        ("positional", ["RefusedJob:", "positional arguments", "named"]),
        ("nan", ["RefusedJob:", "JSON has no number NaN", "hint"]),
    ] {
        stage.wait(&mut bridge, id, "failed");
        let why = stage.exc_info(id);
        assert!(words.iter().all(|word| why.contains(word)), "{id}: {why}");
        assert!(stage.registry("failed").contains(&id.to_owned()));
    }
    let told = stage.told("newer");
    assert_eq!((told["type"].as_str(), told.contains_key("exc_string")), ("2", true));
    assert!((1..=60).contains(&stage.redis.cmd::<i64>(&["TTL", "rq:job:exit"])));
    assert!(stage.is_empty());
    // Tried again, as its client asked for.
    stage.enqueue("again", How::Newer, &call("{}"), &[("retries_left", "2")]);
    stage.wait(&mut bridge, "again", "failed");
    assert_eq!(stage.field("again", "retries_left").as_deref(), Some("0"));
    assert_eq!(stage.told("again")["type"], "2");
    bridge.stop().expect(0).says(&["no such template"]);
}

#[test]
fn a_job_takes_no_longer_than_it_says() {
    let stage = Stage::new("sleep 600 & echo $! >child; wait");
    let mut bridge = stage.start();
    stage.enqueue("slow", How::Newer, &call("{}"), &[("timeout", "1")]);
    stage.wait(&mut bridge, "slow", "failed");
    assert!(stage.exc_info("slow").contains("Task exceeded maximum timeout value (1 seconds)"));
    let child = std::fs::read_to_string(stage.ext.path("child")).expect("its child");
    let there =
        || std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).is_ok_and(|stat| !stat.contains(") Z "));
    bridge.wait_until("the command's children are gone too", || !there());
    bridge.stop().expect(0);
}

#[test]
fn a_server_does_the_jobs_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/pdf", listener.local_addr().expect("its address"));
    let server = thread::spawn(move || {
        let answers = [
            "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ndone",
            "500 No\r\nContent-Length: 0\r\n\r\n",
        ];
        answers.map(|answer| {
            let (stream, _) = listener.accept().expect("a request");
            let mut reader = BufReader::new(&stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().expect("a number");
                }
                head.push_str(&line);
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            (&stream).write_all(format!("HTTP/1.1 {answer}").as_bytes()).expect("the answer");
            (head, String::from_utf8(body).expect("a text"))
        })
    });
    let mut stage = Stage::new("");
    stage.ext = stage.ext.unset("bridge.command").set("bridge.url", url).set("bridge.concurrency", 1);
    let mut bridge = stage.start();
    stage.enqueue("good", How::Old, &call("{'a': 1}"), &[]);
    stage.wait(&mut bridge, "good", "finished");
    stage.enqueue("bad", How::Old, &call("{'a': 2}"), &[]);
    stage.wait(&mut bridge, "bad", "failed");
    assert_eq!(stage.result("good"), "'done'");
    assert!(stage.exc_info("bad").contains("500"), "{}", stage.exc_info("bad"));
    let [(head, body), (_, second)] = server.join().expect("the server");
    assert!(
        head.starts_with("POST /pdf ") && head.contains("x-job-id: good") && head.contains("application/json"),
        "{head}"
    );
    assert_eq!((body.as_str(), second.as_str()), ("{\"a\":1}", "{\"a\":2}"));
    bridge.stop().expect(0);
}

#[test]
fn jobs_that_wait_for_another_one_follow_it() {
    let stage = Stage::new("cat");
    let defer = |id: &str, on: &str| {
        stage.enqueue(id, How::Newer, &call("{}"), &[("status", "deferred"), ("dependency_ids", on)]);
        stage.redis.cmd::<()>(&["LREM", &format!("rq:queue:{QUEUE}"), "0", id]);
        stage.redis.cmd::<()>(&["ZADD", &format!("rq:deferred:{QUEUE}"), "1", id]);
    };
    defer("second", "[\"first\"]");
    defer("third", "[\"first\", \"second\"]");
    for (of, waiting) in [("first", "second"), ("first", "third"), ("second", "third")] {
        stage.redis.cmd::<()>(&["SADD", &format!("rq:job:{of}:dependents"), waiting]);
    }
    stage.enqueue("first", How::Newer, &call("{}"), &[]);
    let mut bridge = stage.start();
    for id in ["first", "second", "third"] {
        stage.wait(&mut bridge, id, "finished");
    }
    assert!(stage.registry("deferred").is_empty() && stage.is_empty());
    bridge.stop().expect(0);
}

#[test]
fn a_worker_is_seen_and_can_be_told() {
    let stage = Stage::new("touch began; sleep 600").set("admin.listen", "127.0.0.1:0");
    let mut bridge = stage.start();
    let workers = || stage.redis.cmd::<Vec<String>>(&["SMEMBERS", "rq:workers"]);
    bridge.wait_until("it is registered", || workers().len() == 1);
    let key = workers().remove(0);
    let name = key.strip_prefix("rq:worker:").expect("a worker's key").to_owned();
    let of_queue = stage.redis.cmd::<Vec<String>>(&["SMEMBERS", &format!("rq:workers:{QUEUE}")]);
    assert_eq!(of_queue, std::slice::from_ref(&key));
    let field = |name: &str| stage.redis.cmd::<Option<String>>(&["HGET", &key, name]).unwrap_or_default();
    assert_eq!((field("queues"), field("pid")), (QUEUE.to_owned(), bridge.pid().to_string()));
    bridge.wait_until("it is idle", || field("state") == "idle");
    let before = field("last_heartbeat");
    bridge.wait_until("its heart beats", || field("last_heartbeat") > before);

    stage.enqueue("long", How::Newer, &call("{}"), &[]);
    bridge.wait_until("it runs", || stage.ext.path("began").exists() && field("state") == "busy");
    assert_eq!((stage.status("long").as_str(), field("current_job").as_str()), ("started", "long"));
    assert_eq!(stage.registry("wip").len(), 1);
    let tell =
        |text: serde_json::Value| stage.redis.cmd::<u64>(&["PUBLISH", &format!("rq:pubsub:{name}"), &text.to_string()]);
    bridge.wait_until("it listens", || tell(json!({"command": "nothing"})) == 1);
    tell(json!({"command": "stop-job", "job_id": "long"}));
    stage.wait(&mut bridge, "long", "stopped");
    assert!(stage.exc_info("long").contains("stopped by user") && stage.is_empty());

    cancelled(&stage, &mut bridge, &key);
    let wanted = [
        "ralphext_bridge_jobs_total{queue=\"ralph_ext_pdf\",outcome=\"stopped\"} 1",
        "ralphext_bridge_jobs_total{queue=\"ralph_ext_pdf\",outcome=\"dropped\"} 1",
        "ralphext_bridge_job_duration_seconds_count{queue=\"ralph_ext_pdf\"} 2",
        "ralphext_bridge_waiting{queue=\"ralph_ext_pdf\"} 0",
        "ralphext_bridge_recovered_total 0",
        "ralphext_bridge_running 0",
    ];
    let port = bridge.port();
    bridge.wait_until("it is counted", || {
        let metrics = get(port, "/metrics", "").body;
        wanted.iter().all(|line| metrics.contains(line))
    });
    tell(json!({"command": "shutdown"}));
    bridge.finish(DEADLINE).expect(0);
    assert!(workers().is_empty());
}

/// Jobs that are cancelled while they wait, and while they run.
fn cancelled(stage: &Stage, bridge: &mut Running, worker: &str) {
    let state = || stage.redis.cmd::<Option<String>>(&["HGET", worker, "state"]).unwrap_or_default();
    stage.redis.cmd::<()>(&["SET", "rq:suspended", "1"]);
    bridge.wait_until("it is suspended", || state() == "suspended");
    stage.enqueue("waiting", How::Newer, &call("{}"), &[("status", "canceled")]);
    stage.redis.cmd::<()>(&["DEL", "rq:suspended"]);
    bridge.wait_until("the cancelled one is gone", || stage.is_empty());
    assert_eq!(stage.status("waiting"), "canceled");
    std::fs::remove_file(stage.ext.path("began")).expect("it is there");
    stage.enqueue("running", How::Old, &call("{}"), &[]);
    bridge.wait_until("it runs", || stage.ext.path("began").exists() && stage.status("running") == "started");
    stage.redis.cmd::<()>(&["HSET", "rq:job:running", "status", "canceled"]);
    bridge.wait_until("it is stopped", || stage.is_empty());
    assert_eq!(stage.status("running"), "canceled");
}

#[test]
fn refresh_asks_the_sidecar_and_gives_the_envelope() {
    let stage = Stage::new("cat");
    let sidecar = Ext::brisk(&stage.redis);
    let socket = sidecar.path("page.sock").display().to_string();
    let sidecar = sidecar.set("admin.page_listen", format!("unix:{socket}"));
    sidecar.source(&records(3, 1));
    let mut running = sidecar.run();
    running.wait_for_objects(&stage.redis, "hwinfo", 3);
    let stage = stage.set("bridge.sidecar", format!("unix:{socket}")).set("bridge.sidecar_service", "hwinfo");
    let mut bridge = stage.start();
    sidecar.source(&records(3, 2));
    stage.enqueue("one", How::Newer, "('refresh', None, (2,), {})", &[]);
    stage.wait(&mut bridge, "one", "finished");
    let envelope = stage.result("one");
    assert!(envelope.contains("'object_id': '2'") && envelope.contains("'revision': 2"), "{envelope}");
    stage.enqueue("none", How::Json, "['refresh', None, [], {'object_id': 'no such'}]", &[]);
    stage.wait(&mut bridge, "none", "failed");
    assert!(stage.exc_info("none").contains("no object id"));
    running.stop().expect(0);
    stage.enqueue("dead", How::Old, "('refresh', None, (), {'object_id': 2})", &[]);
    stage.wait(&mut bridge, "dead", "failed");
    assert!(stage.exc_info("dead").contains("the sidecar at"));
    bridge.stop().expect(0);
}

#[test]
fn a_warm_end_finishes_what_runs_and_gives_back_what_takes_too_long() {
    let stage =
        Stage::new("touch began; while [ ! -e go ]; do sleep 0.05; done; echo done").set("bridge.concurrency", 1);
    let mut bridge = stage.start();
    stage.enqueue("first", How::Old, &call("{}"), &[]);
    stage.enqueue("second", How::Old, &call("{}"), &[]);
    bridge.wait_until("the first one runs", || stage.ext.path("began").exists());
    signal(bridge.pid(), "TERM");
    bridge.wait_until_says("ending when the jobs under way have ended");
    stage.ext.write("go", "");
    bridge.finish(DEADLINE).expect(0);
    assert_eq!((stage.status("first").as_str(), stage.status("second").as_str()), ("finished", "queued"));
    assert_eq!(stage.redis.cmd::<Vec<String>>(&["LRANGE", &format!("rq:queue:{QUEUE}"), "0", "-1"]), ["second"]);
    assert!(stage.redis.cmd::<Vec<String>>(&["SMEMBERS", "rq:workers"]).is_empty());

    std::fs::remove_file(stage.ext.path("go")).expect("it is there");
    std::fs::remove_file(stage.ext.path("began")).expect("it is there");
    let stage = stage.set("shutdown.grace", "0s");
    let mut bridge = stage.start();
    bridge.wait_until("the second one runs", || stage.ext.path("began").exists());
    bridge.stop().expect(0);
    assert_eq!(stage.status("second"), "queued");
    assert_eq!(stage.redis.cmd::<Vec<String>>(&["LRANGE", &format!("rq:queue:{QUEUE}"), "0", "-1"]), ["second"]);
}

#[test]
fn bad_configuration_is_told_and_nothing_starts() {
    let redis = Redis::start();
    let bare = || Ext::at(&redis.url()).unset("service").unset("source.kind").unset("source.path");
    let said = |ext: &Ext, words: &[&str]| {
        Running::spawn(&mut ext.command(&["bridge"]), None).finish(DEADLINE).expect(2).says(words);
    };
    said(&bare(), &["no bridge is configured", "docs/bridge.md"]);
    said(
        &bare().set("bridge.queues", json!(["a*"])),
        &["is no name of a queue", "bridge.functions", "no function is served"],
    );
    let good = || bare().set("bridge.queues", json!(["a"])).set("bridge.functions", json!(["f"]));
    said(&good(), &["nobody is named who does the jobs"]);
    let both = good().set("bridge.command", json!(["cat"])).set("bridge.url", "http://h/");
    said(&both, &["bridge.command is given too"]);
    said(&good().set("bridge.command", json!(["cat"])).set("bridge.sidecar", "127.0.0.1:1"), &["no unix socket"]);
    let service = Ext::new(&redis).set("bridge.queues", json!(["a"])).set("bridge.functions", json!(["f"]));
    service.set("bridge.command", json!(["cat"])).verb(&["check"]).expect(2).says(&["has to be apart from it"]);
    eventually("nothing was written", || redis.keys().is_empty());
}
