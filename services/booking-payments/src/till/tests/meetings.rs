//! Items with a meeting: the slot is held, booked when it is paid, and let go when it is not.

use domain::{Kind, Reason};
use jiff::SignedDuration;

use super::world::{Gate, World, ann, fault};
use crate::till::{Meeting, Order, Status};

#[tokio::test]
async fn a_slot_is_held_before_the_link_and_booked_when_it_is_paid() {
    let world = World::start().await;
    let link = world.consult().await;
    assert_eq!(world.calendar.done(), ["hold"]);
    let held = link.hold.clone().unwrap();
    assert_eq!(held.until, link.expires_at + SignedDuration::from_mins(5));
    assert_eq!(
        (link.meeting, world.stripe.books().form["customer_email"].as_str()),
        (Meeting::Held, "ann@example.com")
    );
    world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    assert_eq!(world.stored(&link.id).await.meeting, Meeting::Booking);
    world.work().await;
    let stored = world.stored(&link.id).await;
    assert_eq!(
        (stored.meeting, stored.booking.as_str()),
        (Meeting::Booked, format!("bkg_of_{}", link.id).as_str())
    );
    assert_eq!(world.calendar.done(), ["hold", "book"]);
    assert!(
        world.payment().await.payment.unwrap().metadata.contains(&stored.booking),
        "the row names the meeting"
    );
    world.hear("checkout.session.completed", &link.session).await;
    world.work().await;
    assert_eq!(world.calendar.done(), ["hold", "book"], "it is booked once");
    assert!(world.till.booking_of(&stored).await.unwrap().is_some());
}

#[tokio::test]
async fn a_taken_slot_makes_no_link() {
    let world = World::start().await;
    *world.calendar.taken.lock().unwrap() = true;
    let taken = world.till.create(ann(), world.consult_order("r1")).await.unwrap_err();
    assert_eq!(fault(taken), (Kind::AlreadyExists, Reason::SlotTaken));
    assert!(world.stripe.books().asked.is_empty());
    *world.calendar.taken.lock().unwrap() = false;
    assert_eq!(world.consult().await.status, Status::Open, "the same request, once the slot is free");
}

#[tokio::test]
async fn a_meeting_needs_a_start_a_name_and_a_time_zone() {
    let world = World::start().await;
    let sound = world.consult_order("r1");
    let mut wrong = vec![
        Order { start: None, ..sound.clone() },
        Order { start: Some(world.time.now()), ..sound.clone() },
    ];
    for change in [
        |order: &mut Order| order.attendee.name.clear(),
        |order: &mut Order| order.attendee.time_zone.clear(),
        |order: &mut Order| order.attendee.time_zone = "Mars/Olympus".into(),
    ] {
        let mut order = sound.clone();
        change(&mut order);
        wrong.push(order);
    }
    for order in wrong {
        let refused = world.till.create(ann(), order.clone()).await.unwrap_err();
        assert_eq!(fault(refused).0, Kind::Invalid, "{order:?}");
    }
    assert!(world.calendar.done().is_empty() && world.stripe.books().asked.is_empty());
}

#[tokio::test]
async fn a_link_ends_when_its_meeting_begins_at_the_latest() {
    let world = World::start().await;
    let at = |minutes: i64| Some(world.time.now() + SignedDuration::from_mins(minutes));
    for minutes in [1, 30] {
        let order = Order { start: at(minutes), ..world.consult_order("r1") };
        let refused = providers::error::fault(world.till.create(ann(), order).await.unwrap_err());
        assert_eq!(refused.kind, Kind::Invalid);
        assert!(refused.message.starts_with("start_time must be 31 minutes ahead"), "{}", refused.message);
    }
    assert!(world.calendar.done().is_empty() && world.stripe.books().asked.is_empty());
    for (minutes, lives) in [(31, 31), (45, 45), (60, 60), (90, 60)] {
        let order = Order { start: at(minutes), ..world.consult_order(&format!("r{minutes}")) };
        let guest = super::world::owner(&format!("vis_{minutes}"));
        let link = world.till.create(guest, order).await.unwrap();
        assert_eq!(Some(link.expires_at), at(lives), "a start in {minutes} minutes");
    }
}

#[tokio::test]
async fn one_visitor_holds_three_slots_without_paying_and_no_more() {
    let world = World::start().await;
    let create = |request: &'static str| world.till.create(ann(), world.consult_order(request));
    let taken = futures_util::future::join_all(["r1", "r2", "r3", "r4", "r5"].map(create)).await;
    let made: Vec<_> = taken.iter().filter_map(|made| made.as_ref().ok()).collect();
    assert_eq!(made.len(), 3, "however many are asked for at once");
    let refused = taken.into_iter().zip(["r1", "r2", "r3", "r4", "r5"]);
    let (mut again, mut more) = (None, None);
    for (outcome, request) in refused {
        match outcome {
            Ok(made) => again = Some((request, made)),
            Err(error) => {
                assert_eq!(fault(error), (Kind::Precondition, Reason::StateWrong));
                more = Some(request);
            }
        }
    }
    let ((request, made), more) = (again.unwrap(), more.unwrap());
    assert_eq!(create(request).await.unwrap(), made, "the same request is no new one");
    let other = world.till.create(super::world::owner("vis_bob"), world.consult_order("r1")).await;
    assert_eq!(other.unwrap().status, Status::Open, "another visitor has their own");
    let audit = world.till.create(ann(), super::world::order("r9", "automation-audit")).await;
    assert_eq!(audit.unwrap().status, Status::Open, "what holds no slot does not count");
    world.till.expire(&ann(), &made.id).await.unwrap();
    assert_eq!(create(more).await.unwrap().status, Status::Open, "one was called off");
    assert!(create("r6").await.is_err());
    world.time.advance(3_601);
    assert_eq!(create("r6").await.unwrap().status, Status::Open, "all have run out");
}

#[tokio::test]
async fn a_slot_is_let_go_when_the_link_ends() {
    let world = World::start().await;
    let link = world.consult().await;
    world.till.expire(&ann(), &link.id).await.unwrap();
    world.work().await;
    assert_eq!(world.calendar.done(), ["hold", "release"]);
    assert_eq!(world.stored(&link.id).await.meeting, Meeting::Released);
}

#[tokio::test]
async fn a_link_that_stripe_refuses_lets_its_slot_go() {
    let world = World::start().await;
    world.stripe.books().refusing.extend([(400, "none")]);
    world.till.create(ann(), world.consult_order("r1")).await.unwrap_err();
    assert_eq!(world.calendar.done(), ["hold", "release"]);
}

#[tokio::test]
async fn an_answer_that_was_lost_keeps_the_slot_that_is_held() {
    let world = World::start().await;
    world.stripe.books().refusing.extend([(503, "none"), (503, "none")]);
    world.till.create(ann(), world.consult_order("r1")).await.unwrap_err();
    world.time.advance(60);
    world.work().await;
    assert_eq!(world.stripe.books().things.len(), 1);
    assert_eq!(world.calendar.done(), ["hold"], "once");
    assert_eq!(world.consult().await.status, Status::Open);
}

#[tokio::test]
async fn a_hold_that_the_calendar_cuts_short_is_renewed_until_the_link_ends() {
    let world = World::start().await;
    *world.calendar.cap.lock().unwrap() = Some(SignedDuration::from_mins(30));
    let link = world.consult().await;
    let mut renewals = 0;
    while world.time.now() < link.expires_at + SignedDuration::from_mins(10) {
        world.time.advance(60);
        renewals += world.work().await;
        let held = world.stored(&link.id).await.hold.unwrap().until;
        assert!(
            held >= world.time.now() || world.time.now() > link.expires_at,
            "it never lapses before the link"
        );
    }
    assert_eq!(world.calendar.done().iter().filter(|what| *what == "renew").count(), 2);
    assert_eq!(renewals, 2);
}

#[tokio::test]
async fn a_slot_that_is_lost_after_payment_is_for_people() {
    let world = World::start().await;
    let link = world.consult().await;
    world.stripe.books().pay(&link.session);
    *world.calendar.taken.lock().unwrap() = true;
    for _ in 0..2 {
        world.hear("checkout.session.completed", &link.session).await;
        world.work().await;
    }
    let stored = world.stored(&link.id).await;
    assert_eq!(
        (stored.meeting, stored.status, stored.next_starts.len()),
        (Meeting::SlotLost, Status::Paid, 3)
    );
    assert_eq!(stored.next_starts[0], link.start.unwrap() + SignedDuration::from_hours(1));
    assert_eq!(world.payment().await.payment.unwrap().status, "paid", "nobody pays anything back by himself");
    let told = world.told.events.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "people are called once");
    let expected = [
        ("type", "payment.slot_lost"),
        ("outcome", "needs_human"),
        ("session_id", "ses_1"),
        ("visitor_id", "vis_ann"),
        ("workflow", "lead-concierge"),
        ("page", "/services"),
    ];
    for (name, value) in expected {
        assert_eq!(told[0][name], value, "{name}");
    }
    assert!(told[0]["id"].as_str().unwrap().starts_with("evt_"));
    let text = told[0].to_string();
    assert!(!text.contains("Ann") && !text.contains('@'), "{text}");
}

#[tokio::test]
async fn a_calendar_that_is_away_is_asked_again_and_in_the_end_people_are() {
    let world = World::start().await;
    let link = world.consult().await;
    world.stripe.books().pay(&link.session);
    *world.calendar.away.lock().unwrap() = true;
    world.hear("checkout.session.completed", &link.session).await;
    assert_eq!(world.work().await, 0);
    world.time.advance(3_600);
    assert_eq!(world.work().await, 0);
    assert_eq!(world.stored(&link.id).await.meeting, Meeting::Booking);
    world.time.advance(12 * 3_600);
    assert_eq!(world.work().await, 1);
    let stored = world.stored(&link.id).await;
    assert_eq!((stored.meeting, stored.next_starts.len()), (Meeting::SlotLost, 0));
}

#[tokio::test]
async fn the_row_names_its_meeting_even_if_stripe_was_away_when_it_was_booked() {
    let world = World::start().await;
    let link = world.consult().await;
    world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    world.stripe.books().refusing.extend([(503, "none"), (503, "none")]);
    world.work().await;
    assert_eq!(world.stored(&link.id).await.meeting, Meeting::Booked);
    world.time.advance(600);
    assert_eq!(world.work().await, 1, "it is done again until the books know");
    let told = world.payment().await.payment.unwrap();
    assert!(told.metadata.contains(&world.stored(&link.id).await.booking), "{}", told.metadata);
    assert_eq!(world.calendar.done(), ["hold", "book"]);
}

#[tokio::test]
async fn a_paid_meeting_that_the_calendar_refuses_is_soon_for_people() {
    let world = World::start().await;
    let link = world.consult().await;
    world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    for _ in 0..3 {
        world.stripe.books().refusing.extend([(400, "none")]);
        let refusal = world.till.stripe().session("cs_1").await.unwrap_err();
        world.calendar.refusals.lock().unwrap().push(refusal.into());
    }
    for seconds in [0, 300] {
        world.time.advance(seconds);
        world.work().await;
        assert_eq!(world.stored(&link.id).await.meeting, Meeting::Booking, "it may be mended");
    }
    world.time.advance(300);
    world.work().await;
    let stored = world.stored(&link.id).await;
    assert_eq!((stored.meeting, stored.next_starts.len()), (Meeting::SlotLost, 3));
    world.tell().await;
    let told = world.told.events.lock().unwrap().clone();
    assert_eq!((told.len(), &told[0]["type"]), (1, &"payment.not_booked".into()), "nobody else has the slot");
}

#[tokio::test]
async fn a_slot_that_is_lost_between_two_holds_is_asked_for_again() {
    let world = World::start().await;
    *world.calendar.cap.lock().unwrap() = Some(SignedDuration::from_mins(30));
    let link = world.consult().await;
    let held = link.hold.clone().unwrap().until;
    *world.calendar.taken.lock().unwrap() = true;
    world.time.advance(27 * 60);
    world.work().await;
    *world.calendar.taken.lock().unwrap() = false;
    world.time.advance(60);
    world.work().await;
    assert_eq!(world.calendar.done(), ["hold", "renew", "renew"]);
    assert!(world.stored(&link.id).await.hold.unwrap().until > held);
}

#[tokio::test]
async fn a_hold_that_lasts_nearly_to_the_end_is_left_alone() {
    let world = World::start().await;
    *world.calendar.cap.lock().unwrap() = Some(SignedDuration::from_secs(64 * 60));
    world.consult().await;
    world.time.advance(61 * 60);
    world.work().await;
    assert_eq!(world.calendar.done(), ["hold"], "to hold it anew would leave a gap");
}

#[tokio::test]
async fn whoever_asks_for_the_same_meanwhile_takes_nothing_away() {
    let world = World::start().await;
    let gate = Gate::default();
    *world.calendar.gate.lock().unwrap() = Some(gate.clone());
    *world.calendar.taken.lock().unwrap() = true;
    let order = || world.consult_order("r1");
    let other = async {
        gate.entered.notified().await;
        let busy = world.other.create(ann(), order()).await.map_err(fault);
        gate.opened.notify_one();
        busy.unwrap_err()
    };
    let (made, busy) = tokio::join!(world.till.create(ann(), order()), other);
    assert_eq!(busy, (Kind::Unavailable, Reason::ProviderUnavailable));
    assert_eq!(made.unwrap().status, Status::Open);
    assert_eq!(world.calendar.done(), ["hold"]);
    assert_eq!(world.other.create(ann(), order()).await.unwrap().status, Status::Open);
}

#[tokio::test]
async fn a_caller_who_leaves_leaves_no_slot_that_nobody_knows() {
    let world = World::start().await;
    let gate = Gate::default();
    *world.calendar.gate.lock().unwrap() = Some(gate.clone());
    tokio::select! {
        made = world.till.create(ann(), world.consult_order("r1")) => panic!("{made:?}"),
        () = gate.entered.notified() => {}
    }
    *world.calendar.taken.lock().unwrap() = true;
    gate.opened.notify_one();
    let again = world.till.create(ann(), world.consult_order("r1")).await.unwrap();
    assert_eq!((again.status, again.hold.is_some()), (Status::Open, true));
    assert_eq!(world.calendar.done(), ["hold"]);
}

#[tokio::test]
async fn a_refusal_that_comes_late_takes_no_link_away() {
    let world = World::start().await;
    let (first, second) = (Gate::default(), Gate::default());
    *world.calendar.gate.lock().unwrap() = Some(first.clone());
    let order = || world.consult_order("r1");
    let late = async {
        first.entered.notified().await;
        // Whoever asks for so long counts as gone.
        world.time.advance(50);
        *world.calendar.gate.lock().unwrap() = Some(second.clone());
        *world.calendar.late.lock().unwrap() = Some(world.time.now());
        world.other.create(ann(), order()).await.map_err(fault)
    };
    let open = async {
        second.entered.notified().await;
        first.opened.notify_one();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while world.stripe.books().things.is_empty() {
            assert!(std::time::Instant::now() < deadline, "no link was made");
            tokio::task::yield_now().await;
        }
        second.opened.notify_one();
    };
    let (made, refused, ()) = tokio::join!(world.till.create(ann(), order()), late, open);
    assert_eq!(refused.unwrap_err(), (Kind::Unavailable, Reason::ProviderUnavailable));
    let made = made.unwrap();
    assert_eq!((world.stored(&made.id).await, made.status), (made, Status::Open));
    assert_eq!(world.calendar.done(), ["hold", "hold"], "what the other one holds is not let go");
}
