//! What we read of Cal.com's answers. Everything else in them is passed over.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Every answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    /// What was asked for.
    pub(crate) data: T,
}

/// A page of bookings.
#[derive(Debug, Deserialize)]
pub(crate) struct Paged {
    /// The bookings.
    pub(crate) data: Vec<Booking>,
}

/// A recurring event type answers with all meetings of the series.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    /// One.
    One(Box<T>),
    /// Some.
    Many(Vec<T>),
}

/// Free starts by day.
pub(crate) type Slots = BTreeMap<String, Vec<Slot>>;

/// A free start, with the offset of the time zone that was asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Slot {
    start: Timestamp,
}

/// Something that can be booked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventType {
    /// Its id.
    pub(crate) id: i64,
    /// Its name in addresses.
    pub(crate) slug: String,
    /// What people call it.
    #[serde(default)]
    pub(crate) title: String,
    /// What it is about.
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// How long it lasts.
    pub(crate) length_in_minutes: i32,
    /// It is not shown to the public.
    #[serde(default)]
    pub(crate) hidden: bool,
    /// When the host is asked before a meeting is booked; absent if never.
    #[serde(default)]
    pub(crate) confirmation_policy: Option<ConfirmationPolicy>,
}

/// When a host is asked before a meeting is booked (`confirmation-policy.input.ts`, 2024-06-14).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConfirmationPolicy {
    /// Never.
    disabled: bool,
    /// At shorter notice than this alone; always if it is absent.
    notice_threshold: Option<Notice>,
}

/// A time before a meeting.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Notice {
    unit: String,
    count: i64,
}

/// A reservation of a slot.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reservation {
    /// Its id.
    pub(crate) reservation_uid: String,
    /// Until when the slot is kept.
    pub(crate) reservation_until: Timestamp,
}

/// How a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It takes place.
    Accepted,
    /// It was cancelled, or moved: then another one stands for it.
    Cancelled,
    /// The host refused it.
    Rejected,
    /// It waits for the host, or for what Cal.com may call it one day.
    #[serde(other)]
    Pending,
}

/// A booking.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Booking {
    /// Its id, which another one has once it is moved.
    pub(crate) uid: String,
    /// What people call it; names both sides.
    #[serde(default)]
    pub(crate) title: String,
    /// How it stands.
    pub(crate) status: Status,
    /// Start.
    pub(crate) start: Timestamp,
    /// End.
    pub(crate) end: Timestamp,
    /// What was booked; absent once the event type is deleted.
    #[serde(default)]
    pub(crate) event_type: Option<EventTypeRef>,
    /// Address, phone number or link.
    #[serde(default)]
    pub(crate) location: Option<String>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When anything of it changed last.
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
    /// What whoever booked put there: anybody can, on a public page.
    #[serde(default)]
    pub(crate) metadata: Option<Map<String, Value>>,
    /// Who comes.
    #[serde(default)]
    pub(crate) attendees: Vec<Attendee>,
    /// The booking that this one stands for.
    #[serde(default)]
    pub(crate) rescheduled_from_uid: Option<String>,
    /// The booking that stands for this one.
    #[serde(default)]
    pub(crate) rescheduled_to_uid: Option<String>,
}

/// An event type as a booking names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct EventTypeRef {
    /// Its id.
    pub(crate) id: i64,
    /// Its name in addresses.
    #[serde(default)]
    pub(crate) slug: String,
}

/// Somebody who comes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attendee {
    /// Full name.
    #[serde(default)]
    pub(crate) name: String,
    /// E-mail; `<phone>@sms.cal.com` for who has none.
    #[serde(default)]
    pub(crate) email: String,
    /// IANA time zone.
    #[serde(default)]
    pub(crate) time_zone: String,
    /// Language of Cal.com's messages.
    #[serde(default)]
    pub(crate) language: Option<String>,
    /// Did not come.
    #[serde(default)]
    pub(crate) absent: bool,
    /// Phone.
    #[serde(default)]
    pub(crate) phone_number: Option<String>,
}

// === impl ConfirmationPolicy ===

impl ConfirmationPolicy {
    /// Whether the host is asked about a meeting that is booked so long before it begins.
    pub(crate) fn asks_at(&self, notice: SignedDuration) -> bool {
        let hours = |hours: i64| SignedDuration::try_from_hours(hours).unwrap_or(SignedDuration::MAX);
        let threshold = self.notice_threshold.as_ref().map(|Notice { unit, count }| match unit.as_str() {
            "minutes" => SignedDuration::try_from_mins(*count).unwrap_or(SignedDuration::MAX),
            "hours" => hours(*count),
            "days" => hours(count.saturating_mul(24)),
            _ => SignedDuration::MAX,
        });
        !self.disabled && threshold.is_none_or(|threshold| notice < threshold)
    }
}

// === impl Booking ===

impl Booking {
    /// When anything of it changed last.
    pub(crate) fn touched_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }
}

/// The starts of all days, the earliest first.
pub(crate) fn starts(slots: Slots) -> Vec<Timestamp> {
    let mut starts: Vec<_> = slots.into_values().flatten().map(|slot| slot.start).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn booking() -> Value {
        json!({
            "id": 1, "uid": "u1", "title": "Consult between Pro and Ann", "description": "", "hosts": [],
            "status": "accepted", "start": "2026-10-25T00:30:00.000Z", "end": "2026-10-25T01:30:00.000Z",
            "duration": 60, "eventTypeId": 7, "eventType": {"id": 7, "slug": "consult"}, "location": null,
            "absentHost": false, "createdAt": "2026-10-01T00:00:00.000Z", "updatedAt": null,
            "attendees": [{"name": "Ann", "email": "ann@example.com", "displayEmail": "ann@example.com",
                "timeZone": "Europe/Berlin", "absent": false}],
            "bookingFieldsResponses": {},
        })
    }

    #[test]
    fn one_booking_and_a_series_are_told_apart() {
        let one = json!({"status": "success", "data": booking()});
        let Envelope { data: OneOrMany::One(one) } = serde_json::from_value(one).unwrap() else { panic!() };
        let one: Booking = *one;
        assert_eq!(
            (one.uid.as_str(), one.status, one.touched_at()),
            ("u1", Status::Accepted, one.created_at)
        );
        let many = json!({"status": "success", "data": [booking(), booking()]});
        let Envelope { data: OneOrMany::<Booking>::Many(many) } = serde_json::from_value(many).unwrap()
        else {
            panic!()
        };
        assert_eq!(many.len(), 2);
    }

    #[test]
    fn an_unknown_status_is_not_the_end() {
        let mut new = booking();
        new["status"] = json!("awaiting_host");
        assert_eq!(serde_json::from_value::<Booking>(new).unwrap().status, Status::Pending);
    }

    #[test]
    fn a_host_is_asked_as_the_policy_says() {
        let threshold = |unit: &str| json!({"type": "time", "noticeThreshold": {"unit": unit, "count": 2}});
        let always = json!({"type": "always", "blockUnconfirmedBookingsInBooker": true});
        let policies = [
            (always, [true, true]),
            (json!({"disabled": true}), [false, false]),
            (threshold("hours"), [true, false]),
            (threshold("days"), [true, true]),
            (threshold("minutes"), [false, false]),
            (threshold("moons"), [true, true]),
        ];
        for (policy, asks) in policies {
            let read: ConfirmationPolicy = serde_json::from_value(policy.clone()).unwrap();
            assert_eq!([1, 2].map(|hours| read.asks_at(SignedDuration::from_hours(hours))), asks, "{policy}");
        }
    }

    #[test]
    fn slots_of_any_zone_are_moments() {
        let slots = json!({
            "2050-09-06": [{"start": "2050-09-06T09:00:00.000+02:00"}],
            "2050-09-05": [{"start": "2050-09-05T10:00:00.000+02:00"}, {"start": "2050-09-05T09:00:00.000+02:00"}],
        });
        let starts: Vec<_> =
            starts(serde_json::from_value(slots).unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(starts, ["2050-09-05T07:00:00Z", "2050-09-05T08:00:00Z", "2050-09-06T07:00:00Z"]);
        assert!(super::starts(serde_json::from_value(json!({})).unwrap()).is_empty());
    }
}
