//! Lists of threads for the operator.
//!
//! The invariant: who follows the cursor to its end has seen every thread that was there and was not touched meanwhile.

use store::Error;

use super::{HandOffs, State};
use crate::threads::Record;

/// Which threads are wanted.
pub(crate) struct Wanted {
    /// Only those that wait for a person or are with one, the longest ones first.
    pub(crate) handed_off: bool,
    /// Only this visitor's.
    pub(crate) visitor: Option<String>,
    /// At most so many.
    pub(crate) limit: u32,
    /// The cursor of the page before.
    pub(crate) token: Option<String>,
}

/// Threads, and the cursor of the next ones.
type Page = (Vec<Record>, Option<String>);

// === impl HandOffs ===

impl HandOffs {
    /// One page of threads; it may be short and not be the last.
    pub(crate) async fn list(&self, wanted: Wanted) -> Result<Page, Error> {
        let Wanted { handed_off, visitor, limit, token } = wanted;
        match visitor {
            Some(visitor) if !handed_off => self.of_visitor(&visitor, limit, token.as_deref()).await,
            visitor if handed_off => self.handed_off(visitor.as_deref(), limit, token).await,
            _ => self.threads.youngest(limit, token).await,
        }
    }

    /// Threads that wait for a person or are with one. Those that only the books miss fill no page.
    async fn handed_off(
        &self,
        visitor: Option<&str>,
        limit: u32,
        mut token: Option<String>,
    ) -> Result<Page, Error> {
        let (now, times) = (self.threads.now(), self.threads.times());
        let is_his = |record: &Record| visitor.is_none_or(|visitor| record.is_of(visitor));
        let mut found = Vec::new();
        loop {
            let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
            let (records, next) = self.threads.attended(left, token).await?;
            let is_wanted =
                |record: &Record| is_his(record) && record.standing.state(now, &times) != State::Active;
            found.extend(records.into_iter().filter(is_wanted));
            if next.is_none() || found.len() >= limit as usize {
                return Ok((found, next));
            }
            token = next;
        }
    }

    /// A visitor's threads in all workflows, the youngest first. The cursor is the last one's time and id.
    async fn of_visitor(&self, visitor: &str, limit: u32, token: Option<&str>) -> Result<Page, Error> {
        let last = token.map(place).transpose()?;
        let until = last.as_ref().map(|(time, _)| *time);
        let mut found = Vec::new();
        for workflow in self.workflows.iter() {
            // one more for the last one itself, and one that tells that there is more
            found.extend(self.threads.of_visitor(visitor, &workflow.slug, limit + 2, until).await?);
        }
        let place = |record: &Record| (record.updated_us, record.thread.id.clone());
        found.retain(|record| last.as_ref().is_none_or(|last| place(record) < *last));
        found.sort_by_key(|record| std::cmp::Reverse(place(record)));
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next =
            found.last().filter(|_| more).map(|record| format!("{}.{}", record.updated_us, record.thread.id));
        Ok((found, next))
    }
}

fn place(token: &str) -> Result<(i64, String), Error> {
    let read = token.split_once('.').and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned())));
    read.ok_or_else(|| Error::Invalid("the cursor does not belong to this list".into()))
}
