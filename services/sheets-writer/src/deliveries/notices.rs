//! The service of ours that tells people, as a destination: over gRPC, and what it wants is known.
//!
//! It keeps what it is told before it answers, so an answer is as good as any receiver's 2xx. The invariant: nothing of its
//! answer but a status goes any further.

use std::time::Duration;

use chassis::{Link, request_id};
use domain::notice;
use proto::ops::v1::{NotifyEventRequest, notify_service_client::NotifyServiceClient};
use tonic::{Code, Request, Status};
use url::Url;

use super::{
    destination::{Address, Destination, NOTICES, Wants},
    post::Answer,
};

/// The way to it.
#[derive(Clone)]
pub(crate) struct Notices(NotifyServiceClient<Link>);

/// The destination at this address.
pub(super) fn destination(at: &Url) -> Destination {
    // which of them people hear is that service's setting
    let types = notice::TYPES.map(str::to_owned).into();
    Destination {
        name: NOTICES.to_owned(),
        address: Address::of(at.clone()),
        keys: None,
        header: None,
        wants: Wants { types, ..Wants::default() },
    }
}

// === impl Notices ===

impl Notices {
    /// The service at this address. Call it within the runtime.
    ///
    /// # Errors
    /// It is no address of a service.
    pub(crate) fn new(at: &Url) -> anyhow::Result<Self> {
        Ok(Self(NotifyServiceClient::new(Link::new(at)?)))
    }

    pub(super) async fn send(&self, event_id: &str, body: &str, timeout: Duration) -> Answer {
        let mut request = Request::new(NotifyEventRequest {
            caller: None,
            request_id: event_id.to_owned(),
            event: body.to_owned().into(),
        });
        request.set_timeout(timeout);
        let mut client = self.0.clone();
        // An attempt is no part of the request that caused the event.
        match request_id::scope(request_id::make(), client.notify_event(request)).await {
            Ok(_) => Answer { status: Some(200), error: None, retry_after: None },
            Err(status) => answer(&status),
        }
    }
}

/// What a refusal would be over HTTP; none where there was no answer.
fn answer(status: &Status) -> Answer {
    let fault = chassis::status::fault(status);
    let http = match status.code() {
        Code::Unavailable | Code::DeadlineExceeded => None,
        _ => Some(chassis::status::http_status(fault.kind).as_u16()),
    };
    let error = match http {
        None => "ops-copilot did not answer".to_owned(),
        Some(http) => format!("ops-copilot answered {http}"),
    };
    Answer { status: http, error: Some(error), retry_after: fault.retry_after }
}
