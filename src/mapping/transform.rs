//! Simple transforms of a text. It must not know what the text is.

use std::{borrow::Cow, net::IpAddr};

use crate::settings::Transform;

/// `text` after all of `transforms`, in order.
pub(super) fn apply<'a>(mut text: Cow<'a, str>, transforms: &[Transform]) -> Cow<'a, str> {
    for transform in transforms {
        text = match transform {
            Transform::Trim => part(text, str::trim),
            Transform::Lower => text.to_lowercase().into(),
            Transform::Upper => text.to_uppercase().into(),
            Transform::StripPort => part(text, strip_port),
            Transform::StripDomain => part(text, strip_domain),
            Transform::StripMask => part(text, |text| text.split_once('/').map_or(text, |(address, _)| address)),
            Transform::UrlHost => part(text, url_host),
            Transform::LastSegment => part(text, last_segment),
            Transform::Mac => mac(&text).map_or(text, Cow::Owned),
        };
    }
    text
}

/// What stands behind the first `after`, and before the first `before` in that.
pub(super) fn between<'a>(text: Cow<'a, str>, after: Option<&str>, before: Option<&str>) -> Cow<'a, str> {
    let text = part(text, |text| after.and_then(|mark| text.split_once(mark)).map_or(text, |(_, rest)| rest));
    part(text, |text| before.and_then(|mark| text.split_once(mark)).map_or(text, |(rest, _)| rest))
}

fn part<'a>(text: Cow<'a, str>, take: impl Fn(&str) -> &str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => take(text).into(),
        Cow::Owned(text) => match take(&text) {
            same if same.len() == text.len() => text.into(),
            part => part.to_owned().into(),
        },
    }
}

fn strip_port(text: &str) -> &str {
    if let Some((address, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match text.split_once(':') {
        // More than one colon without brackets: an IPv6 address.
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => text,
    }
}

fn strip_domain(text: &str) -> &str {
    match text.split_once('.') {
        Some((host, _)) if !host.is_empty() && text.parse::<IpAddr>().is_err() => host,
        _ => text,
    }
}

fn url_host(text: &str) -> &str {
    let Some((_, rest)) = text.split_once("://") else { return text };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    strip_port(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

fn last_segment(text: &str) -> &str {
    let path = text.split(['?', '#']).next().unwrap_or(text).trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

/// None where it is no MAC address.
fn mac(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect();
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_uppercase();
    Some((0..6).map(|at| &digits[at * 2..at * 2 + 2]).collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Transform; 9] = [
        Transform::Trim,
        Transform::Lower,
        Transform::Upper,
        Transform::StripPort,
        Transform::StripDomain,
        Transform::StripMask,
        Transform::UrlHost,
        Transform::LastSegment,
        Transform::Mac,
    ];

    #[test]
    fn each_transform() {
        for (transform, text, made) in [
            (Transform::Trim, " a b ", "a b"),
            (Transform::Lower, "WEB1.Łódź", "web1.łódź"),
            (Transform::Upper, "sn1", "SN1"),
            (Transform::StripPort, "web1:9100", "web1"),
            (Transform::StripPort, "10.0.0.1:80", "10.0.0.1"),
            (Transform::StripPort, "[::1]:9100", "::1"),
            (Transform::StripPort, "fe80::1", "fe80::1"),
            (Transform::StripPort, "web1", "web1"),
            (Transform::StripPort, "a:b", "a:b"),
            (Transform::StripDomain, "web1.example.net", "web1"),
            (Transform::StripDomain, "10.0.0.1", "10.0.0.1"),
            (Transform::StripDomain, "web1", "web1"),
            (Transform::StripMask, "10.0.0.1/24", "10.0.0.1"),
            (Transform::UrlHost, "https://u:p@web1.example.net:8443/health?x=http://y", "web1.example.net"),
            (Transform::UrlHost, "http://[::1]:80", "::1"),
            (Transform::UrlHost, "web1", "web1"),
            (Transform::LastSegment, "https://ralph/api/assets/4711/?a=b/c", "4711"),
            (Transform::LastSegment, "4711", "4711"),
            (Transform::Mac, "00-1a-2B-3c-4d-5e", "00:1A:2B:3C:4D:5E"),
            (Transform::Mac, "001a.2b3c.4d5e", "00:1A:2B:3C:4D:5E"),
            (Transform::Mac, "no mac", "no mac"),
        ] {
            assert_eq!(apply(text.into(), &[transform]), made, "{transform:?} {text}");
            assert_eq!(apply(text.to_owned().into(), &[transform]), made, "{transform:?} {text}");
        }
        assert_eq!(
            apply("Web1.x:9100".into(), &[Transform::StripPort, Transform::StripDomain, Transform::Lower]),
            "web1"
        );
        assert_eq!(between("AST-4711 (old)".into(), Some("AST-"), Some(" ")), "4711");
        assert_eq!(between("4711".into(), Some("AST-"), Some(" ")), "4711");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), order in proptest::collection::vec(0..ALL.len(), 0..5)) {
            let transforms: Vec<_> = order.into_iter().map(|at| ALL[at]).collect();
            let _ = apply(text.as_str().into(), &transforms);
        }
    }
}
