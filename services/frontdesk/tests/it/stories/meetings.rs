//! Meetings, from the slot to the row.

use jiff::Timestamp;
use proto::{
    booking::v1::{BookingStatus, CancelBookingRequest, ListSlotsRequest, RescheduleBookingRequest},
    sheets::v1::Tab as WireTab,
};
use sandbox::{INTRO_CALL, Outcome, Provider, STRATEGY_CONSULT, Side};
use serde_json::{Value, json};
use tonic::Code;

use super::desk::{Guest, at, wire};
use crate::world::{World, until};

/// The one line of a tab once it says so.
pub(super) async fn line_when(world: &World, tab: &str, column: &str, value: &str) -> Value {
    until(&format!("{tab} says {value}"), || world.lines(tab).iter().any(|line| line[column] == value)).await;
    let [line] = &world.lines(tab)[..] else { panic!("{:?}", world.lines(tab)) };
    line.clone()
}

/// A time as the spreadsheet has it: days since its epoch.
pub(super) fn day(time: Timestamp) -> f64 {
    time.as_second() as f64 / 86_400.0 + 25_569.0
}

#[track_caller]
pub(super) fn is_at(cell: &Value, time: Timestamp) {
    let seconds = (cell.as_f64().unwrap_or_else(|| panic!("{cell}")) - day(time)) * 86_400.0;
    assert!(seconds.abs() < 1.0, "{cell} is not {time}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_books_comes_into_the_books_and_moves_the_lead_on() {
    let world = World::shop().await;
    let ann = Guest::new(1);
    ann.save_lead(&world).await;
    let start = world.starts(INTRO_CALL)[0];
    let booking = ann.book(&world, INTRO_CALL, start).await;
    assert_eq!((booking.status(), at(booking.start_time)), (BookingStatus::Booked, start));

    let sheet = world.at_rest().await;
    let row = line_when(&world, "bookings", "status", "booked").await;
    assert_eq!(row["id"], booking.booking_id.as_str(), "the agent and the books speak of one thing");
    assert_eq!((&row["meeting_type"], &row["cal_event_id"]), (&json!("intro-call"), &json!(booking.uid)));
    is_at(&row["event_start"], start);
    is_at(&row["event_end"], at(booking.end_time));
    let contact = &world.lines("contacts")[0];
    assert_eq!((&contact["id"], &contact["email"]), (&row["contact_id"], &json!(ann.email)));
    let lead = line_when(&world, "leads", "status", "booked").await;
    assert_eq!(lead["contact_id"], row["contact_id"]);
    let booked: Vec<_> =
        world.lines("engagements").into_iter().filter(|line| line["outcome"] == "booked").collect();
    let [engagement] = &booked[..] else { panic!("{booked:?}") };
    assert_eq!((&engagement["contact_id"], &engagement["page"]), (&row["contact_id"], &json!("/services")));
    assert_eq!(sheet["contacts"].len(), 1);
    // the store says the same
    let stored = world.rows(WireTab::Bookings).await;
    assert_eq!((stored.len(), stored[0].row_id.as_str()), (1, booking.booking_id.as_str()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_on_the_public_page_comes_into_the_books() {
    let world = World::shop().await;
    let bob = Guest::new(2);
    let start = world.starts(STRATEGY_CONSULT)[0];
    let uid = world.sandbox().calendar().book(&bob.visit(STRATEGY_CONSULT, start)).unwrap();
    let row = line_when(&world, "bookings", "status", "booked").await;
    assert_eq!((&row["cal_event_id"], &row["cal_provider"]), (&json!(uid), &json!("cal.com")));
    is_at(&row["event_start"], start);
    world.at_rest().await;
    let [contact] = &world.lines("contacts")[..] else { panic!("one contact") };
    assert_eq!((&contact["email"], &contact["source"]), (&json!(bob.email), &json!("calendar")));
    assert_eq!((&contact["first_name"], &contact["last_name"]), (&json!("Guest2"), &json!("Example")));
    assert_eq!(line_when(&world, "engagements", "outcome", "booked").await["contact_id"], contact["id"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_that_visitor_and_host_move_stays_one_row() {
    let world = World::shop().await;
    let (ann, starts) = (Guest::new(3), world.starts(INTRO_CALL));
    let booking = ann.book(&world, INTRO_CALL, starts[0]).await;
    line_when(&world, "bookings", "status", "booked").await;

    let request = RescheduleBookingRequest {
        caller: Some(ann.caller.clone()),
        request_id: "move".to_owned(),
        booking_id: booking.booking_id.clone(),
        start_time: wire(starts[2]),
        reason: "a train".to_owned(),
    };
    let moved = world.meetings().reschedule_booking(request).await.unwrap().into_inner().booking.unwrap();
    assert_eq!((&moved.booking_id, moved.reschedules), (&booking.booking_id, 1));
    assert_ne!(moved.uid, booking.uid, "Cal.com gives it another uid");
    let row = line_when(&world, "bookings", "status", "rescheduled").await;
    assert_eq!((&row["id"], &row["cal_event_id"]), (&json!(booking.booking_id), &json!(moved.uid)));
    is_at(&row["event_start"], starts[2]);

    let uid = world.sandbox().calendar().reschedule(&moved.uid, starts[4], Side::Host, None).unwrap();
    let row = line_when(&world, "bookings", "cal_event_id", &uid).await;
    assert_eq!(row["id"], booking.booking_id.as_str());
    is_at(&row["event_start"], starts[4]);
    let seen = ann.booking(&world, &booking.booking_id).await;
    assert_eq!((at(seen.start_time), seen.reschedules), (starts[4], 2));
    world.at_rest().await;
    assert_eq!((world.lines("bookings").len(), world.lines("contacts").len()), (1, 1));
    assert_eq!(world.lines("engagements").len(), 1, "it is one meeting, and was booked once");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_meeting_gives_its_slot_back() {
    let world = World::shop().await;
    let (ann, start) = (Guest::new(4), world.starts(INTRO_CALL)[0]);
    let booking = ann.book(&world, INTRO_CALL, start).await;
    let taken = Guest::new(5).try_book(&world, INTRO_CALL, start).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists, "{taken:?}");
    let request = CancelBookingRequest {
        caller: Some(ann.caller.clone()),
        request_id: "cancel".to_owned(),
        booking_id: booking.booking_id.clone(),
        reason: String::new(),
    };
    let answer = world.meetings().cancel_booking(request).await.unwrap().into_inner().booking.unwrap();
    assert_eq!(answer.status(), BookingStatus::Canceled);
    let row = line_when(&world, "bookings", "status", "canceled").await;
    is_at(&row["event_start"], start);
    let slots = ListSlotsRequest {
        caller: Some(ann.caller.clone()),
        event_type_id: INTRO_CALL,
        from_time: wire(start),
        time_zone: ann.time_zone.clone(),
        ..ListSlotsRequest::default()
    };
    let slots = world.meetings().list_slots(slots).await.unwrap().into_inner().slots;
    assert_eq!(at(slots[0].start_time), start, "it is free again");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_come_is_noted_and_may_be_forgiven() {
    let world = World::shop().await;
    let start = world.starts(INTRO_CALL)[0];
    let calendar = world.sandbox().calendar();
    let uid = calendar.book(&Guest::new(6).visit(INTRO_CALL, start)).unwrap();
    line_when(&world, "bookings", "status", "booked").await;
    calendar.mark_no_show(&uid, true).unwrap();
    line_when(&world, "bookings", "status", "no_show").await;
    calendar.mark_no_show(&uid, false).unwrap();
    line_when(&world, "bookings", "status", "booked").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_that_waits_for_the_host_is_confirmed_or_declined() {
    let world = World::shop().await;
    let (calendar, starts) = (world.sandbox().calendar(), world.starts(INTRO_CALL));
    calendar.confirm_first(INTRO_CALL, true);
    let ann = Guest::new(7);
    let booking = ann.book(&world, INTRO_CALL, starts[0]).await;
    assert_eq!(booking.status(), BookingStatus::Requested);
    line_when(&world, "bookings", "status", "requested").await;
    world.at_rest().await;
    assert_eq!(world.lines("engagements").len(), 0, "nothing is booked yet");
    calendar.confirm(&booking.uid).unwrap();
    line_when(&world, "bookings", "status", "booked").await;
    line_when(&world, "engagements", "outcome", "booked").await;

    let other = calendar.book(&Guest::new(8).visit(INTRO_CALL, starts[3])).unwrap();
    world.lines_when("bookings", 2).await;
    calendar.decline(&other, Some("no time")).unwrap();
    until("it is rejected", || world.lines("bookings").iter().any(|line| line["status"] == "rejected")).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_that_cal_com_takes_money_for_is_one_row() {
    let world = World::shop().await;
    let (calendar, start) = (world.sandbox().calendar(), world.starts(STRATEGY_CONSULT)[0]);
    let uid = calendar.book_unpaid(&Guest::new(9).visit(STRATEGY_CONSULT, start), 15_000).unwrap();
    line_when(&world, "bookings", "status", "requested").await;
    // the payment is told of before the booking is
    calendar.pay(&uid).unwrap();
    let row = line_when(&world, "bookings", "status", "booked").await;
    assert_eq!(row["cal_event_id"], uid.as_str());
    world.at_rest().await;
    assert_eq!((world.lines("bookings").len(), world.lines("engagements").len()), (1, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_told_of_a_meeting_is_adopted() {
    let world = World::shop().await;
    let (guest, start) = (Guest::new(10), world.starts(INTRO_CALL)[0]);
    let told = json!({
        "type": "calendar.booked", "email": guest.email, "event_start": start, "cal_provider": "cal.com",
        "meeting_type": "Intro",
    });
    world.deliver(&told).await;
    let heard = line_when(&world, "bookings", "status", "booked").await;
    assert_eq!(heard["cal_event_id"], Value::Null);
    let uid = world.sandbox().calendar().book(&guest.visit(INTRO_CALL, start)).unwrap();
    let stated = line_when(&world, "bookings", "cal_event_id", &uid).await;
    assert_eq!((&stated["id"], &stated["contact_id"]), (&heard["id"], &heard["contact_id"]));
    assert_eq!(stated["meeting_type"], "intro-call", "the calendar's word stands");
    world.at_rest().await;
    assert_eq!((world.lines("bookings").len(), world.lines("contacts").len()), (1, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cal_com_says_besides_is_taken_and_changes_nothing() {
    let world = World::shop().await;
    let (calendar, start) = (world.sandbox().calendar(), world.starts(INTRO_CALL)[0]);
    let uid = calendar.book(&Guest::new(10).visit(INTRO_CALL, start)).unwrap();
    line_when(&world, "bookings", "status", "booked").await;
    let before = world.at_rest().await;
    calendar.ping();
    calendar.meeting_started(&uid).unwrap();
    calendar.meeting_ended(&uid).unwrap();
    let webhooks = world.sandbox().webhooks(Provider::CalCom);
    until("all are sent", || webhooks.under_way() == 0 && webhooks.log().len() == 4).await;
    let outcomes: Vec<_> = webhooks.log().into_iter().map(|sent| sent.outcome).collect();
    assert_eq!(outcomes, vec![Outcome::Answered(200); 4]);
    assert_eq!(world.at_rest().await, before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_is_told_before_it_is_so_is_looked_at_again() {
    let world = World::shop().await;
    let (calendar, start) = (world.sandbox().calendar(), world.starts(INTRO_CALL)[0]);
    let uid = calendar.book(&Guest::new(10).visit(INTRO_CALL, start)).unwrap();
    line_when(&world, "bookings", "status", "booked").await;
    let webhooks = world.sandbox().webhooks(Provider::CalCom);
    calendar.announce_cancellation(&uid).unwrap();
    until("it is taken", || webhooks.under_way() == 0 && webhooks.log().len() == 2).await;
    assert_eq!(webhooks.log()[1].outcome, Outcome::Answered(200));
    // now it is so, and nobody says it again
    webhooks.lose(1);
    calendar.cancel(&uid, Side::Attendee, None).unwrap();
    line_when(&world, "bookings", "status", "canceled").await;
    world.stop().await;
}
