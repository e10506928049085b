//! Threads and items: shown, renamed, judged, deleted.

use serde_json::json;

use super::{Desk, Reply, Session, owner, whole};
use crate::{
    error::Error,
    protocol::{Page, View, request::PAGE},
    threads::{Direction, Edit, Paging},
};

impl Desk {
    /// `threads.get_by_id`: with its first items.
    pub(super) async fn get(&self, session: &Session, thread: &str) -> Result<Reply, Error> {
        let record = self.find(session, thread).await?;
        let paging = Paging { limit: PAGE, direction: Direction::Ascending, after: None };
        let items = self.0.threads.items(thread, &paging).await?.unwrap_or_default();
        Ok(whole(&View::new(&record.thread, items)))
    }

    /// `threads.list`
    pub(super) async fn list(&self, session: &Session, paging: &Paging) -> Result<Reply, Error> {
        let page = self.0.threads.list(&owner(session), paging).await?.ok_or(Error::ThreadUnknown)?;
        let Page { data, has_more, after } = page;
        let data = data.iter().map(|record| View::bare(&record.thread)).collect();
        Ok(whole(&Page { data, has_more, after }))
    }

    /// `items.list`
    pub(super) async fn list_items(
        &self,
        session: &Session,
        thread: &str,
        paging: &Paging,
    ) -> Result<Reply, Error> {
        self.find(session, thread).await?;
        let page = self.0.threads.items(thread, paging).await?;
        Ok(whole(&page.ok_or(Error::ItemUnknown("params.after"))?))
    }

    /// `items.feedback`
    pub(super) async fn judge(
        &self,
        session: &Session,
        thread: &str,
        items: Vec<String>,
        positive: bool,
    ) -> Result<Reply, Error> {
        let record = self.find(session, thread).await?;
        for item in &items {
            let placed = self.0.threads.item(thread, item).await?;
            if placed.is_none_or(|placed| placed.item.is_hidden()) {
                return Err(Error::ItemUnknown("params.item_ids"));
            }
        }
        self.0.threads.judge(&record, &items, positive).await?;
        Ok(whole(&json!({})))
    }

    /// `threads.update`
    pub(super) async fn rename(
        &self,
        session: &Session,
        thread: &str,
        title: String,
    ) -> Result<Reply, Error> {
        self.find(session, thread).await?;
        let record = self.0.threads.edit(thread, vec![Edit::Title(title)]).await?;
        Ok(whole(&View::bare(&record.ok_or(Error::ThreadUnknown)?.thread)))
    }

    /// `threads.delete`: with all its items.
    pub(super) async fn delete(&self, session: &Session, thread: &str) -> Result<Reply, Error> {
        if self.0.threads.delete(&owner(session), thread).await? {
            Ok(whole(&json!({})))
        } else {
            Err(Error::ThreadUnknown)
        }
    }
}
