//! The way to the books: the gRPC calls of sheets-writer that tools make.
//!
//! The invariant: a call is repeated only when nobody answered, and always under the same request id.

use std::time::Duration;

use chassis::{
    client::Link,
    retry::{Policy, Verdict, retry},
};
use proto::sheets::v1::{
    RecordEventsRequest, SaveLeadRequest, SaveLeadResponse, event_service_client::EventServiceClient,
    lead_service_client::LeadServiceClient,
};
use tonic::{Code, Status};

const RETRY: Policy =
    Policy { attempts: 3, base: Duration::from_millis(100), cap: Duration::from_millis(1_000) };

/// The services of sheets-writer.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    leads: LeadServiceClient<Link>,
    events: EventServiceClient<Link>,
}

// === impl Books ===

impl Books {
    pub(crate) fn new(link: Link) -> Self {
        Self { leads: LeadServiceClient::new(link.clone()), events: EventServiceClient::new(link) }
    }

    pub(crate) async fn save_lead(&self, request: SaveLeadRequest) -> Result<SaveLeadResponse, Status> {
        let leads = self.leads.clone();
        let again = move || {
            let (mut leads, request) = (leads.clone(), request.clone());
            async move { leads.save_lead(request).await }
        };
        retry(RETRY, verdict, again).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn record(&self, request: RecordEventsRequest) -> Result<(), Status> {
        let events = self.events.clone();
        let again = move || {
            let (mut events, request) = (events.clone(), request.clone());
            async move { events.record_events(request).await }
        };
        retry(RETRY, verdict, again).await.map(drop)
    }
}

fn verdict(status: &Status) -> Verdict {
    match status.code() {
        Code::Unavailable => Verdict::Again(chassis::status::fault(status).retry_after),
        _ => Verdict::Stop,
    }
}
