//! What Whop's webhooks say: the event, and the object as a read at the webhook's version would show it.
//!
//! The invariant: the object is the one of the moment in which the event came to be.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    error::Taken,
    shelf::{Desk, new_id},
    version::{API_VERSION_DATE, Version},
    view::{Shown, time},
};
use crate::webhooks::Message;

/// Every event that the stand-in sends.
pub(super) const EVENTS: [&str; 12] = [
    "membership.activated",
    "membership.deactivated",
    "membership.updated",
    "membership.trial_ending_soon",
    "membership.cancel_at_period_end_changed",
    "payment.created",
    "payment.succeeded",
    "payment.failed",
    "refund.created",
    "refund.updated",
    "dispute.created",
    "dispute.updated",
];

/// Which of Whop's webhooks are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// Pinned to [`API_VERSION_DATE`]: `account_id`, and the dated shape.
    #[default]
    Dated,
    /// Not pinned: `company_id`, and the legacy shape with its nested objects.
    Legacy,
    /// The legacy shape under names with underscores, `membership_activated`
    /// (whopio/whop-saas-starter, `app/api/webhooks/whop/route.ts`).
    Underscored,
}

/// An event, with its object in both shapes.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    kind: &'static str,
    at: Timestamp,
    dated: Value,
    legacy: Value,
    before: Option<Value>,
}

impl Generation {
    /// The version that the webhook is pinned to.
    pub(super) fn pinned(self) -> Option<&'static str> {
        (self == Self::Dated).then_some(API_VERSION_DATE)
    }
}

impl Notice {
    /// An event about an object as it is now.
    pub(super) fn of(desk: &Desk<'_>, kind: &'static str, object: &impl Shown) -> Taken<Self> {
        let (dated, legacy) = (object.shown(desk, Version::Dated)?, object.shown(desk, Version::Legacy)?);
        Ok(Self { kind, at: desk.now, dated, legacy, before: None })
    }

    /// An event about a change, that also says what was before. None where nothing changed.
    pub(super) fn of_change<T: Shown>(
        desk: &Desk<'_>,
        kind: &'static str,
        old: &T,
        new: &T,
    ) -> Taken<Option<Self>> {
        let (old, mut notice) = (old.shown(desk, Version::Dated)?, Self::of(desk, kind, new)?);
        let Value::Object(old) = old else { return Ok(None) };
        let differs = |(name, value): &(String, Value)| name != "updated_at" && notice.dated[name] != *value;
        let before: Value = old.into_iter().filter(differs).collect();
        let is_change = before.as_object().is_some_and(|before| !before.is_empty());
        notice.before = Some(before);
        Ok(is_change.then_some(notice))
    }

    /// As a webhook of this generation brings it.
    pub(super) fn message(self, generation: Generation) -> Message {
        let id = new_id("msg");
        let kind = match generation {
            Generation::Underscored => self.kind.replace('.', "_"),
            _ => self.kind.to_owned(),
        };
        let mut body = json!({
            "id": id, "type": kind, "api_version": "v1", "api_version_date": generation.pinned(),
            "timestamp": time(self.at),
        });
        match generation {
            Generation::Dated => {
                body["account_id"] = WHOP_ACCOUNT_ID.into();
                body["data"] = self.dated;
                if let Some(before) = self.before {
                    body["previous_attributes"] = before;
                }
            }
            _ => {
                body["company_id"] = WHOP_ACCOUNT_ID.into();
                body["data"] = self.legacy;
            }
        }
        Message::new(id, kind, body.to_string().into())
    }
}
