//! The real sidecar: this executable with the verb `run`, on the examples of the repository. It must not know the story.

use std::{env, path::PathBuf, process::Command};

use super::{process::Process, scratch::Scratch, server::Server};
use crate::cli::{Exit, Failure};

/// Settings that the demo changes: what would take minutes is seen within seconds.
const HASTE: &str = "
# The demo's own: heartbeats and the lease's end are seen within seconds.
[writer]
heartbeat = \"1s\"
lease = \"3s\"

[shutdown]
grace = \"1s\"
";

/// Where the configuration files stand.
pub const CONFIG: &str = "conf.d";
/// The records of `inventory`.
pub const INVENTORY: &str = "inventory.ndjson";
/// The records as they are at first.
pub const INVENTORY_TEXT: &str = include_str!("../../../examples/inventory/inventory.ndjson");
/// What the sidecar logs.
pub const LOG: &str = "sidecar.log";

const HWINFO_CONFIG: &str = include_str!("../../../examples/host-facts/ralphext.toml");
const FACTS: &str = include_str!("../../../examples/host-facts/facts.sh");
const INVENTORY_CONFIG: &str = include_str!("../../../examples/inventory/ralphext.toml");

/// Writes the examples to `scratch`, with the demo's server and short intervals in their configuration.
pub fn prepare(scratch: &Scratch, server: &Server) -> Result<(), Failure> {
    let url = format!("url = \"{}\"", server.url());
    let url = ("url = \"redis://127.0.0.1:6379/0\"", url.as_str());
    let exec = ("command = [\"./facts.sh\"]", "command = [\"sh\", \"facts.sh\"]");
    let file = ("path = \"inventory.ndjson\"", "path = \"../inventory.ndjson\"");
    let hwinfo = adapt("host-facts", HWINFO_CONFIG, &[url, exec, ("interval = \"60s\"", "interval = \"2s\"")])?;
    let inventory = adapt("inventory", INVENTORY_CONFIG, &[url, file, ("interval = \"5m\"", "interval = \"2s\"")])?;
    scratch.put("facts.sh", FACTS)?;
    scratch.put(INVENTORY, INVENTORY_TEXT)?;
    scratch.put(&format!("{CONFIG}/hwinfo.toml"), &hwinfo)?;
    scratch.put(&format!("{CONFIG}/inventory.toml"), &inventory)
}

/// Starts the sidecar on what [`prepare`] wrote.
pub fn start(scratch: &Scratch) -> Result<Process, Failure> {
    let mut command = Command::new(executable()?);
    command.arg("--config").arg(CONFIG).args(["--log-format", "pretty", "run"]);
    // What configures the caller's own ralphext has nothing to say here.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RALPHEXT")) {
        command.env_remove(name);
    }
    Process::start("ralphext run", command.env("NO_COLOR", "1"), scratch, LOG)
}

/// This program.
pub fn executable() -> Result<PathBuf, Failure> {
    env::current_exe()
        .map_err(|e| Failure::new(Exit::Failed, format!("cannot tell where this program is: {e}"), "is /proc mounted?"))
}

/// An example's configuration with some lines replaced.
fn adapt(example: &str, text: &str, changes: &[(&str, &str)]) -> Result<String, Failure> {
    let mut adapted = text.to_owned();
    for (from, to) in changes {
        if !adapted.contains(from) {
            let message = format!("examples/{example}/ralphext.toml has no line {from:?} to adapt");
            return Err(Failure::new(Exit::Failed, message, "the demo and the example have to be changed together"));
        }
        adapted = adapted.replacen(from, to, 1);
    }
    Ok(adapted + HASTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_was_changed_is_noticed() {
        assert!(adapt("host-facts", HWINFO_CONFIG, &[("interval = \"60s\"", "interval = \"2s\"")]).is_ok());
        let failure = adapt("host-facts", HWINFO_CONFIG, &[("no such line", "")]).unwrap_err();
        assert!(failure.message.contains("no such line"), "{}", failure.message);
    }
}
