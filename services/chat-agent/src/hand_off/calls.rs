//! What is done about a hand-off: a person is called, a person answers, a person gives the thread back.
//!
//! The invariants: the thread is marked before anybody is told; the same request again changes nothing; and who was called
//! for is told of, by the books or, where they refuse it for good, past them.

use std::{sync::Arc, time::Duration};

use domain::{Fault, Kind, Reason, id::VisitorId, workflow::Workflow};
use tokio_util::task::TaskTracker;
use tonic::{Code, Status};
use tracing::Instrument as _;

use super::{Books, Standing, Untold, items};
use crate::{
    error::{Error, fault},
    protocol::Item,
    threads::{Owner, Record, Stood, Threads},
    turn::Slots,
};

/// Longest text of a person, in characters.
const TEXT: usize = 4_000;
/// Longest name of a person, in characters.
const AUTHOR: usize = 80;
/// Longest reason of a refusal that is kept, in characters.
const WHY: usize = 200;
/// How long whoever has marked a thread stays for the telling, which goes on without them: a process may be at rest while
/// nobody asks it for anything.
const STAY: Duration = Duration::from_secs(1);

/// Hand-offs of threads. Cheap to clone.
#[derive(Clone)]
pub(crate) struct HandOffs {
    pub(super) threads: Threads,
    pub(super) books: Books,
    pub(super) slots: Slots,
    pub(super) workflows: Arc<[Arc<Workflow>]>,
    /// What goes on after an answer.
    tasks: TaskTracker,
}

/// What became of telling the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// They have taken all of it, or refused it for good.
    Whole,
    /// Some of it is left.
    Partly,
    /// Nobody answered.
    Away,
}

/// What a person says.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Makes a repetition recognisable.
    pub(crate) request_id: String,
    /// What.
    pub(crate) text: String,
    /// Their name; blank for the workflow's title.
    pub(crate) author: String,
}

// === impl HandOffs ===

impl HandOffs {
    /// Hand-offs of these threads.
    pub(crate) fn new(threads: Threads, books: Books, slots: Slots, workflows: &[Arc<Workflow>]) -> Self {
        Self { threads, books, slots, workflows: workflows.into(), tasks: TaskTracker::new() }
    }

    /// These hand-offs, and a drain that waits for what they still tell.
    pub(crate) fn with_tasks(self, tasks: TaskTracker) -> Self {
        Self { tasks, ..self }
    }

    /// Puts a person's message into a thread, which is theirs from then on.
    pub(crate) async fn answer(&self, thread: &str, answer: Answer) -> Result<(Record, Item), Error> {
        let Answer { request_id, text, author } = answer;
        let record = self.threads.any(thread).await?.ok_or(Error::ThreadUnknown)?;
        let text = said("text", &text, TEXT)?;
        let author = match author.trim() {
            "" => self.title(&record),
            author => name(author)?.to_owned(),
        };
        let now = self.threads.now();
        let message = items::message(thread, &request_id, &author, text, now);
        let times = self.threads.times();
        let change = |standing: &mut Standing| {
            // one whose time is up is over, though nobody has said so yet
            standing.expire(now, &times);
            standing.answer(now);
            vec![message.clone()]
        };
        let Stood { record, there, .. } =
            self.threads.stand(None, thread, change).await?.ok_or(Error::ThreadUnknown)?;
        if let Some(there) = there {
            return if same(&there, &message) { Ok((record, there)) } else { Err(reused()) };
        }
        self.tell_soon(&record).await;
        Ok((record, message))
    }

    /// Gives a thread back to the model.
    pub(crate) async fn release(&self, thread: &str) -> Result<Record, Error> {
        let now = self.threads.now();
        let change = |standing: &mut Standing| {
            let released = standing.release();
            released.map(|hand_off| items::released(&hand_off, thread, now)).into_iter().collect()
        };
        let stood = self.threads.stand(None, thread, change).await?;
        Ok(stood.ok_or(Error::ThreadUnknown)?.record)
    }

    /// Has the books told in the background. Marked is enough: the tick tells what the books do not take now, so nobody who
    /// has marked a thread is held up, or hears of a failure, because of books that hang.
    async fn tell_soon(&self, record: &Record) {
        let (this, record) = (self.clone(), record.clone());
        let telling = async move {
            if let Err(error) = this.tell(&record).await {
                let (thread, error) = (&record.thread.id, &error as &dyn std::error::Error);
                tracing::warn!(thread.id = thread, error, "a hand-off is told later");
            }
        };
        let telling = self.tasks.spawn(telling.in_current_span());
        // what is not told by then is told without anybody waiting
        let _: Result<_, _> = tokio::time::timeout(STAY, telling).await;
    }

    /// Tells the books what they have not taken yet. What they refuse for good keeps nothing else from being told.
    pub(super) async fn tell(&self, record: &Record) -> Result<Telling, Error> {
        let thread = &record.thread.id;
        // whoever erases the thread waits for what is on its way
        let _trail = self.slots.trail(thread);
        let mut whole = true;
        for untold in record.standing.untold() {
            let refused = match self.books.tell(record, untold).await {
                Ok(()) => None,
                Err(status) if is_final(&status) => Some(status),
                Err(status) => {
                    tracing::warn!(thread.id = thread, code = ?status.code(), "the books have not taken a hand-off");
                    if is_away(&status) {
                        return Ok(Telling::Away);
                    }
                    whole = false;
                    continue;
                }
            };
            if let Some(status) = &refused
                && !self.tell_past_books(record, untold, status).await
            {
                whole = false;
                continue;
            }
            let why = refused.as_ref().map(reason);
            let change = |standing: &mut Standing| {
                match &why {
                    None => standing.told(untold),
                    Some(why) => standing.park(untold, why),
                }
                Vec::new()
            };
            self.threads.stand(None, thread, change).await?;
        }
        Ok(if whole { Telling::Whole } else { Telling::Partly })
    }

    /// What the books refuse for good goes to people without them, as far as it calls them; false if that has to be tried
    /// again.
    async fn tell_past_books(&self, record: &Record, refused: &Untold, status: &Status) -> bool {
        let thread = &record.thread.id;
        let (code, told) = (status.code(), self.books.tell_people(record, refused).await);
        if let Err(status) = &told
            && !is_final(status)
        {
            tracing::warn!(thread.id = thread, code = ?status.code(), "people are not told of a hand-off yet");
            return false;
        }
        tracing::error!(
            thread.id = thread,
            ?code,
            people_told = matches!(told, Ok(true)),
            "the books refuse a hand-off for good"
        );
        true
    }

    fn title(&self, record: &Record) -> String {
        let slug = record.owner().workflow;
        let workflow = self.workflows.iter().find(|workflow| workflow.slug == slug);
        workflow.map_or(slug, |workflow| workflow.title.clone())
    }
}

#[async_trait::async_trait]
impl tools::HandOff for HandOffs {
    async fn hand_off(&self, session: &tools::Session, request_id: &str, reason: &str) -> Result<(), Status> {
        if session.thread_id.is_empty() {
            return self.books.call(session, request_id, reason).await;
        }
        let refuse = |error| chassis::status::status(&fault(error));
        let visitor: VisitorId =
            session.caller.visitor_id.parse().map_err(|_| refuse(Error::ThreadUnknown))?;
        let owner = Owner { visitor, workflow: session.workflow.slug.clone() };
        let (thread, now, times) = (&session.thread_id, self.threads.now(), self.threads.times());
        let change = |standing: &mut Standing| {
            standing.expire(now, &times);
            let called = standing.call(reason, &session.caller.session_id, now);
            let hand_off = standing.hand_off().filter(|_| called);
            hand_off.map(|hand_off| items::called(hand_off, thread, now)).into_iter().collect()
        };
        let stood = self.threads.stand(Some(&owner), thread, change).await;
        let stood = stood.map_err(|error| refuse(Error::Store(error)))?;
        let record = stood.ok_or_else(|| refuse(Error::ThreadUnknown))?.record;
        self.tell_soon(&record).await;
        Ok(())
    }
}

/// Nobody answered, so that asking for anything else is of no use now.
fn is_away(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled)
}

/// The same again would be refused again.
fn is_final(status: &Status) -> bool {
    use Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, OutOfRange};
    matches!(status.code(), InvalidArgument | FailedPrecondition | OutOfRange | NotFound | AlreadyExists)
}

/// Why, in words that are fit for the operator's eyes.
fn reason(status: &Status) -> String {
    let fault = chassis::status::fault(status);
    format!("{}: {}", fault.reason.as_str(), fault.message).chars().take(WHY).collect()
}

fn said<'a>(field: &str, text: &'a str, most: usize) -> Result<&'a str, Error> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        let why = format!("{field} must be 1 to {most} characters");
        return Err(Error::Refused(Fault::invalid(field, why)));
    }
    Ok(text)
}

/// A name that no Markdown makes something else of.
fn name(author: &str) -> Result<&str, Error> {
    let author = said("author", author, AUTHOR)?;
    let plain = |c: char| c.is_alphanumeric() || " .,'’-&()/".contains(c);
    if author.chars().all(plain) {
        return Ok(author);
    }
    Err(Error::Refused(Fault::invalid("author", "author must be a name of letters, digits and spaces")))
}

/// Whether two messages of people say the same.
fn same(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::AssistantMessage(one), Item::AssistantMessage(other)) => one.content == other.content,
        _ => false,
    }
}

fn reused() -> Error {
    let message = "request_id was used for another message";
    let fault = Fault::new(Kind::Conflict, Reason::RequestIdReused, message);
    Error::Refused(Fault { field: Some("request_id".to_owned()), ..fault })
}
