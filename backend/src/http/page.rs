//! Cursors: the key of the last entry, wrapped so that nobody builds on what is inside.

use super::error::Failure;
use crate::service::page::{PageRequest, Paged};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use berth_api_types::page::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Page, PageQuery};
use std::{fmt::Display, str::FromStr};

/// Longest cursor, in characters: a name or an id fits many times.
const CURSOR_CHARS_MAX: usize = 400;

/// Reads which page was asked for.
pub fn request<K: FromStr>(query: &PageQuery) -> Result<PageRequest<K>, Failure> {
    let limit = query.limit.unwrap_or(PAGE_LIMIT_DEFAULT);
    if !(1..=PAGE_LIMIT_MAX).contains(&limit) {
        return Err(Failure::malformed(format!("limit must be 1 to {PAGE_LIMIT_MAX}")));
    }
    let after = match &query.cursor {
        Some(cursor) => Some(key(cursor).ok_or_else(|| Failure::malformed("cursor is none that a page gave"))?),
        None => None,
    };
    Ok(PageRequest { after, limit })
}

fn key<K: FromStr>(cursor: &str) -> Option<K> {
    if cursor.len() > CURSOR_CHARS_MAX {
        return None;
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    // Postgres takes no NUL in texts.
    (!text.contains('\0')).then(|| text.parse().ok()).flatten()
}

/// The page as it is answered.
pub fn view<T, K: Display, V>(paged: Paged<T, K>, view: impl FnMut(T) -> V) -> Page<V> {
    Page {
        items: paged.items.into_iter().map(view).collect(),
        next_cursor: paged.next.map(|key| URL_SAFE_NO_PAD.encode(key.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_starts_where_this_one_ended() {
        let first = request::<String>(&PageQuery { cursor: None, limit: Some(2) }).expect("valid");
        let page = view(first.cut(vec!["a", "b", "c"], |name| (*name).to_owned()), |name| name);
        assert_eq!(page.items, ["a", "b"]);
        let next = request::<String>(&PageQuery { cursor: page.next_cursor, limit: None }).expect("valid");
        assert_eq!(next.after.as_deref(), Some("b"));
        assert_eq!(next.cut(vec!["c"], |name| (*name).to_owned()).next, None);
    }

    #[test]
    fn foreign_cursors_and_limits_are_refused() {
        for (cursor, limit) in
            [(Some("***".to_owned()), None), (Some("AA".to_owned()), None), (None, Some(0)), (None, Some(501))]
        {
            assert!(request::<String>(&PageQuery { cursor, limit }).is_err());
        }
    }
}
