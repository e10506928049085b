//! What this service declares about its documents: what its parts need, together.
//!
//! The invariant: an index that a query names stands here, or the first query fails.

use providers::{books::TELLINGS, forgotten::FORGOTTEN, traces::BY_KEY};
use store::{Index, Schema, erasing, inbox};

use crate::{
    bookings::{
        self, BY_EMAIL, BY_PHONE, BY_VISITOR, BY_WHOP_USER, INTENTS_BY_VISITOR, INTENTS_BY_WHOP_USER,
    },
    till::{BY_GUEST, BY_HOLDER, FOLLOWED, SHARES, TASKS},
};

/// What this service declares about its documents.
pub const SCHEMA: Schema = Schema { version: 1, indexes: INDEXES, expiring: EXPIRING };

const INDEXES: &[&Index] = &[
    inbox::INBOX.index(),
    &inbox::NEWEST,
    TELLINGS.index(),
    &BY_EMAIL,
    &BY_PHONE,
    &BY_VISITOR,
    &BY_WHOP_USER,
    &INTENTS_BY_VISITOR,
    &INTENTS_BY_WHOP_USER,
    &BY_HOLDER,
    &BY_GUEST,
    &BY_KEY,
    TASKS.index(),
];

const EXPIRING: &[&str] = &[
    bookings::EXPIRING[0],
    bookings::EXPIRING[1],
    erasing::COLLECTION,
    inbox::INBOX.collection(),
    FOLLOWED.name(),
    FORGOTTEN.name(),
    SHARES.name(),
    "limits",
];
