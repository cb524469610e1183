//! `ralphext approve-shrink`: an operator's word that a refused shrink is right. It must not remove anything: the service's
//! writer does, at its next complete snapshot.

use std::io::{BufRead, IsTerminal};

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{ApproveShrink, Globals, Output},
    output, target,
};
use crate::{
    model::ServiceName,
    pipeline::{Approval, Baseline, Refusal},
    registry::{Descriptor, Stamp},
    store::{Reader, SavedBaseline, Session},
};

const HOUR_MS: u64 = 3600 * 1000;
/// A writer saves its memory once a pass; it cannot come in between so often.
const TRIES: usize = 100;

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    vanished: u64,
    objects: u64,
    baseline: u64,
    zero: bool,
    refused_for_ms: u64,
    last_refused_ms_ago: u64,
    approved_until: Stamp,
    approved_by: String,
}

/// Ends with 0 when it is approved, 1 when nothing is refused or the answer is no.
pub fn approve_shrink(globals: &Globals, args: &ApproveShrink) -> Result<Exit, Failure> {
    let service = target::service_name(&args.service)?;
    let (redis, prefix) = target::redis(globals)?;
    let mut session = Session::new(redis.clone(), &prefix, &service, "approve-shrink".to_owned());
    let (mut baseline, mut text) = look(&mut session, &service)?;
    let input = args.input.as_deref();
    let refusal = *refusal(&baseline, &service, input)?;
    check_zero(&refusal, &service, args.to_zero)?;
    if globals.output == Output::Table {
        show(&of(&baseline, input).cloned().unwrap_or_default(), &refusal, &service);
    }
    if !args.yes && !confirmed(&service)? {
        return Err(Failure::new(Exit::Failed, "nothing was approved", "answer y, or give --yes"));
    }
    let alive = Reader::open(redis, &prefix)?.descriptor(&service)?.is_some_and(|d| is_alive(&d.value));
    // Whoever runs now and then only may not come by within an hour.
    let hold_ms = if alive { HOUR_MS } else { 25 * HOUR_MS };
    let approval = Approval::of(&refusal, target::now_ms(), hold_ms, target::who());
    let mut tries = 0;
    loop {
        match input {
            None => baseline.approve(approval.clone()),
            Some(input) => baseline.inputs.entry(input.to_owned()).or_default().approve(approval.clone()),
        }
        match session.swap_baseline(&baseline.to_json(), &text)? {
            SavedBaseline::Saved => break,
            // What was shown is what is approved; whether it still fits is the writer's to judge.
            _ if tries < TRIES => (baseline, text) = look(&mut session, &service)?,
            _ => {
                let message = format!("{service}: the guard's memory is written by others all the time");
                return Err(Failure::new(
                    Exit::Redis,
                    message,
                    "is more than one writer running? see `ralphext status`",
                ));
            }
        }
        self::refusal(&baseline, &service, input)?;
        tries += 1;
    }
    let told = told(&service, input, &baseline, &refusal, &approval);
    tell(globals.output, &told, alive);
    Ok(Exit::Well)
}

fn is_alive(descriptor: &[u8]) -> bool {
    serde_json::from_slice::<Descriptor>(descriptor).is_ok_and(|d| d.is_alive(target::now_ms()) == Some(true))
}

/// The guard's memory, and the text that it stands in.
fn look(session: &mut Session, service: &ServiceName) -> Result<(Baseline, Vec<u8>), Failure> {
    let Some(text) = session.memory()?.baseline else {
        let hint = "`ralphext ls` lists the services; the prefix and the database have to be the writer's";
        return Err(Failure::new(
            Exit::Failed,
            format!("nothing of {service} is refused: it has no memory here"),
            hint,
        ));
    };
    let baseline = Baseline::parse(&text).map_err(|e| {
        let hint = "the writer begins it anew with its next start or pass";
        Failure::new(Exit::Failed, format!("{service}: the guard's memory cannot be read: {e}"), hint)
    })?;
    Ok((baseline, text))
}

/// The memory of the service, or of one of its inputs.
fn of<'a>(baseline: &'a Baseline, input: Option<&str>) -> Option<&'a Baseline> {
    input.map_or(Some(baseline), |input| baseline.inputs.get(input))
}

fn refusal<'a>(baseline: &'a Baseline, service: &ServiceName, input: Option<&str>) -> Result<&'a Refusal, Failure> {
    of(baseline, input).and_then(Baseline::refusal).ok_or_else(|| {
        let waits = baseline.inputs.iter().find(|(_, memory)| memory.refusal().is_some());
        let hint = match waits {
            Some((name, _)) => format!("its input {name} waits for it: add --input {name}"),
            None => "a shrink can be approved once a pass has refused it; `ralphext plan` tells beforehand".to_owned(),
        };
        let what = input.map_or_else(|| service.to_string(), |input| format!("input {input} of {service}"));
        Failure::new(Exit::Failed, format!("nothing of {what} is refused now"), hint)
    })
}

fn check_zero(refusal: &Refusal, service: &ServiceName, to_zero: bool) -> Result<(), Failure> {
    match (refusal.present, to_zero) {
        (0, false) => {
            let message = format!("the source of {service} has no objects: all {} would be deleted", refusal.vanished);
            Err(Failure::new(Exit::Usage, message, "if that is right, say so with --to-zero"))
        }
        (1.., true) => {
            let message = format!("{} objects of {service} would stay, so it is no fall to zero", refusal.present);
            Err(Failure::new(Exit::Usage, message, "leave --to-zero away"))
        }
        _ => Ok(()),
    }
}

fn show(baseline: &Baseline, refusal: &Refusal, service: &ServiceName) {
    let (bold, bad) = (output::BOLD, output::BAD);
    let Refusal { present, vanished, baseline: largest, .. } = refusal;
    output::say!(
        "{bold}{service}{bold:#}: {bad}{vanished} objects would be deleted{bad:#}, {present} would stay; \
         the most in 24 h were {largest}"
    );
    if let Some((since, last)) = baseline.refused_for(target::now_ms()) {
        output::say!("refused for {}, last {} ago", output::span(since), output::span(last));
    }
}

/// Asks on the terminal.
fn confirmed(service: &ServiceName) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "there is no terminal to ask on",
            "give --yes to approve without a question",
        ));
    }
    anstream::eprint!("approve that for {service}? [y/N] ");
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn told(
    service: &ServiceName,
    input: Option<&str>,
    baseline: &Baseline,
    refusal: &Refusal,
    approval: &Approval,
) -> Told {
    let refused_for = of(baseline, input).and_then(|memory| memory.refused_for(approval.at));
    let (refused_for_ms, last_refused_ms_ago) = refused_for.unwrap_or_default();
    Told {
        service: service.to_string(),
        input: input.map(str::to_owned),
        vanished: refusal.vanished,
        objects: refusal.present,
        baseline: refusal.baseline,
        zero: approval.zero,
        refused_for_ms,
        last_refused_ms_ago,
        approved_until: Stamp(approval.until),
        approved_by: approval.by.clone(),
    }
}

fn tell(output: Output, told: &Told, alive: bool) {
    if output == Output::Json {
        return output::json(told);
    }
    let good = output::GOOD;
    let next = if alive { "the next pass of the running sidecar" } else { "the next pass" };
    output::say!(
        "{good}approved{good:#} until {}: {next} that still loses about as many is believed",
        told.approved_until
    );
}
