//! Who follows the change events misses none of them, whenever the sidecar is killed and whenever they lose their connection (how
//! issue E knows 6).

use super::{SERVICE, Stage};
use crate::{
    announcing::{Follower, is_gapless},
    harness::Figures,
};

#[test]
fn know6_who_follows_the_events_misses_nothing_over_kills_of_the_sidecar() {
    let mut figures = Figures::begin("kill -9 of the sidecar, with a follower of its events", 10, 100);
    let mut stage = Stage::new(&figures, 400, 60);
    stage.redis.grant(&[SERVICE, "--with", "events-stream"]);
    stage.ext = stage.ext.set("events.kind", "stream").set("events.max_len", 10_000_000);
    let follower = Follower::follow(&stage.redis);
    let mut sidecar = stage.ext.run();
    let mut kills = 0;
    for round in 0.. {
        figures.sleep_up_to(1200);
        sidecar.kill();
        kills += 1;
        figures.fault("kill");
        sidecar = stage.ext.run();
        if figures.rng.u8(..4) != 0 && kills < figures.rounds {
            continue;
        }
        let still = stage.walker.still();
        stage.wait_for_pass_after(&mut sidecar, &still.since);
        stage.check(&figures, &still);
        // Whoever knows nothing but the events knows of each object which value it has.
        let there = stage.redis.objects(SERVICE);
        let hash = |text: &serde_json::Value| text["hash"].as_str().unwrap_or_default().to_owned();
        let there: std::collections::BTreeMap<_, _> =
            there.into_iter().map(|(id, e)| (id, (e.version(), hash(&e.json)))).collect();
        sidecar.wait_until("the events say what stands there", || follower.objects() == there);
        let (gaps, connects) = follower.counts();
        assert_eq!(gaps, 0, "RALPHEXT_SEED={}: something is missing", figures.seed);
        figures.progress(round);
        if kills >= figures.rounds {
            figures.notes.push(format!("{connects} connections, {} events, no gap", follower.events().len()));
            break;
        }
    }
    sidecar.stop().expect(0);
    let all = follower.events();
    is_gapless(&all);
    // An event is there if and only if its write is: what the server saw written is what was told.
    let told = all.iter().filter(|event| event["kind"] == "written").count() as u64;
    stage.journal.catch_up(&stage.redis);
    figures.notes.push(format!("{told} writes told"));
    assert_eq!(told, stage.journal.counts().0, "RALPHEXT_SEED={}", figures.seed);
    drop(follower);
    stage.end(figures);
}
