//! The page around content, and the frame for HTML that others wrote: both say themselves that nothing in them may run or load.
//! It must not know what is shown.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::escape;

/// The one style of everything that is drawn here, and of the classes that HTML may use.
pub const STYLE: &str = include_str!("style.css");

/// A whole page, in one file.
#[derive(Debug, Default)]
pub struct Page<'a> {
    /// Its title.
    pub title: &'a str,
    /// What stands in it; everything from others has to be escaped.
    pub body: &'a str,
    /// The one script that may run, if any; it may ask the page's own origin.
    pub script: Option<&'a str>,
    /// Hosts that images may come from.
    pub images: &'a [String],
}

impl Page<'_> {
    /// The page's text.
    pub fn html(&self) -> String {
        let policy = policy(self.script, self.images);
        let script = self.script.map_or(String::new(), |script| format!("<script>{script}</script>\n"));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n{}{script}</body>\n</html>\n",
            escape(&policy),
            escape(self.title),
            self.body,
        )
    }
}

/// What a browser is told to let through: our style, by its hash; nothing else.
fn policy(script: Option<&str>, images: &[String]) -> String {
    let mut policy = format!("default-src 'none'; base-uri 'none'; form-action 'none'; style-src '{}'", hash(STYLE));
    if let Some(script) = script {
        policy += &format!("; script-src '{}'; connect-src 'self'", hash(script));
    }
    if !images.is_empty() {
        let hosts: Vec<String> = images.iter().map(|host| format!("https://{host}")).collect();
        policy += &format!("; img-src {}", hosts.join(" "));
    }
    policy
}

/// What a policy calls [`STYLE`] by: frames on a page that has a policy have to keep to both.
pub fn style_hash() -> String {
    hash(STYLE)
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// HTML of an extension in a frame without scripts, forms and origin. Its links open elsewhere.
pub(super) fn frame(html: &str, images: &[String]) -> String {
    let document = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\"><base target=\"_blank\">\
         <style>{STYLE}</style></head><body>{html}</body></html>",
        escape(&policy(None, images)),
    );
    let document = document.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<iframe class=\"ralphext-frame\" title=\"content\" sandbox=\"allow-popups allow-popups-to-escape-sandbox\" \
         referrerpolicy=\"no-referrer\" srcdoc=\"{document}\"></iframe>\n"
    )
}
