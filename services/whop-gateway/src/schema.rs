//! What this service declares about its documents.
//!
//! The invariant: an index that a query names stands here, or the first query fails.

use providers::{books::TELLINGS, forgotten::FORGOTTEN, traces};
use store::{Index, Schema, erasing, inbox};

use crate::members::{BY_PAYER, BY_USER};

/// What this service declares about its documents.
pub const SCHEMA: Schema = Schema { version: 1, indexes: INDEXES, expiring: EXPIRING };

const INDEXES: &[&Index] =
    &[inbox::INBOX.index(), &inbox::NEWEST, TELLINGS.index(), &traces::BY_KEY, &BY_USER, &BY_PAYER];

const EXPIRING: &[&str] = &[erasing::COLLECTION, inbox::INBOX.collection(), FORGOTTEN.name(), "limits"];
