//! Booking: once, by one of those who want the slot, whatever answers are lost on the way.

use axum::http::Method;
use domain::{Kind, Reason};
use proto::{
    booking::v1::{Attendee, BookingStatus, CreateBookingRequest, GetBookingLinkRequest, ReserveSlotRequest},
    common::v1::Caller,
};
use serde_json::json;

use super::{
    cal::{Fault, PAID, SOLD},
    rig::{Rig, ann, at, fault, order, visitor},
};

const NINE: &str = "2026-10-21T09:00:00Z";

#[tokio::test]
async fn what_is_booked_stands_at_cal_com_and_in_the_books() {
    let rig = Rig::start().await;
    let booking = rig.book("r1", NINE).await.unwrap();
    assert_eq!((booking.status(), booking.start_time), (BookingStatus::Booked, at(NINE)));
    assert_eq!(booking.local_start, "2026-10-21T11:00:00+02:00");
    assert_eq!(booking.attendee.as_ref().unwrap().email, "ann@example.com");

    let there = rig.cal.bookings();
    assert_eq!((there.len(), there[0]["uid"].as_str()), (1, Some(booking.uid.as_str())));
    let metadata = there[0]["metadata"].as_object().unwrap();
    assert!(metadata.iter().all(|(key, value)| key.len() <= 40 && value.as_str().unwrap().len() <= 500));
    assert!(!metadata.values().any(|value| value.as_str().unwrap().contains(&ann().visitor_id)));

    let told = rig.books.until(|told| told.booking.is_some()).await;
    let (party, stated) = (told.party.unwrap(), told.booking.unwrap());
    assert_eq!(
        (stated.status.as_str(), stated.version, stated.uids),
        ("booked", 1, vec![booking.uid.clone()])
    );
    assert_eq!((stated.meeting_type.as_str(), stated.provider.as_str()), ("consult", "cal.com"));
    assert_eq!((party.visitor_id, party.page, party.claimed), (ann().visitor_id, "/pricing".into(), true));
    assert_eq!((party.email.as_str(), party.name.as_str()), ("ann@example.com", "Ann Lee"));
    assert_eq!(rig.get(ann(), &booking.booking_id).await.unwrap(), booking);
    assert_eq!(rig.list(ann()).await, [booking]);
    rig.stop().await;
}

#[tokio::test]
async fn the_same_request_books_once_and_another_content_is_refused() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    assert_eq!(rig.book("r1", NINE).await.unwrap(), first);
    assert_eq!(rig.cal.count(&Method::POST, "/v2/bookings"), 1);

    let other = fault(&rig.book("r1", "2026-10-21T10:00:00Z").await.unwrap_err());
    assert_eq!((other.kind, other.reason), (Kind::Conflict, Reason::RequestIdReused));
    // Another visitor's request of the same name is another one.
    let theirs = rig.create(order(visitor(2), "r1", "2026-10-21T10:00:00Z")).await.unwrap();
    assert_ne!(theirs.booking_id, first.booking_id);
    let none = fault(&rig.book("", NINE).await.unwrap_err());
    assert_eq!((none.kind, none.field.as_deref()), (Kind::Invalid, Some("request_id")));
    rig.stop().await;
}

#[tokio::test]
async fn one_request_that_comes_twice_at_once_books_once() {
    let rig = Rig::start().await;
    let (one, other) = tokio::join!(rig.book("r1", NINE), rig.book("r1", NINE));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(rig.cal.bookings().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn of_two_agents_after_one_slot_one_gets_it_and_the_other_is_offered_more() {
    let rig = Rig::start().await;
    let (one, other) =
        tokio::join!(rig.create(order(visitor(1), "r1", NINE)), rig.create(order(visitor(2), "r1", NINE)));
    assert_eq!(rig.cal.bookings().len(), 1);
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => fault(&refused),
        both => panic!("one gets it: {both:?}"),
    };
    assert_eq!((refused.kind, refused.reason), (Kind::AlreadyExists, Reason::SlotTaken));
    let next = "2026-10-21T10:00:00Z,2026-10-21T11:00:00Z,2026-10-21T12:00:00Z";
    assert_eq!(refused.metadata["next_slots"], next);
    rig.stop().await;
}

#[tokio::test]
async fn a_booking_whose_answer_was_lost_is_found() {
    let rig = Rig::start().await;
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Lost);
    let booking = rig.book("r1", NINE).await.unwrap();
    assert_eq!(rig.cal.count(&Method::POST, "/v2/bookings"), 1, "it is not asked for again");
    assert_eq!(rig.cal.bookings()[0]["uid"], booking.uid.as_str());
    assert_eq!(rig.get(ann(), &booking.booking_id).await.unwrap().uid, booking.uid);
    rig.stop().await;
}

#[tokio::test]
async fn a_booking_that_was_not_made_is_asked_for_again() {
    let rig = Rig::start().await;
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Dropped);
    rig.book("r1", NINE).await.unwrap();
    assert_eq!((rig.cal.count(&Method::POST, "/v2/bookings"), rig.cal.bookings().len()), (2, 1));
    rig.stop().await;
}

#[tokio::test]
async fn after_two_tries_in_vain_the_same_request_may_come_again() {
    let rig = Rig::start().await;
    let unclear = async |request_id: &str| {
        let fault = fault(&rig.book(request_id, NINE).await.unwrap_err());
        assert_eq!((fault.kind, fault.reason), (Kind::Unavailable, Reason::ProviderUnavailable));
    };
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Dropped);
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Dropped);
    unclear("r1").await;
    assert_eq!((rig.cal.count(&Method::POST, "/v2/bookings"), rig.cal.bookings().len()), (2, 0));

    // It is made, and then nobody can look.
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Lost);
    rig.cal.fail(Method::GET, "/v2/bookings", Fault::Dropped);
    rig.cal.fail(Method::GET, "/v2/bookings", Fault::Dropped);
    unclear("r2").await;
    let booking = rig.book("r2", NINE).await.unwrap();
    assert_eq!((rig.cal.count(&Method::POST, "/v2/bookings"), rig.cal.bookings().len()), (3, 1));
    assert_eq!(rig.list(ann()).await, [booking]);
    rig.stop().await;
}

#[tokio::test]
async fn a_booking_that_may_be_landing_is_no_lost_slot() {
    let rig = Rig::start().await;
    rig.cal.fall_behind();
    // It is made, and nothing shows of it but that the slot is taken.
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Lost);
    for _ in 0..2 {
        let unclear = fault(&rig.book("r1", NINE).await.unwrap_err());
        assert_eq!((unclear.kind, unclear.reason), (Kind::Unavailable, Reason::ProviderUnavailable));
    }
    // Whoever asks anew has lost it, and so has whoever was refused and asks again.
    for _ in 0..2 {
        assert_eq!(fault(&rig.book("r2", NINE).await.unwrap_err()).reason, Reason::SlotTaken);
    }
    rig.time.advance(301);
    let late = fault(&rig.book("r1", NINE).await.unwrap_err());
    assert_eq!(late.reason, Reason::SlotTaken, "by then it would have shown");
    rig.cal.catch_up();
    rig.book("r1", NINE).await.unwrap();
    assert_eq!(rig.cal.bookings().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_was_booked_stands_although_cal_com_does_not_show_it_yet() {
    let rig = Rig::start().await;
    rig.cal.fall_behind();
    let booking = rig.book("r1", NINE).await.unwrap();
    assert_eq!((booking.status(), rig.list(ann()).await), (BookingStatus::Booked, vec![booking.clone()]));
    assert_eq!(rig.cal.count(&Method::GET, "/v2/bookings"), 0, "its answer is what was asked for");
    rig.stop().await;
}

#[tokio::test]
async fn what_another_visitor_holds_is_not_booked_over() {
    let rig = Rig::start().await;
    let theirs = ReserveSlotRequest {
        caller: Some(visitor(2)),
        request_id: "r1".into(),
        event_type_id: super::cal::CONSULT,
        start_time: at(NINE),
    };
    rig.client.clone().reserve_slot(theirs).await.unwrap();
    assert_eq!(fault(&rig.book("r1", NINE).await.unwrap_err()).reason, Reason::SlotTaken);
    let mine = rig.book("r2", "2026-10-21T10:00:00Z").await.unwrap();
    let refused = fault(&rig.reschedule("r3", &mine.booking_id, NINE).await.unwrap_err());
    assert_eq!(refused.reason, Reason::SlotTaken);
    assert_eq!(rig.cal.count(&Method::POST, "/reschedule"), 0);
    rig.create(order(visitor(2), "r4", NINE)).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn who_has_only_a_phone_is_known_by_it() {
    let rig = Rig::start().await;
    let attendee = Attendee {
        name: "Ann Lee".into(),
        phone: "+49 30 123 456".into(),
        time_zone: "Europe/Berlin".into(),
        ..Default::default()
    };
    let request = CreateBookingRequest { attendee: Some(attendee), ..order(ann(), "r1", NINE) };
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Lost);
    let booking = rig.create(request).await.unwrap();
    assert_eq!(rig.cal.newest(&Method::POST, "/v2/bookings").body["attendee"]["phoneNumber"], "+4930123456");
    let attendee = booking.attendee.unwrap();
    assert_eq!((attendee.email.as_str(), attendee.phone.as_str()), ("", "+4930123456"));
    let party = rig.books.until(|told| told.booking.is_some()).await.party.unwrap();
    assert_eq!((party.email.as_str(), party.phone.as_str()), ("", "+4930123456"));
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_booked_is_refused_before_cal_com_is_asked() {
    let rig = Rig::start().await;
    let past = fault(&rig.book("r1", "2026-10-20T05:00:00Z").await.unwrap_err());
    assert_eq!((past.kind, past.field.as_deref()), (Kind::Invalid, Some("start_time")));
    let nameless = CreateBookingRequest { attendee: None, ..order(ann(), "r1", NINE) };
    assert_eq!(fault(&rig.create(nameless).await.unwrap_err()).field.as_deref(), Some("attendee.name"));
    let long = CreateBookingRequest { notes: "x".repeat(2_001), ..order(ann(), "r1", NINE) };
    assert_eq!(fault(&rig.create(long).await.unwrap_err()).field.as_deref(), Some("notes"));
    let nobody = CreateBookingRequest { caller: None, ..order(ann(), "r1", NINE) };
    assert_eq!(fault(&rig.create(nobody).await.unwrap_err()).kind, Kind::Unauthenticated);
    // What is sold is not to be had for the asking.
    for event_type_id in [PAID, 1_234] {
        let unknown = CreateBookingRequest { event_type_id, ..order(ann(), "r1", NINE) };
        let unknown = fault(&rig.create(unknown).await.unwrap_err());
        assert_eq!((unknown.kind, unknown.reason), (Kind::NotFound, Reason::EventTypeUnknown));
    }
    assert_eq!(rig.cal.count(&Method::POST, "/v2/bookings"), 0);
    rig.stop().await;
}

#[tokio::test]
async fn metadata_that_a_stranger_makes_up_opens_nothing() {
    let rig = Rig::start().await;
    let mine = rig.book("r1", NINE).await.unwrap();
    let metadata = rig.cal.bookings()[0]["metadata"].clone();
    let token = metadata["frontdesk_intent"].as_str().unwrap();
    let forged = [
        // The very token, which is another booking's.
        json!({"frontdesk_intent": token}),
        json!({"frontdesk_intent": format!("{}.{}", &token[..32], "0".repeat(32))}),
        json!({"frontdesk_intent": format!("{}.", &token[..32])}),
        json!({"frontdesk_intent": 3, "visitor_id": ann().visitor_id}),
    ];
    for (metadata, hour) in forged.into_iter().zip(10..) {
        let start = format!("2026-10-21T{hour}:00:00Z");
        let uid = rig.cal.book(&start, "ann@example.com", metadata);
        rig.send(&super::rig::webhook("BOOKING_CREATED", &uid, None)).await.unwrap();
        rig.settle().await;
        rig.books.until_told_of(&uid).await;
    }
    assert_eq!(rig.list(ann()).await, [mine]);
    let strangers = rig.books.told().into_iter().skip(1);
    assert!(
        strangers.map(|told| told.party.unwrap()).all(|party| party.visitor_id.is_empty() && !party.claimed)
    );
    rig.stop().await;
}

#[tokio::test]
async fn who_knows_the_name_of_an_intent_and_not_its_secret_gets_nothing_by_it() {
    let rig = Rig::start().await;
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Dropped);
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Dropped);
    assert_eq!(fault(&rig.book("r1", NINE).await.unwrap_err()).reason, Reason::ProviderUnavailable);
    let sent = rig.cal.newest(&Method::POST, "/v2/bookings").body;
    let token = sent["metadata"]["frontdesk_intent"].as_str().unwrap().to_owned();
    let forged = json!({"frontdesk_intent": format!("{}.{}", &token[..32], "0".repeat(32))});
    let uid = rig.cal.book("2026-10-21T10:00:00Z", "eve@example.com", forged);
    rig.send(&super::rig::webhook("BOOKING_CREATED", &uid, None)).await.unwrap();
    rig.books.until_told_of(&uid).await;
    assert!(rig.list(ann()).await.is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn what_is_sold_is_not_booked_without_paying() {
    let rig = Rig::start().await;
    let start = "2026-10-21T09:00:00Z";
    let by_id = CreateBookingRequest { event_type_id: SOLD, ..order(ann(), "r1", start) };
    let slug = "strategy-consult".to_owned();
    let by_slug = CreateBookingRequest { event_type_id: 0, event_type_slug: slug.clone(), ..by_id.clone() };
    for request in [by_id, by_slug] {
        let refused = chassis::status::fault(&rig.create(request).await.unwrap_err());
        assert_eq!((refused.kind, refused.reason), (Kind::Precondition, Reason::PaymentRequired));
    }
    let reserve = ReserveSlotRequest {
        caller: Some(ann()),
        request_id: "r2".into(),
        event_type_id: SOLD,
        start_time: at(start),
    };
    let refused = rig.client.clone().reserve_slot(reserve).await.unwrap_err();
    assert_eq!(chassis::status::fault(&refused).reason, Reason::PaymentRequired);
    let link = GetBookingLinkRequest { caller: Some(ann()), event_type_slug: slug, ..Default::default() };
    let refused = rig.client.clone().get_booking_link(link).await.unwrap_err();
    assert_eq!(chassis::status::fault(&refused).reason, Reason::PaymentRequired);
    rig.stop().await;
}

#[tokio::test]
async fn what_comes_with_an_order_is_bounded() {
    let rig = Rig::start().await;
    let order = || order(ann(), "r1", NINE);
    let stranger = Caller { verified_whop_user_id: "user/1".into(), ..ann() };
    for (field, order) in [
        ("page", CreateBookingRequest { page: "/".repeat(1025), ..order() }),
        ("thread_id", CreateBookingRequest { thread_id: "no id".into(), ..order() }),
        ("request_id", CreateBookingRequest { request_id: "no id".into(), ..order() }),
        ("caller.verified_whop_user_id", CreateBookingRequest { caller: Some(stranger), ..order() }),
    ] {
        let refused = fault(&rig.create(order).await.unwrap_err());
        assert_eq!((refused.kind, refused.field.as_deref()), (Kind::Invalid, Some(field)));
    }
    assert!(rig.cal.bookings().is_empty());
    rig.stop().await;
}
