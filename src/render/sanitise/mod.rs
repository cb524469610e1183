//! HTML made harmless: what is not on the allow-list goes. It must not know where the HTML comes from.

mod allowed;
mod removed;
mod shape;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use ammonia::Url;

pub use allowed::{ATTRIBUTES, CLASSES, IMAGE, SCHEMES, SWALLOWED, TAGS};
pub use removed::{Part, Removed};

/// Most times that HTML is sanitised until it stays as it is.
const MOST_ROUNDS: usize = 5;

/// Removes whatever could run, load, hide or imitate something in the reader's page.
#[derive(Debug)]
pub struct Sanitiser {
    cleaner: ammonia::Builder<'static>,
    report: bool,
}

impl Sanitiser {
    /// A sanitiser that leaves images of these hosts (`img.example.net`, `img.example.net:8443`), over https; with `report`
    /// it tells what it removed.
    pub fn new(images: &[String], report: bool) -> Self {
        let mut tags: HashMap<&str, HashSet<&str>> =
            TAGS.iter().map(|(tag, attributes)| (*tag, attributes.iter().copied().collect())).collect();
        if !images.is_empty() {
            tags.insert(IMAGE.0, IMAGE.1.iter().copied().collect());
        }
        let names: HashSet<&str> = tags.keys().copied().collect();
        let classes: HashSet<&str> = CLASSES.iter().map(|(class, _)| *class).collect();
        let hosts: Vec<String> = images.to_vec();
        let mut cleaner = ammonia::Builder::empty();
        cleaner
            .allowed_classes(names.iter().map(|tag| (*tag, classes.clone())).collect())
            .tags(names)
            .clean_content_tags(SWALLOWED.iter().copied().collect())
            .tag_attributes(tags)
            .generic_attributes(ATTRIBUTES.iter().copied().collect())
            .url_schemes(SCHEMES.iter().copied().collect())
            .url_relative(ammonia::UrlRelative::Deny)
            .link_rel(Some("noopener noreferrer"))
            .strip_comments(true)
            .attribute_filter(move |tag, attribute, value| filter(&hosts, tag, attribute, value));
        Self { cleaner, report }
    }

    /// Sanitises HTML.
    ///
    /// # Errors
    /// When it is built so that it would grow, or take far too long.
    pub fn clean(&self, html: &str) -> Result<(String, Removed), String> {
        shape::check(html)?;
        let clean =
            self.settled(html).ok_or("its HTML is so tangled that it reads differently each time it is parsed")?;
        let removed = if self.report { Removed::between(html, &clean) } else { Removed::default() };
        Ok((clean, removed))
    }

    /// HTML that sanitising changes no more. What a parser makes of the first round's text may be another tree than the one
    /// that was judged (HTML has trees that no text gives), so it is judged again until both are the same.
    fn settled(&self, html: &str) -> Option<String> {
        let mut clean = self.cleaner.clean(html).to_string();
        if clean == html {
            return Some(clean);
        }
        for _ in 0..MOST_ROUNDS {
            let again = self.cleaner.clean(&clean).to_string();
            if again == clean {
                return Some(clean);
            }
            clean = again;
        }
        None
    }
}

/// What becomes of the value of an allowed attribute.
fn filter<'v>(hosts: &[String], tag: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    let stays = match (tag, attribute) {
        // Their values are made by ammonia, out of allowed words.
        (_, "class" | "rel") => !value.trim().is_empty(),
        ("img", "src") => is_image(hosts, value),
        _ => allowed::fits(attribute, value),
    };
    stays.then_some(Cow::Borrowed(value))
}

fn is_image(hosts: &[String], value: &str) -> bool {
    let Ok(url) = Url::parse(value) else { return false };
    let Some(host) = url.host_str().filter(|_| url.scheme() == "https" && url.username().is_empty()) else {
        return false;
    };
    let with_port = url.port().map(|port| format!("{host}:{port}"));
    let named = with_port.as_deref().unwrap_or(host);
    url.password().is_none() && hosts.iter().any(|allowed| allowed == named)
}
