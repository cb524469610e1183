//! `ralphext lint`: what is wrong with a sample of records, each place underlined. It must not connect to anything.

use std::{
    fs::File,
    io::{IsTerminal, Read},
    path::Path,
};

use super::{
    Exit, Failure,
    args::{Globals, Lint, Output},
    output,
    run::blocking,
    target,
};
use crate::{
    app,
    model::ServiceName,
    pipeline::{Linted, Problem, lint as look, lint_mapped},
    settings::{RedisUrl, Settings, SourceKind},
};

/// Largest sample: it is held as a whole.
const MOST: u64 = 256 * 1024 * 1024;
/// Widest part of a line that is shown.
const WIDTH: usize = 100;

/// Ends with 1 when a record is bad, or there is none.
pub fn lint(globals: &Globals, args: &Lint) -> Result<Exit, Failure> {
    let settings = settings(globals)?;
    let (name, file) = named(args.file.as_deref())?;
    let (linted, sample) = if settings.source.map.is_some() {
        mapped(settings, file)?
    } else {
        let sample = read(&name, file)?;
        (look(&settings, &sample), sample)
    };
    if globals.output == Output::Json {
        output::json(&linted);
    } else {
        linted.problems.iter().for_each(|problem| show(&name, &sample, problem));
        summary(&name, &linted);
    }
    if linted.is_empty {
        let hint = "an empty sample is no answer; a source says \"no objects\" by {\"end\": true}";
        return Err(Failure::new(Exit::Failed, format!("{name}: there is no record in it"), hint));
    }
    Ok(if linted.problems.is_empty() { Exit::Well } else { Exit::Failed })
}

/// The sample as the source reads its data, mapped as `source.map` says.
fn mapped(mut settings: Settings, file: Option<&Path>) -> Result<(Linted, Vec<u8>), Failure> {
    let source = &mut settings.source;
    source.kind = if file.is_some() { SourceKind::File } else { SourceKind::Stdin };
    (source.path, source.complete) = (file.map(Path::to_owned), true);
    blocking(async move {
        let mut source = app::source(&settings, false)?;
        Ok(lint_mapped(&settings, source.as_mut()).await?)
    })
}

/// The configured service, or the defaults where none is configured.
fn settings(globals: &Globals) -> Result<Settings, Failure> {
    let (mut all, redis) = target::services_or_redis(globals)?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            let message = format!("a sample is of one service, and {} are configured", all.len() + 1);
            Err(Failure::new(Exit::Usage, message, "name one file with -c"))
        }
        (None, _) => {
            let name = ServiceName::new("sample").map_err(|e| Failure::told(Exit::Usage, e.to_string()))?;
            Ok(Settings::new(name, RedisUrl::clone(&redis.url)))
        }
    }
}

/// How the sample is called, and its file, unless it is standard input.
fn named(file: Option<&Path>) -> Result<(String, Option<&Path>), Failure> {
    let file = file.filter(|file| *file != Path::new("-"));
    if file.is_none() && std::io::stdin().is_terminal() {
        let hint = "ralphext lint FILE, or EXTENSION | ralphext lint";
        return Err(Failure::new(Exit::Usage, "there is no sample: standard input is a terminal", hint));
    }
    Ok((file.map_or_else(|| "stdin".to_owned(), |file| file.display().to_string()), file))
}

fn read(name: &str, file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let input: Box<dyn Read> = match file {
        Some(file) => Box::new(File::open(file).map_err(|e| {
            Failure::new(
                Exit::Usage,
                format!("cannot read {name}: {e}"),
                "name a file with records, or - for standard input",
            )
        })?),
        None => Box::new(std::io::stdin()),
    };
    let mut sample = Vec::new();
    input.take(MOST + 1).read_to_end(&mut sample).map_err(|e| {
        Failure::new(Exit::Usage, format!("cannot read {name}: {e}"), "a sample is a file of records, one a line")
    })?;
    if sample.len() as u64 > MOST {
        let message = format!("{name} has more than {}", output::size(MOST));
        return Err(Failure::new(Exit::Usage, message, "give a part of it: head -n 1000 FILE | ralphext lint"));
    }
    Ok(sample)
}

fn show(name: &str, sample: &[u8], problem: &Problem) {
    let (bad, bold, dim) = (output::BAD, output::BOLD, output::DIM);
    let id = problem.object_id.as_deref().map(|id| format!("object {id}: ")).unwrap_or_default();
    let label = bad.bold();
    output::say!(
        "{label}{}{label:#}: {bold}{}{}{bold:#}",
        problem.kind,
        output::clean(&id),
        output::clean(&problem.reason)
    );
    output::say!("{dim}  --> {}:{}:{}{dim:#}", output::clean(name), problem.line, problem.column);
    if problem.span.is_empty() {
        return output::say!("  = hint: {}\n", output::clean(&problem.hint));
    }
    let (text, before, len) = excerpt(sample, problem);
    let number = problem.line.to_string();
    let gutter = " ".repeat(number.len());
    output::say!("{dim}{gutter} |{dim:#}");
    output::say!("{dim}{number} |{dim:#} {text}");
    output::say!("{dim}{gutter} |{dim:#} {}{bad}{}{bad:#}", " ".repeat(before), "^".repeat(len));
    output::say!("{dim}{gutter} ={dim:#} hint: {}\n", output::clean(&problem.hint));
}

/// The part of the line around the problem, how many characters stand before it there, and how many it has.
fn excerpt(sample: &[u8], problem: &Problem) -> (String, usize, usize) {
    let start = problem.span.start.min(sample.len());
    let line_start = sample[..start].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let line_end = sample[start..].iter().position(|b| *b == b'\n').map_or(sample.len(), |newline| start + newline);
    let end = problem.span.end.clamp(start, line_end);
    // One character takes one place: what would take none or several is shown as another.
    let shown = |bytes: &[u8]| -> Vec<char> {
        let text = String::from_utf8_lossy(bytes);
        let plain = |c: char| {
            if c == '\t' {
                ' '
            } else if output::clean(c.encode_utf8(&mut [0; 4])).chars().count() > 1 {
                '?'
            } else {
                c
            }
        };
        text.trim_start_matches('\u{feff}').trim_end_matches('\r').chars().map(plain).collect()
    };
    let (before, within, after) =
        (shown(&sample[line_start..start]), shown(&sample[start..end]), shown(&sample[end..line_end]));
    let skip = if before.len() > WIDTH / 2 { before.len() - WIDTH / 2 } else { 0 };
    let mut text: String = if skip > 0 { "...".to_owned() } else { String::new() };
    let lead = text.len() + before.len() - skip;
    text.extend(&before[skip..]);
    let len = within.len().min(WIDTH / 2);
    text.extend(&within[..len]);
    let rest: Vec<char> = within[len..].iter().chain(&after).copied().collect();
    let room = WIDTH.saturating_sub(lead + len).max(10);
    text.extend(rest.iter().take(room));
    if rest.len() > room {
        text.push_str("...");
    }
    (text, lead, len.max(1))
}

fn summary(name: &str, linted: &Linted) {
    let style = if linted.problems.is_empty() { output::GOOD } else { output::BAD };
    let (records, bad, problems) = (linted.records, linted.bad, linted.problems.len());
    if problems == 0 {
        output::say!("{style}{}: {records} records, all good{style:#}", output::clean(name));
    } else {
        output::say!("{style}{}: {problems} problems, in {bad} of {records} records{style:#}", output::clean(name));
    }
}
