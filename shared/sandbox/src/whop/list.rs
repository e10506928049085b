//! Pages of a list: `first` and `after`, or `last` and `before`, and `page_info` in the answer.
//!
//! A cursor is the id of what it stands at, so that a page begins where the last one ended whatever came meanwhile. The
//! invariant: turning all pages shows everything that was there at the beginning, once.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    ask::Query,
    error::{Refusal, Taken},
};

/// A page where nobody says how long it is. Whop's number is not published.
const USUAL: usize = 20;
const MOST: usize = 100;

/// Which page is asked for.
#[derive(Debug)]
pub(super) struct Page {
    size: usize,
    from: Option<String>,
    backwards: bool,
}

// === impl Page ===

impl Page {
    pub(super) fn of(query: &mut Query) -> Taken<Self> {
        let (first, after) = (query.count("first")?, query.text("after")?);
        let (last, before) = (query.count("last")?, query.text("before")?);
        let backwards = last.is_some() || before.is_some();
        if backwards && (first.is_some() || after.is_some()) {
            return Err(Refusal::bad("Use first and after, or last and before"));
        }
        let size = first.or(last).unwrap_or(USUAL);
        if !(1..=MOST).contains(&size) {
            return Err(Refusal::bad(format!("A page has 1 to {MOST} entries")));
        }
        let from = after.or(before).map(|cursor| read(&cursor)).transpose()?;
        Ok(Self { size, from, backwards })
    }

    /// The page of these, in their order.
    pub(super) fn cut<T>(
        &self,
        all: &[T],
        id: impl Fn(&T) -> &str,
        show: impl FnMut(&T) -> Taken<Value>,
    ) -> Taken<Value> {
        let at = match &self.from {
            None => None,
            Some(from) => Some(all.iter().position(|one| id(one) == from).ok_or_else(unknown)?),
        };
        let range = if self.backwards {
            let end = at.unwrap_or(all.len());
            end.saturating_sub(self.size)..end
        } else {
            let start = at.map_or(0, |at| at + 1);
            start..(start + self.size).min(all.len())
        };
        let page = &all[range.clone()];
        let data = page.iter().map(show).collect::<Taken<Vec<_>>>()?;
        let cursor = |one: Option<&T>| one.map(|one| BASE64_URL_SAFE_NO_PAD.encode(id(one)));
        Ok(json!({"data": data, "page_info": {
            "start_cursor": cursor(page.first()), "end_cursor": cursor(page.last()),
            "has_next_page": range.end < all.len(), "has_previous_page": range.start > 0,
        }}))
    }
}

fn unknown() -> Refusal {
    Refusal::bad("Unknown cursor")
}

fn read(cursor: &str) -> Taken<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| unknown())?;
    String::from_utf8(bytes).map_err(|_| unknown())
}

/// Puts what was read newest first into the direction that is asked for.
pub(super) fn direct<T>(query: &mut Query, all: &mut [T]) -> Taken<()> {
    if query.text("order")?.is_some_and(|order| order != "created_at") {
        return Err(Refusal::not_played("Another order than created_at"));
    }
    if query.one_of("direction", &["asc", "desc"])?.as_deref() == Some("asc") {
        all.reverse();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str, all: &[&str]) -> Taken<(String, bool, bool)> {
        let mut query = Query::parse(query);
        let page = Page::of(&mut query)?;
        let page = page.cut(all, |one| one, |one| Ok((*one).into()))?;
        let data: Vec<&str> =
            page["data"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let info = |name: &str| page["page_info"][name].as_bool().unwrap();
        Ok((data.concat(), info("has_previous_page"), info("has_next_page")))
    }

    fn cursor(id: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(id)
    }

    #[test]
    fn pages_are_turned_both_ways() {
        let all = ["a", "b", "c", "d", "e"];
        let turn = |query: &str| page(query, &all).unwrap();
        assert_eq!(turn("first=2"), ("ab".to_owned(), false, true));
        assert_eq!(turn(&format!("first=2&after={}", cursor("b"))), ("cd".to_owned(), true, true));
        assert_eq!(turn(&format!("after={}", cursor("d"))), ("e".to_owned(), true, false));
        assert_eq!(turn("last=2"), ("de".to_owned(), true, false));
        assert_eq!(turn(&format!("last=2&before={}", cursor("b"))), ("a".to_owned(), false, true));
        assert_eq!(turn(&format!("after={}", cursor("e"))), (String::new(), true, false));
    }

    #[test]
    fn what_no_page_can_be_is_refused() {
        for query in
            ["first=0", "first=101", "first=x", "first=1&last=1", "after=%25", "after=eA", "first=1&first=2"]
        {
            assert!(page(query, &["a"]).is_err(), "{query}");
        }
    }
}
