//! A year of an agency's books, drawn by lot and the same each time, with what is unusual planted where a test wants it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use proto::sheets::v1::Tab;
use serde_json::{Value, json};

use crate::{
    books::{Books, Entry},
    lot::Lot,
};

/// Where the agency is.
pub(crate) const ZONE: &str = "Europe/Berlin";

/// What is done to a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plant {
    /// So many times as many visits.
    Visits(f64),
    /// Visits become no leads.
    NoLeads,
    /// Leads book no meetings.
    NoBookings,
    /// So many payments of a hundred fail.
    Failures(u64),
    /// So many subscriptions end.
    Ends(usize),
    /// The model costs so many times as much.
    Dear(u64),
}

/// A subscription that runs.
struct Running {
    row: usize,
    contact: String,
    since: Date,
    amount: Value,
}

/// The books while they are being written.
pub(crate) struct Year {
    lot: Lot,
    zone: TimeZone,
    rows: BTreeMap<i32, Vec<Entry>>,
    running: Vec<Running>,
    plants: Vec<(Date, Plant)>,
    number: u64,
}

// === impl Year ===

impl Year {
    /// The days from `first` on, so many, with what is planted in them.
    pub(crate) fn write(seed: u64, first: Date, days: i32, plants: &[(Date, Plant)]) -> Books {
        let zone = TimeZone::get(ZONE).unwrap();
        let mut year = Self {
            lot: Lot(seed),
            zone,
            rows: BTreeMap::new(),
            running: Vec::new(),
            plants: plants.to_vec(),
            number: 0,
        };
        for number in 0..40 {
            let contact = year.contact(first, "ref", "");
            year.subscribe(first, &contact, 149_000 - number * 1_000);
        }
        for day in 0..days {
            year.day(first.saturating_add(jiff::Span::new().days(day)));
        }
        let books = Books::default();
        for tab in [
            Tab::Contacts,
            Tab::Leads,
            Tab::Engagements,
            Tab::Bookings,
            Tab::Subscriptions,
            Tab::Payments,
            Tab::ChatEvents,
        ] {
            books.fill(tab, year.rows.remove(&tab.into()).unwrap_or_default());
        }
        books
    }

    fn plant(&self, date: Date) -> impl Iterator<Item = Plant> {
        self.plants.iter().filter(move |(day, _)| *day == date).map(|(_, plant)| *plant)
    }

    fn day(&mut self, date: Date) {
        let plants: Vec<_> = self.plant(date).collect();
        let usual = if date.weekday().to_monday_zero_offset() < 5 { 34.0 } else { 18.0 };
        let times = plants.iter().find_map(|plant| match plant {
            Plant::Visits(times) => Some(*times),
            _ => None,
        });
        for _ in 0..self.lot.count(usual * times.unwrap_or(1.0)) {
            self.visit(date, &plants);
        }
        if self.lot.percent(30) {
            let contact = self.contact(date, "ref", "");
            self.subscribe(date, &contact, 149_000);
        }
        let ends = plants.iter().find_map(|plant| match plant {
            Plant::Ends(ends) => Some(*ends),
            _ => None,
        });
        for _ in 0..ends.unwrap_or(usize::from(self.lot.percent(12))) {
            self.end(date);
        }
        self.renew(date, &plants);
        self.noise(date);
    }

    /// Somebody talks to the agent.
    fn visit(&mut self, date: Date, plants: &[Plant]) {
        let at = self.moment(date);
        let (session, thread) = (self.id("ses"), self.id("thr"));
        let source = self.lot.pick(&["yt", "google", "", "newsletter"]);
        let campaign = if source == "yt" { self.lot.pick(&["oct", "nov"]) } else { "" };
        let known = if self.lot.percent(9) && !plants.contains(&Plant::NoLeads) {
            Some(self.lead(at, date, source, campaign, plants))
        } else {
            None
        };
        // Who came by a campaign once may come back by themselves.
        let traits = if source.is_empty() || (known.is_some() && self.lot.percent(50)) {
            json!({})
        } else {
            json!({"utm_source": source, "utm_campaign": campaign})
        };
        let price = plants.iter().find_map(|plant| match plant {
            Plant::Dear(times) => Some(*times),
            _ => None,
        });
        for turn in 0..=self.lot.below(2) {
            let at = at + SignedDuration::from_secs(60 * turn as i64);
            let id = self.id("evt");
            let traits = if turn == 0 { traits.clone() } else { json!({}) };
            self.event(
                at,
                &id,
                "chat.turn",
                &session,
                json!({"message": "hi", "traits": traits, "thread_id": thread}),
            );
            self.engage(at, known.as_deref().filter(|_| turn > 0), &session, "", "hi");
            let cost = 3_000_000 + self.lot.below(4_000_000);
            let answered = json!({"model": "gpt-5-mini", "duration_ms": 600 + self.lot.below(9_000), "tools": [],
                "cost": {"billionths": cost * price.unwrap_or(1), "currency": "USD"}});
            let id = self.id("evt");
            self.event(at + SignedDuration::from_secs(4), &id, "chat.answered", &session, answered);
        }
        self.ending(at + SignedDuration::from_mins(5), &session, known.as_deref());
    }

    fn ending(&mut self, at: Timestamp, session: &str, known: Option<&str>) {
        if self.lot.percent(6) {
            let question = self.lot.pick(&[
                "Do you do TikTok?",
                "do you  do tiktok?",
                "What about Mars?",
                "Have you an office?",
            ]);
            let id = self.id("evt");
            self.event(at, &id, "knowledge.unanswered", session, json!({"question": question}));
        }
        let outcome = self.lot.pick(&["", "", "learn_more", "qualified"]);
        if !outcome.is_empty() {
            self.engage(at, known, session, outcome, "");
        }
        if self.lot.percent(4) {
            let at = at + SignedDuration::from_secs(30);
            self.engage(at, known, session, "needs_human", "");
            let id = self.id("evt");
            let waited = 20 + self.lot.below(4_000);
            self.event(at, &id, "chat.person_answered", session, json!({"waited_seconds": waited}));
        }
    }

    fn lead(&mut self, at: Timestamp, date: Date, source: &str, campaign: &str, plants: &[Plant]) -> String {
        let contact = self.contact(date, source, campaign);
        let id = self.id("led");
        let cells = json!({"id": id, "contact_id": contact, "created_at": at, "status": "new", "score": 0.7});
        self.put(Tab::Leads, &id, at, cells);
        if self.lot.percent(60) && !plants.contains(&Plant::NoBookings) {
            self.book(at + SignedDuration::from_mins(9), &contact);
            if self.lot.percent(50) {
                let amount = json!({"minor": 15_000 + 100 * self.lot.below(50), "currency": "EUR"});
                self.pay(date, &contact, amount, plants);
            }
        }
        contact
    }

    fn book(&mut self, at: Timestamp, contact: &str) {
        let id = self.id("bkg");
        let status = self.lot.pick(&["booked", "booked", "rescheduled", "canceled", "requested", "rejected"]);
        // What is merely asked for comes on top, or conversion would be less than it is meant to be.
        if matches!(status, "requested" | "rejected") {
            let id = self.id("bkg");
            self.put(
                Tab::Bookings,
                &id,
                at,
                json!({"id": id, "contact_id": contact, "created_at": at, "status": "booked"}),
            );
        }
        self.put(
            Tab::Bookings,
            &id,
            at,
            json!({"id": id, "contact_id": contact, "created_at": at, "status": status}),
        );
    }

    fn pay(&mut self, date: Date, contact: &str, amount: Value, plants: &[Plant]) {
        let begun = self.moment(date);
        let id = self.id("pi");
        let fails = plants.iter().find_map(|plant| match plant {
            Plant::Failures(percent) => Some(*percent),
            _ => None,
        });
        let fails = self.lot.percent(fails.unwrap_or(4));
        let mut cells = json!({"id": id, "contact_id": contact, "amount": amount, "provider": "stripe",
            "currency": amount["currency"], "status": "failed", "metadata": ""});
        if !fails {
            // Most money comes at once, some of it weeks later.
            let late = if self.lot.percent(5) { 24 * (10 + self.lot.below(30)) as i64 } else { 0 };
            cells["paid_at"] =
                json!(begun + SignedDuration::from_hours(late) + SignedDuration::from_secs(40));
            cells["status"] = json!("paid");
            match self.lot.below(30) {
                0 => {
                    let part = json!({"minor": amount["minor"].as_i64().unwrap() / 3, "currency": amount["currency"]});
                    cells["metadata"] = json!(json!({"refunded": part}).to_string());
                    cells["status"] = json!("partially_refunded");
                }
                1 => {
                    cells["metadata"] = json!(json!({"refunded": amount, "item": "x"}).to_string());
                    cells["status"] = json!("refunded");
                }
                2 => cells["status"] = json!("disputed"),
                _ => {}
            }
        }
        self.put(Tab::Payments, &id, begun, cells);
    }

    fn subscribe(&mut self, date: Date, contact: &str, minor: i64) {
        let at = self.moment(date);
        let id = self.id("sub");
        let currency = if self.lot.percent(10) { "JPY" } else { "EUR" };
        let amount = json!({"minor": minor, "currency": currency});
        let cells = json!({"id": id, "contact_id": contact, "provider": "stripe", "status": "active",
            "started_at": at, "mrr": amount});
        self.put(Tab::Subscriptions, &id, at, cells);
        let row = self.rows[&Tab::Subscriptions.into()].len() - 1;
        self.running.push(Running { row, contact: contact.to_owned(), since: date, amount });
    }

    fn end(&mut self, date: Date) {
        // There are always some: more begin than end.
        let chosen = self.lot.below(self.running.len() as u64) as usize;
        let Running { row, amount, since, .. } = self.running.swap_remove(chosen);
        let at = self.moment(date.max(since.saturating_add(jiff::Span::new().days(1))));
        let Entry { cells, former, .. } = &mut self.rows.get_mut(&Tab::Subscriptions.into()).unwrap()[row];
        cells["mrr"] = json!({"minor": 0, "currency": amount["currency"]});
        // At once, with what was paid for after it was called off, or by itself.
        let (status, canceled_at, ended_at) = match row % 3 {
            0 => ("canceled", Some(at), None),
            1 => ("canceled", Some(at - SignedDuration::from_hours(24 * 25)), Some(at)),
            _ => ("expired", None, Some(at)),
        };
        cells["status"] = json!(status);
        if let Some(at) = canceled_at {
            cells["canceled_at"] = json!(at);
        }
        *former = json!({"mrr": amount});
        if let Some(at) = ended_at {
            former["ended_at"] = json!(at);
        }
    }

    /// Every subscription pays once in thirty days.
    fn renew(&mut self, date: Date, plants: &[Plant]) {
        let due = self.running.iter().filter(|running| {
            let days = (date - running.since).get_days();
            days > 0 && days % 30 == 0
        });
        let due: Vec<_> = due.map(|running| (running.contact.clone(), running.amount.clone())).collect();
        for (contact, amount) in due {
            self.pay(date, &contact, amount, plants);
        }
    }

    /// What must not count: the operator's own words, deleted rows, money of nothing, what is canceled and still runs.
    fn noise(&mut self, date: Date) {
        let at = self.moment(date);
        let id = self.id("evt");
        self.event(
            at,
            &id,
            "chat.turn",
            "ses_operator",
            json!({"workflow_id": "ops-copilot", "message": "figures?"}),
        );
        let id = self.id("eng");
        let cells = json!({"id": id, "occurred_at": at, "outcome": "weekly_summary", "workflow_id": "ops-copilot", "session_id": "ses_operator"});
        self.put(Tab::Engagements, &id, at, cells);
        let id = self.id("led");
        self.put(
            Tab::Leads,
            &id,
            at,
            json!({"id": id, "contact_id": "con_spam", "created_at": at, "status": "new"}),
        );
        self.rows.get_mut(&Tab::Leads.into()).unwrap().last_mut().unwrap().deleted = true;
        let id = self.id("in");
        let nothing =
            json!({"id": id, "status": "paid", "paid_at": at, "amount": {"minor": 0, "currency": "EUR"}});
        self.put(Tab::Payments, &id, at, nothing);
        if date.day() == 15 {
            let id = self.id("sub");
            let cells = json!({"id": id, "status": "active", "started_at": at, "canceled_at": at, "mrr": {"minor": 9_900, "currency": "EUR"}});
            self.put(Tab::Subscriptions, &id, at, cells);
        }
    }

    fn contact(&mut self, date: Date, source: &str, campaign: &str) -> String {
        let at = self.moment(date);
        let id = self.id("con");
        let cells = json!({"id": id, "created_at": at, "utm_source": source, "utm_campaign": campaign, "email": "canary@example.com"});
        self.put(Tab::Contacts, &id, at, cells);
        id
    }

    fn event(&mut self, at: Timestamp, id: &str, kind: &str, session: &str, mut said: Value) {
        said["id"] = json!(id);
        said["type"] = json!(kind);
        said["session_id"] = json!(session);
        said.as_object_mut().unwrap().entry("workflow_id").or_insert(json!("lead-concierge"));
        let cells = json!({"id": id, "session_id": session, "occurred_at": at, "type": kind, "payload_json": said.to_string()});
        self.put(Tab::ChatEvents, id, at, cells);
    }

    fn engage(&mut self, at: Timestamp, contact: Option<&str>, session: &str, outcome: &str, message: &str) {
        let id = self.id("eng");
        let cells = json!({"id": id, "contact_id": contact.unwrap_or_default(), "occurred_at": at, "channel": "chat",
            "outcome": outcome, "message": message, "workflow_id": "lead-concierge", "session_id": session});
        self.put(Tab::Engagements, &id, at, cells);
    }

    fn put(&mut self, tab: Tab, id: &str, at: Timestamp, cells: Value) {
        let entry = Entry { id: id.to_owned(), at, cells, former: json!({}), deleted: false };
        self.rows.entry(tab.into()).or_default().push(entry);
    }

    fn id(&mut self, prefix: &str) -> String {
        self.number += 1;
        format!("{prefix}_{:08}", self.number)
    }

    /// A moment of a day, at no other moment's microsecond.
    fn moment(&mut self, date: Date) -> Timestamp {
        self.number += 1;
        let begin = date.to_zoned(self.zone.clone()).unwrap().timestamp();
        // No day is shorter than 23 hours.
        let secs = 60 + self.lot.below(22 * 3_600) as i64;
        begin + SignedDuration::from_micros(secs * 1_000_000 + (self.number % 1_000_000) as i64)
    }
}
