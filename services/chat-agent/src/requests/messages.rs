//! Messages: into a new thread, into one that is there, and once more.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Desk, Opening, Reply, Session, busy, invalid, owner, stream_options};
use crate::{
    error::Error,
    hand_off::State,
    protocol::{CallStatus, Event, Item, Status, TRAITS, Thread, UserMessage, View, request::Message},
    threads::{Edit, Record, fits},
    turn::Input,
};

/// How far back a call of a browser tool may wait for its output.
const PENDING: u32 = 20;

impl Desk {
    /// `threads.create`
    pub(super) async fn create(
        &self,
        session: Session,
        message: Message,
        traits: BTreeMap<String, String>,
    ) -> Result<Reply, Error> {
        let threads = &self.0.threads;
        let thread = Thread {
            title: None,
            id: threads.new_id("thr_"),
            created_at: threads.now(),
            status: Status::Active,
            metadata: [(TRAITS.to_owned(), json!(traits))].into_iter().collect(),
        };
        // nobody else knows the id yet
        let slot = self.0.slots.take(&thread.id, self.0.pace.wait).await.ok_or(Error::Lost)?;
        let message = self.message(&thread.id, message)?;
        let item = Item::UserMessage(message.clone());
        let edits = vec![Edit::Put(item.clone()), Edit::Begin];
        let record = threads.create(&owner(&session), thread, edits).await?;
        let thread = View::bare(&record.thread);
        let events = vec![Event::ThreadCreated { thread }, Event::ItemDone { item }, stream_options()];
        let title = self.0.responder.title(&message.text());
        Ok(self.start(Opening { session, record, input: Input::Message(message), events, title, slot }))
    }

    /// `threads.add_user_message`
    pub(super) async fn add_message(
        &self,
        session: Session,
        thread: &str,
        message: Message,
    ) -> Result<Reply, Error> {
        let Some((slot, record)) = self.take(&session, thread).await? else { return Ok(busy()) };
        if record.thread.status != Status::Active {
            return Err(Error::Conflict("the thread takes no messages"));
        }
        let message = self.message(thread, message)?;
        let item = Item::UserMessage(message.clone());
        let mut edits = self.withdrawn(&record).await?;
        edits.push(Edit::Put(item.clone()));
        let record = self.begin(&record, edits).await?;
        let events = vec![Event::ItemDone { item }, stream_options()];
        Ok(self.start(Opening { session, record, input: Input::Message(message), events, title: None, slot }))
    }

    /// `threads.retry_after_item`
    pub(super) async fn retry(&self, session: Session, thread: &str, item: &str) -> Result<Reply, Error> {
        let Some((slot, record)) = self.take(&session, thread).await? else { return Ok(busy()) };
        let placed = self.0.threads.item(thread, item).await?;
        let placed = placed.filter(|placed| !placed.item.is_hidden());
        let placed = placed.ok_or(Error::ItemUnknown("params.item_id"))?;
        if !matches!(placed.item, Item::UserMessage(_)) {
            return Err(invalid("params.item_id", "must be a message of the visitor"));
        }
        // nobody answers in place of the person who has the thread, so nothing has to make room
        let (now, times) = (self.0.threads.now(), self.0.threads.times());
        if record.standing.state(now, &times) == State::Active {
            self.0.threads.cut_after(thread, placed.seq).await?;
        }
        let edits = vec![Edit::Begin];
        let record = self.0.threads.edit(&record.thread.id, edits).await?.ok_or(Error::ThreadUnknown)?;
        let events = vec![stream_options()];
        Ok(self.start(Opening { session, record, input: Input::Retry, events, title: None, slot }))
    }

    /// Calls of browser tools that a new message makes pointless.
    async fn withdrawn(&self, record: &Record) -> Result<Vec<Edit>, Error> {
        let items = self.0.threads.newest(&record.thread.id, PENDING).await?;
        let pending =
            |item: &Item| matches!(item, Item::ClientToolCall(call) if call.status == CallStatus::Pending);
        Ok(items.iter().filter(|item| pending(item)).map(|item| Edit::Remove(item.id().to_owned())).collect())
    }

    fn message(&self, thread: &str, message: Message) -> Result<UserMessage, Error> {
        let Message { content, quoted_text, inference_options } = message;
        let head = self.head(thread, self.0.threads.new_id("msg_"));
        let message = UserMessage { head, content, attachments: Vec::new(), quoted_text, inference_options };
        if !fits(&Item::UserMessage(message.clone())) {
            return Err(invalid("params.input", "is too large"));
        }
        Ok(message)
    }
}
