//! Names, titles and models that fit wherever the scaffold writes them. It must not know where that is.

use crate::cli::{Exit, Failure};

/// Longest name: room is left for what is built around it.
const LONGEST: usize = 40;

/// The extension's name with hyphens.
pub fn checked(text: &str) -> Result<String, Failure> {
    let bare = ["ralph_ext_", "ralph-ext-"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let name = bare.replace('_', "-");
    let bad = |why: &str| {
        let better = better(&name);
        let example = if better.is_empty() { "disk-usage" } else { &better };
        let hint = format!("write lower-case letters, digits and hyphens, beginning with a letter, such as {example}");
        Err(Failure::new(Exit::Usage, format!("{text:?} is no name for an extension: {why}"), hint))
    };
    if name.is_empty() {
        return bad("it is empty");
    }
    if name.len() > LONGEST {
        return bad(&format!("it has {} bytes, at most {LONGEST} are allowed", name.len()));
    }
    if let Some(c) = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return bad(&format!("{c:?} is not allowed in it"));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return bad("it does not begin with a letter");
    }
    if name.ends_with('-') || name.contains("--") {
        return bad("hyphens stand between words, one each");
    }
    Ok(name)
}

/// The nearest name that would do.
fn better(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(LONGEST).collect::<String>().trim_end_matches('-').to_owned()
}

/// A title that needs no escape in TOML, YAML, JSON, Python and shell.
pub fn title(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let bad = text.chars().find(|c| c.is_control() || matches!(c, '"' | '\\' | '\'' | '`' | '$' | '%' | '{' | '}'));
    let why = match bad {
        Some(c) => format!("{c:?} is not allowed in it"),
        None if text.is_empty() => "it is empty".to_owned(),
        None if text.chars().count() > 100 => "it has more than 100 characters".to_owned(),
        None => return Ok(text.to_owned()),
    };
    let message = format!("{text:?} is no title to begin with: {why}");
    Err(Failure::new(Exit::Usage, message, "write plain words; ralphext.toml takes any title later"))
}

/// A model as Django labels it.
pub fn model(text: &str) -> Result<String, Failure> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    };
    match text.split_once('.') {
        Some((app, model)) if is_word(app) && is_word(model) => Ok(text.to_owned()),
        _ => {
            let hint = "write app_label.model in lower case, such as data_center.datacenterasset";
            Err(Failure::new(Exit::Usage, format!("{text:?} is no model of Ralph"), hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, name) in [("disk", "disk"), ("disk_usage", "disk-usage"), ("ralph_ext_a1", "a1")] {
            assert_eq!(checked(text).unwrap(), name);
        }
        for (text, hint) in
            [("Disk Usage", "disk-usage"), ("1disk", "disk"), ("a--b", "a-b"), ("x_", "such as x"), ("", "disk-usage")]
        {
            let failure = checked(text).unwrap_err();
            assert!(failure.hint.as_deref().unwrap().ends_with(hint), "{text}: {failure:?}");
        }
        assert!(checked(&"x".repeat(41)).is_err());
        assert!(title("Użycie dysków").is_ok() && title("a \"b\"").is_err() && title(" ").is_err());
        assert!(model("data_center.rack").is_ok() && model("Rack").is_err() && model("a.B").is_err());
    }
}
