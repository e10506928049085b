//! `Api-Version-Date`: which shape an answer has.
//!
//! A key that stores no version gets the legacy one, 2025-01-01, where a request names none; an unknown date is 400
//! (docs.whop.com, and the note of the Python SDK 2.6.0). The invariant: a version is played whole or refused.

use axum::http::HeaderMap;

use super::error::{Refusal, Taken};

/// The only dated version that is played; the Python SDK 2.6.0 sends it.
pub const API_VERSION_DATE: &str = "2026-10-15-1";
/// What the account's key has stored: nothing, and that is this.
const LEGACY: &str = "2025-01-01";

/// A shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// [`API_VERSION_DATE`].
    Dated,
    /// 2025-01-01.
    Legacy,
}

impl Version {
    /// The one that a request asks for.
    pub(super) fn of(headers: &HeaderMap) -> Taken<Self> {
        match headers.get("api-version-date").map(|date| date.to_str().unwrap_or_default()) {
            Some(API_VERSION_DATE) => Ok(Self::Dated),
            Some(LEGACY) | None => Ok(Self::Legacy),
            Some(_) => Err(Refusal::bad(format!(
                "Unknown Api-Version-Date. The sandbox plays {API_VERSION_DATE} and {LEGACY}."
            ))),
        }
    }

    /// What only the dated version is played of.
    pub(super) fn dated_only(self, what: &str) -> Taken<()> {
        match self {
            Self::Dated => Ok(()),
            Self::Legacy => Err(Refusal::not_played(&format!("The legacy version of {what}"))),
        }
    }
}
