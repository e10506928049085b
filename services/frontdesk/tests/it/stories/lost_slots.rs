//! Somebody pays for a slot that somebody else got: the money is theirs to decide on, and people are told.

use proto::booking::v1::{CheckoutStatus, MeetingOutcome};
use sandbox::{Receiver, STRATEGY_CONSULT, Visit};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    desk::{Guest, at},
    meetings::line_when,
};
use crate::world::{World, until};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_for_a_slot_that_is_gone_keeps_the_payment_and_is_offered_others() {
    let receiver = Receiver::new(SECRET).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhook/1", listener.local_addr().unwrap());
    tokio::spawn(sandbox::serve(listener, receiver.router(), std::future::pending()));
    let world = World::with(&[("N8N_WEBHOOK_URL", &url), ("N8N_SIGNING_SECRET", SECRET)]).await;
    let (ann, bob) = (Guest::new(41), Guest::new(42));
    let start = world.starts(STRATEGY_CONSULT)[0];
    let link = ann.checkout(&world, "strategy-consult", Some(start)).await;
    let id = link.checkout_id.as_str();
    // Cal.com does not look at reservations when somebody books whose page was open before
    let early = Visit { page_was_open: true, ..bob.visit(STRATEGY_CONSULT, start) };
    world.sandbox().calendar().book(&early).unwrap();
    world.sandbox().till().pay(&world.session_id(id), &ann.email).unwrap();

    let lost = ann.look_until(&world, id, |link| link.meeting() == MeetingOutcome::SlotLost).await;
    assert_eq!((lost.status(), lost.booking), (CheckoutStatus::Paid, None));
    let next: Vec<_> = lost.next_slots.iter().map(|slot| at(slot.start_time)).collect();
    assert_eq!(next, world.starts(STRATEGY_CONSULT).into_iter().take(3).collect::<Vec<_>>());
    assert!(lost.next_slots.iter().all(|slot| slot.local_start.contains(['+', '-'])), "in Ann's time");
    let payment = line_when(&world, "payments", "status", "paid").await;
    until("people are asked to care", || {
        world.lines("engagements").iter().any(|line| line["outcome"] == "needs_human")
    })
    .await;
    world.at_rest().await;
    let contacts = world.lines("contacts");
    let of = |guest: &Guest| contacts.iter().find(|line| line["email"] == guest.email).unwrap()["id"].clone();
    let cares: Vec<_> =
        world.lines("engagements").into_iter().filter(|line| line["outcome"] == "needs_human").collect();
    assert_eq!((cares.len(), &cares[0]["contact_id"]), (1, &of(&ann)));
    assert_eq!(payment["contact_id"], of(&ann));
    let [booking] = &world.lines("bookings")[..] else { panic!("one meeting") };
    assert_eq!(booking["contact_id"], of(&bob));
    assert_eq!(
        line_when(&world, "payments", "status", "paid").await["id"],
        payment["id"],
        "no refund by itself"
    );

    let told = |kind: &str| {
        let got = receiver.got().into_iter().filter(|got| got.taken && got.body["type"] == kind);
        got.map(|got| got.body).collect::<Vec<Value>>()
    };
    until("the operator is told", || {
        !told("handoff.requested").is_empty() && !told("payment.succeeded").is_empty()
    })
    .await;
    assert_eq!((told("handoff.requested").len(), told("payment.succeeded").len()), (1, 1));
    assert_eq!(told("booking.created").len(), 1, "Bob's");
    assert_eq!(told("payment.succeeded")[0]["data"]["contact"]["id"], of(&ann));
    assert_eq!(receiver.forged(), 0);

    let page = world.return_page(id).await;
    assert!(page.contains("Thank you, it is paid") && page.contains("somebody else was quicker"), "{page}");
    assert_eq!(page.matches("<li>").count(), 3, "{page}");
    assert_eq!(json!(world.sandbox().calendar().bookings().len()), json!(1));
    world.stop().await;
}
