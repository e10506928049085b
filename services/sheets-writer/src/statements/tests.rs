//! Statements as they come: once, twice, late, about people who merge or are forgotten.

mod rows;
mod schedules;

use domain::{Money, Tab, tab};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    leads::{self, Signal},
    people::{Desk, Identity, email},
    rows::End,
};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn euros(minor: i64) -> Money {
    Money { minor, currency: "EUR".parse().unwrap() }
}

/// Ann, in the chat of a page.
pub(crate) fn ann() -> Party {
    Party {
        identity: Identity {
            session: "ses_ann".into(),
            visitor: "vis_ann".into(),
            ..email("ann@example.com")
        },
        name: "Ann van Example".into(),
        place: Place { workflow: "lead-concierge".into(), site: "shop.example".into() },
        page: "/pricing".into(),
    }
}

/// A meeting with these uids, which begins at `hour`.
pub(crate) fn meeting(uids: &[&str], version: u64, hour: u8, status: &str) -> bookings::Statement {
    bookings::Statement {
        uids: uids.iter().map(|uid| (*uid).to_owned()).collect(),
        version,
        created_at: at("2025-10-01T10:00:00Z"),
        was_booked: None,
        said: tab::Booking {
            cal_provider: "cal.com".into(),
            event_start: Some(at(&format!("2025-11-01T{hour:02}:00:00Z"))),
            event_end: Some(at(&format!("2025-11-01T{hour:02}:30:00Z"))),
            meeting_type: "Consult 30".into(),
            status: status.into(),
            ..Default::default()
        },
    }
}

pub(crate) fn payment(id: &str, version: u64, status: &str, refunded: i64) -> Statement<Payment> {
    let row = tab::Payment {
        id: id.into(),
        provider: "stripe".into(),
        amount: Some(euros(15_000)),
        paid_at: (status != "pending" && status != "failed").then(|| at("2025-10-01T10:05:00Z")),
        method: "card".into(),
        status: status.into(),
        ..Default::default()
    };
    let metadata = Map::from_iter([("item".to_owned(), json!("strategy-consult"))]);
    let refunded = (refunded > 0).then(|| euros(refunded));
    let item = Payment::new(row, refunded, metadata);
    Statement { version, created_at: at("2025-10-01T10:00:00Z"), end: End::default(), item }
}

pub(crate) fn subscription(id: &str, version: u64, status: &str) -> Statement<tab::Subscription> {
    let item = tab::Subscription {
        id: id.into(),
        provider: "stripe".into(),
        product: "Growth Retainer".into(),
        plan: "monthly".into(),
        status: status.into(),
        started_at: Some(at("2025-10-01T10:00:00Z")),
        canceled_at: (status == "canceled").then(|| at("2025-10-09T10:00:00Z")),
        mrr: Some(euros(149_000)),
        ..Default::default()
    };
    Statement { version, created_at: at("2025-10-01T10:00:00Z"), end: End::default(), item }
}

impl Desk {
    /// Somebody who wants something: a contact with a lead.
    pub(super) async fn want(&self, identity: Identity) -> String {
        let id = self.meet(identity).await;
        let mut work = Work::new(&*self.store);
        let signal = Signal { intent: "buy".into(), ..Default::default() };
        let since = at("2025-09-01T10:00:00Z");
        leads::record(&mut work, &id, &signal, since, since).await.unwrap();
        assert!(Attempts::default().commit(work).await.unwrap());
        id
    }

    pub(super) async fn state(&self, statement: bookings::Statement, party: &Party) -> (String, Taken) {
        take_booking(&*self.store, &statement, party, Timestamp::now()).await.unwrap()
    }

    pub(super) async fn pay(&self, statement: Statement<Payment>, party: &Party) -> Taken {
        take(&*self.store, &statement, party).await.unwrap()
    }

    pub(super) async fn subscribe(&self, statement: Statement<tab::Subscription>, party: &Party) -> Taken {
        take(&*self.store, &statement, party).await.unwrap()
    }

    /// The only row of a tab.
    pub(super) async fn row(&self, tab: Tab) -> Map<String, Value> {
        let mut rows = self.rows(tab).await;
        assert_eq!(rows.len(), 1, "{tab}: {rows:#?}");
        rows.remove(0)
    }
}
