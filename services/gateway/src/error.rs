//! Calls inward, and what becomes of them when they fail.
//!
//! The invariant: a failure of ours is logged here once, by its code alone, since a status' text may come from
//! anywhere; what the public learns is the fault.

use std::time::Duration;

use chassis::{
    retry::{Policy, Verdict, retry},
    status,
};
use domain::{Fault, Kind, Reason};
use tonic::{Code, Response, Status};

/// One more try, for a service that restarts just now.
const POLICY: Policy =
    Policy { attempts: 2, base: Duration::from_millis(50), cap: Duration::from_millis(500) };

/// Calls a service; every call that goes through here carries a `request_id`, so it may be repeated.
pub(crate) async fn call<C, R, T, F>(
    service: &'static str,
    client: &C,
    request: R,
    rpc: impl Fn(C, R) -> F,
) -> Result<T, Fault>
where
    C: Clone,
    R: Clone,
    F: Future<Output = Result<Response<T>, Status>>,
{
    match retry(POLICY, again, || rpc(client.clone(), request.clone())).await {
        Ok(response) => Ok(response.into_inner()),
        Err(status) => Err(fault(service, &status)),
    }
}

/// [`call`] by the name of the rpc: `ask!(SERVICE, door.leads(), upsert_lead(request))`.
macro_rules! ask {
    ($service:expr, $client:expr, $rpc:ident($request:expr)) => {
        $crate::error::call($service, &$client, $request, |mut client, request| async move {
            client.$rpc(request).await
        })
    };
}
pub(crate) use ask;

/// Only what never reached the service; a service that is there knows best about its providers.
fn again(status: &Status) -> Verdict {
    let unreached =
        status.code() == Code::Unavailable && status::fault(status).reason == Reason::ServiceUnavailable;
    if unreached { Verdict::Again(None) } else { Verdict::Stop }
}

/// What became of a call that failed.
pub(crate) fn fault(service: &'static str, status: &Status) -> Fault {
    let fault = status::fault(status);
    if matches!(fault.kind, Kind::Internal | Kind::Unavailable | Kind::Deadline) {
        let (code, reason) = (status.code(), fault.reason.as_str());
        tracing::warn!(peer.service = service, rpc.code = ?code, error.reason = reason, "a call inward failed");
    }
    fault
}

/// A service that answered without what it was asked for.
pub(crate) fn nothing(service: &'static str) -> Fault {
    tracing::error!(peer.service = service, "answered nothing");
    Fault::internal()
}
