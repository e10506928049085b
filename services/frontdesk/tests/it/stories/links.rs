//! A paid consult, from the slot to the page that says thank you; and links that nobody pays.

use proto::booking::v1::{CheckoutStatus, ListSlotsRequest, MeetingOutcome};
use sandbox::STRATEGY_CONSULT;
use serde_json::{Value, json};
use tonic::Code;

use super::{
    desk::{Guest, at, wire},
    meetings::{is_at, line_when},
};
use crate::world::World;

const CONSULT: &str = "strategy-consult";

async fn offered(world: &World, guest: &Guest, start: jiff::Timestamp) -> bool {
    let request = ListSlotsRequest {
        caller: Some(guest.caller.clone()),
        event_type_slug: CONSULT.to_owned(),
        from_time: wire(start),
        time_zone: guest.time_zone.clone(),
        ..ListSlotsRequest::default()
    };
    let slots = world.meetings().list_slots(request).await.unwrap().into_inner().slots;
    slots.iter().any(|slot| at(slot.start_time) == start)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_consult_is_booked_when_the_money_comes() {
    let world = World::shop().await;
    let (ann, bob) = (Guest::new(11), Guest::new(12));
    ann.save_lead(&world).await;
    let start = world.starts(STRATEGY_CONSULT)[0];
    assert!(offered(&world, &ann, start).await);
    let link = ann.checkout(&world, CONSULT, Some(start)).await;
    assert_eq!((link.status(), link.meeting()), (CheckoutStatus::Open, MeetingOutcome::Held));
    assert!(link.url.starts_with("http"), "{}", link.url);
    assert!(!offered(&world, &bob, start).await, "it is held");
    let taken = bob.try_checkout(&world, CONSULT, Some(start)).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists, "{taken:?}");
    let page = world.return_page(&link.checkout_id).await;
    assert!(page.contains("Not paid yet") && page.contains("We hold the meeting"), "{page}");
    assert_eq!((world.lines("payments").len(), world.lines("bookings").len()), (0, 0));

    world.sandbox().till().pay(&world.session_id(&link.checkout_id), &ann.email).unwrap();
    let paid =
        ann.look_until(&world, &link.checkout_id, |link| link.meeting() == MeetingOutcome::Booked).await;
    assert_eq!((paid.status(), paid.paid.as_ref().unwrap().minor_units), (CheckoutStatus::Paid, 15_000));
    assert_eq!(paid.url, "", "nobody pays twice");
    let meeting = paid.booking.unwrap();
    assert_eq!(at(meeting.start_time), start);
    world.at_rest().await;
    let payment = line_when(&world, "payments", "status", "paid").await;
    assert_eq!((&payment["amount"], &payment["currency"]), (&json!(150), &json!("EUR")), "{payment}");
    assert_eq!((&payment["id"], &payment["method"]), (&json!(paid.payment_id), &json!("card")));
    let metadata: Value = serde_json::from_str(payment["metadata"].as_str().unwrap()).unwrap();
    assert_eq!((&metadata["item"], &metadata["checkout"]), (&json!(CONSULT), &json!(link.checkout_id)));
    assert_eq!(metadata["booking"], meeting.booking_id.as_str(), "the row names the meeting");
    let booking = line_when(&world, "bookings", "status", "booked").await;
    assert_eq!(booking["id"], meeting.booking_id.as_str());
    is_at(&booking["event_start"], start);
    let [contact] = &world.lines("contacts")[..] else { panic!("{:?}", world.lines("contacts")) };
    assert_eq!((&booking["contact_id"], &payment["contact_id"]), (&contact["id"], &contact["id"]));
    let engagement = line_when(&world, "engagements", "outcome", "booked").await;
    assert_eq!(engagement["contact_id"], contact["id"]);
    line_when(&world, "leads", "status", "booked").await;
    let page = world.return_page(&link.checkout_id).await;
    assert!(page.contains("Thank you, it is paid") && page.contains("is booked."), "{page}");
    assert!(page.contains("https://www.example.com/services"), "the way back: {page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_ends_lets_its_slot_go_and_leaves_no_payment() {
    let world = World::shop().await;
    let (ann, bob) = (Guest::new(13), Guest::new(14));
    let start = world.starts(STRATEGY_CONSULT)[0];
    let link = ann.checkout(&world, CONSULT, Some(start)).await;
    world.sandbox().till().expire(&world.session_id(&link.checkout_id)).unwrap();
    let ended =
        ann.look_until(&world, &link.checkout_id, |link| link.meeting() == MeetingOutcome::Released).await;
    assert_eq!((ended.status(), ended.url.as_str()), (CheckoutStatus::Expired, ""));
    world.at_rest().await;
    assert_eq!(world.sandbox().calendar().reservations(), Vec::<Value>::new());
    assert!(offered(&world, &bob, start).await, "it is free again");
    assert_eq!((world.lines("payments").len(), world.lines("bookings").len()), (0, 0));
    let page = world.return_page(&link.checkout_id).await;
    assert!(page.contains("This link has ended") && page.contains("no longer held"), "{page}");
    bob.checkout(&world, CONSULT, Some(start)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_leaves_the_link_open_for_another() {
    let world = World::shop().await;
    let ann = Guest::new(15);
    let link = ann.checkout(&world, "automation-audit", None).await;
    let session = world.session_id(&link.checkout_id);
    world.sandbox().till().fail(&session).unwrap();
    let failed = line_when(&world, "payments", "status", "failed").await;
    assert_eq!(failed["paid_at"], Value::Null);
    assert_eq!(ann.look(&world, &link.checkout_id).await.status(), CheckoutStatus::Open);
    let page = world.return_page(&link.checkout_id).await;
    assert!(page.contains("Not paid yet") && page.contains("Pay now"), "{page}");
    world.sandbox().till().pay(&session, &ann.email).unwrap();
    let paid = line_when(&world, "payments", "status", "paid").await;
    assert_eq!(paid["id"], failed["id"], "one attempt after the other, one payment");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_takes_a_while_is_pending_until_it_comes_or_does_not() {
    let world = World::shop().await;
    let till = world.sandbox().till();
    for (number, fine, status, row, title) in [
        (16, true, CheckoutStatus::Paid, "paid", "Thank you, it is paid"),
        (17, false, CheckoutStatus::Failed, "failed", "The payment did not go through"),
    ] {
        let guest = Guest::new(number);
        let start = world.starts(STRATEGY_CONSULT)[0];
        let link = guest.checkout(&world, CONSULT, Some(start)).await;
        let id = link.checkout_id.as_str();
        let session = world.session_id(id);
        till.pay_async(&session, &guest.email).unwrap();
        let pending = guest.look_until(&world, id, |link| link.status() == CheckoutStatus::Pending).await;
        assert_eq!(
            (pending.meeting(), pending.booking),
            (MeetingOutcome::Held, None),
            "not before it is paid"
        );
        assert!(world.return_page(id).await.contains("Your payment is on its way"));
        let rows = |word: &str| world.lines("payments").iter().filter(|line| line["status"] == word).count();
        crate::world::until("a row says pending", || rows("pending") == 1).await;

        till.settle(&session, fine).unwrap();
        let meeting = if fine { MeetingOutcome::Booked } else { MeetingOutcome::Released };
        let settled = guest.look_until(&world, id, |link| link.meeting() == meeting).await;
        assert_eq!(settled.status(), status);
        crate::world::until(&format!("a row says {row}"), || rows(row) == 1 && rows("pending") == 0).await;
        assert!(world.return_page(id).await.contains(title));
    }
    world.at_rest().await;
    assert_eq!((world.lines("payments").len(), world.lines("bookings").len()), (2, 1));
    world.stop().await;
}
