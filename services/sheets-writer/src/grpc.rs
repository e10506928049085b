//! The gRPC services of the books: decode, call, encode. Events here, the others in a file each.

mod bookkeeping;
mod contacts;
pub(crate) mod deliveries;
mod erasures;
mod export;
mod leads;
mod ledger;
pub(crate) mod operations;
mod page;

use std::sync::Arc;

use proto::sheets::v1::{
    IngestEventsRequest, IngestEventsResponse, RecordEventsRequest, RecordEventsResponse,
    event_service_server::EventService,
};
use store::{Clock, Store};
use tonic::{Request, Response, Status};

use crate::{
    error::Error,
    ingest::{self, Delivery, Rules},
    ledger::Ledger,
};

/// What the services work on.
#[derive(Clone)]
pub(crate) struct Books {
    store: Arc<dyn Store>,
    ledger: Arc<Ledger>,
    rules: Rules,
    clock: Clock,
}

impl Books {
    pub(crate) fn new(store: Arc<dyn Store>, ledger: Arc<Ledger>, rules: Rules, clock: Clock) -> Self {
        Self { store, ledger, rules, clock }
    }
}

fn status(error: Error) -> Status {
    chassis::status::status(&error.into())
}

#[tonic::async_trait]
impl EventService for Books {
    async fn ingest_events(
        &self,
        request: Request<IngestEventsRequest>,
    ) -> Result<Response<IngestEventsResponse>, Status> {
        let request = request.into_inner();
        let delivery = Delivery {
            body: &request.body,
            secret: &request.secret,
            from_loopback: request.from_loopback,
            hop: &request.hop,
        };
        let taken =
            ingest::take(&*self.store, &self.rules, delivery, (self.clock)()).await.map_err(status)?;
        self.ledger.wake();
        let ingest::Taken { accepted, duplicates, ids } = taken;
        Ok(Response::new(IngestEventsResponse { accepted, duplicates, event_ids: ids }))
    }

    async fn record_events(
        &self,
        request: Request<RecordEventsRequest>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        let RecordEventsRequest { caller, events, .. } = request.into_inner();
        let visitor = caller.map(|caller| caller.visitor_id).unwrap_or_default();
        let now = (self.clock)();
        let taken =
            ingest::take_own(&*self.store, &self.rules, &events, &visitor, now).await.map_err(status)?;
        self.ledger.wake();
        let ingest::Taken { accepted, duplicates, ids } = taken;
        Ok(Response::new(RecordEventsResponse { accepted, duplicates, event_ids: ids }))
    }
}
