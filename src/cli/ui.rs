//! `ralphext ui`: a page about every service of a Redis. It must not write there, nor know what is on the page.

use super::{
    Exit, Failure,
    args::{Globals, Ui},
    output,
    run::{blocking, system},
    target,
};
use crate::{app, settings::Admin};

/// Ends when it is told to.
pub fn ui(globals: &Globals, args: &Ui) -> Result<Exit, Failure> {
    let (redis, prefix) = target::redis(globals)?;
    let admin =
        Admin { page_listen: Some(args.listen.clone()), page_token_file: args.token_file.clone(), ..Admin::default() };
    if let Err(why) = admin.page_place() {
        let hint = "write \"127.0.0.1:9785\" or \"unix:/run/ralphext/ui.sock\"; other addresses need --token-file";
        return Err(Failure::new(Exit::Usage, format!("--listen {:?}: {why}", args.listen), hint));
    }
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        output::note(format_args!("the page shows every object of this Redis; end it with Ctrl-C"));
    }
    blocking(async move {
        let stop = app::stop_on_signal().map_err(system)?;
        app::ui(redis, &prefix, admin, stop).await?;
        Ok(Exit::Well)
    })
}
