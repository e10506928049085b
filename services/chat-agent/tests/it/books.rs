//! Books that write down what they are told, or are away.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use chassis::Grpc;
use proto::sheets::v1::{
    IngestEventsRequest, IngestEventsResponse, RecordEventsRequest, RecordEventsResponse,
    event_service_server::{EventService, EventServiceServer},
};
use serde_json::Value;
use tonic::{Request, Response, Status};

/// The books' side of the wire.
#[derive(Clone, Default)]
pub(crate) struct Books(Arc<State>);

#[derive(Default)]
pub(crate) struct State {
    events: Mutex<Vec<Value>>,
    /// They refuse whatever comes.
    pub(crate) away: AtomicBool,
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
        let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET).add(EventServiceServer::new(books.clone()));
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(chassis::serve(listener, grpc.into(), chassis::Context::new("books", false)));
        (books, url)
    }

    /// What they were told of this type.
    pub(crate) fn told(&self, kind: &str) -> Vec<Value> {
        self.events.lock().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
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
        if self.away.load(SeqCst) {
            return Err(Status::internal("away"));
        }
        let RecordEventsRequest { caller, events, .. } = request.into_inner();
        let mut event: Value = serde_json::from_slice(&events).unwrap();
        event["visitor_id"] = caller.unwrap_or_default().visitor_id.into();
        self.events.lock().unwrap().push(event);
        Ok(Response::new(RecordEventsResponse { accepted: 1, ..Default::default() }))
    }
}
