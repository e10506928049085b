//! Notices: what became of a booking or a payment, told in the thread in which it was asked for.
//!
//! A notice is queued in the commit that makes it true. The invariant: it is known by what happened, so that it stands in
//! its thread once however often it is told; and it names nobody.

use jiff::{Timestamp, tz::TimeZone};
use providers::notice::Notice;

use crate::{
    bookings::{Meeting, Status},
    till::{self, Checkout},
};

/// What happened to a meeting that its visitor did not do here; `None` if there is nothing to tell, or no thread.
pub(crate) fn of_meeting(before: &Meeting, after: &Meeting) -> Option<Notice> {
    let has_come = |status| before.status != status && after.status == status;
    let title = if has_come(Status::Canceled) {
        "Your meeting was cancelled"
    } else if has_come(Status::Rejected) {
        "Your meeting was declined"
    } else if has_come(Status::Booked) {
        "Your meeting is confirmed"
    } else if before.start != after.start && after.is_alive() {
        "Your meeting was moved"
    } else {
        return None;
    };
    let lines = vec![("When".to_owned(), shown(after.start, &after.attendee.time_zone))];
    Notice::new(&after.owner, format!("{}:{}", after.id(), after.version), title, lines)
}

/// What became of a link; `None` if there is nothing to tell, or no thread.
pub(crate) fn of_checkout(before: &Checkout, after: &Checkout) -> Option<Notice> {
    use till::{Meeting as Outcome, Status};
    let zone = &after.attendee.time_zone;
    let (is_paid, is_met) = (after.status == Status::Paid, before.meeting != after.meeting);
    let item = ("Item".to_owned(), after.item.name.clone());
    let amount = ("Paid".to_owned(), after.amount().to_string());
    let (what, title, lines) = match after.meeting {
        Outcome::Booked if is_met => {
            let start = after.start.map(|start| ("When".to_owned(), shown(start, zone)));
            ("met", "Paid and booked", [Some(item), Some(amount), start].into_iter().flatten().collect())
        }
        Outcome::SlotLost if is_met => {
            let next = after.next_starts.iter().map(|start| ("Still free".to_owned(), shown(*start, zone)));
            let lines = [item, amount].into_iter().chain(next).collect();
            ("lost", "Paid, but your slot was taken meanwhile: we will get in touch", lines)
        }
        // The meeting's outcome is told in its place.
        Outcome::Booking => return None,
        _ if before.status == after.status => return None,
        _ if is_paid => ("paid", "Your payment has arrived", vec![item, amount]),
        _ if after.status == Status::Failed => ("failed", "Your payment did not come through", vec![item]),
        _ => return None,
    };
    Notice::new(&after.owner, format!("{}:{what}", after.id), title, lines)
}

/// A time as its reader says it: `Monday, 2 November 2026, 15:00 (Europe/Berlin)`.
fn shown(at: Timestamp, zone: &str) -> String {
    let known = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let name = known.iana_name().unwrap_or("UTC").to_owned();
    format!("{} ({name})", at.to_zoned(known).strftime("%A, %-d %B %Y, %H:%M"))
}

#[cfg(test)]
mod tests {
    use providers::owner::Owner;

    use super::*;

    fn meeting(status: Status, start: &str) -> Meeting {
        let mut meeting = Meeting::default();
        (meeting.status, meeting.version, meeting.uids) = (status, 3, vec!["u1".into()]);
        meeting.start = start.parse().unwrap();
        meeting.attendee.time_zone = "Europe/Berlin".into();
        meeting.owner = Owner { thread: "thr_1".into(), visitor: "vis_1".into(), ..Owner::default() };
        meeting
    }

    #[test]
    fn what_others_did_to_a_meeting_is_told_in_the_visitors_time() {
        let (early, late) = ("2026-10-24T13:00:00Z", "2026-10-26T13:00:00Z");
        let told = |before: &Meeting, after: &Meeting| {
            of_meeting(before, after).map(|notice| (notice.title, notice.lines[0].1.clone()))
        };
        let booked = meeting(Status::Booked, early);
        let line = |text: &str| text.to_owned();
        assert_eq!(
            told(&booked, &meeting(Status::Booked, late)),
            Some((line("Your meeting was moved"), line("Monday, 26 October 2026, 14:00 (Europe/Berlin)")))
        );
        assert_eq!(
            told(&booked, &meeting(Status::Canceled, early)),
            Some((
                line("Your meeting was cancelled"),
                line("Saturday, 24 October 2026, 15:00 (Europe/Berlin)")
            ))
        );
        assert!(told(&meeting(Status::Requested, early), &booked).is_some());
        assert_eq!(told(&booked, &booked), None);
        let mut nowhere = meeting(Status::Canceled, early);
        nowhere.owner.thread = String::new();
        assert_eq!(told(&booked, &nowhere), None);
    }
}
