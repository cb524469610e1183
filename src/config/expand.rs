//! `${VAR}` in values of files. It must not know what the values are for.

use std::collections::BTreeMap;

/// Why a text could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExpandError {
    /// The variable is not set.
    Unset(String),
    /// What follows `${` is no name and `}`.
    Malformed,
}

/// `text` with `${NAME}` and `${NAME:-default}` replaced from `env`, and `$${` by `${`; `None` where nothing is to be
/// replaced. What was put in is not expanded again.
pub(super) fn expand(text: &str, env: &BTreeMap<String, String>) -> Result<Option<String>, ExpandError> {
    let mut out = String::new();
    let mut rest = text;
    let mut changed = false;
    while let Some(at) = rest.find("${") {
        changed = true;
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let (inner, after) = rest[at + 2..].split_once('}').ok_or(ExpandError::Malformed)?;
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        if !is_name(name) {
            return Err(ExpandError::Malformed);
        }
        let value = match (env.get(name), default) {
            (Some(value), Some(default)) if value.is_empty() => default,
            (Some(value), _) => value,
            (None, Some(default)) => default,
            (None, None) => return Err(ExpandError::Unset(name.to_owned())),
        };
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(changed.then_some(out))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_defaults_and_escapes() {
        let env =
            BTreeMap::from([("A".into(), "1".into()), ("B_2".into(), "${A}".into()), ("E".into(), String::new())]);
        for (text, expanded) in [
            ("plain $A $", None),
            ("${A}", Some("1")),
            ("x${A}y${B_2}z", Some("x1y${A}z")),
            ("$${A}", Some("${A}")),
            ("${A}$${A}${A}", Some("1${A}1")),
            ("${NO:-there}", Some("there")),
            ("${E:-empty}", Some("empty")),
            ("${E}", Some("")),
            ("${NO:-}", Some("")),
        ] {
            assert_eq!(expand(text, &env), Ok(expanded.map(str::to_owned)), "{text}");
        }
        assert_eq!(expand("${NO}", &env), Err(ExpandError::Unset("NO".into())));
        for text in ["${", "${A", "${}", "${1A}", "${A B}", "${A-b}"] {
            assert_eq!(expand(text, &env), Err(ExpandError::Malformed), "{text}");
        }
    }
}
