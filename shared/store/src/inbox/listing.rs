//! Looking at the inbox.

use super::{INBOX, Inbox, Message, NEWEST};
use crate::{
    Error, Order, Query,
    queue::{self, State},
};

/// Most messages of one page: each is read with its body, however long that is.
const PAGE: u32 = 25;

/// A message as it is listed.
pub type Listed = queue::Listed<Message>;
/// A page of the inbox.
pub type Listing = queue::Listing<Message>;

impl Inbox {
    /// Lists messages in this state, or all, the newest first. A page may hold fewer than asked for and not be the last.
    ///
    /// # Errors
    /// The store's; [`Error::Invalid`] for a cursor that is none.
    pub async fn list(
        &self,
        state: Option<State>,
        limit: u32,
        after: Option<String>,
    ) -> Result<Listing, Error> {
        let query = Query::new(&NEWEST, []).limit(limit.clamp(1, PAGE)).after(after);
        let mut page = INBOX.page(&*self.store, Query { order: Order::Descending, ..query }).await?;
        page.jobs.retain(|message| state.is_none_or(|state| message.state == state));
        Ok(page)
    }

    /// One message.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, id: &str) -> Result<Option<Listed>, Error> {
        INBOX.get(&*self.store, id).await
    }
}
