//! `OperationsService` on the wire: what is on its way to people is the only queue here.
//!
//! The invariant: of a notice an operator is told its kind and its way, and nothing that it says.

use chassis::{Tick, Ticked, status::status};
use domain::{Fault, Kind, Reason};
use proto::{
    common::v1::{
        Count, ErasePersonRequest, ErasePersonResponse, InboxMessage, InboxState, ListInboxRequest,
        ListInboxResponse, ReplayInboxRequest, ReplayInboxResponse, TickRequest, TickResponse,
        operations_service_server::OperationsService,
    },
    time::wire,
};
use serde_json::json;
use store::{
    erasing::{Erased, Eraser as _},
    queue::{Listed, State},
};
use tonic::{Request, Response, Status};

use super::{foreign, limit};
use crate::{
    erasure::Erasure,
    error::{Error, refuse},
    notices::{Notices, SENDINGS, Sending},
};

/// Operations.
pub(crate) struct Service {
    pub(crate) tick: Tick,
    pub(crate) notices: Notices,
    pub(crate) erasure: Erasure,
}

impl Service {
    async fn list(&self, request: ListInboxRequest) -> Result<ListInboxResponse, Error> {
        let ListInboxRequest { message_id, state, page_size, page_token, source } = request;
        if !message_id.is_empty() {
            let found = self.notices.worker().get(job(&message_id)?).await?;
            let (message, body) = told(found.ok_or_else(unknown)?);
            let message = InboxMessage { body: body.into(), ..message };
            return Ok(ListInboxResponse { messages: vec![message], next_page_token: String::new() });
        }
        let is_named = source == SENDINGS.collection();
        let limit = limit(page_size)?;
        if !source.is_empty() && !is_named {
            return Ok(ListInboxResponse::default());
        }
        let states = states(state)?;
        let (mut place, mut after) = place(&page_token, states.len())?;
        let mut messages: Vec<InboxMessage> = Vec::new();
        // What is parked comes first; what merely waits for its time is listed if its queue is named.
        while place < states.len() {
            let left = limit.saturating_sub(u32::try_from(messages.len()).unwrap_or(u32::MAX));
            if left == 0 {
                break;
            }
            let page = self.notices.worker().list(states[place], left, after).await.map_err(foreign)?;
            let waits = states[place] == State::Waiting;
            let jobs = page.jobs.into_iter().filter(|job| is_named || !waits || !job.problem.is_empty());
            messages.extend(jobs.map(|job| told(job).0));
            (place, after) = (place + usize::from(page.next.is_none()), page.next);
        }
        let token = || format!("{place}.{}", after.unwrap_or_default());
        let next_page_token = if place < states.len() { token() } else { String::new() };
        Ok(ListInboxResponse { messages, next_page_token })
    }

    async fn replay(&self, message_id: &str) -> Result<InboxMessage, Error> {
        let found = self.notices.worker().replay(job(message_id)?).await?;
        Ok(told(found.ok_or_else(unknown)?).0)
    }
}

/// A sending, and what it is about, which only the answer about one has.
fn told(job: Listed<Sending>) -> (InboxMessage, Vec<u8>) {
    let Listed { id, state, received_at, tries, problem, next_at, payload } = job;
    let state = match state {
        State::Waiting => InboxState::Waiting,
        State::Done => InboxState::Done,
        State::Parked => InboxState::Parked,
    };
    let about = |sending: &Sending| json!({"notice": sending.notice, "channel": sending.channel}).to_string();
    let body = payload.as_ref().map(about).unwrap_or_default().into_bytes();
    let message = InboxMessage {
        message_id: format!("{}/{id}", SENDINGS.collection()),
        source: SENDINGS.collection().to_owned(),
        r#type: payload.map(|sending| sending.kind).unwrap_or_default(),
        state: state.into(),
        receive_time: Some(wire(received_at)),
        tries: i32::try_from(tries).unwrap_or(i32::MAX),
        problem,
        next_time: next_at.map(wire),
        body: Default::default(),
    };
    (message, body)
}

fn job(message_id: &str) -> Result<&str, Error> {
    let (queue, id) = message_id.split_once('/').unwrap_or_default();
    if queue == SENDINGS.collection() { Ok(id) } else { Err(unknown()) }
}

fn unknown() -> Error {
    Fault::new(Kind::NotFound, Reason::MessageUnknown, "there is no such job").into()
}

fn states(state: i32) -> Result<Vec<State>, Error> {
    match InboxState::try_from(state) {
        Ok(InboxState::Unspecified) => Ok(vec![State::Parked, State::Waiting, State::Done]),
        Ok(InboxState::Waiting) => Ok(vec![State::Waiting]),
        Ok(InboxState::Done) => Ok(vec![State::Done]),
        Ok(InboxState::Parked) => Ok(vec![State::Parked]),
        Err(_) => Err(Fault::invalid("state", "state is none that messages have").into()),
    }
}

fn place(token: &str, states: usize) -> Result<(usize, Option<String>), Error> {
    if token.is_empty() {
        return Ok((0, None));
    }
    let alien = || Error::from(Fault::invalid("page_token", "page_token is not from this list"));
    let (place, after) = token.split_once('.').ok_or_else(alien)?;
    let place = place.parse().ok().filter(|place| *place < states).ok_or_else(alien)?;
    Ok((place, (!after.is_empty()).then(|| after.to_owned())))
}

fn counts(of: impl IntoIterator<Item = (String, i64)>) -> Vec<Count> {
    of.into_iter().map(|(kind, number)| Count { kind, number }).collect()
}

#[tonic::async_trait]
impl OperationsService for Service {
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
        let Erased { progress, waiting_for } =
            self.erasure.erase_person(&erasure_id, person.unwrap_or_default()).await?;
        Ok(Response::new(ErasePersonResponse {
            done: waiting_for.is_none(),
            erased: counts(progress.erased),
            waiting_for: waiting_for.unwrap_or_default(),
        }))
    }
}
