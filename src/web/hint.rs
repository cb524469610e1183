//! What to do when a server did not give what was asked for. It must not know why it was asked.

pub(super) const SLOW: &str = "try it with curl as the same user; raise the time limit if it needs longer";
pub(super) const CONNECT: &str = "check host and port, and whether a proxy stands between; try it with curl";
pub(super) const BROKE_OFF: &str = "the server or a proxy ended the connection: see its log; it is asked again";
pub(super) const LARGE: &str = "raise max_body if that is right, or ask for less at once (paging)";

/// What to do about a status.
pub(super) fn of_status(code: u16, has_secret: bool) -> &'static str {
    match code {
        401 if has_secret => "the token or password is wrong, expired, or not for this server",
        401 => "give a token (token_file), or a user and password",
        403 => "the server knows who asks, and does not allow it: let it grant the permission to read this",
        407 => "the proxy wants a user and password: http://user:password@proxy:port",
        404 | 410 => "check the path of the address",
        429 => "the server wants fewer requests: set a rate, or a longer interval",
        500..=599 => "see the server's log; it is asked again",
        _ => "open the address with `curl -v` to see what it wants",
    }
}
