//! Tools of the operator: the books, the reports, a word to the team.
//!
//! The invariant: they are for a workflow of the operator's alone, so that no visitor's session ever reaches them.

pub(crate) mod find_anomalies;
pub(crate) mod list_contacts;
pub(crate) mod notify;
pub(crate) mod read_tab;
pub(crate) mod weekly_summary;

use crate::{arguments, failure::Failure};

/// How many of something are listed: `default` if nobody says, and never more than `most`.
fn how_many(given: Option<i64>, default: i32, most: i32) -> Result<i32, Failure> {
    let Some(given) = given else { return Ok(default) };
    match i32::try_from(given) {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(Failure::Arguments(format!("limit must be 1 to {most}"))),
    }
}

/// A short text, or nothing.
fn short(field: &str, given: Option<String>) -> Result<String, Failure> {
    arguments::maybe(field, given, 200)
}
