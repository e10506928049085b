//! Looking at the inbox.

use jiff::Timestamp;

use super::{INBOX, Inbox, Message, NEWEST};
use crate::{
    Document, Error, Order, Query,
    queue::{Job, State},
    read_body,
};

/// Most messages of one page: each is read with its body, however long that is.
const PAGE: u32 = 25;

/// A message as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// When it first came.
    pub received_at: Timestamp,
    /// How often it was worked on.
    pub tries: u32,
    /// Why the last try failed; empty if it did not.
    pub problem: String,
    /// When it is tried next; only while it waits.
    pub next_at: Option<Timestamp>,
    /// The message itself.
    pub message: Message,
}

/// A page of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The messages, the newest first.
    pub messages: Vec<Listed>,
    /// Cursor of the next page; `None` when there is none.
    pub next: Option<String>,
}

impl Inbox {
    /// Lists messages in this state, or all. A page may hold fewer than asked for and not be the last.
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
        let page = self.store.query(Query { order: Order::Descending, ..query }).await?;
        let messages = page.documents.into_iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        let wanted = |message: &Listed| state.is_none_or(|state| message.state == state);
        Ok(Listing { messages: messages.into_iter().filter(wanted).collect(), next: page.next })
    }

    /// One message.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, id: &str) -> Result<Option<Listed>, Error> {
        if domain::id::check(id).is_err() {
            return Ok(None);
        }
        self.store.get(&INBOX.jobs().key(id)).await?.map(listed).transpose()
    }
}

fn listed(document: Document) -> Result<Listed, Error> {
    let found = INBOX.jobs().read(document)?;
    let Job { state, came_at, tries, problem, due_at, payload, .. } = found.value;
    let message = read_body(format_args!("{}/{}", INBOX.collection(), found.id), &payload)?;
    let next_at = (state == State::Waiting).then_some(due_at);
    Ok(Listed { id: found.id, state, received_at: came_at, tries, problem, next_at, message })
}
