//! What is impossible in `[fill]`. It must not connect.

use super::Rules;
use crate::settings::Fill;

impl Rules<'_> {
    pub(super) fn fill(&mut self) {
        let fill = &self.settings.fill;
        if let Some(bad) = fill.listen.iter().find(|text| Fill::server(text).is_none()) {
            let hint = "write host:port; user, password and TLS are those of redis.url";
            self.refuse(&["fill.listen"], format!("{bad:?} is no server"), hint);
        }
        if !fill.listen.is_empty() && !fill.misses {
            let hint = "write misses = true in [fill], or remove it";
            self.refuse(&["fill.listen", "fill.misses"], "misses are not listened for", hint);
        }
    }
}
