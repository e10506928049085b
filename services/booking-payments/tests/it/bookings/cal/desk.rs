//! What Cal.com does with a request.

use std::collections::VecDeque;

use axum::http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{Asked, CONSULT, Fault, KEY, PAID, SOLD, Time};

type Answer = (u16, Value);

/// What stands at Cal.com.
pub(super) struct Desk {
    pub(super) time: Time,
    pub(super) asked: watch::Sender<Vec<Asked>>,
    pub(super) faults: VecDeque<(Method, &'static str, Fault)>,
    pub(super) bookings: Vec<Value>,
    /// Uid, event type, start and end of what is reserved.
    pub(super) reservations: Vec<(String, i64, Timestamp, Timestamp)>,
    pub(super) made: u64,
    /// What is reserved cannot be booked either.
    pub(super) strict: bool,
    /// What is shown of bookings, if it is behind.
    pub(super) copy: Option<Vec<Value>>,
    /// The host is asked before a meeting is booked.
    pub(super) asks: bool,
    /// What becomes of a reservation whose length is asked for.
    pub(super) length: Length,
}

/// What becomes of a reservation whose length is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    /// It is as long.
    Any,
    /// It has so many minutes at most.
    AtMost(i64),
    /// It is refused with this status.
    Refused(u16),
}

fn refused(status: u16, code: &str) -> Answer {
    (status, json!({"status": "error", "error": {"code": code, "message": "User is not available"}}))
}

fn done(status: u16, data: impl Into<Value>) -> Answer {
    (status, json!({"status": "success", "data": data.into()}))
}

fn at(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

impl Desk {
    pub(super) fn fault(&mut self, asked: &Asked) -> Option<Fault> {
        let is_it =
            |(method, part, _): &(Method, &str, Fault)| *method == asked.method && asked.path.contains(part);
        let at = self.faults.iter().position(is_it)?;
        self.faults.remove(at).map(|(_, _, fault)| fault)
    }

    /// The time, which no two changes share.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.made += 1;
        self.time.now() + SignedDuration::from_millis(self.made.try_into().unwrap())
    }

    pub(super) fn answer(&mut self, asked: &Asked, headers: &HeaderMap) -> Answer {
        assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
        let parts: Vec<_> = asked.path.trim_start_matches("/v2/").split('/').collect();
        let version = match parts[0] {
            "slots" => "2024-09-04",
            "event-types" => "2024-06-14",
            _ => "2024-08-13",
        };
        assert_eq!(headers["cal-api-version"], version, "{}", asked.path);
        match (&asked.method, parts.as_slice()) {
            (&Method::GET, ["event-types"]) => done(200, event_types(self.asks)),
            (&Method::GET, ["slots"]) => self.slots(&asked.query),
            (&Method::POST, ["slots", "reservations"]) => self.reserve(&asked.body, None),
            (&Method::PATCH, ["slots", "reservations", uid]) => self.reserve(&asked.body, Some(uid)),
            (&Method::DELETE, ["slots", "reservations", uid]) => {
                self.reservations.retain(|(reserved, ..)| reserved != uid);
                (200, json!({"status": "success"}))
            }
            (&Method::POST, ["bookings"]) => self.book(&asked.body),
            (&Method::GET, ["bookings"]) => self.list(&asked.query),
            (&Method::GET, ["bookings", uid]) => self
                .shown()
                .iter()
                .find(|booking| booking["uid"] == **uid)
                .cloned()
                .map_or_else(|| refused(404, "NotFoundException"), |found| done(200, found)),
            (&Method::POST, ["bookings", uid, "reschedule"]) => self.reschedule(uid, &asked.body),
            (&Method::POST, ["bookings", uid, "cancel"]) => self.cancel(uid),
            other => panic!("cal.com has no {other:?}"),
        }
    }

    fn shown(&self) -> &[Value] {
        self.copy.as_ref().unwrap_or(&self.bookings)
    }

    pub(super) fn find(&mut self, uid: &str) -> Option<&mut Value> {
        self.bookings.iter_mut().find(|booking| booking["uid"] == uid)
    }

    /// Nobody has an hour, except for one booking.
    fn is_open(&self, start: Timestamp, except: Option<&str>) -> bool {
        let hour = start.as_second().rem_euclid(86_400);
        let fits = hour % 3_600 == 0 && (8..18).contains(&(hour / 3_600)) && start > self.time.now();
        fits && !self.bookings.iter().any(|booking| {
            let stands = booking["status"] == "accepted" || booking["status"] == "pending";
            stands && Some(booking["uid"].as_str().unwrap()) != except && at(&booking["start"]) == start
        })
    }

    fn is_reserved(&self, start: Timestamp) -> bool {
        let now = self.time.now();
        self.reservations.iter().any(|(_, _, reserved, until)| *reserved == start && *until > now)
    }

    fn slots(&self, query: &str) -> Answer {
        let query = read(query);
        let (from, to) = (at(&query["start"]), at(&query["end"]));
        let moving = query.get("bookingUidToReschedule").and_then(Value::as_str);
        let first = from.as_second().div_euclid(3_600) * 3_600;
        let hours =
            (first..to.as_second()).step_by(3_600).map(|second| Timestamp::from_second(second).unwrap());
        let mut days = Map::new();
        for start in hours {
            if start >= from && self.is_open(start, moving) && !self.is_reserved(start) {
                let day = start.to_string()[..10].to_owned();
                let slots = days.entry(day).or_insert_with(|| json!([]));
                slots.as_array_mut().unwrap().push(json!({ "start": start }));
            }
        }
        done(200, Value::Object(days))
    }

    fn reserve(&mut self, body: &Value, uid: Option<&str>) -> Answer {
        let start = at(&body["slotStart"]);
        let mut minutes = body["reservationDuration"].as_i64();
        match self.length {
            // Whoever renews is not asked who they are.
            Length::Refused(status) if minutes.is_some() && uid.is_none() => {
                return refused(status, "ForbiddenException");
            }
            Length::AtMost(most) => minutes = minutes.map(|minutes| minutes.min(most)),
            _ => {}
        }
        let is_booked = self.bookings.iter().any(|booking| {
            let stands = booking["status"] == "accepted" || booking["status"] == "pending";
            stands && booking["eventTypeId"] == body["eventTypeId"] && at(&booking["start"]) == start
        });
        if is_booked || self.is_reserved(start) {
            return refused(422, "UnprocessableEntityException");
        }
        let minutes = minutes.unwrap_or(5);
        let until = self.time.now() + SignedDuration::from_mins(minutes);
        self.tick();
        let uid = uid.map_or_else(|| format!("res{}", self.made), str::to_owned);
        self.reservations.retain(|(reserved, ..)| *reserved != uid);
        self.reservations.push((uid.clone(), body["eventTypeId"].as_i64().unwrap(), start, until));
        done(
            201,
            json!({
                "eventTypeId": body["eventTypeId"], "slotStart": start, "slotDuration": 60,
                "reservationUid": uid, "reservationDuration": minutes, "reservationUntil": until,
            }),
        )
    }

    pub(super) fn book(&mut self, body: &Value) -> Answer {
        let start = at(&body["start"]);
        if !self.is_open(start, None) || (self.strict && self.is_reserved(start)) {
            return refused(400, "BadRequestException");
        }
        let booking = self.make(body, start);
        self.bookings.push(booking.clone());
        done(201, booking)
    }

    fn make(&mut self, body: &Value, start: Timestamp) -> Value {
        let now = self.tick();
        let attendee = &body["attendee"];
        let id = body["eventTypeId"].as_i64().unwrap();
        let slug = if id == PAID { "paid" } else { "consult" };
        json!({
            "id": self.made, "uid": format!("uid{}", self.made), "title": "Consult between Pro and Ann",
            "description": "", "hosts": [], "status": if self.asks { "pending" } else { "accepted" },
            "start": start,
            "end": start + SignedDuration::from_hours(1), "duration": 60, "eventTypeId": id,
            "eventType": {"id": id, "slug": slug}, "location": "https://video.example/1", "absentHost": false,
            "createdAt": now, "updatedAt": now, "metadata": body["metadata"],
            "attendees": [{
                "name": attendee["name"], "email": attendee["email"].as_str().unwrap_or("+4930123456@sms.cal.com"),
                "displayEmail": attendee["email"], "timeZone": attendee["timeZone"], "absent": false,
            }],
            "bookingFieldsResponses": {},
        })
    }

    pub(super) fn reschedule(&mut self, uid: &str, body: &Value) -> Answer {
        let start = at(&body["start"]);
        let Some(old) = self.find(uid).cloned() else { return refused(404, "NotFoundException") };
        if old["status"] == "cancelled" || !self.is_open(start, Some(uid)) {
            return refused(400, "BadRequestException");
        }
        let attendee = old["attendees"][0].clone();
        // What was put into the metadata of the first one is not in the next.
        let mut new = self.make(&json!({"eventTypeId": old["eventTypeId"], "attendee": attendee}), start);
        new["rescheduledFromUid"] = json!(uid);
        let (now, new_uid) = (new["updatedAt"].clone(), new["uid"].clone());
        let old = self.find(uid).unwrap();
        old["status"] = json!("cancelled");
        old["rescheduledToUid"] = new_uid;
        old["updatedAt"] = now;
        self.bookings.push(new.clone());
        done(201, new)
    }

    pub(super) fn cancel(&mut self, uid: &str) -> Answer {
        let now = self.tick();
        let Some(booking) = self.find(uid) else { return refused(404, "NotFoundException") };
        if booking["status"] == "cancelled" {
            return refused(400, "BadRequestException");
        }
        booking["status"] = json!("cancelled");
        booking["updatedAt"] = json!(now);
        let booking = booking.clone();
        done(200, booking)
    }

    fn list(&self, query: &str) -> Answer {
        let query = read(query);
        let after = at(&query["afterUpdatedAt"]);
        let email = query.get("attendeeEmail");
        let mut all: Vec<_> = self
            .shown()
            .iter()
            .filter(|booking| at(&booking["updatedAt"]) > after)
            .filter(|booking| email.is_none_or(|email| booking["attendees"][0]["email"] == *email))
            .cloned()
            .collect();
        all.sort_by_key(|booking| at(&booking["updatedAt"]));
        let number = |name: &str| query[name].as_str().unwrap().parse::<usize>().unwrap();
        let page: Vec<_> = all.into_iter().skip(number("skip")).take(number("take")).collect();
        (200, json!({"status": "success", "data": page, "pagination": {}}))
    }
}

fn event_types(asks: bool) -> Value {
    let policy = if asks { json!({"type": "always"}) } else { json!({"disabled": true}) };
    let event_type = |id: i64, slug: &str, hidden: bool| {
        json!({"id": id, "slug": slug, "title": slug.to_uppercase(), "description": null,
            "lengthInMinutes": 60, "hidden": hidden, "confirmationPolicy": policy})
    };
    let sold = event_type(SOLD, "strategy-consult", true);
    json!([event_type(CONSULT, "consult", false), event_type(PAID, "paid", true), sold])
}

fn read(query: &str) -> Map<String, Value> {
    let url: reqwest::Url = format!("http://cal.example/?{query}").parse().unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), json!(value))).collect()
}
