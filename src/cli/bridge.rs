//! `ralphext bridge`: Ralph's jobs, done by any program. It must not know how.

use super::{
    Exit, Failure,
    args::Globals,
    run::{blocking, system},
    target,
};
use crate::app;

/// Ends when it is told to.
pub fn bridge(globals: &Globals) -> Result<Exit, Failure> {
    let (bridge, settings) = target::bridge(globals)?;
    blocking(async move {
        let stop = app::stop_on_signal().map_err(system)?;
        app::bridge(bridge, settings, stop).await?;
        Ok(Exit::Well)
    })
}
