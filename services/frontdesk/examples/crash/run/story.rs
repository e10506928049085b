//! What happens at the agency: events in the order in which they happened.
//!
//! The invariant: what the books show in the end follows from what the events say, never from the order in which they
//! come. So each has a time of its own, and who never becomes a contact never does: a turn that comes before its
//! contact is known is left blank for good reason.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// One meeting under way.
struct Meeting {
    number: usize,
    contact: usize,
    kind: Kind,
    start: Timestamp,
    steps: usize,
}

/// What is known of a meeting.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Its uid, from the beginning.
    Uid,
    /// Its contact and start alone.
    Slot,
    /// Its contact and start first, its uid later.
    Late,
}

struct Writer {
    dice: Rng,
    people: usize,
    meetings: Vec<Meeting>,
}

/// The first `count` events of the story of `seed`.
pub(super) fn write(seed: u64, count: usize) -> Vec<Value> {
    let people = (count / 40).max(5);
    let mut writer = Writer { dice: Rng::with_seed(seed), people, meetings: Vec::new() };
    (0..count).map(|number| writer.event(number)).collect()
}

fn time(number: usize) -> Timestamp {
    let first: Timestamp = "2025-10-01T08:00:00Z".parse().expect("a time");
    first + SignedDuration::from_secs(i64::try_from(number).expect("not so many"))
}

// === impl Writer ===

impl Writer {
    fn event(&mut self, number: usize) -> Value {
        let mut event = match self.dice.usize(..100) {
            0..60 => self.turn(number),
            60..88 => self.meeting(number),
            _ => self.visit(number),
        };
        event["occurred_at"] = time(number).to_string().into();
        // the others are known by their content
        if !number.is_multiple_of(13) {
            event["id"] = format!("ev-{number}").into();
        }
        event
    }

    fn turn(&mut self, number: usize) -> Value {
        let person = self.dice.usize(..self.people);
        let score = 0.5 + self.dice.usize(..50) as f64 / 100.0;
        let said = ["Hello", "=1+1", "+49 30 1234", "Grüße, 你好 🙂", "\"quoted\", 'so'\nand so"]
            [self.dice.usize(..5)];
        let mut turn =
            json!({"type": "chat.turn", "message": format!("{said} {number}"), "page": "/services"});
        match self.dice.usize(..4) {
            // looks around, and is never known
            0 => {
                turn["session_id"] = format!("looks-{person}").into();
                turn["score"] = json!(0.1);
                return turn;
            }
            1 => {
                turn["session_id"] = format!("named-{person}").into();
                turn["contact_id"] = format!("c_{person}").into();
            }
            _ => {
                turn["session_id"] = format!("s-{person}").into();
                turn["traits"] = json!({"utm_source": format!("ad-{number}")});
                if self.dice.usize(..100) < 20 {
                    turn["email"] = format!("p{person}@example.com").into();
                }
            }
        }
        turn["score"] = score.into();
        turn["intent"] = ["buy_inquiry", "pricing", "none"][self.dice.usize(..3)].into();
        if self.dice.usize(..100) < 10 {
            turn["outcome"] = ["qualified", "learn_more"][self.dice.usize(..2)].into();
            turn["workflow_id"] = "lead-concierge".into();
        }
        turn
    }

    fn visit(&mut self, number: usize) -> Value {
        let kind = ["page.viewed", "chat.closed", "form.sent"][self.dice.usize(..3)];
        json!({"type": kind, "session_id": format!("looks-{}", self.dice.usize(..self.people)), "page": format!("/{number}")})
    }

    /// A new meeting, or what becomes of one.
    fn meeting(&mut self, number: usize) -> Value {
        if self.meetings.len() < 8 || self.dice.usize(..100) < 35 {
            let kind = [Kind::Uid, Kind::Uid, Kind::Slot, Kind::Late][self.dice.usize(..4)];
            let contact = self.dice.usize(..self.people);
            let meeting = Meeting { number, contact, kind, start: start(number), steps: 0 };
            let event = meeting.tell("booked");
            self.meetings.push(meeting);
            return event;
        }
        let place = self.dice.usize(..self.meetings.len());
        let mut meeting = self.meetings.swap_remove(place);
        meeting.steps += 1;
        let action = match (meeting.kind, meeting.steps) {
            (Kind::Uid, 1 | 2) if self.dice.usize(..100) < 70 => {
                meeting.start = start(number);
                "rescheduled"
            }
            (Kind::Late, 1) => "confirmed",
            _ => return meeting.tell("cancelled"),
        };
        let event = meeting.tell(action);
        self.meetings.push(meeting);
        event
    }
}

/// No two meetings begin at one time, so a contact and a start name one.
fn start(number: usize) -> Timestamp {
    time(number) + SignedDuration::from_hours(48)
}

// === impl Meeting ===

impl Meeting {
    fn tell(&self, action: &str) -> Value {
        let mut event = json!({
            "type": format!("calendar.{action}"), "contact_id": format!("c_{}", self.contact),
            "event_start": self.start.to_string(), "meeting_type": "Consult 30", "cal_provider": "cal.com",
        });
        match self.kind {
            Kind::Uid => event["cal_event_id"] = format!("uid-{}", self.number).into(),
            Kind::Late if self.steps > 0 => event["cal_event_id"] = format!("late-{}", self.number).into(),
            _ => {}
        }
        event
    }
}
