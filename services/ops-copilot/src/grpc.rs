//! The doors of this service: each decodes, calls, encodes.

pub(crate) mod notices;
pub(crate) mod operations;
pub(crate) mod reports;

use domain::Fault;
use jiff::{Timestamp, civil::Date};

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

/// The moment that a request means, by a time or else by a day; `begin` is the moment of a day.
fn moment(
    wire: Option<prost_types::Timestamp>,
    day: &str,
    begin: impl Fn(Date) -> Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let at = time("at_time", wire)?;
    if day.is_empty() {
        return Ok(at);
    }
    if at.is_some() {
        return Err(Fault::invalid("day", "day must be left out where at_time is given").into());
    }
    let date = Date::strptime("%Y-%m-%d", day)
        .map_err(|_| Fault::invalid("day", "day must be a day such as 2026-11-18"))?;
    Ok(Some(begin(date)))
}

fn time(name: &'static str, wire: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, Error> {
    let wrong = || Fault::invalid(name, format!("{name} is no time")).into();
    wire.map(|wire| proto::time::read(wire).ok_or_else(wrong)).transpose()
}
