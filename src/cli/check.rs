//! `ralphext check`: the configuration, and with `--connect` what Redis and the inventory say to it. It must not change
//! anything.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Check, Globals, Output},
    crontab::Crontab,
    output, target,
};
use crate::{
    app,
    identity::{Reachable, reach},
    settings::{HumanDuration, Settings},
    store::{Probe, Target, probe},
};

#[derive(Debug, Serialize)]
struct Checked {
    service: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Probe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inventory: Option<Inventory>,
}

/// What can be read of the inventory, or why it cannot.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Inventory {
    Reached(Reachable),
    Failed { error: String, hint: String },
}

/// Ends with 0 when all is well, 1 when an inventory cannot be read, 2 when the configuration is wrong, 4 when Redis is.
pub fn check(globals: &Globals, args: &Check) -> Result<Exit, Failure> {
    let mut all = target::services(globals)?;
    if let Some(schedule) = &args.schedule {
        for settings in &all {
            let usage =
                |(message, hint)| Failure::new(Exit::Usage, format!("service {}: {message}", settings.name()), hint);
            outlasts(settings, schedule).map_err(usage)?;
        }
        target::with_source(&mut all, None, false, true)?;
    }
    let mut checked = Vec::new();
    for settings in &all {
        checked.push(one(settings, args.connect)?);
    }
    let missing = checked.iter().filter_map(|c| c.redis.as_ref()).any(|p| !p.missing.is_empty());
    if globals.output == Output::Json {
        output::json(&checked);
    } else {
        checked.iter().for_each(show);
    }
    if missing {
        let hint = "`ralphext acl` prints the ACL SETUSER line of a user who may";
        return Err(Failure::new(Exit::Redis, "Redis refuses some of the commands that are needed", hint));
    }
    for one in &checked {
        if let Some(Inventory::Failed { error, hint }) = &one.inventory {
            let message = format!("{}: the inventory cannot be read: {error}", one.service);
            return Err(Failure::new(Exit::Failed, message, hint.clone()));
        }
    }
    Ok(Exit::Well)
}

fn one(settings: &Settings, connect: bool) -> Result<Checked, Failure> {
    app::check_template(settings)?;
    let source = app::block_on(async { app::describe(settings) }).map_err(super::run::system)??;
    let redis = match connect {
        true => Some(probe(&Target::new(&settings.redis)?, settings, target::now_ms())?),
        false => None,
    };
    let inventory = match connect && settings.identity.is_on() {
        true => Some(inventory(settings)?),
        false => None,
    };
    Ok(Checked { service: settings.name().to_string(), source, redis, inventory })
}

fn inventory(settings: &Settings) -> Result<Inventory, Failure> {
    match app::block_on(reach(&settings.identity)).map_err(super::run::system)? {
        Ok(reached) => Ok(Inventory::Reached(reached)),
        Err(e) if e.is_settings => Err(Failure::new(Exit::Usage, e.problem, e.hint)),
        Err(e) => Ok(Inventory::Failed { error: e.problem, hint: e.hint }),
    }
}

/// Between two runs of `once` nobody renews: with less than two pauses, one run that fails empties every tab. Else what is
/// wrong, and a hint.
pub(super) fn outlasts(settings: &Settings, schedule: &Crontab) -> Result<(), (String, String)> {
    let (ttl, least) = (settings.content.ttl, schedule.longest_pause * 2);
    if *ttl >= least {
        return Ok(());
    }
    let message = format!(
        "content.ttl = {ttl} does not outlast one failed run on the schedule {:?}, whose longest pause is {}",
        schedule.text,
        HumanDuration(schedule.longest_pause)
    );
    Err((message, format!("set content.ttl to {} or more, or let it run more often", HumanDuration(least))))
}

fn show(checked: &Checked) {
    let good = output::GOOD;
    output::say!("{good}ok{good:#} {}: configuration is valid ({})", checked.service, output::clean(&checked.source));
    if let Some(Inventory::Reached(reached)) = &checked.inventory {
        let (name, place) = (&checked.service, output::clean(&reached.place));
        output::say!(
            "{good}ok{good:#} {name}: the inventory {place} has {}",
            output::objects_by_model(&reached.objects)
        );
    }
    let Some(probe) = &checked.redis else { return };
    output::say!(
        "{good}ok{good:#} {}: {} {} answers at {}",
        checked.service,
        probe.product,
        probe.version,
        probe.address
    );
    if let Some(survey) = &probe.sentinel {
        let (named, voices) = (&survey.address, survey.sentinels.join(", "));
        output::say!("{good}ok{good:#} {}: master {} is {named}, as named by {voices}", checked.service, survey.master);
    }
    for command in &probe.missing {
        let bad = output::BAD;
        output::say!("{bad}refused{bad:#} {}: {command}", checked.service);
    }
    for note in &probe.notes {
        let warn = output::WARN;
        output::say!("{warn}note{warn:#} {}: {note}", checked.service);
    }
}
