//! Meetings on either side of a change of the clocks: everybody reads the time that their own clock will show.

use jiff::{
    SignedDuration, Timestamp,
    civil::Weekday,
    tz::{Offset, TimeZone},
};
use proto::booking::v1::{ListSlotsRequest, RescheduleBookingRequest};
use sandbox::{INTRO_CALL, STRATEGY_CONSULT};

use super::desk::{Guest, at, wire};
use crate::world::World;

/// What a clock shows then that is so many hours off UTC.
fn shows(time: Timestamp, hours: i8) -> String {
    let sign = if hours < 0 { '-' } else { '+' };
    let clock = Offset::constant(hours).to_datetime(time).strftime("%Y-%m-%dT%H:%M:%S");
    format!("{clock}{sign}{:02}:00", hours.abs())
}

/// The same in the words of the page.
fn says(time: Timestamp, hours: i8, zone: &str) -> String {
    let sign = if hours < 0 { '-' } else { '+' };
    let clock = Offset::constant(hours).to_datetime(time).strftime("%A, %-d %B %Y, %H:%M");
    format!("{clock} ({zone}, UTC{sign}{:02}:00)", hours.abs())
}

/// The last and the first start around a change.
fn around(world: &World, event_type: i64, change: Timestamp) -> (Timestamp, Timestamp) {
    let free = world.sandbox().calendar().free(event_type, 366);
    let after = free.partition_point(|start| *start < change);
    assert!(after > 0 && after < free.len(), "{change} is too far ahead");
    let (before, after) = (free[after - 1], free[after]);
    assert!(after.duration_since(before) > SignedDuration::from_hours(24), "a weekend lies between");
    (before, after)
}

async fn clocks_change(zone: &str, winter: i8) {
    let world = World::shop().await;
    let tz = TimeZone::get(zone).unwrap();
    let now = Timestamp::now() + SignedDuration::from_hours(24 * 5);
    let changes: Vec<_> = tz.following(now).take(2).collect();
    for (number, change) in (60..).zip(changes) {
        let at_change = change.timestamp();
        assert_eq!(at_change.to_zoned(tz.clone()).weekday(), Weekday::Sunday);
        let summer = winter + 1;
        let (old, new) = if change.dst().is_dst() { (winter, summer) } else { (summer, winter) };
        let guest = Guest { time_zone: zone.to_owned(), ..Guest::new(number) };
        let (before, after) = around(&world, INTRO_CALL, at_change);

        let slots = ListSlotsRequest {
            caller: Some(guest.caller.clone()),
            event_type_id: INTRO_CALL,
            from_time: wire(before),
            to_time: wire(after + SignedDuration::from_mins(1)),
            time_zone: zone.to_owned(),
            ..ListSlotsRequest::default()
        };
        let slots = world.meetings().list_slots(slots).await.unwrap().into_inner().slots;
        let told: Vec<_> = slots.iter().map(|slot| slot.local_start.as_str()).collect();
        assert_eq!(told, [shows(before, old), shows(after, new)]);

        let booking = guest.book(&world, INTRO_CALL, before).await;
        assert_eq!(booking.local_start, shows(before, old));
        let request = RescheduleBookingRequest {
            caller: Some(guest.caller.clone()),
            request_id: "move".to_owned(),
            booking_id: booking.booking_id.clone(),
            start_time: wire(after),
            reason: String::new(),
        };
        let moved = world.meetings().reschedule_booking(request).await.unwrap().into_inner().booking.unwrap();
        assert_eq!(moved.local_start, shows(after, new));
        assert_eq!(moved.local_end, shows(at(moved.end_time), new));
        assert_eq!(guest.booking(&world, &booking.booking_id).await.local_start, moved.local_start);

        let (before, after) = around(&world, STRATEGY_CONSULT, at_change);
        for (start, hours) in [(before, old), (after, new)] {
            let link = guest.checkout(&world, "strategy-consult", Some(start)).await;
            let page = world.return_page(&link.checkout_id).await;
            let words = says(start, hours, zone);
            assert!(page.contains(&words), "{words}: {page}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn berlin_reads_its_own_time_on_either_side_of_both_changes() {
    clocks_change("Europe/Berlin", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_york_reads_its_own_time_on_either_side_of_both_changes() {
    clocks_change("America/New_York", -5).await;
}
