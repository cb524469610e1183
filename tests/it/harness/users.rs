//! The users as whom the binary connects: made from what `ralphext acl` prints, so that all tests run with these rights and
//! no others. It must not know a single command or key of them.

use std::{process::Command, sync::OnceLock};

use super::ext::binary;

/// The password of every such user.
pub const PASSWORD: &str = "least-privilege";

/// The services whose users every server has.
pub const SERVICES: [&str; 2] = ["hwinfo", "tickets"];

/// The user of a service.
pub fn user_of(service: &str) -> String {
    format!("ralphext-{service}")
}

/// What `ralphext acl` prints for these words, as rules behind a user's name: `ralphext-hwinfo reset on ...`.
pub fn acl(words: &[&str]) -> Vec<String> {
    let mut command = Command::new(binary());
    command.arg("acl").args(words).current_dir("/").env_clear();
    if let Some(value) = std::env::var_os("LLVM_PROFILE_FILE") {
        command.env("LLVM_PROFILE_FILE", value);
    }
    let output = command.output().expect("ralphext acl");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "ralphext acl {words:?}: {stdout}{stderr}");
    let rules = |line: &str| {
        let rules = line.strip_prefix("ACL SETUSER ").unwrap_or_else(|| panic!("{line:?} is no ACL SETUSER line"));
        rules.replace(">PASSWORD", &format!(">{PASSWORD}"))
    };
    stdout.lines().map(rules).collect()
}

/// The users of [`SERVICES`].
pub fn usual() -> &'static [String] {
    static USUAL: OnceLock<Vec<String>> = OnceLock::new();
    USUAL.get_or_init(|| acl(&SERVICES))
}
