//! The doors of this service: each decodes, calls, encodes.

pub(crate) mod notices;
pub(crate) mod operations;
pub(crate) mod reports;

use domain::Fault;
use jiff::Timestamp;

use crate::error::Error;

/// Rows of a page, unless it is said otherwise, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 500;

fn limit(asked: i32) -> Result<u32, Error> {
    match u32::try_from(asked) {
        Ok(0) => Ok(USUAL),
        Ok(asked @ 1..=MOST) => Ok(asked),
        _ => Err(Fault::invalid("page_size", format!("page_size must be 1 to {MOST}")).into()),
    }
}

/// A token that the store does not know is the caller's mistake.
fn foreign(error: store::Error) -> Error {
    match error {
        store::Error::Invalid(_) => Fault::invalid("page_token", "page_token is not from this list").into(),
        error => error.into(),
    }
}

fn request_id(id: &str) -> Result<&str, Error> {
    let wrong = |why| Fault::invalid("request_id", format!("request_id {why}")).into();
    domain::id::check(id).map(|()| id).map_err(wrong)
}

fn time(name: &'static str, wire: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, Error> {
    let wrong = || Fault::invalid(name, format!("{name} is no time")).into();
    wire.map(|wire| proto::time::read(wire).ok_or_else(wrong)).transpose()
}
