//! `ralphext preview`: one object as people will see it, from the source or a sample. It must not connect to Redis.

mod follow;
mod html;
mod sample;
mod terminal;

use std::path::{Path, PathBuf};

use super::{
    Exit, Failure,
    args::{self, Globals, Output},
    output,
    run::blocking,
    target,
};
use crate::{
    app,
    model::ContentType,
    pipeline::{Preview, Shown, preview_one, preview_sample},
    settings::{Settings, SourceKind},
};

/// What was found to be shown.
struct Looked {
    settings: Settings,
    /// Files on which it depends.
    files: Vec<PathBuf>,
    preview: Preview,
}

/// Ends with 1 when the object is refused or not there, 3 when the source failed.
pub fn preview(globals: &Globals, args: &args::Preview) -> Result<Exit, Failure> {
    if args.watch {
        return follow::follow(globals, args);
    }
    let looked = blocking(look(globals, args))?;
    if args.html.is_some() || args.open {
        let page = html::page(&looked, None);
        let path = html::write(args.html.as_deref(), &page)?;
        output::note(format_args!("the page is in {}", path.display()));
        if args.open {
            html::open(&path.display().to_string());
        }
    } else if globals.output == Output::Json {
        output::json(&looked.preview.records.first());
    } else {
        terminal::show(&looked);
    }
    looked.exit(args)
}

async fn look(globals: &Globals, args: &args::Preview) -> Result<Looked, Failure> {
    let (all, mut files) = target::services_and_files(globals)?;
    let (settings, id) = choose(all, args)?;
    app::check_template(&settings)?;
    if let Some(dir) = settings.render.template_file.as_ref().and_then(|path| path.parent()) {
        files.push(dir.to_owned());
    }
    let id = id.as_deref();
    let preview = if let Some(path) = &args.sample {
        files.push(path.clone());
        of_sample(&settings, path, id).await?
    } else {
        if let kind @ (SourceKind::Push | SourceKind::Events) = settings.source.kind {
            let hint = "take a record from a file: --sample record.json";
            let message = format!("a source of kind {kind} cannot be asked for its objects");
            return Err(Failure::new(Exit::Usage, message, hint));
        }
        for source in std::iter::once(&settings.source).chain(settings.source.inputs.values()) {
            files.extend(source.path.clone());
            let programs = source.command.iter().map(PathBuf::from);
            files.extend(programs.filter(|path| path.is_absolute() && path.is_file()));
        }
        preview_one(&settings, app::source_once(&settings, None).await?.as_mut(), id).await
    };
    Ok(Looked { settings, files, preview })
}

/// What a sample gives: records as they are, or what the service makes of its source's data.
async fn of_sample(settings: &Settings, path: &Path, id: Option<&str>) -> Result<Preview, Failure> {
    let is_pipe = path == Path::new("-");
    let mut sampled = settings.clone();
    let source = &mut sampled.source;
    source.kind = if is_pipe { SourceKind::Stdin } else { SourceKind::File };
    source.path = (!is_pipe).then(|| path.to_owned());
    // A sample has what is merged already.
    source.inputs.clear();
    if settings.source.map.is_some() {
        return Ok(preview_one(&sampled, app::source_once(&sampled, None).await?.as_mut(), id).await);
    }
    let records = sample::records(path, id)?;
    if settings.identity.is_on() && !is_pipe && records.iter().any(|record| record.contains("\"match\"")) {
        return Ok(preview_one(&sampled, app::source_once(&sampled, None).await?.as_mut(), id).await);
    }
    Ok(preview_sample(settings, &path.display().to_string(), &records, id))
}

/// The service and the object that are meant.
fn choose(mut all: Vec<Settings>, args: &args::Preview) -> Result<(Settings, Option<String>), Failure> {
    let names: Vec<String> = all.iter().map(|settings| settings.name().to_string()).collect();
    let told = || format!("configured are {}", names.join(", "));
    let (service, id) = match (&args.service, &args.id) {
        // One word is the object, unless it is a service.
        (Some(word), None) if !names.contains(word) && all.len() == 1 => (None, Some(word.clone())),
        (service, id) => (service.clone(), id.clone()),
    };
    let at = match &service {
        Some(service) => names
            .iter()
            .position(|name| name == service)
            .ok_or_else(|| Failure::new(Exit::Usage, format!("there is no service {service:?}"), told()))?,
        None if all.len() == 1 => 0,
        None => return Err(Failure::new(Exit::Usage, "which service is to be shown?", told())),
    };
    if let Some(id) = &id {
        target::object_id(id)?;
    }
    Ok((all.swap_remove(at), id))
}

impl Looked {
    fn shown(&self) -> Option<&Shown> {
        self.preview.records.first()
    }

    /// The type of what is shown.
    fn content_type(shown: &Shown) -> Option<ContentType> {
        shown.content_type.as_deref().and_then(ContentType::parse)
    }

    fn exit(&self, args: &args::Preview) -> Result<Exit, Failure> {
        if let Some(error) = self.preview.error.as_ref().filter(|_| self.shown().is_none()) {
            return Err(Failure::told(Exit::Source, format!("the source failed: {error}")));
        }
        match self.shown() {
            Some(shown) if shown.kind == "refused" => Ok(Exit::Failed),
            Some(_) => Ok(Exit::Well),
            None => {
                let what = args.id.as_ref().or(args.service.as_ref());
                let what = what.map_or_else(|| "no object".to_owned(), |id| format!("no object {id}"));
                let (total, from) = (self.preview.total, output::clean(&self.preview.source));
                let hint = "`ralphext test` shows the first records and what is wrong with them";
                Err(Failure::new(Exit::Failed, format!("{from} has {what} among {total} records"), hint))
            }
        }
    }
}
