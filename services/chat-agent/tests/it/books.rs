//! Books that write down what they are told, or are away.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use chassis::Grpc;
use domain::Fault;
use proto::{
    ops::v1::{
        ListNoticesRequest, ListNoticesResponse, NotifyEventRequest, NotifyEventResponse, NotifyRequest,
        NotifyResponse,
        notify_service_server::{NotifyService, NotifyServiceServer},
    },
    sheets::v1::{
        IngestEventsRequest, IngestEventsResponse, RecordEventsRequest, RecordEventsResponse,
        event_service_server::{EventService, EventServiceServer},
    },
};
use serde_json::Value;
use tonic::{Request, Response, Status};

/// The books' side of the wire.
#[derive(Clone, Default)]
pub(crate) struct Books(Arc<State>);

#[derive(Default)]
pub(crate) struct State {
    events: Mutex<Vec<Value>>,
    notices: Mutex<Vec<Value>>,
    /// They refuse whatever comes.
    pub(crate) away: AtomicBool,
    /// They answer nobody.
    pub(crate) hang: AtomicBool,
    /// They answer that it took too long.
    pub(crate) late: AtomicBool,
    /// How often they were asked.
    pub(crate) asked: AtomicUsize,
    /// They refuse for good what is of this type.
    pub(crate) refused: Mutex<Option<&'static str>>,
    /// Whoever tells people is away.
    pub(crate) people_away: AtomicBool,
}

impl std::ops::Deref for Books {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Books {
    /// Books, and where they are.
    pub(crate) async fn start() -> (Self, String) {
        let books = Self::default();
        let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .add(EventServiceServer::new(books.clone()))
            .add(NotifyServiceServer::new(books.clone()));
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(chassis::serve(listener, grpc.into(), chassis::Context::new("books", false)));
        (books, url)
    }

    /// What they were told of this type.
    pub(crate) fn told(&self, kind: &str) -> Vec<Value> {
        self.events.lock().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
    }

    /// What people were told past them.
    pub(crate) fn notices(&self) -> Vec<Value> {
        self.notices.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl NotifyService for Books {
    async fn notify_event(
        &self,
        request: Request<NotifyEventRequest>,
    ) -> Result<Response<NotifyEventResponse>, Status> {
        if self.people_away.load(SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let event = serde_json::from_slice(&request.into_inner().event).unwrap();
        self.notices.lock().unwrap().push(event);
        Ok(Response::new(NotifyEventResponse { wanted: true }))
    }

    async fn notify(&self, _: Request<NotifyRequest>) -> Result<Response<NotifyResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn list_notices(
        &self,
        _: Request<ListNoticesRequest>,
    ) -> Result<Response<ListNoticesResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

#[tonic::async_trait]
impl EventService for Books {
    async fn ingest_events(
        &self,
        _: Request<IngestEventsRequest>,
    ) -> Result<Response<IngestEventsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn record_events(
        &self,
        request: Request<RecordEventsRequest>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        self.asked.fetch_add(1, SeqCst);
        if self.hang.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.late.load(SeqCst) {
            return Err(Status::deadline_exceeded("late"));
        }
        if self.away.load(SeqCst) {
            return Err(Status::internal("away"));
        }
        let RecordEventsRequest { caller, events, .. } = request.into_inner();
        let mut event: Value = serde_json::from_slice(&events).unwrap();
        if self.refused.lock().unwrap().is_some_and(|kind| event["type"] == kind) {
            return Err(chassis::status::status(&Fault::invalid("message", "message is too long")));
        }
        event["visitor_id"] = caller.unwrap_or_default().visitor_id.into();
        self.events.lock().unwrap().push(event);
        Ok(Response::new(RecordEventsResponse { accepted: 1, ..Default::default() }))
    }
}
