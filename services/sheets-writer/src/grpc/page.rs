//! Pages of lists: how many entries, from where on, and how much of one answer they may be.
//!
//! The invariant: an answer of several entries is well below the 4 MiB that clients take at once, and who follows the
//! tokens to the end has seen every entry once.

use domain::Fault;
use prost::Message;

use crate::error::Error;

/// Entries of a page, unless it is said otherwise, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 500;
/// Most entries that are read at once: all of them may be long.
const STEP: u32 = 100;
/// Most bytes of a page's entries, unless the only one is longer.
pub(super) const ROOM: usize = 2_000_000;
/// What frames an entry in an answer, at most.
const FRAME: usize = 8;

/// Which page is asked for.
#[derive(Debug)]
pub(super) struct Page {
    limit: u32,
    after: Option<String>,
}

// === impl Page ===

impl Page {
    /// The page of a request's `page_size` and `page_token`.
    pub(super) fn of(size: i32, token: String) -> Result<Self, Fault> {
        Ok(Self { limit: limit(size)?, after: (!token.is_empty()).then_some(token) })
    }

    /// Reads the page, and the token of the next. `read` answers at most so many entries after a cursor, and the cursor
    /// after them.
    pub(super) async fn fill<T, F>(
        self,
        read: impl Fn(u32, Option<String>) -> F,
    ) -> Result<(Vec<T>, String), Error>
    where
        T: Message,
        F: Future<Output = Result<(Vec<T>, Option<String>), Error>>,
    {
        let Self { limit: mut left, mut after } = self;
        let (mut entries, mut room) = (Vec::new(), ROOM);
        while left > 0 {
            let step = left.min(STEP);
            let (mut found, mut next) = read(step, after.clone()).await.map_err(wrong)?;
            let fits = fitting(&found, room);
            let is_full = fits < found.len();
            if is_full {
                let fewer = if entries.is_empty() { fits.max(1) } else { fits };
                if fewer == 0 {
                    break;
                }
                // Only the list itself knows the cursor of a place within what was read.
                (found, next) = read(fewer as u32, after).await.map_err(wrong)?;
            }
            room = room.saturating_sub(found.iter().map(size).sum());
            entries.extend(found);
            (left, after) = (left - step, next);
            if is_full || after.is_none() {
                break;
            }
        }
        Ok((entries, after.unwrap_or_default()))
    }
}

/// How many a page is to have.
pub(super) fn limit(asked: i32) -> Result<u32, Fault> {
    match u32::try_from(asked) {
        Ok(0) => Ok(USUAL),
        Ok(asked @ 1..=MOST) => Ok(asked),
        _ => Err(Fault::invalid("page_size", format!("page_size must be 1 to {MOST}"))),
    }
}

/// A page token that is from no such list.
pub(super) fn foreign() -> Fault {
    Fault::invalid("page_token", "page_token is not from this list")
}

/// How many of the first entries have room.
pub(super) fn fitting<T: Message>(entries: &[T], room: usize) -> usize {
    let mut left = room;
    let fits = |entry: &&T| {
        let rest = left.checked_sub(size(*entry));
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    entries.iter().take_while(fits).count()
}

fn size<T: Message>(entry: &T) -> usize {
    entry.encoded_len() + FRAME
}

/// A cursor that the store does not know is the caller's mistake.
fn wrong(error: Error) -> Error {
    match error {
        Error::Store(store::Error::Invalid(_)) => foreign().into(),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// All pages of a list of texts that are so long.
    fn pages(lengths: &[usize], size: i32) -> Vec<Vec<usize>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut pages, mut token) = (Vec::new(), String::new());
        let most = Cell::new(0);
        loop {
            let page = Page::of(size, token).unwrap();
            let read = |limit: u32, after: Option<String>| {
                let from = after.map_or(0, |after| after.parse().unwrap());
                let to = lengths.len().min(from + limit as usize);
                most.set(limit.max(most.get()));
                let next = (to < lengths.len()).then(|| to.to_string());
                let found = lengths[from..to].iter().map(|length| "x".repeat(*length)).collect();
                async move { Ok((found, next)) }
            };
            let (entries, next): (Vec<String>, _) = runtime.block_on(page.fill(read)).unwrap();
            assert!(entries.len() == 1 || entries.iter().map(super::size).sum::<usize>() <= ROOM);
            pages.push(entries.iter().map(String::len).collect());
            token = next;
            if token.is_empty() {
                assert!(most.get() <= STEP);
                assert_eq!(pages.concat(), lengths);
                return pages;
            }
        }
    }

    #[test]
    fn a_page_ends_by_number_or_by_length() {
        let of = |lengths: &[usize], size| pages(lengths, size).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(of(&[], 0), [0]);
        assert_eq!(of(&[10; 250], 0), [100, 100, 50]);
        assert_eq!(of(&[10; 250], 120), [120, 120, 10]);
        assert_eq!(of(&[10; 501], 500), [500, 1]);
        // Nine of them have room; what is longer than all room comes alone.
        assert_eq!(of(&[210_000; 20], 500), [9, 9, 2]);
        assert_eq!(of(&[3_000_000, 10, 3_000_000, 10], 500), [1, 1, 1, 1]);
        // The second step of a page finds no room at all, and then some.
        let mixed = [&[19_000; 100][..], &[200_000; 3], &[10; 4]].concat();
        assert_eq!(of(&mixed, 500), [100, 7]);
        let mixed = [&[15_000; 100][..], &[200_000; 3], &[10; 4]].concat();
        assert_eq!(of(&mixed, 500), [102, 5]);
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for size in [-1, 501] {
            assert_eq!(Page::of(size, String::new()).unwrap_err().field.as_deref(), Some("page_size"));
        }
        assert_eq!((limit(0), limit(1), limit(500)), (Ok(100), Ok(1), Ok(500)));
    }
}
