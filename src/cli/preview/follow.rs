//! `preview --watch`: shows the object again whenever what it is made of is saved. It must not know how it is shown.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hasher, RandomState},
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::select_all;
use tokio::sync::watch;

use super::{
    super::{Exit, Failure, args, args::Globals, output, run::blocking, run::system},
    Looked, html, look, terminal,
};
use crate::{
    admin::{Listener, Numbered, live_page, reload_script},
    app::{self, AppError},
    pipeline::stopped,
    settings::Listen,
    sources::Watch,
};

/// Ends when it is told to.
pub(super) fn follow(globals: &Globals, args: &args::Preview) -> Result<Exit, Failure> {
    if args.sample.as_deref() == Some(Path::new("-")) {
        let hint = "save the record in a file, and name it";
        return Err(Failure::new(Exit::Usage, "standard input cannot be watched", hint));
    }
    blocking(async {
        let mut stop = app::stop_on_signal().map_err(system)?;
        let first: Arc<str> = html::trouble("the source is being asked ...", Some(&reload_script(0))).into();
        let (page, pages) = watch::channel::<Numbered>((0, first));
        let serving = if args.open { Some(serve(pages, stop.clone()).await?) } else { None };
        let mut watches: Vec<(PathBuf, Watch)> = Vec::new();
        for number in 1.. {
            watches.iter_mut().for_each(|(_, watch)| watch.arm());
            let looked = tokio::select! {
                looked = look(globals, args) => looked,
                () = stopped(&mut stop) => break,
            };
            match &looked {
                Ok(looked) => watch_all(&mut watches, &looked.files),
                // Nothing is known yet that could be saved to mend it.
                Err(_) if watches.is_empty() => return looked.map(|_| Exit::Well),
                Err(_) => {}
            }
            show(args, number, &looked, &page)?;
            if !wait(&mut watches, &mut stop).await {
                break;
            }
        }
        drop(page);
        if let Some(serving) = serving {
            // It ends with `stop`, and so does this.
            let _ = serving.await;
        }
        Ok(Exit::Well)
    })
}

fn show(
    args: &args::Preview,
    number: u64,
    looked: &Result<Looked, Failure>,
    page: &watch::Sender<Numbered>,
) -> Result<(), Failure> {
    let script = args.open.then(|| reload_script(number));
    let html = match looked {
        Ok(looked) => html::page(looked, script.as_deref()),
        Err(failure) => {
            let hint = failure.hint.as_deref().map_or(String::new(), |hint| format!("\nhint: {hint}"));
            html::trouble(&format!("{}{hint}", failure.message), script.as_deref())
        }
    };
    if let Some(path) = &args.html {
        html::write(Some(path), &html)?;
        output::note(format_args!("the page is in {} ({number})", path.display()));
    }
    page.send_replace((number, html.into()));
    if args.html.is_none() && !args.open {
        if std::io::stdout().is_terminal() {
            // An empty screen, from its top.
            output::write(format_args!("\u{1b}[2J\u{1b}[H"));
        }
        if let Ok(looked) = looked {
            terminal::show(looked);
        }
    }
    match looked {
        Ok(looked) => {
            if let Err(failure) = looked.exit(args) {
                output::failure(&failure);
            }
        }
        Err(failure) => output::failure(failure),
    }
    output::note(format_args!("waiting for changes; Ctrl-C ends"));
    Ok(())
}

/// Watches exactly `files`.
fn watch_all(watches: &mut Vec<(PathBuf, Watch)>, files: &[PathBuf]) {
    let wanted: BTreeSet<&PathBuf> = files.iter().collect();
    watches.retain(|(path, _)| wanted.contains(path));
    for path in wanted {
        if !watches.iter().any(|(known, _)| known == path)
            && let Some(watch) = Watch::new(path)
        {
            watches.push((path.clone(), watch));
        }
    }
}

/// Waits for a change; false when it is to end.
async fn wait(watches: &mut [(PathBuf, Watch)], stop: &mut watch::Receiver<bool>) -> bool {
    if watches.is_empty() {
        stopped(stop).await;
        return false;
    }
    let changes = watches.iter_mut().map(|(_, watch)| Box::pin(watch.changed()));
    tokio::select! {
        _ = select_all(changes) => true,
        () = stopped(stop) => false,
    }
}

/// Serves the page to this machine, under an address that nobody can guess, and opens it.
async fn serve(
    pages: watch::Receiver<Numbered>,
    stop: watch::Receiver<bool>,
) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let any = Listen::At(([127, 0, 0, 1], 0).into());
    let listener = Listener::bind(any).await.map_err(AppError::from)?;
    let Some(listener) = listener else {
        return Err(Failure::told(Exit::Usage, "nothing is listened on"));
    };
    // Keys of the standard library's hasher come from the system's random numbers.
    let random = || RandomState::new().build_hasher().finish();
    let token = format!("{:016x}{:016x}", random(), random());
    let address = format!("http://{}/{token}/", listener.address());
    output::note(format_args!("the page is at {address}"));
    html::open(&address);
    Ok(tokio::spawn(listener.serve(live_page(token, pages), stop)))
}
