//! Jobs that were not written by a friend, and what the bridge's user may not do.

use super::stage::{How, Stage, call, python};
use crate::harness::PASSWORD;

#[test]
fn a_pickle_that_would_call_something_is_refused_told_and_failed() {
    let stage = Stage::new("touch called; cat");
    let mut bridge = stage.start();
    let trap = stage.ext.path("trapped").display().to_string();
    let shell = format!("touch {trap}");
    let reduce = |callee: &str, args: &str| {
        format!(
            "('inkpy_jinja.pdf', None, (), {{'x': type('T', (), {{'__reduce__': lambda s: ({callee}, {args})}})()}})"
        )
    };
    for (id, callee, args, name) in [
        ("system", "__import__('os').system", format!("('{shell}',)"), "posix.system"),
        ("eval", "eval", format!("(\"__import__('os').system('{shell}')\",)"), "builtins.eval"),
        ("popen", "__import__('subprocess').Popen", format!("(['touch', '{trap}'],)"), "subprocess.Popen"),
        ("getattr", "getattr", "('x', 'upper')".to_owned(), "builtins.getattr"),
    ] {
        stage.enqueue(id, How::Old, &reduce(callee, &args), &[]);
        stage.wait(&mut bridge, id, "failed");
        let why = stage.exc_info(id);
        assert!(why.starts_with("RefusedJob: the job's pickle is refused: it names ") && why.contains(name), "{why}");
        assert!(bridge.stderr().contains(&format!("job {id} is refused")));
    }
    // A callable in place of the whole tuple, a method of an object, a bomb, no pickle at all.
    stage.enqueue_data("whole", How::Old, b"cos\nsystem\n(S'id'\ntR.", &[]);
    stage.enqueue("method", How::Old, "('run', b'an object', (), {})", &[]);
    let bomb = python("import sys, zlib; sys.stdout.buffer.write(zlib.compress(b'N' * 100_000_000))", b"");
    stage.enqueue_data("bomb", How::Old, &bomb, &[]);
    stage.enqueue_data("garbage", How::Newer, b"\xff\x00garbage", &[]);
    stage.enqueue_data("large", How::Newer, &vec![b'N'; 17 << 20], &[]);
    for (id, word) in [
        ("whole", "os.system"),
        ("method", "a method of an object"),
        ("bomb", "larger than bridge.max_job"),
        ("garbage", "refused"),
        ("large", "larger than bridge.max_job"),
    ] {
        stage.wait(&mut bridge, id, "failed");
        let why = stage.exc_info(id);
        assert!(why.contains(word), "{id}: {why}");
    }
    assert!(!std::path::Path::new(&trap).exists() && !stage.ext.path("called").exists(), "something was called");
    // It goes on.
    stage.enqueue("good", How::Old, &call("collections.OrderedDict(a=1)"), &[]);
    stage.wait(&mut bridge, "good", "finished");
    bridge.stop().expect(0);
}

#[test]
fn the_environment_of_a_command_does_not_lead_into_redis() {
    let stage = Stage::new("env").set("bridge.output", "text");
    stage.ext.config();
    let mut command = stage.ext.command(&["bridge"]);
    command.env("RALPHEXT__REDIS__PASSWORD", PASSWORD).env("MY_REDIS", "x").env("OTHER", format!("x{PASSWORD}x"));
    let mut bridge = crate::harness::Running::spawn(&mut command, None);
    stage.enqueue("env", How::Old, &call("{}"), &[]);
    stage.wait(&mut bridge, "env", "finished");
    let env = stage.result("env");
    assert!(env.contains("JOB_ID=env") && env.contains("PATH="), "{env}");
    assert!(!env.contains(PASSWORD) && !env.contains("MY_REDIS") && !env.contains("RALPHEXT"), "{env}");
}

#[test]
fn the_user_of_the_bridge_reaches_its_queues_and_nothing_else() {
    let stage = Stage::new("cat");
    let url = stage.redis.url().replace("redis://", &format!("redis://ralphext-bridge:{PASSWORD}@"));
    let mut connection = redis::Client::open(url).expect("a URL").get_connection().expect("a connection");
    for words in [
        &["SET", "ralphext:v1:hwinfo:1", "x"][..],
        &["GET", "ralphext:v1:hwinfo:1"],
        &["HGET", "session:1", "x"],
        &["RPUSH", "rq:queue:default", "x"],
        &["ZADD", "rq:wip:default", "1", "x"],
        &["HSET", "rq:worker:another", "x", "y"],
        &["SADD", "rq:queues", "x"],
        &["DEL", "rq:suspended"],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["PUBLISH", "rq:pubsub:x", "y"],
    ] {
        let refused = redis::cmd(words[0]).arg(&words[1..]).query::<redis::Value>(&mut connection);
        assert_eq!(refused.expect_err(&format!("{words:?}")).code(), Some("NOPERM"), "{words:?}");
    }
    // A user of a service is not let near the jobs.
    let hwinfo = stage.redis.url().replace("redis://", &format!("redis://ralphext-hwinfo:{PASSWORD}@"));
    let mut connection = redis::Client::open(hwinfo).expect("a URL").get_connection().expect("a connection");
    let refused = redis::cmd("GET").arg("rq:job:1").query::<redis::Value>(&mut connection);
    assert_eq!(refused.expect_err("rq's keys").code(), Some("NOPERM"));
}
