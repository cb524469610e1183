//! How a list goes on after a page, and whether it has shifted meanwhile. It must not ask.

use std::collections::HashSet;

use crate::{
    settings::{self, Paging},
    sources::SourceError,
    web::{
        Url,
        header::{HeaderMap, LINK},
        shown_url,
    },
};

/// What follows a page.
#[derive(Debug)]
pub(super) enum Next {
    /// Another one.
    Page(Url),
    /// Nothing: that was all.
    End,
}

/// The pages of one fetch.
pub(super) struct Pages {
    paging: Paging,
    param: String,
    limit_param: String,
    page_size: u64,
    max_pages: u64,
    first: Url,
    seen: HashSet<String>,
    pages: u64,
    /// Records so far.
    records: u64,
    /// How many there are, as the last page said.
    count: Option<u64>,
    /// What the records of the page before were, and those of this one.
    before: HashSet<u64>,
    here: HashSet<u64>,
    /// The first sign of pages that shifted while they were read.
    shift: Option<String>,
}

impl Pages {
    pub(super) fn new(http: &settings::Http, list: &Url) -> Self {
        let mut pages = Self {
            paging: http.paging,
            param: http.page_param().to_owned(),
            limit_param: http.limit_param.clone(),
            page_size: u64::from(http.page_size),
            max_pages: u64::from(http.max_pages),
            first: list.clone(),
            seen: HashSet::new(),
            pages: 0,
            records: 0,
            count: None,
            before: HashSet::new(),
            here: HashSet::new(),
            shift: None,
        };
        if pages.paging == Paging::Offset {
            pages.first = pages.at_offset(0);
        }
        pages.seen.insert(pages.first.to_string());
        pages
    }

    /// Where the first page is.
    pub(super) fn first(&self) -> Url {
        self.first.clone()
    }

    /// Pages so far.
    pub(super) fn count(&self) -> u64 {
        self.pages
    }

    /// What names the records of the page at `url`.
    pub(super) fn origin(&self, url: &Url) -> String {
        match self.pages {
            0 => shown_url(url),
            page => format!("{} page {}", shown_url(url), page + 1),
        }
    }

    /// Whether it is known before its records come that the page, with or without a link to a next one, is the only one.
    pub(super) fn is_alone(&self, has_link: bool) -> bool {
        self.paging == Paging::None || (self.paging == Paging::Link && self.pages == 0 && !has_link)
    }

    /// Whether an empty page is the end, and no answer that went missing.
    pub(super) fn may_be_empty(&self) -> bool {
        self.pages > 0 && self.paging == Paging::Offset
    }

    /// Looks at a record of the page that is read: one that stood on the page before, too, came there since. Only pages side
    /// by side are compared, so that this holds two pages of hashes, and an object that has two equal records far from each
    /// other is none of its business.
    pub(super) fn saw(&mut self, record: &[u8]) {
        let hash = xxhash_rust::xxh3::xxh3_64(record);
        if self.before.contains(&hash) {
            self.shift.get_or_insert_with(|| format!("a record of page {} comes again on the next", self.pages));
        }
        self.here.insert(hash);
    }

    /// What follows the page at `url`, which had so many records.
    ///
    /// # Errors
    /// A list that goes in circles, has no end, or goes on at another server, to which no secret may go.
    pub(super) fn next(
        &mut self,
        url: &Url,
        records: u64,
        link: Option<String>,
        scalars: &[Option<String>],
    ) -> Result<Next, SourceError> {
        self.pages += 1;
        self.records += records;
        let count = scalars.last().and_then(|count| count.as_deref()?.parse().ok());
        if let (Some(before), Some(now)) = (self.count, count)
            && before != now
        {
            self.shift.get_or_insert_with(|| format!("{before} records are said to be there, and then {now}"));
        }
        self.count = count.or(self.count);
        self.before = std::mem::take(&mut self.here);
        let text = scalars.first().and_then(|text| scalar(text.as_deref()?));
        let next = match self.paging {
            Paging::None => None,
            Paging::Link => link.map(|text| join(url, &text)).transpose()?,
            Paging::Next => text.map(|text| join(url, &text)).transpose()?,
            Paging::Cursor => text.map(|cursor| with(&self.first, &[(&self.param, &cursor)])),
            Paging::Offset => {
                // A server may give fewer than it was asked for: only an empty page is the last one for certain.
                let is_last = records == 0 || self.count.is_some_and(|count| self.records >= count);
                (!is_last).then(|| self.at_offset(self.records))
            }
        };
        let Some(next) = next else { return Ok(Next::End) };
        // A redirect may have led up to https: that is where the secret went already.
        if next.origin() != self.first.origin() && next.origin() != url.origin() {
            return Err(SourceError::Http {
                problem: format!("{} goes on at another server: {}", shown_url(url), shown_url(&next)),
                hint: "the server has a wrong idea of its own address: look at its settings of proxies and host names",
            });
        }
        if !self.seen.insert(next.to_string()) {
            return Err(SourceError::Http {
                problem: format!("{} goes on with a page that was there already: {}", shown_url(url), shown_url(&next)),
                hint: "the list goes in circles: check source.http.paging and its pointers",
            });
        }
        if self.pages >= self.max_pages {
            return Err(SourceError::Http {
                problem: format!("{} has more than {} pages", shown_url(url), self.max_pages),
                hint: "raise source.http.max_pages if that is right, or make the pages larger",
            });
        }
        Ok(Next::Page(next))
    }

    /// Why what came is not known to be all there is.
    pub(super) fn shifted(&self) -> Option<String> {
        if self.shift.is_some() {
            return self.shift.clone();
        }
        let count = self.count.filter(|count| *count != self.records)?;
        Some(format!("{} came, {count} are said to be there", self.records))
    }

    fn at_offset(&self, offset: u64) -> Url {
        with(&self.first, &[(&self.limit_param, &self.page_size.to_string()), (&self.param, &offset.to_string())])
    }
}

/// A scalar of the answer as a text; none for null and an empty one.
fn scalar(json: &str) -> Option<String> {
    match serde_json::from_str(json).ok()? {
        serde_json::Value::String(text) if !text.is_empty() => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn join(url: &Url, text: &str) -> Result<Url, SourceError> {
    url.join(text).map_err(|_| SourceError::Http {
        problem: format!("{} goes on at something that is no address", shown_url(url)),
        hint: "check source.http.next_at: it has to point to the address of the next page",
    })
}

/// `url` with these parameters in place of those of the same names.
fn with(url: &Url, parameters: &[(&str, &str)]) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| parameters.iter().all(|(other, _)| name != other))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(parameters);
    url
}

/// The address of `Link: <...>; rel="next"` (RFC 8288).
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(split_links).find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let names = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel") && names.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| address.to_owned())
    })
}

/// The links of one header: at commas, except for those within an address or a quoted text.
fn split_links(text: &str) -> Vec<&str> {
    let (mut links, mut from, mut in_address, mut quoted) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '<' if !quoted => in_address = true,
            '>' if !quoted => in_address = false,
            '"' if !in_address => quoted = !quoted,
            ',' if !quoted && !in_address => {
                links.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    links.push(&text[from..]);
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(paging: Paging, edit: impl FnOnce(&mut settings::Http)) -> Pages {
        let mut http = settings::Http { paging, page_size: 2, ..settings::Http::default() };
        edit(&mut http);
        Pages::new(&http, &Url::parse("https://u:pw@x.example/list?b=1&offset=9").unwrap())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn go_on(pages: &mut Pages, records: u64, link: Option<&str>, scalars: &[Option<String>]) -> Option<String> {
        let url = pages.first();
        match pages.next(&url, records, link.map(str::to_owned), scalars).unwrap() {
            Next::Page(url) => Some(url.query().unwrap_or_default().to_owned()),
            Next::End => None,
        }
    }

    #[test]
    fn links_are_read_as_they_are_written() {
        let mut headers = HeaderMap::new();
        let text = r#"<https://x/?a=1,2>; rel="prev", </list?page=2>; title="a, b"; rel="next last""#;
        headers.append(LINK, text.parse().unwrap());
        assert_eq!(next_link(&headers).as_deref(), Some("/list?page=2"));
        headers.remove(LINK);
        headers.append(LINK, "<a>; rel=prev".parse().unwrap());
        headers.append(LINK, "<b>; rel=next".parse().unwrap());
        assert_eq!(next_link(&headers).as_deref(), Some("b"));
        assert_eq!(next_link(&HeaderMap::new()), None);
    }

    #[test]
    fn offsets_go_on_until_a_page_is_empty_or_all_are_there() {
        let mut pages = pages(Paging::Offset, |_| {});
        assert_eq!(pages.first().query(), Some("b=1&limit=2&offset=0"));
        assert_eq!(go_on(&mut pages, 2, None, &[None]).as_deref(), Some("b=1&limit=2&offset=2"));
        assert_eq!(go_on(&mut pages, 1, None, &[None]).as_deref(), Some("b=1&limit=2&offset=3"));
        assert_eq!(go_on(&mut pages, 0, None, &[None]), None);
        assert_eq!(pages.shifted(), None);
        // A server that gives fewer than it was asked for is asked on while it says that there are more.
        let mut pages = self::pages(Paging::Offset, |http| http.page_size = 1000);
        assert_eq!(go_on(&mut pages, 2, None, &[some("3")]).as_deref(), Some("b=1&limit=1000&offset=2"));
        assert_eq!(go_on(&mut pages, 1, None, &[some("3")]), None);
        // But not for ever.
        let mut pages = self::pages(Paging::Offset, |_| {});
        assert_eq!(go_on(&mut pages, 0, None, &[some("3")]), None);
        assert_eq!(pages.shifted().as_deref(), Some("0 came, 3 are said to be there"));
    }

    #[test]
    fn pages_that_shift_are_seen() {
        let mut pages = pages(Paging::Offset, |_| {});
        go_on(&mut pages, 2, None, &[some("3")]);
        go_on(&mut pages, 2, None, &[some("4")]);
        assert_eq!(pages.shifted().as_deref(), Some("3 records are said to be there, and then 4"));
        let mut pages = self::pages(Paging::Offset, |_| {});
        for (at, page) in [["a", "b"], ["c", "d"], ["a", "e"], ["e", "f"]].into_iter().enumerate() {
            assert_eq!(pages.shifted(), None, "page {at}");
            page.iter().for_each(|record| pages.saw(record.as_bytes()));
            go_on(&mut pages, 2, None, &[None]);
        }
        assert_eq!(pages.shifted().as_deref(), Some("a record of page 3 comes again on the next"));
    }

    #[test]
    fn the_next_address_and_the_next_cursor() {
        let mut next = pages(Paging::Next, |_| {});
        let scalars = [some("\"https://x.example/list?offset=2\""), some("3")];
        assert_eq!(go_on(&mut next, 2, None, &scalars).as_deref(), Some("offset=2"));
        assert_eq!(go_on(&mut next, 1, None, &[some("null"), some("3")]), None);
        let mut cursor = pages(Paging::Cursor, |_| {});
        assert_eq!(go_on(&mut cursor, 2, None, &[some("\"a b\""), None]).as_deref(), Some("b=1&offset=9&cursor=a+b"));
        assert_eq!(go_on(&mut cursor, 2, None, &[some("\"\""), None]), None);
    }

    #[test]
    fn circles_other_servers_and_lists_without_an_end_are_refused() {
        let url = Url::parse("https://x.example/list").unwrap();
        let mut next = pages(Paging::Link, |http| http.max_pages = 2);
        let error = |next: &mut Pages, link: &str| next.next(&url, 1, some(link), &[None]).unwrap_err().to_string();
        assert!(error(&mut next, "https://evil.example/?page=2").contains("goes on at another server"));
        assert!(error(&mut next, "http://x.example/list").contains("goes on at another server"));
        let first = next.first().to_string();
        let circle = error(&mut next, &first);
        assert!(circle.contains("was there already") && !circle.contains("pw"), "{circle}");
        assert!(error(&mut next, "?page=3").contains("has more than 2 pages"));
    }
}
