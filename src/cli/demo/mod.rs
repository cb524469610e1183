//! `ralphext demo`: the real sidecar with real extensions on a private Redis, told step by step. It must not have any
//! knowledge of its own: what it shows is read back from Redis.
//!
//! Each step is checked: a demo that does not show what it says ends with an error.

mod stage;
mod story;

use super::{
    Exit, Failure,
    args::Demo,
    output,
    run::{blocking, system},
};
use crate::app;
use stage::Stage;
use story::Story;

/// Ends with 0 when everything was shown.
pub fn demo(args: &Demo) -> Result<Exit, Failure> {
    let keep = args.keep;
    blocking(async move {
        let mut stop = app::stop_on_signal().map_err(system)?;
        let told = {
            let stop = stop.clone();
            tokio::task::spawn_blocking(move || {
                let mut stage = Stage::set_up(stop)?;
                Story::new(&mut stage).tell().map(|()| stage)
            })
        };
        let stage = told.await.map_err(|e| failed(format!("the demo broke off: {e}")))??;
        if keep {
            show_around(&stage);
            crate::pipeline::stopped(&mut stop).await;
        }
        drop(stage);
        Ok(Exit::Well)
    })
}

fn show_around(stage: &Stage) {
    let (bold, dim) = (output::BOLD, output::DIM);
    output::say!("\n{bold}Left running.{bold:#} In another terminal:\n");
    let program = std::env::current_exe().map_or_else(|_| "ralphext".to_owned(), |path| path.display().to_string());
    let url = stage.url();
    for (verb, what) in [
        ("ls", "the services"),
        ("ls inventory", "the objects of one"),
        ("get hwinfo 4711", "one value"),
        ("explain inventory 1001", "why a key is as it is"),
    ] {
        output::say!("  {program} --redis-url {url} {verb}  {dim}# {what}{dim:#}");
    }
    output::say!("  redis-cli -s {}  {dim}# as a reader sees it{dim:#}", stage.socket().display());
    output::say!("  $EDITOR {}  {dim}# change a line, and get it again{dim:#}", stage.inventory().display());
    output::say!("\nCtrl-C ends it.");
}

/// A demo that could not go on.
fn failed(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Failed, message, "the sidecar's last log lines are above; `make setup` installs what is missing")
}
