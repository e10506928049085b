//! What the books offer to whoever runs the system.

use std::sync::Arc;

use chassis::{Context, Tick, Ticked};
use domain::Fault;
use proto::common::v1::{
    Count, ErasePersonRequest, ErasePersonResponse, InboxMessage, InboxState, ListInboxRequest,
    ListInboxResponse, ReplayInboxRequest, ReplayInboxResponse, TickRequest, TickResponse,
    operations_service_server::OperationsService,
};
use store::Store;
use tonic::{Request, Response, Status};

use super::{Books, erasures::wire_counts, page::Page, status};
use crate::{
    erasure::Eraser,
    error::Error,
    ingest::inbox::{self, Message},
    wire::wire_time,
};

/// Erasures that one tick looks after.
const ERASURES: u32 = 20;

/// The operations over these books.
pub(crate) struct Operations {
    books: Books,
    eraser: Eraser,
    tick: Tick,
}

// === impl Operations ===

impl Operations {
    /// `silent` is the store through which nobody is told of anything.
    pub(crate) fn new(ctx: &Context, books: Books, silent: Arc<dyn Store>) -> Self {
        let eraser = Eraser::new(silent, books.ledger.clone(), books.clock.clone());
        let due = eraser.clone();
        // What is kept for a time is let go by the store itself.
        let tick = Tick::new(ctx, move || {
            let due = due.clone();
            async move {
                let mut ticked = Ticked::default();
                ticked.count("erasures", due.go_on(ERASURES).await?.try_into().unwrap_or(i64::MAX));
                Ok(ticked)
            }
        });
        Self { books, eraser, tick }
    }

    /// What is done by the clock.
    pub(crate) fn tick(&self) -> Tick {
        self.tick.clone()
    }

    async fn list(&self, request: ListInboxRequest) -> Result<ListInboxResponse, Error> {
        let store = &*self.books.store;
        if !request.message_id.is_empty() {
            let (message, body) = inbox::get(store, &request.message_id).await?;
            let message = InboxMessage { body: body.into_bytes().into(), ..wire_message(message) };
            return Ok(ListInboxResponse { messages: vec![message], next_page_token: String::new() });
        }
        let page = Page::of(request.page_size, request.page_token)?;
        match InboxState::try_from(request.state) {
            Ok(InboxState::Unspecified | InboxState::Done) => {}
            // An event is worked on in the commit that takes it.
            Ok(InboxState::Waiting | InboxState::Parked) => return Ok(ListInboxResponse::default()),
            Err(_) => return Err(Fault::invalid("state", "state is none that messages have").into()),
        }
        let read = async |limit, after| {
            let (found, next) = inbox::list(store, limit, after).await?;
            let is_wanted = |found: &InboxMessage| ["", &found.source].contains(&&*request.source);
            Ok((found.into_iter().map(wire_message).filter(is_wanted).collect(), next))
        };
        let (messages, next_page_token) = page.fill(read).await?;
        Ok(ListInboxResponse { messages, next_page_token })
    }

    async fn replay(&self, request: ReplayInboxRequest) -> Result<InboxMessage, Error> {
        let Books { store, rules, clock, ledger } = &self.books;
        let (message, _) = inbox::get(&**store, &request.message_id).await?;
        // What was ours before it came in is never told of.
        let store = if message.hop { &self.eraser.store } else { store };
        let message = inbox::replay(&**store, rules, &request.message_id, clock()).await?;
        ledger.wake();
        Ok(wire_message(message))
    }

    async fn erase(&self, request: ErasePersonRequest) -> Result<ErasePersonResponse, Error> {
        // Who the person is, the erasure itself knows best.
        let answered = self.eraser.erase(&request.erasure_id).await?;
        Ok(ErasePersonResponse {
            done: answered.done,
            erased: wire_counts(answered.erased),
            waiting_for: answered.waiting_for,
        })
    }
}

fn wire_message(message: Message) -> InboxMessage {
    let problem = if message.erased { "its person was forgotten" } else { "" };
    InboxMessage {
        message_id: message.id,
        source: if message.own { "chat" } else { "events" }.to_owned(),
        r#type: message.kind,
        state: InboxState::Done.into(),
        receive_time: Some(wire_time(message.received_at)),
        tries: 1,
        problem: problem.to_owned(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn tick(&self, _: Request<TickRequest>) -> Result<Response<TickResponse>, Status> {
        let Ticked { done, more } = self.tick.run().await.map_err(|fault| status(fault.into()))?;
        let done = done.into_iter().map(|(kind, number)| Count { kind, number }).collect();
        Ok(Response::new(TickResponse { done, more }))
    }

    async fn list_inbox(
        &self,
        request: Request<ListInboxRequest>,
    ) -> Result<Response<ListInboxResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn replay_inbox(
        &self,
        request: Request<ReplayInboxRequest>,
    ) -> Result<Response<ReplayInboxResponse>, Status> {
        let message = self.replay(request.into_inner()).await.map_err(status)?;
        Ok(Response::new(ReplayInboxResponse { message: Some(message) }))
    }

    async fn erase_person(
        &self,
        request: Request<ErasePersonRequest>,
    ) -> Result<Response<ErasePersonResponse>, Status> {
        self.erase(request.into_inner()).await.map(Response::new).map_err(status)
    }
}
