//! `Idempotency-Key`: what makes a repetition of the same call recognisable.
//!
//! The invariant: the same key is the same `request_id` inward, whichever gateway takes the call, and without a key
//! every call has one of its own: `X-Request-Id` names calls in logs, and a client may give several the same.

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
pub(super) struct IdempotencyKey {
    /// Makes a repetition of the same call recognisable.
    #[param(rename = "Idempotency-Key", pattern = "^[!-~]+$", min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

/// The `request_id` of a call that changes something.
pub(super) struct RequestId(pub(super) String);

impl FromRequestParts<Door> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Problem> {
        Ok(Self(read(&parts.headers)?))
    }
}

fn read(headers: &HeaderMap) -> Result<String, Fault> {
    let Some(key) = headers.get(HEADER) else {
        return Ok(request_id::make());
    };
    let key = key.as_bytes();
    if !(1..=LONGEST).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
        let why = format!("{NAME} must be 1 to {LONGEST} visible ASCII characters");
        return Err(Fault::invalid(NAME, why));
    }
    Ok(format!("op_{}", &id::hex(&Sha256::digest(key))[..32]))
}

/// What was refused inward because of the key, by the name that it has here.
pub(super) fn named(fault: Fault) -> Fault {
    if fault.field.as_deref() == Some("request_id") {
        return Fault::invalid(NAME, format!("{NAME} was used for another change"));
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str) -> Result<String, Fault> {
        read(&HeaderMap::from_iter([(HEADER.parse().unwrap(), key.parse().unwrap())]))
    }

    #[test]
    fn the_same_key_is_the_same_request() {
        assert_eq!(of("order-1").unwrap(), of("order-1").unwrap());
        assert_ne!(of("order-1").unwrap(), of("order-2").unwrap());
        let [one, other] = [(); 2].map(|()| read(&HeaderMap::new()).unwrap());
        assert!(one != other && one.len() >= 32, "{one} {other}");
        for bad in ["", "a b", &"x".repeat(129)] {
            assert_eq!(of(bad).unwrap_err().field.as_deref(), Some("Idempotency-Key"), "{bad:?}");
        }
    }
}
