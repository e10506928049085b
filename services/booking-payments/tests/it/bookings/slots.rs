//! Slots: shown in the visitor's zone, remembered for seconds, held for a while.

use axum::http::Method;
use domain::{Kind, Reason};
use proto::booking::v1::{
    GetBookingLinkRequest, ListEventTypesRequest, ListSlotsRequest, ReserveSlotRequest, Slot,
};

use super::{
    cal::{CONSULT, Length, PAID, SOLD},
    rig::{Rig, ann, at, fault, order, visitor},
};

async fn slots(rig: &Rig, request: ListSlotsRequest) -> Vec<Slot> {
    rig.client.clone().list_slots(request).await.unwrap().into_inner().slots
}

fn day(from: &str, to: &str, zone: &str) -> ListSlotsRequest {
    ListSlotsRequest {
        caller: Some(ann()),
        event_type_slug: "consult".into(),
        from_time: at(from),
        to_time: at(to),
        time_zone: zone.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn starts_are_shown_in_the_visitors_zone_on_both_sides_of_a_change() {
    let rig = Rig::start().await;
    let request = ListSlotsRequest {
        page_size: 200,
        ..day("2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z", "Europe/Berlin")
    };
    let shown = slots(&rig, request).await;
    assert_eq!(shown.len(), 20);
    assert_eq!(shown[0].local_start, "2026-10-24T10:00:00+02:00");
    assert_eq!(shown[10].local_start, "2026-10-25T09:00:00+01:00");
    assert_eq!(
        (shown[0].start_time, shown[10].start_time),
        (at("2026-10-24T08:00:00Z"), at("2026-10-25T08:00:00Z"))
    );
    let asked = rig.cal.newest(&Method::GET, "/v2/slots").query;
    assert!(asked.contains("timeZone=Europe%2FBerlin") && asked.contains("eventTypeId=7"), "{asked}");

    let booking = rig.book("r1", "2026-10-25T08:00:00Z").await.unwrap();
    assert_eq!(
        (booking.local_start.as_str(), booking.local_end.as_str()),
        ("2026-10-25T09:00:00+01:00", "2026-10-25T10:00:00+01:00")
    );
    rig.stop().await;
}

#[tokio::test]
async fn an_answer_is_remembered_until_something_is_booked() {
    let rig = Rig::start().await;
    let request = || day("2026-10-21T00:00:00Z", "2026-10-22T00:00:00Z", "");
    assert_eq!(slots(&rig, request()).await.len(), 10);
    assert_eq!(slots(&rig, request()).await.len(), 10);
    assert_eq!(rig.cal.count(&Method::GET, "/v2/slots"), 1);
    let booking = rig.book("r1", "2026-10-21T09:00:00Z").await.unwrap();
    assert_eq!(slots(&rig, request()).await.len(), 9);
    // The booking that is to be moved is not in its own way.
    let moving = ListSlotsRequest { booking_id: booking.booking_id.clone(), ..request() };
    assert_eq!(slots(&rig, moving).await.len(), 10);
    rig.cancel("r2", &booking.booking_id).await.unwrap();
    assert_eq!(slots(&rig, request()).await.len(), 10);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_no_question_about_slots_is_refused() {
    let rig = Rig::start().await;
    let ask = async |request: ListSlotsRequest| {
        let fault = fault(&rig.client.clone().list_slots(request).await.unwrap_err());
        (fault.kind, fault.reason, fault.field.unwrap_or_default())
    };
    let sound = || day("2026-10-21T00:00:00Z", "2026-10-22T00:00:00Z", "");
    let invalid = |field: &str| (Kind::Invalid, Reason::InvalidValue, field.to_owned());
    assert_eq!(
        ask(day("2026-10-21T00:00:00Z", "2026-10-22T00:00:00Z", "Mars/Base")).await,
        invalid("time_zone")
    );
    assert_eq!(ask(day("2026-10-21T00:00:00Z", "2026-12-30T00:00:00Z", "")).await, invalid("to_time"));
    assert_eq!(ask(ListSlotsRequest { page_size: 201, ..sound() }).await, invalid("page_size"));
    let unknown = (Kind::NotFound, Reason::EventTypeUnknown, String::new());
    assert_eq!(ask(ListSlotsRequest { event_type_slug: "paid".into(), ..sound() }).await, unknown);
    assert_eq!(ask(ListSlotsRequest { event_type_id: PAID, ..sound() }).await, unknown);
    rig.stop().await;
}

#[tokio::test]
async fn hidden_event_types_are_not_shown_unless_they_are_sold() {
    let rig = Rig::start().await;
    let shown = rig.client.clone().list_event_types(ListEventTypesRequest::default()).await.unwrap();
    let shown = shown.into_inner().event_types;
    let shown: Vec<_> = shown.iter().map(|one| (one.event_type_id, one.sold, one.length_minutes)).collect();
    assert_eq!(shown, [(CONSULT, false, 60), (SOLD, true, 60)]);
    rig.stop().await;
}

#[tokio::test]
async fn a_held_slot_is_its_holders_to_book() {
    let rig = Rig::start().await;
    let reserve = async |number, request_id: &str| {
        let request = ReserveSlotRequest {
            caller: Some(visitor(number)),
            request_id: request_id.into(),
            event_type_id: CONSULT,
            start_time: at("2026-10-21T09:00:00Z"),
        };
        rig.client.clone().reserve_slot(request).await.map(|answer| answer.into_inner().until_time)
    };
    let until = reserve(1, "r1").await.unwrap();
    assert_eq!(until, at("2026-10-20T06:05:00Z"));
    assert_eq!(reserve(1, "r1").await.unwrap(), until, "the same request answers the same");
    assert_eq!((rig.cal.reserved(), rig.cal.count(&Method::POST, "/v2/slots/reservations")), (1, 1));
    let taken = fault(&reserve(2, "r1").await.unwrap_err());
    assert_eq!(
        (taken.reason, &taken.metadata["next_slots"][..20]),
        (Reason::SlotTaken, "2026-10-21T10:00:00Z")
    );

    rig.create(order(visitor(1), "r2", "2026-10-21T09:00:00Z")).await.unwrap();
    assert_eq!(rig.cal.reserved(), 0, "what is booked is let go");
    rig.stop().await;
}

#[tokio::test]
async fn for_how_long_a_visitor_holds_a_slot_is_left_to_cal_com() {
    for length in [Length::Any, Length::AtMost(1), Length::Refused(403)] {
        let rig = Rig::start().await;
        rig.cal.take_lengths(length);
        let request = ReserveSlotRequest {
            caller: Some(ann()),
            request_id: "r1".into(),
            event_type_id: CONSULT,
            start_time: at("2026-10-21T09:00:00Z"),
        };
        let held = rig.client.clone().reserve_slot(request).await.unwrap().into_inner();
        assert_eq!(held.until_time, at("2026-10-20T06:05:00Z"), "{length:?}");
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_was_held_too_long_is_anybodys() {
    let rig = Rig::start().await;
    let request = |number: u32| ReserveSlotRequest {
        caller: Some(visitor(number)),
        request_id: "r1".into(),
        event_type_id: CONSULT,
        start_time: at("2026-10-21T09:00:00Z"),
    };
    rig.client.clone().reserve_slot(request(1)).await.unwrap();
    rig.time.advance(301);
    rig.client.clone().reserve_slot(request(2)).await.unwrap();
    rig.cal.be_strict();
    let late = fault(&rig.create(order(visitor(1), "r2", "2026-10-21T09:00:00Z")).await.unwrap_err());
    assert_eq!(late.reason, Reason::SlotTaken);
    rig.create(order(visitor(2), "r2", "2026-10-21T09:00:00Z")).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn a_meeting_across_a_change_shows_both_offsets() {
    let rig = Rig::start().await;
    // Where clocks change at 14:00 UTC.
    let zone = "Pacific/Auckland";
    let changes = [
        ("2027-04-03T13:00:00Z", "2027-04-04T02:00:00+13:00", "2027-04-04T02:00:00+12:00"),
        ("2027-09-25T13:00:00Z", "2027-09-26T01:00:00+12:00", "2027-09-26T03:00:00+13:00"),
    ];
    for (start, local_start, local_end) in changes {
        let mut request = order(ann(), start, start);
        request.attendee.as_mut().unwrap().time_zone = zone.into();
        let booking = rig.create(request).await.unwrap();
        assert_eq!((booking.local_start.as_str(), booking.local_end.as_str()), (local_start, local_end));
        assert_eq!(booking.start_time, at(start));
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_link_carries_what_this_visitor_gave() {
    let rig = Rig::start().await;
    let request = GetBookingLinkRequest {
        caller: Some(ann()),
        event_type_slug: "consult".into(),
        traits: [("utm_source".to_owned(), "ad".to_owned()), ("page".to_owned(), "/x".to_owned())].into(),
        attendee: None,
    };
    let url = rig.client.clone().get_booking_link(request).await.unwrap().into_inner().url;
    assert_eq!(url, "https://cal.com/agency/consult?utm_source=ad");
    rig.stop().await;
}

#[tokio::test]
async fn a_time_that_is_none_is_refused_and_not_left_out() {
    let rig = Rig::start().await;
    let beyond = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let request = || day("2026-10-21T00:00:00Z", "2026-10-22T00:00:00Z", "");
    for (field, request) in [
        ("from_time", ListSlotsRequest { from_time: beyond, ..request() }),
        ("to_time", ListSlotsRequest { to_time: beyond, ..request() }),
    ] {
        let refused = fault(&rig.client.clone().list_slots(request).await.unwrap_err());
        assert_eq!((refused.kind, refused.field.as_deref()), (Kind::Invalid, Some(field)));
    }
    rig.stop().await;
}
