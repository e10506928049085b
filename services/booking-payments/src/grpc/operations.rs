//! `OperationsService` on the wire.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{Context, Tick, Ticked, status::status};
use domain::{Fault, Kind, Reason};
use proto::common::v1::{
    Count, ErasePersonRequest, ErasePersonResponse, InboxMessage, InboxState, ListInboxRequest,
    ListInboxResponse, Person, ReplayInboxRequest, ReplayInboxResponse, TickRequest, TickResponse,
    operations_service_server::OperationsService,
};
use serde_json::Value;
use store::{
    Clock, Store,
    erasing::{self, Erasures},
    inbox::{Forgotten, Inbox, Listed, Mentions, Message},
    queue::{Purge, State, Worker},
};
use tonic::{Request, Response, Status};

use super::wire_time;
use crate::{
    books::TELLINGS,
    duty::Duty,
    erasure::Forgets,
    error::{Error, fault, refuse},
};

/// What one call of an erasure may take before it answers that there is more.
const PORTION: Duration = Duration::from_secs(4);
/// Messages of a page, unless it is said otherwise, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 500;

/// The operations of this service.
pub(crate) struct Operations {
    pub(crate) tick: Tick,
    pub(crate) inbox: Inbox,
    pub(crate) worker: Worker<Message>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) erasures: Erasures,
    /// Who forgets what else there is of a person.
    pub(crate) parts: Vec<Arc<dyn Forgets>>,
}

/// Does these duties by the clock, one after the other.
pub(crate) fn tick(ctx: &Context, duties: Vec<Arc<dyn Duty>>) -> Tick {
    Tick::new(ctx, move || {
        let duties = duties.clone();
        async move {
            let (mut ticked, mut failed) = (Ticked::default(), None);
            for duty in duties {
                match duty.tick().await {
                    Ok(Ticked { done, more }) => {
                        done.into_iter().for_each(|(kind, number)| ticked.count(&kind, number));
                        ticked.more |= more;
                    }
                    Err(error) => {
                        let why: &dyn std::error::Error = &error;
                        tracing::warn!(duty = duty.name(), error = why, "a duty failed");
                        failed = Some(fault(error));
                    }
                }
            }
            failed.map_or(Ok(ticked), Err)
        }
    })
}

// === impl Operations ===

impl Operations {
    async fn list(&self, request: ListInboxRequest) -> Result<ListInboxResponse, Error> {
        let ListInboxRequest { message_id, state, page_size, page_token } = request;
        if !message_id.is_empty() {
            let found = self.inbox.get(&message_id).await?.ok_or_else(unknown)?;
            let body = found.message.body.bytes().to_vec().into();
            let message = InboxMessage { body, ..wire(found) };
            return Ok(ListInboxResponse { messages: vec![message], next_page_token: String::new() });
        }
        let state = wanted(state)?;
        let limit = limit(page_size)?;
        let after = (!page_token.is_empty()).then_some(page_token);
        let page = self.inbox.list(state, limit, after).await.map_err(foreign)?;
        Ok(ListInboxResponse {
            messages: page.messages.into_iter().map(wire).collect(),
            next_page_token: page.next.unwrap_or_default(),
        })
    }

    async fn replay(&self, id: &str) -> Result<InboxMessage, Error> {
        if self.inbox.get(id).await?.is_none() {
            return Err(unknown());
        }
        self.worker.work_on(id).await?;
        self.inbox.get(id).await?.map(wire).ok_or_else(unknown)
    }

    /// Forgets a person in the inbox first: what a message of theirs brings is forgotten with the rest. What is to be told
    /// of them comes last: their documents, once blank, add nothing to it.
    async fn erase(&self, erasure: &str, person: &Person) -> Result<Option<String>, Error> {
        let until = Instant::now() + PORTION;
        let mentions = mentions(person);
        match self.inbox.forget(&self.worker, &mentions, &self.erasures, erasure, until).await? {
            Forgotten::All => {}
            Forgotten::More => return Ok(Some("more messages".to_owned())),
            Forgotten::Waiting => return Ok(Some("a message that still waits for its provider".to_owned())),
        }
        for part in &self.parts {
            if let Some(waiting_for) = part.forget(person, &self.erasures, erasure).await? {
                return Ok(Some(waiting_for));
            }
        }
        let names = |telling: &Value| mentions.are_in_json(telling);
        let purge = Purge { names: &names, erasures: &self.erasures, erasure };
        if !TELLINGS.purge(&*self.store, &self.clock, &purge).await? {
            return Ok(Some("something that is being told of them".to_owned()));
        }
        let is_gone = self.erasures.scrub(erasure).await?;
        Ok((!is_gone).then(|| erasing::BACKUP.to_owned()))
    }
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn tick(&self, _: Request<TickRequest>) -> Result<Response<TickResponse>, Status> {
        let Ticked { done, more } = self.tick.run().await.map_err(|fault| status(&fault))?;
        Ok(Response::new(TickResponse { done: counts(done), more }))
    }

    async fn list_inbox(
        &self,
        request: Request<ListInboxRequest>,
    ) -> Result<Response<ListInboxResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn replay_inbox(
        &self,
        request: Request<ReplayInboxRequest>,
    ) -> Result<Response<ReplayInboxResponse>, Status> {
        let message = self.replay(&request.into_inner().message_id).await.map_err(refuse)?;
        Ok(Response::new(ReplayInboxResponse { message: Some(message) }))
    }

    async fn erase_person(
        &self,
        request: Request<ErasePersonRequest>,
    ) -> Result<Response<ErasePersonResponse>, Status> {
        let ErasePersonRequest { erasure_id, person } = request.into_inner();
        if domain::id::check(&erasure_id).is_err() {
            return Err(status(&Fault::invalid("erasure_id", "erasure_id must be an id")));
        }
        let waiting_for = self.erase(&erasure_id, &person.unwrap_or_default()).await.map_err(refuse)?;
        let progress = self.erasures.get(&erasure_id).await.map_err(|error| refuse(error.into()))?;
        Ok(Response::new(ErasePersonResponse {
            done: waiting_for.is_none(),
            erased: counts(progress.erased),
            waiting_for: waiting_for.unwrap_or_default(),
        }))
    }
}

fn mentions(person: &Person) -> Mentions {
    let Person { contact_ids, visitor_ids, whop_user_ids, emails, phones } = person;
    let names = [contact_ids, visitor_ids, whop_user_ids, emails].into_iter().flatten();
    Mentions::new(names.map(String::as_str)).and_phones(phones.iter().map(String::as_str))
}

fn counts(of: impl IntoIterator<Item = (String, i64)>) -> Vec<Count> {
    of.into_iter().map(|(kind, number)| Count { kind, number }).collect()
}

fn wire(listed: Listed) -> InboxMessage {
    let Listed { id, state, received_at, tries, problem, next_at, message } = listed;
    let state = match state {
        State::Waiting => InboxState::Waiting,
        State::Done => InboxState::Done,
        State::Parked => InboxState::Parked,
    };
    InboxMessage {
        message_id: id,
        source: message.source,
        r#type: message.kind,
        state: state.into(),
        receive_time: Some(wire_time(received_at)),
        tries: i32::try_from(tries).unwrap_or(i32::MAX),
        problem,
        next_time: next_at.map(wire_time),
        body: Default::default(),
    }
}

fn wanted(state: i32) -> Result<Option<State>, Fault> {
    match InboxState::try_from(state) {
        Ok(InboxState::Unspecified) => Ok(None),
        Ok(InboxState::Waiting) => Ok(Some(State::Waiting)),
        Ok(InboxState::Done) => Ok(Some(State::Done)),
        Ok(InboxState::Parked) => Ok(Some(State::Parked)),
        Err(_) => Err(Fault::invalid("state", "state is none that messages have")),
    }
}

fn limit(asked: i32) -> Result<u32, Fault> {
    match u32::try_from(asked) {
        Ok(0) => Ok(USUAL),
        Ok(asked @ 1..=MOST) => Ok(asked),
        _ => Err(Fault::invalid("page_size", format!("page_size must be 1 to {MOST}"))),
    }
}

fn unknown() -> Error {
    Fault::new(Kind::NotFound, Reason::MessageUnknown, "there is no such message").into()
}

/// A cursor that the store does not know is the caller's mistake.
fn foreign(error: store::Error) -> Error {
    match error {
        store::Error::Invalid(_) => Fault::invalid("page_token", "page_token is not from this list").into(),
        error => error.into(),
    }
}
