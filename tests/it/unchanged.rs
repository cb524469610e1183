//! Unchanged content is not written, seen from the server.

use serde_json::{Value, json};

use crate::harness::{Ext, Redis, Watch, ndjson, records};

#[test]
fn know2_once_twice_over_10_000_objects_writes_nothing_the_second_time() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let first = ext.once_with(&records(10_000, 1)).expect(0);
    first.counts(&[("objects", 10_000), ("written", 10_000), ("removed", 0), ("failed", 0)]);
    assert_eq!(first.json()["complete"], true);
    let before = redis.objects("hwinfo");
    assert_eq!(before.len(), 10_000);

    let watch = Watch::start(&redis);
    let second = ext.once().expect(0);
    second.counts(&[("objects", 10_000), ("written", 0), ("removed", 0), ("failed", 0), ("bytes_written", 0)]);
    watch.assert_untouched(&redis, "hwinfo");
    assert_eq!(redis.objects("hwinfo"), before);
}

#[test]
fn know2_a_running_sidecar_writes_nothing_after_its_first_pass() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(10_000, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 10_000);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let before = redis.raw_objects("hwinfo");

    let watch = Watch::start(&redis);
    sidecar.wait_for_passes(&redis, "hwinfo", 3);
    let mut turned = records(10_000, 1);
    turned.reverse();
    ext.source(&turned);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    watch.assert_untouched(&redis, "hwinfo");
    assert_eq!(redis.raw_objects("hwinfo"), before);
    sidecar.stop().expect(0);
}

#[test]
fn know2_a_new_sidecar_and_once_see_what_the_other_wrote() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.once_with(&records(500, 1)).expect(0).counts(&[("written", 500)]);
    let watch = Watch::start(&redis);
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    sidecar.stop().expect(0);
    ext.once().expect(0).counts(&[("written", 0), ("objects", 500)]);
    watch.assert_untouched(&redis, "hwinfo");
}

/// The same four objects, spelled in two ways.
fn spellings() -> (String, String) {
    let one = concat!(
        r#"{"id":1,"content":{"a":1,"b":{"c":[1,2],"d":"x"}}}"#,
        "\n",
        r#"{"id":2,"content":{"one":1,"hundred":100,"half":0.5,"zero":0,"tiny":0.000001}}"#,
        "\n",
        r#"{"id":3,"content":{"text":"Ab/\u20ac","generated_at":"2026-11-23T10:00:00Z","meta":{"took_ms":12,"n":1}}}"#,
        "\n",
        r#"{"id":"data_center.rack.12","content":[true,null,{"x":1,"y":2}]}"#,
        "\n",
    );
    let two = concat!(
        "{\"content\" : { \"b\":{ \"d\":\"x\",\t\"c\":[ 1.0 , 2 ] }, \"a\": 1e0 }, \"id\": 1}\r\n",
        r#"{"id":"2","content":{"tiny":1e-6,"zero":-0.0,"half":5e-1,"hundred":1e2,"one":1.0}}"#,
        "\n\n",
        r#"{"id":3,"content":{"meta":{"n":1,"took_ms":99},"generated_at":null,"text":"\u0041b\/€"}}"#,
        "\n",
        r#"{"id":"data_center.rack.12","content":[ true, null, {"y":2,"x":1} ]}"#,
        "\n",
    );
    (one.to_owned(), two.to_owned())
}

const IGNORE: [&str; 2] = ["/generated_at", "/meta/took_ms"];

#[test]
fn know4_another_spelling_is_no_change_for_a_new_process() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("content.ignore", json!(IGNORE));
    let (one, two) = spellings();
    ext.write("objects.ndjson", &one);
    ext.once().expect(0).counts(&[("written", 4)]);
    let before = redis.objects_ignoring("hwinfo", &IGNORE);
    assert_eq!(before["3"].content()["generated_at"], "2026-11-23T10:00:00Z", "ignored members are stored");

    let watch = Watch::start(&redis);
    ext.write("objects.ndjson", &two);
    ext.once().expect(0).counts(&[("written", 0), ("objects", 4), ("removed", 0)]);
    watch.assert_untouched(&redis, "hwinfo");
    assert_eq!(redis.objects_ignoring("hwinfo", &IGNORE), before);

    ext.write("objects.ndjson", &two.replace("\"n\":1", "\"n\":2"));
    ext.once().expect(0).counts(&[("written", 1)]);
    let after = redis.objects_ignoring("hwinfo", &IGNORE);
    assert_eq!(after["3"].content()["generated_at"], Value::Null, "a real change brings the ignored members along");
}

#[test]
fn know4_another_spelling_is_no_change_for_a_running_sidecar() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("content.ignore", json!(IGNORE));
    let (one, two) = spellings();
    ext.write("objects.ndjson", &one);
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 4);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let watch = Watch::start(&redis);
    for text in [&two, &one, &two] {
        ext.write("objects.ndjson", text);
        sidecar.wait_for_passes(&redis, "hwinfo", 2);
    }
    watch.assert_untouched(&redis, "hwinfo");

    ext.write("objects.ndjson", &two.replace("\"n\":1", "\"n\":2"));
    sidecar.wait_until("the real change is written", || {
        redis.objects_ignoring("hwinfo", &IGNORE)["3"].content()["meta"]["n"] == 2
    });
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]).len(), 1);
}

#[test]
fn a_number_that_cannot_be_told_exactly_is_refused_and_its_old_content_kept() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_failed", "50%");
    ext.source(&records(3, 1));
    ext.once().expect(0);
    let before = redis.raw_objects("hwinfo");
    let mut text = ndjson(&records(2, 1));
    text.push_str("{\"id\":3,\"content\":{\"big\":1e999}}\n");
    ext.write("objects.ndjson", &text);
    let outcome = ext.once().expect(0);
    outcome.counts(&[("failed", 1), ("written", 0), ("removed", 0)]);
    outcome.says(&["objects.ndjson:3"]);
    assert_eq!(redis.raw_objects("hwinfo"), before);
}

#[test]
fn renewals_in_the_middle_of_a_slow_source_do_not_take_for_lost_what_is_not_sent_yet() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("verify.every", "300ms").script(
        "exec",
        "echo '{\"id\":1,\"content\":1}'; echo '{\"id\":2,\"content\":2}'; sleep 1.5; echo '{\"id\":3,\"content\":3}'",
    );
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    let watch = Watch::start(&redis);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]), [], "nothing changed");
    sidecar.stop().expect(0);
}
