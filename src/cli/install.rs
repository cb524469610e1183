//! `ralphext install`: a copy of this program elsewhere. It must not know where it is wanted, nor configure anything.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use super::{Exit, Failure, args::Install, output};

/// Puts an executable copy of the running program at a path, at once: it is there as a whole, or not.
pub fn install(args: &Install) -> Result<Exit, Failure> {
    let to = if args.to.is_dir() { args.to.join("ralphext") } else { args.to.clone() };
    copy(&to).map_err(|e| {
        let hint = "name a directory that exists and may be written to, or a file in one";
        Failure::new(Exit::Usage, format!("cannot install {}: {e}", to.display()), hint)
    })?;
    output::say!("{}", to.display());
    Ok(Exit::Well)
}

fn copy(to: &Path) -> io::Result<()> {
    let from = std::env::current_exe()?;
    let name = to.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = to.with_file_name(format!(".{name}.{}", std::process::id()));
    let placed = fs::copy(from, &beside)
        .and_then(|_| fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&beside, to));
    if placed.is_err() {
        // What failed already is what is told.
        let _ = fs::remove_file(&beside);
    }
    placed
}
