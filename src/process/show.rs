//! A command and its end in words. It must not run anything.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use crate::settings::MASK;

/// The words as one would type them, but for what may be a secret: arguments other than paths and bare flags are masked, since
/// this stands in logs and in the descriptor.
pub fn shown(words: &[String]) -> String {
    let masked = words.iter().enumerate().map(|(at, word)| match word.split_once('=') {
        _ if at == 0 || std::path::Path::new(word).exists() => word.clone(),
        Some((flag, _)) if flag.starts_with('-') => format!("{flag}={MASK}"),
        None if word.starts_with('-') => word.clone(),
        _ => MASK.to_owned(),
    });
    let quote = |word: String| {
        let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%*".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.escape_debug().to_string().replace("\\'", "'\\''").replace("\\\"", "\""))
        }
    };
    let mut out = masked.map(quote).collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = out.char_indices().nth(200) {
        out.truncate(cut);
        out.push_str("...");
    }
    out
}

/// How it ended, and what to do.
pub fn explain(status: ExitStatus) -> (String, &'static str) {
    if let Some(signal) = status.signal() {
        let name = match signal {
            1 => " (SIGHUP)",
            2 => " (SIGINT)",
            6 => " (SIGABRT)",
            9 => " (SIGKILL)",
            11 => " (SIGSEGV)",
            13 => " (SIGPIPE)",
            15 => " (SIGTERM)",
            _ => "",
        };
        let hint = match signal {
            9 => "somebody killed it, or the kernel did for its memory: see the memory limit",
            _ => "run it by hand as the same user to see why",
        };
        return (format!("signal {signal}{name}"), hint);
    }
    let code = status.code().unwrap_or_default();
    let hint = match code {
        126 => "126 says that a program it calls is not executable",
        127 => "127 says that a program it calls, or its interpreter, was not found in PATH",
        _ => "run it by hand as the same user; its standard error is in the log",
    };
    (format!("exit status {code}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_without_what_may_be_a_secret() {
        let words = |words: &[&str]| shown(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["./facts.sh", "--all"]), "./facts.sh --all");
        assert_eq!(words(&["sh", "-c", "curl -H token:s3cret", "--key=s3cret"]), "sh -c *** --key=***");
        assert_eq!(words(&["sh", "/etc/host name"]), "sh ***");
        assert_eq!(words(&["a b"]), "'a b'");
        assert!(words(&[&"ü".repeat(500)]).len() < 500);
    }
}
