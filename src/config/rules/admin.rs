//! What is impossible in `[admin]`. It must not listen.

use super::Rules;

impl Rules<'_> {
    pub(super) fn admin(&mut self) {
        let admin = &self.settings.admin;
        let keys = ["admin.page_listen", "admin.page_token_file"];
        let hint =
            "write \"127.0.0.1:9784\" or \"unix:/run/ralphext/page.sock\"; other addresses need admin.page_token_file";
        match admin.page_place() {
            Err(why) => self.refuse(&keys, why, hint),
            Ok(None) if admin.page_token_file.is_some() => {
                let hint = "set admin.page_listen too, or leave it away";
                self.refuse(&["admin.page_token_file"], "no page is served that would need it", hint);
            }
            Ok(_) => {}
        }
    }
}
