//! Faults on the wire: `domain::Fault` to gRPC status and back, and to HTTP codes.
//!
//! The one place that knows how a fault travels, after Google's `google.rpc` error details. The invariant: a fault
//! that crosses any number of services arrives as it left.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error as _,
    time::Duration,
};

use domain::{Fault, Kind, Reason, fault::Quota};
use http::StatusCode;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The `domain` of our `ErrorInfo`.
pub const DOMAIN: &str = "frontdesk";

const LIMIT: &str = "limit";
const REMAINING: &str = "remaining";
const RESET: &str = "reset_ms";

/// Each kind's gRPC code and HTTP status.
const TABLE: [(Kind, Code, StatusCode); 11] = [
    (Kind::Invalid, Code::InvalidArgument, StatusCode::BAD_REQUEST),
    (Kind::Unauthenticated, Code::Unauthenticated, StatusCode::UNAUTHORIZED),
    (Kind::Forbidden, Code::PermissionDenied, StatusCode::FORBIDDEN),
    (Kind::NotFound, Code::NotFound, StatusCode::NOT_FOUND),
    (Kind::AlreadyExists, Code::AlreadyExists, StatusCode::CONFLICT),
    (Kind::Conflict, Code::Aborted, StatusCode::CONFLICT),
    (Kind::Precondition, Code::FailedPrecondition, StatusCode::BAD_REQUEST),
    (Kind::RateLimited, Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS),
    (Kind::Deadline, Code::DeadlineExceeded, StatusCode::GATEWAY_TIMEOUT),
    (Kind::Unavailable, Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
    (Kind::Internal, Code::Internal, StatusCode::INTERNAL_SERVER_ERROR),
];

/// The status that carries `fault`: its code, `ErrorInfo` with reason and quota, `BadRequest`, `RetryInfo`.
pub fn status(fault: &Fault) -> Status {
    let mut details = ErrorDetails::new();
    let mut metadata: HashMap<String, String> = fault.metadata.clone().into_iter().collect();
    metadata.extend(fault.quota.map(describe).unwrap_or_default());
    details.set_error_info(fault.reason.as_str(), DOMAIN, metadata);
    if let Some(field) = &fault.field {
        details.add_bad_request_violation(field, &fault.message);
    }
    if fault.retry_after.is_some() {
        details.set_retry_info(fault.retry_after);
    }
    Status::with_error_details(code(fault.kind), &fault.message, details)
}

/// The fault that `status` carries. A status that is not one of ours says only whether it was the deadline, the way
/// there or back, or something that a caller need not know.
pub fn fault(status: &Status) -> Fault {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let reason = info.and_then(|info| Reason::from_name(&info.reason));
    let (Some(info), Some(reason), Some(kind)) = (info, reason, kind(status.code())) else {
        return foreign(status);
    };
    let violation = details.bad_request().and_then(|request| request.field_violations.first());
    Fault {
        field: violation.map(|violation| violation.field.clone()),
        retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        quota: quota(&info.metadata),
        metadata: rest(&info.metadata),
        ..Fault::new(kind, reason, status.message())
    }
}

/// The HTTP status of `kind`, by Google's table.
pub fn http_status(kind: Kind) -> StatusCode {
    row(kind).2
}

fn code(kind: Kind) -> Code {
    row(kind).1
}

fn kind(code: Code) -> Option<Kind> {
    TABLE.into_iter().find(|row| row.1 == code).map(|row| row.0)
}

fn row(kind: Kind) -> (Kind, Code, StatusCode) {
    TABLE.into_iter().find(|row| row.0 == kind).expect("every kind has its row")
}

fn foreign(status: &Status) -> Fault {
    match status.code() {
        // what tonic makes of an answer that broke off stands on the connection's error, and no service's status does
        Code::Unknown | Code::Internal | Code::Cancelled if status.source().is_none() => Fault::internal(),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled => Fault::new(
            Kind::Unavailable,
            Reason::ServiceUnavailable,
            "a service is not available, try again later",
        ),
        Code::DeadlineExceeded => {
            Fault::new(Kind::Deadline, Reason::DeadlineExceeded, "the answer took too long")
        }
        _ => Fault::internal(),
    }
}

fn describe(quota: Quota) -> HashMap<String, String> {
    let reset = u64::try_from(quota.reset.as_millis()).unwrap_or(u64::MAX);
    HashMap::from([
        (LIMIT.into(), quota.limit.to_string()),
        (REMAINING.into(), quota.remaining.to_string()),
        (RESET.into(), reset.to_string()),
    ])
}

/// What is no part of a quota.
fn rest(metadata: &HashMap<String, String>) -> BTreeMap<String, String> {
    let own = metadata.iter().filter(|(name, _)| ![LIMIT, REMAINING, RESET].contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn quota(metadata: &HashMap<String, String>) -> Option<Quota> {
    Some(Quota {
        limit: metadata.get(LIMIT)?.parse().ok()?,
        remaining: metadata.get(REMAINING)?.parse().ok()?,
        reset: Duration::from_millis(metadata.get(RESET)?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn every_fault_arrives_as_it_left() {
        for (kind, ..) in TABLE {
            for reason in Reason::ALL {
                let sent = Fault::new(kind, *reason, "it did not work");
                assert_eq!(fault(&status(&sent)), sent);
            }
        }
        let full = Fault {
            quota: Some(Quota { limit: 20, remaining: 0, reset: Duration::from_millis(2_750) }),
            ..Fault::new(Kind::RateLimited, Reason::RateLimited, "too many requests")
        }
        .retry_after(Duration::from_millis(3_500));
        assert_eq!(fault(&status(&full)), full);
        let invalid = Fault::invalid("events[3].occurred_at", "must be a time");
        assert_eq!(fault(&status(&invalid)), invalid);
    }

    #[test]
    fn a_fault_survives_the_headers_of_a_real_answer() {
        let sent = Fault::invalid("email", "must be an address");
        let headers = status(&sent).into_http::<()>().into_parts().0.headers;
        assert_eq!(fault(&Status::from_header_map(&headers).unwrap()), sent);
    }

    #[test]
    fn a_foreign_status_tells_nothing_but_its_code() {
        for (code, kind, reason) in [
            (Code::Unavailable, Kind::Unavailable, Reason::ServiceUnavailable),
            (Code::DeadlineExceeded, Kind::Deadline, Reason::DeadlineExceeded),
            (Code::Unknown, Kind::Internal, Reason::Internal),
            (Code::NotFound, Kind::Internal, Reason::Internal),
        ] {
            let fault = fault(&Status::new(code, "sesame"));
            assert_eq!((fault.kind, fault.reason), (kind, reason));
            assert!(!fault.message.contains("sesame"));
        }
    }

    #[test]
    fn an_answer_that_broke_off_is_no_fault_of_the_service() {
        for broken in [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof] {
            let fault = fault(&Status::from_error(Box::new(std::io::Error::from(broken))));
            assert_eq!((fault.kind, fault.reason), (Kind::Unavailable, Reason::ServiceUnavailable));
        }
    }

    #[test]
    fn http_codes_are_googles() {
        let codes = TABLE.map(|(kind, ..)| http_status(kind).as_u16());
        assert_eq!(codes, [400, 401, 403, 404, 409, 409, 400, 429, 504, 503, 500]);
    }
}
