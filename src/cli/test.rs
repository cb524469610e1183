//! `ralphext test`: the source's first records as they would be taken. It must not connect to Redis.

use super::{
    Exit, Failure,
    args::{Globals, Output, Test},
    output,
    run::blocking,
    target,
};
use crate::{
    app,
    pipeline::{Preview, Shown, preview},
};

/// Widest content shown on one line.
const WIDTH: usize = 400;

/// Ends with 3 when a source failed, 1 when a record is refused.
pub fn test(globals: &Globals, args: &Test) -> Result<Exit, Failure> {
    let mut all = target::services(globals)?;
    target::with_source(&mut all, args.source, false, false)?;
    let is_json = globals.output == Output::Json;
    let limit = args.limit;
    blocking(async move {
        let mut previews = Vec::new();
        for settings in &all {
            app::check_template(settings)?;
            let mut source = app::source_once(settings, None).await?;
            previews.push(preview(settings, source.as_mut(), limit).await);
        }
        let errors: Vec<String> = previews.iter().filter_map(|p| p.error.clone()).collect();
        let refused = previews.iter().any(|p| p.refused > 0);
        match (is_json, previews.as_slice()) {
            (true, [one]) => output::json(one),
            (true, many) => output::json(&many),
            (false, many) => many.iter().for_each(show),
        }
        for error in &errors {
            output::failure(&Failure::told(Exit::Source, format!("the source failed: {error}")));
        }
        Ok(match (errors.is_empty(), refused) {
            (false, _) => Exit::Source,
            (true, true) => Exit::Failed,
            (true, false) => Exit::Well,
        })
    })
}

fn show(preview: &Preview) {
    let (dim, bold) = (output::DIM, output::BOLD);
    output::say!("{dim}source{dim:#}  {}", output::clean(&preview.source));
    for record in &preview.records {
        output::say!("");
        let (word, style) = match record.kind {
            "refused" => ("refused", output::BAD),
            kind => (kind, output::GOOD),
        };
        let id = record.object_id.as_deref().unwrap_or("-");
        output::say!(
            "{bold}{}{bold:#}  {style}{word}{style:#}  {dim}{}{dim:#}",
            output::clean(id),
            output::clean(&record.place)
        );
        show_content(record);
    }
    output::say!("");
    let style = if preview.refused > 0 { output::BAD } else { output::GOOD };
    output::say!("{style}{} records, {} refused{style:#}", preview.total, preview.refused);
}

fn show_content(record: &Shown) {
    let dim = output::DIM;
    if let Some(reason) = &record.reason {
        output::say!("  {}", output::clean(reason));
    }
    let (Some(content), Some(kind), Some(hash)) = (&record.content, &record.content_type, &record.hash) else { return };
    output::say!("  {dim}{kind}, {}, hash {}{dim:#}", output::size(content.len() as u64), &hash[..16]);
    if !record.removed.is_empty() {
        let warn = output::WARN;
        output::say!("  {warn}the sanitiser removed{warn:#} {}", record.removed);
    }
    if !record.missing.is_empty() {
        output::say!(
            "  {dim}not in this record, though the template asks for it: {}{dim:#}",
            output::clean(&record.missing.join(", "))
        );
    }
    let shown: String = content.chars().take(WIDTH).collect();
    let more = if shown.len() < content.len() { " ..." } else { "" };
    output::say!("  {}{more}", output::clean(&shown));
}
