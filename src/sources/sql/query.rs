//! The text of a query: one statement that reads, with its parameter found. It must not know what the statement means;
//! the database says that.

use crate::{settings::SqlEngine, sources::SourceError};

/// The parameter of deltas.
const PARAMETER: &str = ":changed_since";
/// Stands for the ids of single objects.
const IDS: &str = ":ids";

/// A query, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// Without a semicolon at its end; the parameter replaced.
    pub(super) text: String,
    /// Whether the parameter is in it.
    pub(super) has_parameter: bool,
}

/// Finds the parameter of `text` and puts `parameter` in its place.
///
/// # Errors
/// When it is empty, more than one statement, or does not begin as one that reads.
pub(super) fn prepare(text: &str, engine: SqlEngine, parameter: &str) -> Result<Query, SourceError> {
    let wrong = |problem: String, hint| Err(SourceError::Settings { problem, hint });
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut has_parameter, mut ended, mut first) = (text, false, false, None);
    while !rest.is_empty() {
        let token = next(rest, engine);
        let (piece, tail) = rest.split_at(token.len);
        rest = tail;
        if ended && !matches!(token.what, What::Blank | What::End) {
            return wrong(
                "the query is more than one statement".into(),
                "write one SELECT; WITH ... SELECT holds what has to come before it",
            );
        }
        match token.what {
            What::Blank => {}
            What::End => {
                ended = true;
                continue;
            }
            _ if first.is_none() => first = Some(piece.trim_start_matches('(').to_ascii_lowercase()),
            _ => {}
        }
        if token.what == What::Parameter {
            has_parameter = true;
            out.push_str(parameter);
        } else {
            out.push_str(piece);
        }
    }
    match first.as_deref() {
        None => wrong("the query is empty".into(), "write query = \"SELECT id, ... FROM ...\" in [source.sql]"),
        Some("" | "select" | "with" | "values" | "table") => Ok(Query { text: out, has_parameter }),
        Some(word) => wrong(
            format!("the query begins with {}: it does not read", word.to_ascii_uppercase()),
            "write a SELECT; the source only reads",
        ),
    }
}

/// Puts `ids` in the place of `:ids`, as texts. They are of letters, digits and `._-` only (the grammar of object ids), so no quote of
/// any database ends them.
pub(super) fn with_ids(text: &str, engine: SqlEngine, ids: &[String]) -> String {
    let safe = |id: &&String| id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let list = ids.iter().filter(safe).map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    let (mut out, mut rest) = (String::with_capacity(text.len() + list.len()), text);
    while !rest.is_empty() {
        let token = next(rest, engine);
        let (piece, tail) = rest.split_at(token.len);
        out.push_str(if token.what == What::Ids { &list } else { piece });
        rest = tail;
    }
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// White space or a comment.
    Blank,
    /// A word, a string, a sign.
    Part,
    Parameter,
    Ids,
    /// A semicolon.
    End,
}

struct Token {
    what: What,
    len: usize,
}

/// The first token of `rest`, which is not empty.
fn next(rest: &str, engine: SqlEngine) -> Token {
    let bytes = rest.as_bytes();
    let token = |what, len: usize| Token { what, len: len.min(rest.len()) };
    let is_mysql = engine == SqlEngine::MySql;
    match bytes[0] {
        b if b.is_ascii_whitespace() => {
            token(What::Blank, bytes.iter().take_while(|b| b.is_ascii_whitespace()).count())
        }
        b'-' if rest.starts_with("--") => token(What::Blank, line_end(rest)),
        b'#' if is_mysql => token(What::Blank, line_end(rest)),
        b'/' if rest.starts_with("/*") => {
            // MySQL runs what stands in /*! ... */.
            let what = if is_mysql && (rest.starts_with("/*!") || rest.starts_with("/*M!")) {
                What::Part
            } else {
                What::Blank
            };
            token(what, comment_end(rest, engine == SqlEngine::Postgres))
        }
        b';' => token(What::End, 1),
        quote @ (b'\'' | b'"' | b'`') => token(What::Part, quoted_end(bytes, quote, is_mysql && quote != b'`')),
        b'[' if engine == SqlEngine::Sqlite => token(What::Part, rest.find(']').map_or(rest.len(), |at| at + 1)),
        b'$' if engine == SqlEngine::Postgres => token(What::Part, dollar_end(rest)),
        b':' if rest.starts_with("::") => token(What::Part, 2),
        b':' if rest.starts_with(PARAMETER) && !bytes.get(PARAMETER.len()).is_some_and(is_word) => {
            token(What::Parameter, PARAMETER.len())
        }
        b':' if rest.starts_with(IDS) && !bytes.get(IDS.len()).is_some_and(is_word) => token(What::Ids, IDS.len()),
        // The quotes of E'...' take backslashes.
        b'e' | b'E' if engine == SqlEngine::Postgres && bytes.get(1) == Some(&b'\'') => {
            token(What::Part, 1 + quoted_end(&bytes[1..], b'\'', true))
        }
        b if is_word(&b) => token(What::Part, bytes.iter().take_while(|b| is_word(b)).count()),
        _ => token(What::Part, rest.chars().next().map_or(1, char::len_utf8)),
    }
}

fn is_word(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || *b == b'_' || *b == b'$' || *b >= 0x80
}

fn line_end(rest: &str) -> usize {
    rest.find('\n').map_or(rest.len(), |at| at + 1)
}

fn comment_end(rest: &str, nests: bool) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < rest.len() && depth > 0 {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
        } else if nests && here.starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else {
            at += 1;
        }
    }
    at
}

/// Where the quoted text that `bytes` begins with ends; a doubled quote within is two quoted texts, which is as good.
fn quoted_end(bytes: &[u8], quote: u8, has_backslash: bool) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if has_backslash => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Where `$tag$ ... $tag$` ends; a `$` that begins none is one sign.
fn dollar_end(rest: &str) -> usize {
    let tag_end = rest[1..].find('$').map(|at| at + 2);
    let Some(tag) = tag_end.map(|end| &rest[..end]) else { return 1 };
    let is_tag = tag[1..tag.len() - 1].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80);
    if !is_tag || tag[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return 1;
    }
    rest[tag.len()..].find(tag).map_or(rest.len(), |at| tag.len() * 2 + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(query: &str, engine: SqlEngine) -> String {
        prepare(query, engine, "$1").map_or_else(|e| format!("error: {}", e.message()), |query| query.text)
    }

    #[test]
    fn ids_stand_where_they_are_asked_for_and_cannot_end_the_text_they_are_in() {
        let ids = ["4711", "data_center.rack.1-2", "x' OR '1'='1"].map(str::to_owned);
        let query = "SELECT ':ids' -- :ids\n, a::ids, :idset FROM t WHERE id IN (:ids)";
        assert_eq!(
            with_ids(query, SqlEngine::Postgres, &ids),
            query.replace("(:ids)", "('4711', 'data_center.rack.1-2')"),
        );
    }

    #[test]
    fn the_parameter_is_found_where_it_is_one() {
        let pg = |query: &str| text(query, SqlEngine::Postgres);
        assert_eq!(pg("SELECT 1 WHERE t > :changed_since;\n"), "SELECT 1 WHERE t > $1\n");
        for untouched in [
            "SELECT ':changed_since', \":changed_since\" -- :changed_since",
            "SELECT 1 /* /* :changed_since */ :changed_since */",
            "SELECT $$ :changed_since $$, $a$ $$ :changed_since $a$, x::changed_since, :changed_since_not",
            "SELECT E'\\' :changed_since'",
        ] {
            assert_eq!(pg(untouched), untouched);
        }
        assert_eq!(
            text("SELECT '\\' :changed_since' # :changed_since", SqlEngine::MySql),
            "SELECT '\\' :changed_since' # :changed_since"
        );
        assert_eq!(text("SELECT '\\' || :changed_since", SqlEngine::Sqlite), "SELECT '\\' || $1");
        assert_eq!(text("SELECT [:changed_since]", SqlEngine::Sqlite), "SELECT [:changed_since]");
        assert_eq!(pg("(SELECT 'a''b' WHERE t > :changed_since)"), "(SELECT 'a''b' WHERE t > $1)");
    }

    #[test]
    fn one_statement_that_reads() {
        let sqlite = |query: &str| text(query, SqlEngine::Sqlite);
        assert_eq!(sqlite("-- all\nSELECT ';' ; -- end\n ;"), "-- all\nSELECT ';'  -- end\n ");
        assert_eq!(sqlite("WITH a AS (SELECT 1) SELECT * FROM a"), "WITH a AS (SELECT 1) SELECT * FROM a");
        assert_eq!(sqlite("SELECT 1; DROP TABLE a"), "error: the query is more than one statement");
        assert_eq!(sqlite("delete from a"), "error: the query begins with DELETE: it does not read");
        assert_eq!(sqlite(" -- nothing\n"), "error: the query is empty");
        let hidden = "SELECT 1; /*! DELETE FROM a */";
        assert_eq!(text(hidden, SqlEngine::MySql), "error: the query is more than one statement");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_nothing_but_parameters_and_ends_is_changed(query in r#"[-'"`a$\[\]\\/*#;:é \n]{0,40}(:changed_since)?.{0,20}"#) {
            for engine in [SqlEngine::Postgres, SqlEngine::MySql, SqlEngine::Sqlite] {
                let query = format!("select {query}");
                if let Ok(ready) = prepare(&query, engine, ":changed_since") {
                    prop_assert_eq!(ready.text.replace(';', ""), query.replace(';', ""));
                }
            }
        }
    }
}
