//! The source of a service as its settings ask for it: one, or several inputs that are merged. It must not run them.

use super::{AppError, LISTEN_HINT, inventory::Inventories, source};
use crate::{
    admin::{self, Listener},
    identity::Handle,
    pipeline::{Board, Engine, Merging, Named, SharedSpool, mapped, merged, resolved},
    settings::{Settings, SourceKind},
    sources::{self, Inbox, Source, SourceError},
};

/// Something that is pushed to: bound, and not served yet.
pub(super) struct Pushed {
    listener: Listener,
    inbox: Inbox,
    settings: Settings,
    input: Option<String>,
    inventory: Option<Handle>,
}

impl Pushed {
    /// What serves it, with the spool of its service.
    pub(super) fn pages(self, spool: SharedSpool) -> (Listener, axum::Router) {
        let Self { listener, inbox, settings, input, inventory } = self;
        (listener, admin::Push::new(&settings, input, inbox, spool, inventory).pages())
    }
}

/// The source of a service that runs, and what is pushed to it. `board` is the engine's, where there are inputs.
pub(super) async fn running(
    settings: &Settings,
    board: Option<Board>,
    inventories: &mut Inventories,
) -> Result<(Box<dyn Source>, Option<Pushed>), AppError> {
    let inventory = inventories.of(settings)?;
    let Some(board) = board else {
        let (source, pushed) = one(settings, None, inventory.clone()).await?;
        return Ok((resolved(source, settings, inventory), pushed));
    };
    let (mut inputs, mut pushed) = (Vec::<Named>::new(), None);
    for (name, own) in each(settings) {
        let (source, of_input) = one(&own, Some(&name), inventory.clone()).await?;
        pushed = pushed.or(of_input);
        inputs.push((name, Some(resolved(source, &own, inventory.clone()))));
    }
    Ok((merged(inputs, settings, board, Merging::Run), pushed))
}

/// Lets what readers miss be asked of a source of its own, where the service has `[fill]` and is asked at all.
pub(super) fn fill(settings: &Settings, engine: &mut Engine, inventories: &mut Inventories) -> Result<(), AppError> {
    if settings.fill.is_on() && !settings.source.tells_changes() && settings.source.kind != SourceKind::Stdin {
        let inventory = inventories.of(settings)?;
        engine.fill_from(resolved(source(settings, false)?, settings, inventory));
    }
    Ok(())
}

/// The source of a service, or of the input `name` with that one's settings, for a process that stays.
async fn one(
    settings: &Settings,
    name: Option<&str>,
    inventory: Option<Handle>,
) -> Result<(Box<dyn Source>, Option<Pushed>), AppError> {
    Ok(match settings.source.kind {
        SourceKind::Push => {
            let address = settings
                .source
                .push_address(settings.name())
                .map_err(|why| SourceError::Settings { problem: format!("source.listen: {why}"), hint: LISTEN_HINT })?;
            let listener = Listener::bind_push(&address).await?;
            let (inbox, source) = sources::push(listener.address().to_owned(), &settings.limits);
            let (settings, input) = (settings.clone(), name.map(str::to_owned));
            (Box::new(source), Some(Pushed { listener, inbox, settings, input, inventory }))
        }
        SourceKind::Events => (mapped(Box::new(sources::Events::new(settings)?), settings), None),
        _ => (source(settings, true)?, None),
    })
}

/// The source of a service for a single pass. Inputs that tell changes contribute what the spool has of them.
pub(super) fn single(
    settings: &Settings,
    inventory: Option<&Handle>,
    board: Option<Board>,
    merging: Merging,
) -> Result<Box<dyn Source>, SourceError> {
    if !settings.source.is_merged() {
        return Ok(resolved(source(settings, false)?, settings, inventory.cloned()));
    }
    let mut inputs = Vec::<Named>::new();
    for (name, own) in each(settings) {
        let asked = match own.source.kind.tells_changes() {
            true => None,
            false => Some(resolved(source(&own, false)?, &own, inventory.cloned())),
        };
        inputs.push((name, asked));
    }
    Ok(merged(inputs, settings, board.unwrap_or_default(), merging))
}

/// The inputs with their settings.
fn each(settings: &Settings) -> impl Iterator<Item = (String, Settings)> {
    settings.source.inputs.keys().filter_map(|name| Some((name.clone(), settings.for_input(name)?)))
}

/// See [`super::describe`].
pub(super) fn describe(settings: &Settings) -> Result<String, SourceError> {
    let mut shown = Vec::new();
    for (name, own) in each(settings) {
        shown.push(format!("{name} ({})", super::describe(&own)?));
    }
    Ok(format!("inputs {}", shown.join(", ")))
}
