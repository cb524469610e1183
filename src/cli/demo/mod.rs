//! `ralphext demo`: the real sidecar with real extensions on a private Redis, told act by act. It must not have knowledge of
//! its own: what it shows is read back from Redis, and what is not as it says ends it with an error.

mod changes;
mod process;
mod scratch;
mod server;
mod show;
mod sidecar;
mod stage;
mod story;

use std::{
    env, fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Failure, args, output::say, run};
use stage::Stage;

/// Longest wait for anything that is bound to happen.
const DEADLINE: Duration = Duration::from_secs(10);

/// Ends with 0 when everything was as it says, and everything it started is gone.
pub fn demo(args: &args::Demo) -> Result<Exit, Failure> {
    let keep = args.keep;
    run::blocking(async move {
        let stop = stop_on_signal().map_err(run::system)?;
        let told = tokio::task::spawn_blocking(move || tell(keep, stop)).await;
        told.unwrap_or_else(|e| Err(Failure::told(Exit::Failed, format!("the demo broke off: {e}"))))
    })
}

fn tell(keep: bool, stop: Arc<AtomicBool>) -> Result<Exit, Failure> {
    let mut stage = Stage::set_up(stop)?;
    story::tell(&mut stage)?;
    if keep {
        show_around(&stage);
        stage.stay()?;
        drop(stage);
        say!("\nStopped; the server, the sidecar and their files are gone.");
    } else {
        drop(stage);
        show::aside("The server, the sidecar and their files are gone; `--keep` leaves them to look around in.");
    }
    Ok(Exit::Well)
}

/// True from the first SIGINT, SIGTERM or SIGHUP on. Later ones change nothing: cleaning up is short, and left undone it
/// would leave a server running.
fn stop_on_signal() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let (mut signals, flag) = (signal(kind)?, flag.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                flag.store(true, Ordering::Relaxed);
            }
        });
    }
    Ok(flag)
}

fn show_around(stage: &Stage) {
    let (program, dir) = (program(), stage.path("").display().to_string());
    let dir = dir.trim_end_matches('/');
    show::section("Left running");
    show::text("The sidecar goes on, every 2 s and at each change. In another terminal:");
    let mut lines = vec![
        (format!("{program} --redis-url {} ls", stage.url()), ""),
        (format!("cd {dir}; export RALPHEXT_CONFIG=conf.d"), ""),
        (format!("{program} status"), "is it well?"),
        (format!("{program} get inventory 337"), "one value"),
        (format!("{program} explain hwinfo 4712"), "why a key is as it is"),
    ];
    if let Some(client) = ["redis-cli", "valkey-cli"].into_iter().find(|name| server::find(name).is_some()) {
        lines.push((format!("{client} -s redis.sock GET ralphext:v1:hwinfo:4711"), "what Ralph does"));
        lines.push((format!("{client} -s redis.sock FLUSHALL"), "it comes back"));
    }
    lines.push(("tail -f sidecar.log".to_owned(), "what the sidecar says"));
    lines.push(("vi inventory.ndjson".to_owned(), "change a line: its key changes"));
    say!("");
    show::commands(&lines);
    say!("\nCtrl-C ends it all.");
}

/// This program as one would type it: by name where `PATH` finds it, else by its path.
fn program() -> String {
    let same =
        |a: &PathBuf, b: &PathBuf| matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b);
    match (env::current_exe(), server::find("ralphext")) {
        (Ok(own), Some(found)) if same(&own, &found) => "ralphext".to_owned(),
        (Ok(own), _) => own.display().to_string(),
        (Err(_), _) => "ralphext".to_owned(),
    }
}
