//! `ralphext diff`: what the source says of an object now against what Redis has. It must not write.

use serde::Serialize;
use serde_json::Value;

use super::{
    Exit, Failure,
    args::{Diff, Globals, Output},
    output,
    run::blocking,
    target,
};
use crate::{
    app,
    envelope::{self, Envelope},
    page,
    pipeline::{Preview, preview_one},
    store::{Reader, Target},
};

/// Lines of a content that are compared one by one; of more, only whether they are the same is told.
const LINES: usize = 4000;

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    object_id: String,
    /// `same`, `different`, `only_in_redis`, `only_at_source` or `refused`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    redis_hash: Option<String>,
    source_hash: Option<String>,
    redis: Option<Value>,
    source: Option<Value>,
}

/// Ends with 0 when both are the same, 1 when they differ, 3 when the source failed.
pub fn diff(globals: &Globals, args: &Diff) -> Result<Exit, Failure> {
    let (service, id) = (target::service_name(&args.service)?, target::object_id(&args.id)?);
    let all = target::services(globals)?;
    let Some(settings) = all.into_iter().find(|settings| settings.name() == &service) else {
        let hint = "its source has to be configured here: name its file with -c";
        return Err(Failure::new(Exit::Usage, format!("there is no service {service} in the configuration"), hint));
    };
    if settings.source.kind.tells_changes() {
        let kind = settings.source.kind;
        let hint = "`ralphext get` shows what Redis has";
        return Err(Failure::new(
            Exit::Usage,
            format!("a source of kind {kind} cannot be asked for its objects"),
            hint,
        ));
    }
    let mut reader = Reader::open(Target::new(&settings.redis)?, &settings.redis.prefix)?;
    let stored = reader.object(&service, &id)?;
    let there = stored.as_ref().and_then(|stored| envelope::open(&stored.value).ok());
    let preview = blocking(async move {
        app::check_template(&settings)?;
        Ok(preview_one(&settings, app::source_once(&settings, None).await?.as_mut(), Some(id.as_str())).await)
    })?;
    let told = told(service.to_string(), args.id.clone(), there, preview)?;
    if globals.output == Output::Table {
        show(&told);
    } else {
        output::json(&told);
    }
    Ok(if told.outcome == "same" { Exit::Well } else { Exit::Failed })
}

fn told(service: String, object_id: String, there: Option<Envelope>, preview: Preview) -> Result<Told, Failure> {
    let shown = preview.records.into_iter().find(|shown| shown.object_id.as_deref() == Some(object_id.as_str()));
    if let (Some(error), None) = (preview.error, &shown) {
        return Err(Failure::told(Exit::Source, format!("the source failed: {error}")));
    }
    let refused = shown.as_ref().and_then(|shown| shown.reason.clone());
    // A removal is as good as nothing.
    let content = shown.as_ref().and_then(|shown| shown.content.clone());
    let source_hash = shown.and_then(|shown| shown.hash);
    let redis_hash = there.as_ref().map(|envelope| envelope.hash.clone());
    let outcome = match (&redis_hash, &source_hash) {
        _ if refused.is_some() => "refused",
        (Some(redis), Some(source)) if redis == source => "same",
        (Some(_), Some(_)) => "different",
        (Some(_), None) => "only_in_redis",
        (None, Some(_)) => "only_at_source",
        (None, None) => {
            let message = format!("neither Redis nor the source has object {object_id} of {service}");
            return Err(Failure::new(Exit::Failed, message, format!("`ralphext ls {service}` lists the objects")));
        }
    };
    Ok(Told {
        service,
        object_id,
        outcome,
        reason: refused,
        redis_hash,
        source_hash,
        redis: there.map(|envelope| envelope.content),
        source: content.and_then(|content| serde_json::from_str(&content).ok()),
    })
}

fn show(told: &Told) {
    let (good, warn, bad, dim) = (output::GOOD, output::WARN, output::BAD, output::DIM);
    let what = format!("object {} of {}", told.object_id, told.service);
    match told.outcome {
        "same" => output::say!("{good}same{good:#} {what}: Redis has what the source says"),
        "only_in_redis" => output::say!("{warn}only in Redis{warn:#} {what}: the source does not have it now"),
        "only_at_source" => output::say!("{warn}only at the source{warn:#} {what}: Redis has no sound value of it"),
        "refused" => {
            output::say!("{bad}refused{bad:#} {what}: {}", output::clean(told.reason.as_deref().unwrap_or_default()));
        }
        _ => {
            output::say!("{warn}different{warn:#} {what}");
            output::say!("{dim}- Redis\n+ source{dim:#}");
            let (redis, source) = (lines(told.redis.as_ref()), lines(told.source.as_ref()));
            print(&changes(&redis, &source));
        }
    }
}

/// Prints lines that differ.
pub(super) fn print(changes: &[(char, &str)]) {
    for (sign, line) in changes {
        let style = match sign {
            '-' => output::BAD,
            '+' => output::GOOD,
            _ => output::PLAIN,
        };
        output::say!("{style}{sign} {}{style:#}", output::clean(line));
    }
}

fn lines(content: Option<&Value>) -> Vec<String> {
    let text = match content {
        Some(Value::String(text)) => text.clone(),
        Some(value) => page::pretty(&value.to_string()),
        None => String::new(),
    };
    text.lines().take(LINES).map(str::to_owned).collect()
}

/// The lines that differ, each with two around it, by the longest common subsequence.
pub(super) fn changes<'a>(old: &'a [String], new: &'a [String]) -> Vec<(char, &'a str)> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let mut all: Vec<(char, &str)> =
        old[start.saturating_sub(2)..start].iter().map(|line| (' ', line.as_str())).collect();
    if a.len() * b.len() > LINES * 100 {
        // Too much to be compared line by line.
        all.extend(a.iter().map(|line| ('-', line.as_str())));
        all.extend(b.iter().map(|line| ('+', line.as_str())));
    } else {
        all.extend(between(a, b));
    }
    all.extend(old[old.len() - end..].iter().take(2).map(|line| (' ', line.as_str())));
    all
}

fn between<'a>(a: &'a [String], b: &'a [String]) -> Vec<(char, &'a str)> {
    let mut longest = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for (i, left) in a.iter().enumerate().rev() {
        for (j, right) in b.iter().enumerate().rev() {
            longest[i][j] =
                if left == right { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push((' ', a[i].as_str()));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || longest[i + 1][j] >= longest[i][j + 1]) {
            out.push(('-', a[i].as_str()));
            i += 1;
        } else {
            out.push(('+', b[j].as_str()));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_what_stands_around_it() {
        let text = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (old, new) = (text("a b c d e f g"), text("a b c x e y f g"));
        let told: Vec<String> = changes(&old, &new).iter().map(|(sign, line)| format!("{sign}{line}")).collect();
        assert_eq!(told, [" b", " c", "-d", "+x", " e", "+y", " f", " g"]);
        assert!(changes(&old, &old).iter().all(|(sign, _)| *sign == ' '));
    }
}
