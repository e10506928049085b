//! A turn: one answer to one input, and who answers it.
//!
//! A turn is a task of its own; the stream that a browser reads only listens to it. The invariant: what is emitted
//! reaches listeners alone, what is done is in the store first, and no loss of a listener undoes either.

mod drafts;
mod listener;
mod run;
mod slots;
#[cfg(test)]
pub(crate) mod testing;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{id::VisitorId, workflow::Workflow};
use jiff::Timestamp;
use proto::common::v1::Caller;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::{
    hand_off::{Standing, Times},
    protocol::{
        ClientToolCall, Event, Head, HiddenContext, Item, StructuredInput, Thread, UserMessage, View,
    },
    threads::{Edit, Threads},
};
use drafts::Drafts;
pub(crate) use listener::{Hearing, Listener, Loss};
pub use run::Pace;
pub(crate) use run::{CUT_SHORT, Run};
pub(crate) use slots::{Slot, Slots, Trail};

/// How many items a responder gets to see.
const HISTORY: u32 = 200;

/// Whoever answers turns.
#[async_trait::async_trait]
pub trait Responder: Send + Sync + 'static {
    /// Answers one turn. An error becomes an `error` event and the turn's end.
    async fn respond(&self, turn: &Turn) -> Result<(), TurnError>;

    /// Title of a new thread from its first message; `None` leaves it untitled.
    fn title(&self, first_message: &str) -> Option<String>;
}

/// Why a turn was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// For a reason that the visitor is told.
    #[error("the turn was refused")]
    Custom {
        /// In these words.
        message: String,
        /// Whether the visitor may try again.
        allow_retry: bool,
    },
    /// For a reason that was logged.
    #[error("the turn failed")]
    Failed,
}

impl From<store::Error> for TurnError {
    fn from(error: store::Error) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the store failed a turn");
        Self::Failed
    }
}

/// What a turn answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A message; it is in the history already.
    Message(UserMessage),
    /// What a tool in the browser has answered; the item in the history is this one.
    ToolOutput(ClientToolCall),
    /// A form that was filled in or put away; the item in the history is this one.
    Answers(StructuredInput),
    /// Something was pressed.
    Action {
        /// On which widget.
        item_id: Option<String>,
        /// `type` of the action.
        kind: String,
        /// What came with it.
        payload: Value,
    },
    /// The last message once more; what followed it is gone.
    Retry,
}

/// Whose turn it is.
#[derive(Clone, Debug)]
pub struct Session {
    /// As the gateway established it; goes into every call to another service.
    pub caller: Caller,
    /// The visitor.
    pub visitor_id: VisitorId,
    /// The workflow.
    pub workflow: Arc<Workflow>,
    /// The session; may be empty.
    pub session_id: String,
    /// The visitor's language, such as `de-DE`; may be empty.
    pub locale: String,
}

/// One turn.
pub struct Turn {
    /// What it answers.
    pub input: Input,
    /// Its thread, as it was when the turn began.
    pub thread: Thread,
    /// Whose it is.
    pub session: Session,
    threads: Threads,
    slots: Slots,
    listener: Listener,
    drafts: Drafts,
    titled: AtomicBool,
    silent: AtomicBool,
    unheard: Mutex<BTreeSet<String>>,
    leaving: CancellationToken,
}

// === impl Turn ===

impl Turn {
    pub(crate) fn new(
        input: Input,
        thread: Thread,
        session: Session,
        (threads, slots): (Threads, Slots),
        listener: Listener,
        leaving: CancellationToken,
    ) -> Self {
        let titled = AtomicBool::new(thread.title.is_some());
        let (silent, unheard) = (AtomicBool::new(false), Mutex::default());
        let drafts = Drafts::default();
        Self { input, thread, session, threads, slots, listener, drafts, titled, silent, unheard, leaving }
    }

    /// The turn as it begins on a thread that stands so with people.
    pub(crate) fn on(self, standing: &Standing) -> Self {
        Self { silent: AtomicBool::new(standing.is_silent()), ..self }
    }

    /// The newest 200 items of the thread, hidden ones included, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn history(&self) -> Result<Vec<Item>, store::Error> {
        self.threads.newest(&self.thread.id, HISTORY).await
    }

    /// An item of the thread, hidden or not.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn item(&self, id: &str) -> Result<Option<Item>, store::Error> {
        Ok(self.threads.item(&self.thread.id, id).await?.map(|placed| placed.item))
    }

    /// Tells the listener. Nothing of it is kept, but an assistant message that has begun (`thread.item.added`) and
    /// is never done is kept as far as its text came.
    pub async fn emit(&self, event: Event) {
        self.drafts.note(&event);
        self.listener.send(event);
    }

    /// Keeps an item, new or grown, then emits `thread.item.done`. A message that comes when a person has the thread is
    /// dropped, and `thread.item.removed` is emitted in its place.
    ///
    /// # Errors
    /// The store's. A thread that was deleted meanwhile is none: the item is dropped.
    pub async fn done(&self, item: Item) -> Result<(), store::Error> {
        let is_said = matches!(item, Item::AssistantMessage(_));
        let edit = if is_said { Edit::Say(item.clone()) } else { Edit::Put(item.clone()) };
        let kept = self.keep(&item, edit).await?;
        if kept && is_said && self.is_silent() {
            self.unheard.lock().unwrap_or_else(PoisonError::into_inner).insert(item.id().to_owned());
            self.listener.send(Event::ItemRemoved { item_id: item.id().to_owned() });
        } else if kept && !item.is_hidden() {
            self.listener.send(Event::ItemDone { item });
        }
        Ok(())
    }

    /// Keeps a message in the server's own words, whoever has the thread, then emits `thread.item.done`.
    ///
    /// # Errors
    /// As [`Self::done`].
    pub(crate) async fn announce(&self, item: Item) -> Result<(), store::Error> {
        if self.keep(&item, Edit::Put(item.clone())).await? {
            self.listener.send(Event::ItemDone { item });
        }
        Ok(())
    }

    /// Changes how the thread stands with people and puts the items that follow from it, then emits
    /// `thread.item.done` for each of them.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn stand(
        &self,
        change: impl Fn(&mut Standing) -> Vec<Item> + Send + Sync,
    ) -> Result<(), store::Error> {
        let Some(stood) = self.threads.stand(None, &self.thread.id, change).await? else {
            self.listener.lose(Loss::Deleted);
            return Ok(());
        };
        self.silent.store(stood.record.standing.is_silent(), Ordering::Relaxed);
        for item in stood.put.into_iter().filter(|item| !item.is_hidden()) {
            self.listener.send(Event::ItemDone { item });
        }
        Ok(())
    }

    /// Whether a person has the thread, as of the last change of it that this turn has made.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    /// Whether a person has the thread now.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn is_taken_over(&self) -> Result<bool, store::Error> {
        let record = self.threads.any(&self.thread.id).await?;
        let taken = record.is_some_and(|record| record.standing.is_silent());
        self.silent.fetch_or(taken, Ordering::Relaxed);
        Ok(taken)
    }

    /// Whether this message was dropped because a person has the thread.
    pub(crate) fn is_unheard(&self, item_id: &str) -> bool {
        self.unheard.lock().unwrap_or_else(PoisonError::into_inner).contains(item_id)
    }

    /// How long hand-offs may take.
    pub(crate) fn hand_off_times(&self) -> Times {
        self.threads.times()
    }

    /// Keeps what the model shall know and nobody else.
    ///
    /// # Errors
    /// The store's.
    pub async fn hide(&self, text: String) -> Result<(), store::Error> {
        let head = self.head(self.new_id("hci_"));
        let item = Item::HiddenContextItem(HiddenContext { head, content: text });
        self.keep(&item, Edit::Put(item.clone())).await.map(drop)
    }

    /// Keeps another state of an item, then emits `thread.item.replaced`.
    ///
    /// # Errors
    /// The store's.
    pub async fn replace(&self, item: Item) -> Result<(), store::Error> {
        if self.keep(&item, Edit::Put(item.clone())).await? {
            self.listener.send(Event::ItemReplaced { item });
        }
        Ok(())
    }

    /// Names the thread, then emits `thread.updated`.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_title(&self, title: String) -> Result<(), store::Error> {
        self.titled.store(true, Ordering::Relaxed);
        self.update(Edit::Title(title)).await
    }

    /// Keeps facts of the server's own with the thread, in place of those that were there, then emits
    /// `thread.updated`, which does not show them.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_metadata(&self, metadata: Map<String, Value>) -> Result<(), store::Error> {
        self.update(Edit::Metadata(metadata)).await
    }

    /// Ends when nobody listens any more, or the process leaves and its time is up. Text stops then; a call with an
    /// effect that has begun is finished all the same.
    pub async fn listener_lost(&self) {
        self.listener.lost().await;
    }

    /// Whether anybody listens.
    pub fn is_listened(&self) -> bool {
        self.listener.is_open()
    }

    /// Whether the process leaves: finish soon, begin nothing.
    pub fn draining(&self) -> bool {
        self.leaving.is_cancelled()
    }

    /// To be held by what tells of this turn in the background: whoever erases the thread waits for it.
    pub(crate) fn trail(&self) -> Trail {
        self.slots.trail(&self.thread.id)
    }

    /// A new id that begins with `prefix`, such as `msg_`.
    pub fn new_id(&self, prefix: &str) -> String {
        self.threads.new_id(prefix)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.threads.now()
    }

    /// Id, thread and time of a new item.
    pub fn head(&self, id: String) -> Head {
        Head { id, thread_id: self.thread.id.clone(), created_at: self.now() }
    }

    /// False if the thread is gone.
    async fn keep(&self, item: &Item, edit: Edit) -> Result<bool, store::Error> {
        let kept = self.threads.edit(&self.thread.id, vec![edit]).await?;
        self.drafts.forget(item.id());
        match &kept {
            Some(record) => self.silent.store(record.standing.is_silent(), Ordering::Relaxed),
            None => self.listener.lose(Loss::Deleted),
        }
        Ok(kept.is_some())
    }

    async fn update(&self, edit: Edit) -> Result<(), store::Error> {
        if let Some(record) = self.threads.edit(&self.thread.id, vec![edit]).await? {
            self.listener.send(Event::ThreadUpdated { thread: View::bare(&record.thread) });
        }
        Ok(())
    }
}
