//! Why a call has not done its work, in words with which the model can go on.
//!
//! The invariant: what a service says of a failure reaches the model only where it is a fault of ours, whose message is fit
//! for a stranger's eyes.

use chassis::status;
use domain::{Fault, Kind, Reason};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};
use tonic::Status;

use crate::times;

/// Why a call has not done its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The model can do better; this tells it how.
    #[error("the arguments are not acceptable")]
    Arguments(String),
    /// What is wanted cannot be had as things are, and this is what can be done instead.
    #[error("it was refused")]
    Refused(Refusal),
    /// Another service.
    #[error("a service failed: {0:?}")]
    Service(tonic::Code),
    /// Another service answered what it never should.
    #[error("a service answered without {0}")]
    Odd(&'static str),
    /// Our own index.
    #[error("the index failed")]
    Index(#[from] rusqlite::Error),
}

/// What cannot be had as things are.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Why, as a word.
    pub(crate) reason: Reason,
    /// Why, in words.
    pub(crate) why: String,
    /// What to do instead.
    pub(crate) advice: &'static str,
    /// What helps with it.
    pub(crate) more: Map<String, Value>,
}

/// What to do about a refusal, by its reason; what is not here is a failure.
const ADVICE: &[(Reason, &str)] = &[
    (
        Reason::SlotTaken,
        "Nothing was booked: somebody else has that time. Offer the visitor the times in next_slots, or call list_slots.",
    ),
    (
        Reason::PaymentRequired,
        "Nothing was booked: this meeting is sold. Call create_checkout_link with the offer that this meeting belongs to \
         (list_offers names it) and the same start_time; the meeting is booked once it is paid.",
    ),
    (
        Reason::BookingUnknown,
        "Nothing was done: this visitor has no such booking. Use a booking_id that a tool has answered in this \
         conversation, such as one of list_my_bookings. Bookings that somebody else made cannot be seen or changed here.",
    ),
    (
        Reason::EventTypeUnknown,
        "Nothing was done. Call list_slots without a meeting to see what can be booked.",
    ),
    (
        Reason::ItemNotSold,
        "Nothing was done. Call list_offers: only offers that are payable can be paid by link.",
    ),
    (
        Reason::CheckoutUnknown,
        "Nothing was done: this visitor has no such link. Call list_my_payments if it is offered.",
    ),
    (Reason::MembershipUnknown, "Nothing was done: this member has no such membership. Call get_membership."),
    (
        Reason::ActionUnknown,
        "Nothing was done: this member may not do that. Call list_quick_actions to see what they may ask for.",
    ),
    (
        Reason::UserTokenWrong,
        "Nothing was done: this is for members who are signed in. Ask the visitor to open the chat in the member portal.",
    ),
    (Reason::CallerMissing, "Nothing was done: this needs a session of a visitor, and there is none."),
    (Reason::RequestIdReused, "Nothing was done. Say what you want anew."),
    (Reason::StateWrong, "Nothing was changed. Tell the visitor how it stands."),
];

/// What to do where a call came before and what it made is no more.
const OVER: &str = "Nothing was done now. Tell the visitor how it stands. If they want it all the same, have them say so and \
    call it again then.";

// === impl Failure ===

impl Failure {
    /// A call came before, and what it made then is no more. To say that it succeeded would be to say that it is there.
    pub(crate) fn over(why: impl Into<String>) -> Self {
        Self::Refused(Refusal { reason: Reason::StateWrong, why: why.into(), advice: OVER, more: Map::new() })
    }

    /// What a service's refusal means to somebody in this time zone.
    pub(crate) fn of(status: &Status, zone: &TimeZone) -> Self {
        let Fault { kind, reason, field, message, metadata, .. } = status::fault(status);
        if let Some((reason, advice)) = ADVICE.iter().find(|(known, _)| *known == reason) {
            let mut more = Map::new();
            if let Some(next) = metadata.get("next_slots") {
                more.insert("next_slots".into(), json!(next_slots(next, zone)));
            }
            return Self::Refused(Refusal { reason: *reason, why: message, advice, more });
        }
        match (kind, field) {
            // a fault's message is fit for a stranger's eyes, and one with a field says what to change
            (Kind::Invalid, Some(_)) => Self::Arguments(message.replace("attendee.", "")),
            _ => Self::Service(status.code()),
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::of(&status, &TimeZone::UTC)
    }
}

// === impl Refusal ===

impl Refusal {
    /// What the model is told.
    pub(crate) fn output(self) -> Value {
        let Self { reason, why, advice, more } = self;
        let mut output = json!({"error": why, "reason": reason.as_str(), "advice": advice});
        for (name, value) in more {
            output[name] = value;
        }
        output
    }
}

/// The free starts that a service names, in a time zone.
fn next_slots(text: &str, zone: &TimeZone) -> Vec<String> {
    let starts = text.split(',').filter_map(|start| start.trim().parse::<Timestamp>().ok());
    starts.map(|start| times::shown(start, zone)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_slot_names_the_next_ones_in_the_visitors_time() {
        let taken = Fault::new(Kind::AlreadyExists, Reason::SlotTaken, "the slot is taken")
            .with("next_slots", "2026-12-01T09:00:00Z,rubbish,2026-12-01T10:00:00Z");
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let Failure::Refused(refusal) = Failure::of(&status::status(&taken), &zone) else {
            panic!("a refusal")
        };
        let output = refusal.output();
        assert_eq!(output["next_slots"], json!(["2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00"]));
        assert_eq!(
            (&output["error"], &output["reason"]),
            (&json!("the slot is taken"), &json!("SLOT_TAKEN"))
        );
    }

    #[test]
    fn what_is_no_fault_of_ours_is_not_repeated() {
        let foreign = Status::not_found("row 7 of bob@example.com is not there");
        assert!(matches!(Failure::from(foreign), Failure::Service(tonic::Code::NotFound)));
        let own =
            status::status(&Fault::invalid("attendee.email", "attendee.email must be an e-mail address"));
        let Failure::Arguments(why) = Failure::from(own) else { panic!("an argument") };
        assert_eq!(why, "email must be an e-mail address");
    }
}
