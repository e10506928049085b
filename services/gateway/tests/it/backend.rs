//! Stand-ins for all services behind the door: they note what they were asked and answer from a script.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use chassis::{Context, Grpc};
use futures_util::stream::{self, BoxStream};
use prost_types::Timestamp;
use proto::{
    booking::v1::payment_service_server::PaymentServiceServer,
    chat::v1::{
        ProcessRequest, ProcessResponse,
        chat_service_server::{ChatService, ChatServiceServer},
        process_response::Frame,
        thread_service_server::ThreadServiceServer,
        tool_service_server::ToolServiceServer,
    },
    common::v1::{
        operations_service_server::OperationsServiceServer, webhook_service_server::WebhookServiceServer,
    },
    session::v1::{
        CancelSessionRequest, CancelSessionResponse, CreateSessionRequest, CreateSessionResponse,
        RefreshSessionRequest, RefreshSessionResponse, Session, SessionMode,
        session_service_server::{SessionService, SessionServiceServer},
    },
    sheets::v1::{
        IngestEventsRequest, IngestEventsResponse, RecordEventsRequest, RecordEventsResponse,
        contact_service_server::ContactServiceServer,
        event_service_server::{EventService, EventServiceServer},
        lead_service_server::LeadServiceServer,
        ledger_service_server::LedgerServiceServer,
    },
};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, async_trait};
use url::Url;

use crate::{books::Asked, keepers::Forgetting, mcp::upstream::Tools, threads::People, till::Till, whop};

pub(crate) const EXPIRES_AT: i64 = 1_761_667_800;

/// All services in one.
#[derive(Clone, Default)]
pub(crate) struct Backend(Arc<Mutex<Notes>>);

/// What was asked, and what is still to be answered. Without a script the answer is a friendly one.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) creates: Vec<CreateSessionRequest>,
    pub(crate) refreshes: Vec<RefreshSessionRequest>,
    pub(crate) ingests: Vec<IngestEventsRequest>,
    pub(crate) talks: Vec<ProcessRequest>,
    pub(crate) books: Vec<Asked>,
    /// `x-request-id` and `grpc-timeout` of every call.
    pub(crate) metadata: Vec<[Option<String>; 2]>,
    pub(crate) sessions: VecDeque<Result<Session, Status>>,
    pub(crate) events: VecDeque<Result<IngestEventsResponse, Status>>,
    pub(crate) chats: VecDeque<Result<mpsc::Receiver<Answered>, Status>>,
    /// What the next calls of the operator fail with.
    pub(crate) refusals: VecDeque<Status>,
    /// A person's being forgotten.
    pub(crate) forgetting: Forgetting,
    /// The conversations, as people see them.
    pub(crate) people: People,
    /// The agents' tools.
    pub(crate) tools: Tools,
    /// The calendar and the till.
    pub(crate) till: Till,
    /// The members.
    pub(crate) whop: whop::Asked,
}

/// One frame of a chat, or what breaks it.
pub(crate) type Answered = Result<ProcessResponse, Status>;

pub(crate) fn result(json: &'static str) -> Answered {
    Ok(ProcessResponse { frame: Some(Frame::Result(json.into())) })
}

pub(crate) fn event(json: &'static str) -> Answered {
    Ok(ProcessResponse { frame: Some(Frame::Event(json.into())) })
}

pub(crate) fn session() -> Session {
    Session {
        session_id: "cksess_1".into(),
        client_secret: "ek_1".into(),
        expire_time: Some(Timestamp { seconds: EXPIRES_AT, nanos: 0 }),
        mode: SessionMode::Hosted.into(),
        workflow: "lead-concierge".into(),
        start_screen: None,
    }
}

// === impl Backend ===

impl Backend {
    /// Serves until the context ends.
    pub(crate) async fn serve(&self, ctx: Context) -> Url {
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .add(ChatServiceServer::new(self.clone()))
            .add(ToolServiceServer::new(self.clone()))
            .add(ThreadServiceServer::new(self.clone()))
            .add(SessionServiceServer::new(self.clone()))
            .add(EventServiceServer::new(self.clone()))
            .add(ContactServiceServer::new(self.clone()))
            .add(LeadServiceServer::new(self.clone()))
            .add(LedgerServiceServer::new(self.clone()))
            .add(WebhookServiceServer::new(self.clone()))
            .add(PaymentServiceServer::new(self.clone()))
            .add(OperationsServiceServer::new(self.clone()));
        tokio::spawn(chassis::serve(listener, grpc.into(), ctx));
        url
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap()
    }

    /// The next chat: what is sent here comes out of it, and it is closed when nobody reads it any more.
    pub(crate) fn chat(&self) -> mpsc::Sender<Answered> {
        let (sender, receiver) = mpsc::channel(16);
        self.notes().chats.push_back(Ok(receiver));
        sender
    }

    /// The next chat, all at once.
    pub(crate) fn says(&self, frames: impl IntoIterator<Item = Answered>) {
        let sender = self.chat();
        frames.into_iter().for_each(|frame| sender.try_send(frame).unwrap());
    }

    pub(crate) fn note<T>(&self, request: &Request<T>) -> MutexGuard<'_, Notes> {
        let metadata = ["x-request-id", "grpc-timeout"]
            .map(|name| request.metadata().get(name).map(|value| value.to_str().unwrap().to_owned()));
        let mut notes = self.notes();
        notes.metadata.push(metadata);
        notes
    }
}

#[async_trait]
impl SessionService for Backend {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let mut notes = self.note(&request);
        notes.creates.push(request.into_inner());
        let session = notes.sessions.pop_front().unwrap_or_else(|| Ok(session()))?;
        Ok(Response::new(CreateSessionResponse { session: Some(session) }))
    }

    async fn refresh_session(
        &self,
        request: Request<RefreshSessionRequest>,
    ) -> Result<Response<RefreshSessionResponse>, Status> {
        let mut notes = self.note(&request);
        notes.refreshes.push(request.into_inner());
        let session = notes.sessions.pop_front().unwrap_or_else(|| Ok(session()))?;
        Ok(Response::new(RefreshSessionResponse { session: Some(session) }))
    }

    async fn cancel_session(
        &self,
        _: Request<CancelSessionRequest>,
    ) -> Result<Response<CancelSessionResponse>, Status> {
        Err(Status::unimplemented("the gateway never cancels"))
    }
}

#[async_trait]
impl ChatService for Backend {
    type ProcessStream = BoxStream<'static, Answered>;

    async fn process(
        &self,
        request: Request<ProcessRequest>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        let mut notes = self.note(&request);
        notes.talks.push(request.into_inner());
        let Some(script) = notes.chats.pop_front() else {
            return Ok(Response::new(Box::pin(stream::iter([result("{}")]))));
        };
        let mut script = script?;
        Ok(Response::new(Box::pin(stream::poll_fn(move |context| script.poll_recv(context)))))
    }
}

#[async_trait]
impl EventService for Backend {
    async fn record_events(
        &self,
        _: Request<RecordEventsRequest>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        Err(Status::unimplemented("the gateway never records"))
    }

    async fn ingest_events(
        &self,
        request: Request<IngestEventsRequest>,
    ) -> Result<Response<IngestEventsResponse>, Status> {
        let mut notes = self.note(&request);
        notes.ingests.push(request.into_inner());
        let friendly = IngestEventsResponse { accepted: 1, duplicates: 0, event_ids: vec!["evt_1".into()] };
        notes.events.pop_front().unwrap_or(Ok(friendly)).map(Response::new)
    }
}
