//! Fields of calls, as all doors read them.

use domain::Fault;
use jiff::Timestamp;

pub use proto::time::wire as wire_time;

/// The time in a field of a request, if one is there.
///
/// # Errors
/// It is out of range.
pub fn read_time(time: Option<prost_types::Timestamp>, field: &str) -> Result<Option<Timestamp>, Fault> {
    let wrong = || Fault::invalid(field, format!("{field} must be a time"));
    time.map(|time| proto::time::read(time).ok_or_else(wrong)).transpose()
}

/// Whether a call can be recognised by this when it is repeated.
///
/// # Errors
/// It is no id.
pub fn check_request_id(id: &str) -> Result<(), Fault> {
    domain::id::check(id).map_err(|why| Fault::invalid("request_id", format!("request_id {why}")))
}
