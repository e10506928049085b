//! A sheets-writer that keeps what it is told, once it is there.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use chassis::Context;
use domain::{Fault, Kind, Reason};
use proto::sheets::v1::{
    IngestEventsRequest, IngestEventsResponse, RecordBookingRequest, RecordBookingResponse,
    RecordEventsRequest, RecordEventsResponse, RecordPaymentRequest, RecordPaymentResponse,
    RecordSubscriptionRequest, RecordSubscriptionResponse,
    bookkeeping_service_server::{BookkeepingService, BookkeepingServiceServer},
    event_service_server::{EventService, EventServiceServer},
};
use tonic::{Request, Response, Status};

/// What it was told and what it answers.
#[derive(Clone, Default)]
pub(super) struct Books(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// `booking uid version`, `event body` and so on.
    told: Mutex<Vec<String>>,
    /// The next answers, before all is well.
    faults: Mutex<VecDeque<Fault>>,
    asked: Mutex<Vec<String>>,
}

// === impl Books ===

impl Books {
    /// Serves it; its address.
    pub(super) async fn serve(&self) -> String {
        let grpc = chassis::Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .add(BookkeepingServiceServer::new(self.clone()))
            .add(EventServiceServer::new(self.clone()));
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(chassis::serve(listener, grpc.into(), Context::new("books", false)));
        url
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.0.told.lock().unwrap().clone()
    }

    /// The request ids of all calls.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    /// Answers so often that it is away.
    pub(super) fn is_away(&self, times: usize) {
        let away = Fault::new(Kind::Unavailable, Reason::StoreUnavailable, "away");
        self.0.faults.lock().unwrap().extend(std::iter::repeat_n(away, times));
    }

    pub(super) fn is_back(&self) {
        self.0.faults.lock().unwrap().clear();
    }

    pub(super) fn refuses(&self) {
        self.0.faults.lock().unwrap().push_back(Fault::invalid("booking.status", "ann@canary.example"));
    }

    fn tell(&self, request_id: String, what: String) -> Result<(), Status> {
        self.0.asked.lock().unwrap().push(request_id);
        if let Some(fault) = self.0.faults.lock().unwrap().pop_front() {
            return Err(chassis::status::status(&fault));
        }
        self.0.told.lock().unwrap().push(what);
        Ok(())
    }
}

#[tonic::async_trait]
impl BookkeepingService for Books {
    async fn record_booking(
        &self,
        request: Request<RecordBookingRequest>,
    ) -> Result<Response<RecordBookingResponse>, Status> {
        let RecordBookingRequest { request_id, booking, .. } = request.into_inner();
        let booking = booking.unwrap();
        self.tell(request_id, format!("booking {} {}", booking.uids[0], booking.version))?;
        Ok(Response::new(Default::default()))
    }

    async fn record_payment(
        &self,
        request: Request<RecordPaymentRequest>,
    ) -> Result<Response<RecordPaymentResponse>, Status> {
        let RecordPaymentRequest { request_id, payment, .. } = request.into_inner();
        self.tell(request_id, format!("payment {}", payment.unwrap().payment_id))?;
        Ok(Response::new(Default::default()))
    }

    async fn record_subscription(
        &self,
        request: Request<RecordSubscriptionRequest>,
    ) -> Result<Response<RecordSubscriptionResponse>, Status> {
        let RecordSubscriptionRequest { request_id, subscription, .. } = request.into_inner();
        self.tell(request_id, format!("subscription {}", subscription.unwrap().subscription_id))?;
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl EventService for Books {
    async fn ingest_events(
        &self,
        _: Request<IngestEventsRequest>,
    ) -> Result<Response<IngestEventsResponse>, Status> {
        Err(Status::unimplemented("nobody asks for it"))
    }

    async fn record_events(
        &self,
        request: Request<RecordEventsRequest>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        let RecordEventsRequest { request_id, events, .. } = request.into_inner();
        self.tell(request_id, format!("event {}", String::from_utf8(events.to_vec()).unwrap()))?;
        Ok(Response::new(Default::default()))
    }
}
