//! The guard by example: each hole that was looked for, by the numbers.

mod endurance;

use super::*;

const BOUNDS: Bounds = Bounds { max_shrink: Percent(20.0), confirm_ms: HOUR };
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// A moment in 2026.
const START: u64 = 1_795_476_802_123;

fn at(ms: u64) -> Now {
    Now { unix_ms: START + ms, tick: (ms / TICK_MS) as Tick + 1 }
}

fn seen(present: u64, vanished: u64) -> Seen {
    Seen { present, new: 0, vanished }
}

/// A service of `count` objects that has just been seen whole.
fn grown(count: u64) -> Baseline {
    let mut baseline = Baseline::default();
    baseline.judge(Seen { present: count, new: count, vanished: 0 }, at(0), BOUNDS).unwrap();
    baseline
}

/// A new process on what the last one left.
fn restarted(baseline: &Baseline, now: Now) -> Baseline {
    Baseline::read(baseline.to_json().as_bytes(), now.unix_ms).unwrap()
}

#[track_caller]
fn refused(baseline: &mut Baseline, seen: Seen, now: Now) -> String {
    baseline.judge(seen, now, BOUNDS).expect_err("it should be refused").message
}

fn approve(baseline: &mut Baseline, now: Now) {
    let refusal = *baseline.refusal().expect("something is refused");
    baseline.approve(Approval::of(&refusal, now.unix_ms, HOUR, "root@host".to_owned()));
}

#[test]
fn a_large_shrink_is_refused_with_its_numbers() {
    let mut baseline = grown(1900);
    let message = refused(&mut baseline, seen(1488, 412), at(1000));
    assert_eq!(message, "refused to delete 412 of 1900 (21.7 % > max_shrink 20 %)");
    baseline.judge(seen(1600, 300), at(2000), BOUNDS).unwrap();
    let message = refused(&mut baseline, seen(1500, 100), at(3000));
    assert!(message.contains("refused to delete 100: 400 of the 1900 of the last 24 h"), "{message}");
}

#[test]
fn a_shrink_that_is_confirmed_for_an_hour_is_believed_but_zero_never() {
    let mut baseline = grown(100);
    refused(&mut baseline, seen(50, 50), at(1));
    refused(&mut baseline, seen(50, 50), at(HOUR - MINUTE));
    assert_eq!(baseline.judge(seen(50, 50), at(HOUR + MINUTE), BOUNDS), Ok(Believed::Confirmed));
    baseline.judge(seen(45, 5), at(HOUR + 2 * MINUTE), BOUNDS).unwrap();
    for hour in 2..100 {
        assert!(refused(&mut baseline, seen(0, 45), at(hour * HOUR)).contains("all 45"));
        baseline = restarted(&baseline, at(hour * HOUR));
    }
}

#[test]
fn few_objects_may_go_but_not_all() {
    let mut baseline = grown(3);
    baseline.judge(seen(1, 2), at(1), BOUNDS).unwrap();
    refused(&mut baseline, seen(0, 1), at(2));
    assert_eq!(Baseline::default().judge(seen(0, 0), at(0), BOUNDS), Ok(Believed::Small), "nothing was, nothing is");
}

#[test]
fn it_does_not_erode_from_day_to_day() {
    let mut baseline = grown(100);
    let mut now = DAY + MINUTE;
    baseline.judge(seen(81, 19), at(now), BOUNDS).unwrap();
    for _ in 0..100 {
        now += MINUTE;
        let never = Bounds { confirm_ms: u64::MAX, ..BOUNDS };
        let message = baseline.judge(seen(66, 15), at(now), never).unwrap_err().message;
        assert!(message.contains("34 of the 100"), "{message}");
    }
}

#[test]
fn the_day_is_any_day_not_the_one_of_the_first_peak() {
    let mut baseline = grown(1000);
    baseline.judge(seen(810, 190), at(HOUR), BOUNDS).unwrap();
    baseline.judge(Seen { present: 990, new: 180, vanished: 0 }, at(12 * HOUR), BOUNDS).unwrap();
    baseline.judge(seen(810, 180), at(23 * HOUR), BOUNDS).unwrap();
    // The thousand are forgotten by now, the 990 of fourteen hours ago must not be.
    let message = refused(&mut baseline, seen(660, 150), at(26 * HOUR));
    assert!(message.contains("330 of the 990"), "{message}");
}

#[test]
fn new_objects_do_not_hide_that_others_vanish() {
    let mut baseline = grown(1000);
    // Ten times the usual, and none of them known: all that stood before would go.
    let all_others = Seen { present: 10_000, new: 10_000, vanished: 1000 };
    assert!(refused(&mut baseline, all_others, at(1)).contains("1000 of 1000"));
    let mut baseline = grown(1000);
    let a_quarter = Seen { present: 1000, new: 240, vanished: 240 };
    assert!(refused(&mut baseline, a_quarter, at(1)).contains("240 of 1000 (24.0 %"));
    let a_fifth = Seen { present: 1000, new: 200, vanished: 200 };
    grown(1000).judge(a_fifth, at(1), BOUNDS).unwrap();
}

#[test]
fn a_shrink_that_grows_is_not_confirmed_by_the_smaller_one() {
    let mut baseline = grown(1900);
    for minute in 1..60 {
        refused(&mut baseline, seen(1488, 412), at(minute * MINUTE));
    }
    for minute in 60..119 {
        refused(&mut baseline, seen(100, 1800), at(minute * MINUTE));
    }
    baseline.judge(seen(100, 1800), at(120 * MINUTE), BOUNDS).expect("an hour of its own");
}

#[test]
fn a_slow_decay_confirms_nothing() {
    let mut baseline = grown(10_000);
    let mut left = 7000.0;
    for minute in 1..50 * 60 {
        refused(&mut baseline, seen(left as u64, 10_000 - left as u64), at(minute * MINUTE));
        left *= 0.99;
        baseline = restarted(&baseline, at(minute * MINUTE));
        if left < 25.0 {
            break;
        }
    }
}

#[test]
fn answers_that_come_and_go_confirm_nothing() {
    for [one, other] in [[0, 50], [50, 30], [30, 0]] {
        let mut baseline = grown(100);
        for minute in 1..48 * 60 {
            let present = if minute % 2 == 0 { one } else { other };
            refused(&mut baseline, seen(present, 100 - present), at(minute * MINUTE));
        }
    }
}

#[test]
fn turnover_beyond_the_bound_is_believed_once_an_hour() {
    // 30 of 100 are replaced in each pass: what was refused piles up, and goes when the hour is over.
    let mut baseline = grown(100);
    let (mut kept, mut believed) = (0, 0);
    for minute in 1..=180 {
        let turn = Seen { present: 100, new: 30, vanished: 30 + kept };
        match baseline.judge(turn, at(minute * MINUTE), BOUNDS) {
            Ok(_) => (kept, believed) = (0, believed + 1),
            Err(_) => kept += 30,
        }
    }
    assert_eq!(believed, 2);
}

#[test]
fn a_wall_clock_that_runs_wild_under_a_process_changes_nothing() {
    let mut baseline = grown(1000);
    for (minute, wall) in
        (1..50).zip([0, u64::MAX, START + 400 * DAY, START - 400 * DAY, 1, START + 25 * HOUR].into_iter().cycle())
    {
        let now = Now { unix_ms: wall, ..at(minute * MINUTE) };
        refused(&mut baseline, seen(600, 400), now);
    }
    let now = Now { unix_ms: 1, ..at(61 * MINUTE) };
    assert_eq!(baseline.judge(seen(600, 400), now, BOUNDS), Ok(Believed::Confirmed), "an hour by the process' clock");
}

#[test]
fn a_wall_clock_set_back_or_far_forward_between_processes_neither_forgets_nor_blocks() {
    for wrong in [START - 20 * 365 * DAY, START - DAY, START + 90 * DAY, START + 80 * 365 * DAY, 0, u64::MAX] {
        let mut baseline = grown(1000);
        refused(&mut baseline, seen(600, 400), at(MINUTE));
        let there = Now { unix_ms: wrong, tick: 1 };
        baseline = restarted(&baseline, there);
        let message = refused(&mut baseline, seen(600, 400), there);
        assert!(message.contains("400 of 1000"), "{wrong}: {message}");
        let back = Now { tick: 1, ..at(2 * MINUTE) };
        baseline = restarted(&baseline, back);
        refused(&mut baseline, seen(790, 210), back);
        baseline.judge(seen(1000, 0), Now { tick: 2, ..at(2 * MINUTE) }, BOUNDS).unwrap();
        refused(&mut baseline, seen(600, 400), Now { tick: 3, ..at(2 * MINUTE) });
        let later = Now { tick: 3 + (HOUR / TICK_MS) as Tick, ..at(62 * MINUTE) };
        assert_eq!(baseline.judge(seen(600, 400), later, BOUNDS), Ok(Believed::Confirmed), "{wrong}");
    }
}

#[test]
fn a_baseline_that_somebody_wrote_is_mended_or_refused() {
    for text in ["", "nonsense", "7", "{\"peaks\":7}", "{\"peaks\":[[1]]}", "{\"clock\":-1}", "{\"refused\":{}}"] {
        assert!(Baseline::read(text.as_bytes(), START).is_err(), "{text}");
    }
    let far = u64::MAX;
    for text in [
        format!(
            "{{\"peaks\":[[{far},{far}],[{far},1]],\"clock\":{far},\"wall\":{far},\"last_success_at\":{far},\"as_of\":{far}}}"
        ),
        format!("{{\"peaks\":[[0,{far}]],\"clock\":1,\"wall\":1}}"),
        format!(
            "{{\"refused\":{{\"since\":{far},\"most\":{far},\"present\":{far},\"vanished\":{far},\"baseline\":{far}}},\"wall\":{far}}}"
        ),
        "{}".to_owned(),
    ] {
        let mut baseline = Baseline::read(text.as_bytes(), START).expect(&text);
        assert!(baseline.last_success_at <= START && baseline.as_of <= START);
        refused(&mut baseline, seen(600, 400), at(0));
        let past = at(2 * DAY);
        let _ = baseline.judge(seen(900, 100), past, BOUNDS);
        baseline.judge(seen(900, 100), at(2 * DAY + HOUR), BOUNDS).unwrap_or_else(|e| panic!("{text}: {}", e.message));
    }
}

#[test]
fn an_approval_is_for_the_refused_size_once_and_for_a_while() {
    let mut baseline = grown(1900);
    refused(&mut baseline, seen(1488, 412), at(MINUTE));
    approve(&mut baseline, at(2 * MINUTE));
    let mut used = restarted(&baseline, at(3 * MINUTE));
    let believed = used.judge(seen(1480, 420), at(3 * MINUTE), BOUNDS).expect("a little more");
    assert!(matches!(believed, Believed::Approved(Approval { vanished: 412, .. })), "{believed:?}");
    assert!(used.approval().is_none() && used.refusal().is_none());
    used.judge(seen(1400, 80), at(4 * MINUTE), BOUNDS).expect("the guard looks at what is there now");
    refused(&mut used, seen(1000, 400), at(5 * MINUTE));

    for (present, vanished) in [(0, 1900), (900, 1000), (1190, 710), (1488, 712)] {
        let mut much_more = baseline.clone();
        let stranger = Seen { present, new: (present + vanished).saturating_sub(1900), vanished };
        let message = refused(&mut much_more, stranger, at(3 * MINUTE));
        assert!(message.ends_with("what was approved (412) does not cover it"), "{message}");
        much_more.judge(seen(1488, 412), at(4 * MINUTE), BOUNDS).expect("it still covers what it was for");
    }

    let mut late = baseline.clone();
    refused(&mut late, seen(1488, 412), Now { unix_ms: START + 3 * MINUTE + HOUR, ..at(3 * MINUTE) });
    let mut recovered = baseline.clone();
    recovered.judge(seen(1900, 0), at(3 * MINUTE), BOUNDS).unwrap();
    refused(&mut recovered, seen(1488, 412), at(4 * MINUTE));
}

#[test]
fn zero_has_to_be_approved_as_zero() {
    let mut baseline = grown(50);
    refused(&mut baseline, seen(0, 50), at(MINUTE));
    approve(&mut baseline, at(MINUTE));
    let mut some = baseline.clone();
    some.judge(seen(2, 48), at(2 * MINUTE), BOUNDS).expect("fewer vanish than were approved");
    refused(&mut some, seen(0, 2), at(3 * MINUTE));
    let mut others = baseline.clone();
    refused(&mut others, Seen { present: 0, new: 0, vanished: 51 }, at(2 * MINUTE));
    assert!(matches!(baseline.judge(seen(0, 50), at(2 * MINUTE), BOUNDS), Ok(Believed::Approved(_))));

    let mut down_to_two = grown(50);
    refused(&mut down_to_two, seen(2, 48), at(MINUTE));
    approve(&mut down_to_two, at(MINUTE));
    refused(&mut down_to_two, seen(0, 50), at(2 * MINUTE));
}

#[test]
fn an_approval_from_the_future_or_of_great_length_is_none() {
    for (from, until) in [(2 * HOUR, 3 * HOUR), (0, 27 * HOUR), (400 * DAY, 400 * DAY + HOUR)] {
        let mut baseline = grown(100);
        refused(&mut baseline, seen(50, 50), at(0));
        approve(&mut baseline, at(0));
        let (at_ms, until) = (START + from, START + until);
        baseline.approve(Approval { at: at_ms, until, ..baseline.approval().cloned().unwrap() });
        refused(&mut baseline, seen(50, 50), at(MINUTE));
    }
}

#[test]
fn an_approval_that_was_used_is_not_taken_over_again() {
    let mut baseline = grown(100);
    refused(&mut baseline, seen(50, 50), at(0));
    approve(&mut baseline, at(0));
    let in_redis = baseline.clone();
    baseline.judge(seen(50, 50), at(1), BOUNDS).unwrap();
    baseline.adopt_approval(&in_redis);
    assert!(baseline.approval().is_none());
    let mut again = in_redis;
    approve(&mut again, at(2));
    baseline.adopt_approval(&again);
    assert!(baseline.approval().is_some(), "another one is");
}
