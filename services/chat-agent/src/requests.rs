//! What is done about each request.
//!
//! A request is worked on in a task of its own, so that no browser that goes away leaves half of it done. The
//! invariant: a thread that is not the asker's does not exist.

mod actions;
mod answers;
mod erasure;
mod messages;
mod threads;

use std::sync::Arc;

use chassis::{Context, request_id};
use domain::{Fault, limit::Limit, workflow::Workflow};
use serde::Serialize;
use store::{Clock, Store, limiter::Limiter};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    error::Error,
    protocol::{Event, Item, StreamOptions, event, request::Request},
    threads::{Edit, Owner, Record, Threads},
    turn::{CUT_SHORT, Hearing, Input, Listener, Pace, Responder, Run, Session, Slot, Slots, Turn},
};

/// How many requests that cost nothing but reading there may be for each message.
const READS: u32 = 12;

/// What a request is answered.
pub(crate) enum Reply {
    /// One JSON document.
    Whole(Vec<u8>),
    /// Events.
    Stream(Hearing),
}

/// Where requests are worked on.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Inner>);

struct Inner {
    threads: Threads,
    slots: Slots,
    responder: Arc<dyn Responder>,
    workflows: Vec<Arc<Workflow>>,
    limits: Limits,
    pace: Pace,
    leaving: CancellationToken,
    ctx: Context,
}

/// How often a visitor may ask.
pub(crate) struct Limits {
    /// For what may cost something, at all instances together.
    messages: Limiter,
    /// For what costs nothing but reading, at each instance: a draw from the store would cost more than the read.
    reads: Limiter,
}

/// A turn on its way, and what its listener is told first.
struct Opening {
    session: Session,
    record: Record,
    input: Input,
    events: Vec<Event>,
    title: Option<String>,
    slot: Slot,
}

// === impl Limits ===

impl Limits {
    /// The limits that follow from that of messages.
    pub(crate) fn new(limit: Limit, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            messages: Limiter::over(limit, store, "messages", clock),
            reads: Limiter::new(times(limit, READS)),
        }
    }
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(
        (threads, slots): (Threads, Slots),
        responder: Arc<dyn Responder>,
        workflows: Vec<Arc<Workflow>>,
        limits: Limits,
        pace: Pace,
        leaving: CancellationToken,
        ctx: Context,
    ) -> Self {
        Self(Arc::new(Inner { threads, slots, responder, workflows, limits, pace, leaving, ctx }))
    }

    /// The workflow of this slug.
    pub(crate) fn workflow(&self, slug: &str) -> Option<Arc<Workflow>> {
        self.0.workflows.iter().find(|workflow| workflow.slug == slug).cloned()
    }

    /// Answers a request, whoever waits for the answer.
    pub(crate) async fn answer(&self, session: Session, body: &[u8]) -> Result<Reply, Error> {
        let request = Request::read(body);
        let is_costly = request.as_ref().map_or(true, Request::is_costly);
        self.admit(session.visitor_id.as_str(), is_costly).await?;
        let request = request.map_err(Error::Refused)?;
        let desk = self.clone();
        self.finish(async move { desk.work(session, request).await }).await?
    }

    /// Lets somebody do something that may cost something, or read, unless they do it too often.
    pub(crate) async fn admit(&self, who: &str, is_costly: bool) -> Result<(), Error> {
        let Limits { messages, reads } = &self.0.limits;
        let limiter = if is_costly { messages } else { reads };
        limiter.check(who).await.map_err(Error::Limited)
    }

    /// Works on something to its end, whoever waits for it.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.spawn(async move {
            // fails only when the caller has gone, which ends the stream that is told
            let _ = tell.send(work.await);
        });
        told.await.map_err(|_| Error::Lost)
    }

    async fn work(&self, session: Session, request: Request) -> Result<Reply, Error> {
        match request {
            Request::Create(message, traits) => self.create(session, message, traits).await,
            Request::AddMessage(thread, message) => self.add_message(session, &thread, message).await,
            Request::AddToolOutput(thread, output) => self.add_output(session, &thread, output).await,
            Request::AddAnswers(thread, item, answers) => {
                self.add_answers(session, &thread, &item, answers).await
            }
            Request::Retry(thread, item) => self.retry(session, &thread, &item).await,
            Request::Act(action) => self.act(session, action).await,
            Request::ActNow(action) => self.act_now(session, action).await,
            Request::GetThread(thread) => self.get(&session, &thread).await,
            Request::ListThreads(paging) => self.list(&session, &paging).await,
            Request::ListItems(thread, paging) => self.list_items(&session, &thread, &paging).await,
            Request::Judge(thread, items, positive) => self.judge(&session, &thread, items, positive).await,
            Request::Rename(thread, title) => self.rename(&session, &thread, title).await,
            Request::Delete(thread) => self.delete(&session, &thread).await,
        }
    }

    /// A thread of this session.
    async fn find(&self, session: &Session, id: &str) -> Result<Record, Error> {
        self.0.threads.find(&owner(session), id).await?.ok_or(Error::ThreadUnknown)
    }

    /// The right to work on a thread of this session, and the thread as it is then. `None` if a turn is under way
    /// and does not end.
    async fn take(&self, session: &Session, id: &str) -> Result<Option<(Slot, Record)>, Error> {
        self.find(session, id).await?;
        let Some(slot) = self.0.slots.take(id, self.0.pace.wait).await else { return Ok(None) };
        Ok(Some((slot, self.find(session, id).await?)))
    }

    /// What begins a turn: a note of the turn that died with its process, if one did, then `edits`.
    fn beginning(&self, record: &Record, edits: Vec<Edit>) -> Vec<Edit> {
        let cut_short = record.running_since.map(|_| {
            let head = self.head(&record.thread.id, self.0.threads.new_id("hci_"));
            let content = CUT_SHORT.to_owned();
            Edit::Put(Item::HiddenContextItem(crate::protocol::HiddenContext { head, content }))
        });
        cut_short.into_iter().chain(edits).chain([Edit::Begin]).collect()
    }

    fn head(&self, thread: &str, id: String) -> crate::protocol::Head {
        crate::protocol::Head { id, thread_id: thread.to_owned(), created_at: self.0.threads.now() }
    }

    /// Makes the changes that begin a turn.
    async fn begin(&self, record: &Record, edits: Vec<Edit>) -> Result<Record, Error> {
        let edits = self.beginning(record, edits);
        self.0.threads.edit(&record.thread.id, edits).await?.ok_or(Error::ThreadUnknown)
    }

    /// A turn, its listener told what comes first, and the other end.
    fn open(&self, opening: Opening) -> (Run, Hearing) {
        let Opening { session, record, input, events, title, slot } = opening;
        let Inner { threads, slots, responder, pace, leaving, .. } = &*self.0;
        let (listener, hearing) = Listener::pair(pace.waiting);
        events.into_iter().for_each(|event| listener.send(event));
        let kept = (threads.clone(), slots.clone());
        let Record { thread, standing, .. } = record;
        let turn = Turn::new(input, thread, session, kept, listener, leaving.clone()).on(&standing);
        (Run { turn, responder: responder.clone(), pace: *pace, title, slot }, hearing)
    }

    /// Lets a turn run, and answers with its stream.
    fn start(&self, opening: Opening) -> Reply {
        let (run, hearing) = self.open(opening);
        self.spawn(run.live());
        Reply::Stream(hearing)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let id = request_id::current();
        // boxed, or each wrapper around it would hold a turn's state once more
        let task = Box::pin(task);
        let task = async move {
            match id {
                Some(id) => request_id::scope(id, task).await,
                None => task.await,
            }
        };
        self.0.ctx.spawn(task.in_current_span());
    }
}

/// Whose the threads of a session are.
fn owner(session: &Session) -> Owner {
    Owner { visitor: session.visitor_id.clone(), workflow: session.workflow.slug.clone() }
}

/// The event that tells that a stream may be stopped.
fn stream_options() -> Event {
    Event::StreamOptions { stream_options: StreamOptions { allow_cancel: true } }
}

/// The answer to a request that comes while a turn is under way.
fn busy() -> Reply {
    let (listener, hearing) = Listener::pair(1);
    listener.send(Event::Error(event::Error::Custom {
        message: "still answering".to_owned(),
        allow_retry: true,
    }));
    listener.close();
    Reply::Stream(hearing)
}

fn whole(document: &impl Serialize) -> Reply {
    Reply::Whole(serde_json::to_vec(document).expect("a protocol type serializes to JSON"))
}

fn invalid(field: &str, why: &str) -> Error {
    Error::Refused(Fault::invalid(field, format!("{field} {why}")))
}

fn times(limit: Limit, factor: u32) -> Limit {
    match limit {
        Limit::Off => Limit::Off,
        Limit::Rate { count, window, burst } => {
            let factor = std::num::NonZeroU32::new(factor).unwrap_or(std::num::NonZeroU32::MIN);
            Limit::Rate { count: count.saturating_mul(factor), window, burst: burst.saturating_mul(factor) }
        }
    }
}
