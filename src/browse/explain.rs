//! Why an object's key is as it is. It must not look anything up.

use super::ago;
use crate::{
    envelope::{Head, HeadError},
    registry::{Descriptor, FailedObject},
};

/// State in a word, and what the last pass did with the object and why.
pub fn why(
    head: Option<&Result<Head, HeadError>>,
    descriptor: Option<&Descriptor>,
    failed: Option<&FailedObject>,
    now: u64,
) -> (&'static str, String) {
    let Some(d) = descriptor else {
        return ("unknown service", "no descriptor: the service has never written here, or is long gone".to_owned());
    };
    let pass = d.last_pass.as_ref();
    let began = pass.map_or_else(|| "before the first pass ended".to_owned(), |p| ago(p.started_at.0, now));
    match (head, failed) {
        (Some(Err(e)), _) => ("broken", format!("{e}; the next pass or renewal heals it")),
        (None, Some(f)) => ("refused", format!("the last pass ({began}) refused it ({}): {}", f.kind, f.reason)),
        (None, None) => ("absent", format!("the last pass ({began}) did not have it, and no key is left")),
        (Some(Ok(_)), Some(f)) => (
            "kept",
            format!("the last pass ({began}) refused it ({}): {}; its last good content stays", f.kind, f.reason),
        ),
        (Some(Ok(h)), None) => match pass {
            Some(p) if h.changed_at >= p.started_at.0 => {
                ("current", format!("the last pass ({began}) wrote it: its content was new, changed, or had been lost"))
            }
            Some(_) if d.last_error.is_some() => {
                ("kept", format!("the last pass ({began}) was not good, so its last good content stays"))
            }
            Some(_) => ("current", format!("the last pass ({began}) skipped it: its content's hash is unchanged")),
            None => ("current", "no pass has ended yet; it was written by an earlier writer".to_owned()),
        },
    }
}
