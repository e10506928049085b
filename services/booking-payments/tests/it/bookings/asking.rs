//! Meetings that the host is asked about: what was only asked for was never booked, whatever was heard of it.

use serde_json::json;

use super::rig::{Rig, webhook};

const NINE: &str = "2026-10-21T09:00:00Z";

/// What happens to a meeting after somebody asked for it.
#[derive(Clone, Copy, Debug)]
enum Does {
    Accept,
    Reject,
    Cancel,
}

/// What the books are told in the end of a booking of the public page: how it stands, and whether it was booked.
async fn told(asks: bool, story: &[Does], heard: &[bool]) -> (String, Option<bool>) {
    let rig = Rig::start().await;
    if asks {
        rig.cal.ask_first();
    }
    let uid = rig.cal.book(NINE, "ann@example.com", json!({}));
    let set = |status: &'static str| rig.cal.change(&uid, |booking| booking["status"] = json!(status));
    let mut heard = heard.iter();
    for step in [None].into_iter().chain(story.iter().map(Some)) {
        let trigger = match step {
            None => "BOOKING_REQUESTED",
            Some(Does::Accept) => {
                set("accepted");
                "BOOKING_CREATED"
            }
            Some(Does::Reject) => {
                set("rejected");
                "BOOKING_REJECTED"
            }
            Some(Does::Cancel) => {
                rig.cal.cancel(&uid);
                "BOOKING_CANCELLED"
            }
        };
        if *heard.next().unwrap() {
            rig.send(&webhook(trigger, &uid, None)).await.unwrap();
            rig.settle().await;
        }
    }
    // No webhook at all may have come: a look finds it.
    rig.reconcile("2026-10-20T00:00:00Z").await;
    rig.settle().await;
    let ends = ["canceled", "rejected"];
    let told = rig
        .books
        .until(|told| told.booking.as_ref().is_some_and(|booking| ends.contains(&&*booking.status)))
        .await;
    rig.stop().await;
    let booking = told.booking.unwrap();
    (booking.status, booking.was_booked)
}

#[tokio::test]
async fn what_was_only_asked_for_was_never_booked() {
    let canceled = |was_booked| ("canceled".to_owned(), Some(was_booked));
    for heard in [[true, true], [true, false], [false, true], [false, false]] {
        assert_eq!(told(true, &[Does::Cancel], &heard).await, canceled(false), "{heard:?}");
        assert_eq!(told(true, &[Does::Reject], &heard).await, ("rejected".to_owned(), Some(false)));
        // Nobody was asked, so it was booked before it was cancelled, though nothing of that was heard.
        assert_eq!(told(false, &[Does::Cancel], &heard).await, canceled(true), "{heard:?}");
    }
}

#[tokio::test]
async fn what_was_accepted_was_booked_once_that_was_seen() {
    for heard in [[true, true, true], [false, true, false], [false, true, true]] {
        let end = told(true, &[Does::Accept, Does::Cancel], &heard).await;
        assert_eq!(end, ("canceled".to_owned(), Some(true)), "{heard:?}");
    }
}
