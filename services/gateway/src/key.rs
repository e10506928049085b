//! `Idempotency-Key`: what makes a repetition of the same call recognisable.
//!
//! The invariant: the same key is the same `request_id` inward, whichever gateway takes the call, and never another
//! person's; without a key every call has one of its own: `X-Request-Id` names calls in logs, and a client may give
//! several the same.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use chassis::request_id;
use domain::{Fault, id};
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;

use crate::{door::Door, problem::Problem};

const HEADER: &str = "idempotency-key";
/// As people write it.
const NAME: &str = "Idempotency-Key";
const LONGEST: usize = 128;

/// How the header is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes the header, which is read by `RequestId`")]
pub(crate) struct IdempotencyKey {
    /// Makes a repetition of the same call recognisable.
    #[param(rename = "Idempotency-Key", pattern = "^[!-~]+$", min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

/// The `request_id` of a call of the operator's that changes something.
pub(crate) struct RequestId(pub(crate) String);

impl FromRequestParts<Door> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Problem> {
        Ok(Self(of_operator(&parts.headers)?))
    }
}

fn of_operator(headers: &HeaderMap) -> Result<String, Fault> {
    let name = |key: &[u8]| format!("op_{}", &id::hex(&Sha256::digest(key))[..32]);
    Ok(read(headers)?.map_or_else(request_id::make, name))
}

/// The `request_id` of a call of this member's that changes something.
pub(crate) fn of_member(headers: &HeaderMap, whop_user: &str) -> Result<String, Fault> {
    let name = |key: &[u8]| format!("mb_{}", id::digest(&[whop_user, &id::hex(key)]));
    Ok(read(headers)?.map_or_else(request_id::make, name))
}

fn read(headers: &HeaderMap) -> Result<Option<&[u8]>, Fault> {
    let Some(key) = headers.get(HEADER).map(axum::http::HeaderValue::as_bytes) else { return Ok(None) };
    if !(1..=LONGEST).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
        let why = format!("{NAME} must be 1 to {LONGEST} visible ASCII characters");
        return Err(Fault::invalid(NAME, why));
    }
    Ok(Some(key))
}

/// What was refused inward because of the key, by the name that it has here.
pub(crate) fn named(fault: Fault) -> Fault {
    if fault.field.as_deref() == Some("request_id") {
        return Fault::invalid(NAME, format!("{NAME} was used for another change"));
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str) -> HeaderMap {
        HeaderMap::from_iter([(HEADER.parse().unwrap(), key.parse().unwrap())])
    }

    fn of(key: &str) -> Result<String, Fault> {
        of_operator(&with(key))
    }

    #[test]
    fn nobody_meets_the_request_of_another_by_a_key() {
        let of = |user| of_member(&with("1"), user).unwrap();
        assert_eq!(of("user_1"), of("user_1"));
        assert_ne!(of("user_1"), of("user_2"));
        assert_ne!(of_member(&with("2"), "user_1").unwrap(), of("user_1"));
        assert!(of_member(&with("a b"), "user_1").is_err());
    }

    #[test]
    fn the_same_key_is_the_same_request() {
        assert_eq!(of("order-1").unwrap(), of("order-1").unwrap());
        assert_ne!(of("order-1").unwrap(), of("order-2").unwrap());
        let [one, other] = [(); 2].map(|()| of_operator(&HeaderMap::new()).unwrap());
        assert!(one != other && one.len() >= 32, "{one} {other}");
        for bad in ["", "a b", &"x".repeat(129)] {
            assert_eq!(of(bad).unwrap_err().field.as_deref(), Some("Idempotency-Key"), "{bad:?}");
        }
    }
}
