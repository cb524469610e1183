//! Too much gone at once is not believed: refused, kept, told with its numbers; after a while of confirmation, believed.

use std::time::Duration;

use crate::harness::{Ext, Redis, Watch, always, records};

fn grown(count: u64) -> (Redis, Ext) {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(count, 1)).expect(0);
    (redis, ext)
}

#[test]
fn ten_of_thirty_are_not_removed() {
    let (redis, ext) = grown(30);
    let watch = Watch::start(&redis);
    for _ in 0..3 {
        let outcome = ext.once_with(&records(20, 1));
        outcome.counts(&[("removed", 0), ("written", 0), ("objects", 20)]);
        outcome.says(&["10 of 30", "33.3", "max_shrink", "20", "hint"]);
    }
    watch.assert_untouched(&redis, "hwinfo");
    assert_eq!(redis.objects("hwinfo").len(), 30);
    ext.once_with(&records(30, 1)).expect(0).counts(&[("written", 0), ("removed", 0)]);
}

#[test]
fn a_fall_to_zero_is_never_believed_by_itself() {
    for count in [30, 3] {
        let (redis, ext) = grown(count);
        let ext = ext.set("limits.shrink_confirm", "1s").set("limits.max_shrink", "100%");
        for nothing in ["[]", "{\"begin\":true}\n{\"end\":true}\n"] {
            ext.write("objects.ndjson", nothing);
            for _ in 0..2 {
                let outcome = ext.once();
                outcome.counts(&[("removed", 0), ("written", 0)]);
                outcome.says(&[&format!("all {count}"), "hint"]);
                std::thread::sleep(Duration::from_millis(1100));
            }
            assert_eq!(redis.objects("hwinfo").len(), count as usize);
        }
    }
}

#[test]
fn a_small_service_may_shrink_and_a_large_one_a_little() {
    let (redis, ext) = grown(5);
    ext.once_with(&records(3, 1)).expect(0).counts(&[("removed", 2)]);
    assert_eq!(redis.objects("hwinfo").len(), 3);

    let (redis, ext) = grown(30);
    ext.once_with(&records(24, 1)).expect(0).counts(&[("removed", 6)]);
    assert_eq!(redis.objects("hwinfo").len(), 24);
}

#[test]
fn many_small_steps_are_one_large_one() {
    let (redis, ext) = grown(100);
    ext.once_with(&records(85, 1)).expect(0).counts(&[("removed", 15)]);
    let outcome = ext.once_with(&records(70, 1));
    outcome.counts(&[("removed", 0)]);
    outcome.says(&["max_shrink"]);
    assert_eq!(
        redis.objects("hwinfo").len(),
        85,
        "measured against the largest count of the day, also by a new process"
    );
}

#[test]
fn max_shrink_is_the_users_to_set() {
    let (redis, ext) = grown(30);
    let ext = ext.set("limits.max_shrink", "50%");
    ext.once_with(&records(20, 1)).expect(0).counts(&[("removed", 10)]);
    assert_eq!(redis.objects("hwinfo").len(), 20);
}

#[test]
fn a_shrink_that_stays_is_believed_by_a_running_sidecar() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("limits.shrink_confirm", "3s");
    ext.source(&records(30, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    ext.source(&records(20, 1));
    sidecar.wait_until_says("10 of 30");
    sidecar.wait_for_objects(&redis, "hwinfo", 20);

    ext.write("objects.ndjson", "[]");
    sidecar.wait_until_says("all 20");
    always("zero is not believed", Duration::from_secs(6), || redis.count("hwinfo") == 20);
    sidecar.stop().expect(0);
}

#[test]
fn a_shrink_that_stays_is_believed_by_new_processes_too() {
    let (redis, ext) = grown(30);
    let ext = ext.set("limits.shrink_confirm", "2s");
    ext.once_with(&records(20, 1)).counts(&[("removed", 0)]);
    std::thread::sleep(Duration::from_secs(3));
    ext.once().expect(0).counts(&[("removed", 10)]);
    assert_eq!(redis.objects("hwinfo").len(), 20);

    ext.once_with(&records(30, 1)).expect(0);
    ext.once_with(&records(10, 1)).counts(&[("removed", 0)]);
    ext.once_with(&records(30, 1)).expect(0).counts(&[("removed", 0)]);
    std::thread::sleep(Duration::from_secs(3));
    ext.once_with(&records(10, 1)).counts(&[("removed", 0)]);
    assert_eq!(redis.objects("hwinfo").len(), 30, "what recovered in between starts its time again");
}
