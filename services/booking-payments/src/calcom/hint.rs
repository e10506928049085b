//! What a verified webhook is about: its trigger and uids, and nothing else of it.
//!
//! Bodies differ by trigger (`BookingPayloadBuilder.ts` and `scheduleTrigger.ts` of version 2021-10-20): most are
//! `{triggerEvent, createdAt, payload}`, a no-show names its booking elsewhere, and what begins or ends a meeting is the
//! booking's row, flat. The invariant: a uid is all that is taken; whatever else a body says is asked again.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The type of the messages that reconciliation makes of what no webhook brought.
pub(crate) const RECONCILED: &str = "RECONCILED";
/// The triggers that are about a booking, of the enum `WebhookTriggerEvents` in `packages/prisma/schema.prisma`.
const ABOUT_BOOKINGS: &[&str] = &[
    RECONCILED,
    "BOOKING_CREATED",
    "BOOKING_REQUESTED",
    "BOOKING_RESCHEDULED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
    "BOOKING_PAID",
    "BOOKING_PAYMENT_INITIATED",
    "BOOKING_NO_SHOW_UPDATED",
    "MEETING_STARTED",
    "MEETING_ENDED",
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW",
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
];
/// What of a message is kept: what is read here.
pub(crate) const KEPT: &[&str] = &[
    "/triggerEvent",
    "/createdAt",
    "/uid",
    "/payload/uid",
    "/payload/bookingUid",
    "/payload/rescheduleUid",
    "/payload/booking/uid",
    UPDATED_AT,
];
/// Where such a message says when the booking that it tells of changed.
const UPDATED_AT: &str = "/payload/updatedAt";
/// What the test button sends.
const PING: &str = "PING";
/// Longest uid that Cal.com could have made; it makes 22 characters.
const LONGEST_UID: usize = 128;

/// What a webhook is a hint of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Something may have happened to these bookings.
    Bookings(Vec<String>),
    /// Nothing that we keep.
    Nothing,
    /// A trigger that we have never heard of.
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    uid: Option<String>,
    #[serde(default)]
    payload: Option<Payload>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Payload {
    uid: Option<String>,
    booking_uid: Option<String>,
    /// The booking that this one stands for.
    reschedule_uid: Option<String>,
    /// The whole booking, where a video call tells who did not come.
    booking: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    uid: Option<String>,
}

/// The trigger that a body names; `None` if it is no message of Cal.com's.
pub(crate) fn trigger(body: &[u8]) -> Option<String> {
    let is_word = |text: &String| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        trigger_event: String,
    }
    serde_json::from_slice::<Named>(body).ok().map(|body| body.trigger_event).filter(is_word)
}

/// When Cal.com made a message, and the moment that the booking is to show at least; where it says so.
pub(crate) fn times(body: &[u8]) -> (Option<Timestamp>, Option<Timestamp>) {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let time = |at| body.as_ref()?.pointer(at)?.as_str()?.parse().ok();
    (time("/createdAt"), time(UPDATED_AT))
}

/// What a body is a hint of; `None` if it is about a booking and does not say which.
pub(crate) fn read(body: &[u8]) -> Option<Hint> {
    let trigger = trigger(body)?;
    if trigger == PING {
        return Some(Hint::Nothing);
    }
    if !ABOUT_BOOKINGS.contains(&trigger.as_str()) {
        return Some(Hint::Unknown);
    }
    let Body { uid, payload, .. } = serde_json::from_slice(body).ok()?;
    let Payload { uid: named, booking_uid, reschedule_uid, booking } = payload.unwrap_or_default();
    let within = booking.and_then(|booking| booking.uid);
    let mut uids: Vec<String> = Vec::new();
    for uid in [named, booking_uid, uid, within, reschedule_uid].into_iter().flatten() {
        if is_uid(&uid) && !uids.contains(&uid) {
            uids.push(uid);
        }
    }
    (!uids.is_empty()).then_some(Hint::Bookings(uids))
}

fn is_uid(text: &str) -> bool {
    (1..=LONGEST_UID).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: Value) -> Option<Hint> {
        read(&serde_json::to_vec(&body).unwrap())
    }

    fn about(uids: &[&str]) -> Option<Hint> {
        Some(Hint::Bookings(uids.iter().map(|uid| (*uid).to_owned()).collect()))
    }

    #[test]
    fn every_shape_names_its_booking() {
        let shapes = [
            (
                json!({"triggerEvent": "BOOKING_CREATED", "createdAt": "x", "payload": {"uid": "a"}}),
                &["a"][..],
            ),
            (
                json!({"triggerEvent": "BOOKING_RESCHEDULED", "payload": {"uid": "b", "rescheduleUid": "a"}}),
                &["b", "a"],
            ),
            (
                json!({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "payload": {"bookingUid": "a", "attendees": []}}),
                &["a"],
            ),
            (json!({"triggerEvent": "MEETING_ENDED", "id": 1, "uid": "a", "title": "x"}), &["a"]),
            (json!({"triggerEvent": "MEETING_STARTED", "uid": "a"}), &["a"]),
            (
                json!({"triggerEvent": "BOOKING_PAID", "payload": {"uid": "a", "metadata": {"uid": "z"}}}),
                &["a"],
            ),
            (
                json!({"triggerEvent": "BOOKING_PAYMENT_INITIATED", "payload": {"uid": "a", "paymentId": 3}}),
                &["a"],
            ),
        ];
        for (body, uids) in shapes {
            assert_eq!(of(body.clone()), about(uids), "{body}");
        }
    }

    #[test]
    fn what_is_no_hint_is_none() {
        assert_eq!(of(json!({"triggerEvent": "PING", "payload": {"uid": "a"}})), Some(Hint::Nothing));
        assert_eq!(of(json!({"triggerEvent": "FORM_SUBMITTED", "payload": {}})), Some(Hint::Unknown));
        assert_eq!(of(json!({"triggerEvent": "BOOKING_CREATED", "payload": {}})), None);
        assert_eq!(of(json!({"triggerEvent": "BOOKING_CREATED", "payload": {"uid": "../x"}})), None);
        assert_eq!(of(json!({"triggerEvent": "BOOKING_CREATED", "payload": {"uid": 3}})), None);
        for nonsense in
            [&b""[..], b"[]", b"{}", b"\xff", br#"{"triggerEvent":"a b"}"#, br#"{"triggerEvent":1}"#]
        {
            assert_eq!((trigger(nonsense), read(nonsense)), (None, None));
        }
    }
}
