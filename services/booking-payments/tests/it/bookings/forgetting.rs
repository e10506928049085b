//! A person who was forgotten stays forgotten, whatever Cal.com tells of their meetings.

use axum::http::Method;
use domain::{Kind, Reason};
use proto::{
    common::v1::{ErasePersonRequest, Person},
    sheets::v1::Party,
};
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    cal::Fault,
    rig::{Rig, ann, at, fault, visitor, webhook},
};

const NINE: &str = "2026-10-21T09:00:00Z";

async fn forget(rig: &Rig, erasure: &str, person: Person) -> Vec<(String, i64)> {
    let request = ErasePersonRequest { erasure_id: erasure.into(), person: Some(person) };
    let mut waiting_for = String::new();
    for _ in 0..50 {
        let answer = rig.operations.clone().erase_person(request.clone()).await.unwrap().into_inner();
        if answer.done {
            return answer.erased.into_iter().map(|count| (count.kind, count.number)).collect();
        }
        waiting_for = answer.waiting_for;
    }
    panic!("it waits for {waiting_for}");
}

#[tokio::test]
async fn a_visitor_is_forgotten_and_a_later_webhook_brings_nothing_back() {
    let rig = Rig::start().await;
    let mine = rig.book("r1", NINE).await.unwrap();
    let other = rig.create(super::rig::order(visitor(2), "r1", "2026-10-21T11:00:00Z")).await.unwrap();
    rig.books.until(|_| rig.books.told().len() >= 2).await;
    let erased =
        forget(&rig, "era_1", Person { visitor_ids: vec![ann().visitor_id], ..Default::default() }).await;
    assert!(
        erased.contains(&("meetings".into(), 1)) && erased.contains(&("booking_intents".into(), 1)),
        "{erased:?}"
    );
    let gone = fault(&rig.get(ann(), &mine.booking_id).await.unwrap_err());
    assert_eq!((gone.kind, gone.reason), (Kind::NotFound, Reason::BookingUnknown));
    assert_eq!(rig.list(visitor(2)).await, [other]);

    let moved = rig.cal.reschedule(&mine.uid, "2026-10-21T10:00:00Z");
    rig.cal.change(&moved, |booking| booking["location"] = json!("Ann's home"));
    rig.send(&webhook("BOOKING_RESCHEDULED", &moved, Some(&mine.uid))).await.unwrap();
    rig.settle().await;
    let is_it = |uids: &[String]| uids == [mine.uid.clone(), moved.clone()];
    let told = rig.books.until(|told| is_it(&told.booking.as_ref().unwrap().uids)).await;
    let stated = told.booking.unwrap();
    assert_eq!((stated.status.as_str(), stated.start_time), ("rescheduled", at("2026-10-21T10:00:00Z")));
    assert_eq!(told.party.unwrap(), proto::sheets::v1::Party::default());
    assert!(rig.list(ann()).await.is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn who_booked_on_the_public_page_is_found_by_what_they_gave() {
    let rig = Rig::start().await;
    let uid = rig.cal.book(NINE, "Ann@Example.com", json!({}));
    let stays = rig.cal.book("2026-10-21T10:00:00Z", "bob@example.com", json!({}));
    for uid in [&uid, &stays] {
        rig.send(&webhook("BOOKING_CREATED", uid, None)).await.unwrap();
    }
    rig.settle().await;
    let erased =
        forget(&rig, "era_1", Person { emails: vec!["ann@example.com".into()], ..Default::default() }).await;
    assert!(erased.contains(&("meetings".into(), 1)), "{erased:?}");
    rig.stop().await;
}

#[tokio::test]
async fn news_that_come_late_bring_nobody_back_and_who_comes_again_is_somebody() {
    let rig = Rig::start().await;
    let unknown = rig.cal.book(NINE, "Ann@example.com", json!({}));
    rig.time.advance(60);
    forget(&rig, "era_1", Person { emails: vec!["ann@example.com".into()], ..Default::default() }).await;
    assert_eq!(rig.reconcile("2026-10-20T00:00:00Z").await, (1, 1));
    rig.books.until_told_of(&unknown).await;
    assert_eq!(rig.books.told()[0].party, Some(Party::default()));

    rig.time.advance(60);
    let again = rig.cal.book("2026-10-21T10:00:00Z", "ann@example.com", json!({}));
    rig.send(&webhook("BOOKING_CREATED", &again, None)).await.unwrap();
    rig.books.until_told_of(&again).await;
    assert_eq!(rig.books.told()[1].party.as_ref().unwrap().email, "ann@example.com");
    rig.stop().await;
}

#[tokio::test]
async fn who_is_forgotten_while_they_book_is_not_named_by_what_comes_of_it() {
    let rig = Rig::start().await;
    let (release, held) = oneshot::channel();
    rig.cal.fail(Method::POST, "/v2/bookings", Fault::Held(held));
    let booked = rig.book("r1", NINE);
    let forgotten = async {
        rig.cal.until_asked(Method::POST, "/v2/bookings", 1).await;
        let ann = Person { visitor_ids: vec![ann().visitor_id], ..Default::default() };
        let erased = forget(&rig, "era_1", ann).await;
        assert!(erased.contains(&("booking_intents".into(), 1)), "{erased:?}");
        release.send(()).unwrap();
    };
    let (booked, ()) = tokio::join!(booked, forgotten);
    let uid = booked.unwrap().uid;
    rig.books.until_told_of(&uid).await;
    assert!(rig.books.told().iter().all(|told| told.party == Some(Party::default())));
    rig.stop().await;
}

#[tokio::test]
async fn a_phone_is_found_in_whatever_notation_it_was_given() {
    let rig = Rig::start().await;
    let by_field = |uid: &str, phone: &str| {
        rig.cal.change(uid, |booking| booking["attendees"][0]["phoneNumber"] = json!(phone));
    };
    // Cal.com makes an address of a number, without its `+`.
    let by_mail = rig.cal.book(NINE, "4930901820@sms.cal.com", json!({}));
    let in_field = rig.cal.book("2026-10-21T10:00:00Z", "any@example.com", json!({}));
    by_field(&in_field, "+49 (0)30 901820");
    for uid in [&by_mail, &in_field] {
        rig.send(&webhook("BOOKING_CREATED", uid, None)).await.unwrap();
        rig.books.until_told_of(uid).await;
    }
    let late = rig.cal.book("2026-10-21T11:00:00Z", "late@example.com", json!({}));
    by_field(&late, "0049 30/90 18 20");
    rig.time.advance(60);
    let erased =
        forget(&rig, "era_1", Person { phones: vec!["+4930901820".into()], ..Default::default() }).await;
    assert!(erased.contains(&("meetings".into(), 2)), "{erased:?}");
    rig.send(&webhook("BOOKING_CREATED", &late, None)).await.unwrap();
    rig.books.until_told_of(&late).await;
    let told = rig.books.told();
    let told = told.iter().find(|told| told.booking.as_ref().unwrap().uids == [late.clone()]).unwrap();
    assert_eq!(told.party, Some(Party::default()));
    rig.stop().await;
}
