//! People as they meet: claims, proofs, merges, and any order.

mod attacker;
mod claims;
mod meetings;
mod races;
mod schedules;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Store, Work, sqlite::Sqlite};
use tempfile::TempDir;

use super::*;
use crate::{
    ingest::{self, Rules},
    rows::list::{self, Filter},
};

/// The books over a store of their own.
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    rules: Rules,
    _dir: TempDir,
}

impl Desk {
    pub(crate) fn open() -> Self {
        // Memory where there is some: what is asked here is not the disk.
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let store = Sqlite::open(&dir.path().join("books.db"), crate::SCHEMA, store::system_clock()).unwrap();
        Self { store: Arc::new(store), rules: Rules::open(), _dir: dir }
    }

    pub(crate) async fn tell(&self, events: Value) {
        let body = events.to_string();
        ingest::take_own(&*self.store, &self.rules, body.as_bytes(), "", Timestamp::now()).await.unwrap();
    }

    pub(crate) async fn meet(&self, identity: Identity) -> String {
        let facts = tab::Contact::default();
        resolve_alone(&*self.store, &identity, facts, Timestamp::now()).await.unwrap().contact.id
    }

    /// Whom the identity leads to.
    pub(crate) async fn whose(&self, identity: Identity) -> Option<String> {
        let found = find(&mut Work::new(&*self.store), &identity).await.unwrap();
        found.map(|found| found.id)
    }

    pub(super) async fn doc(&self, contact_id: &str) -> ContactDoc {
        load(&mut Work::new(&*self.store), contact_id).await.unwrap().unwrap()
    }

    /// The rows of a tab as they are shown.
    pub(crate) async fn rows(&self, tab: domain::Tab) -> Vec<serde_json::Map<String, Value>> {
        let (mut rows, next) = list::list(&*self.store, tab, &Filter::default(), 1_000, None).await.unwrap();
        assert_eq!(next, None);
        show_survivors(&*self.store, rows.iter_mut()).await.unwrap();
        rows.into_iter().map(|row| crate::wire::cells_json(row.cells)).collect()
    }
}

/// An identity that comes to lead to a contact, whatever became of it.
pub(crate) async fn tie(store: &dyn Store, contact_id: &str, visitor: &str) {
    let key = Identity { visitor: visitor.into(), ..Default::default() }.keys().remove(0);
    let tie = Tie {
        contact_id: contact_id.into(),
        kind: key.kind,
        claimed: false,
        own: true,
        since: Timestamp::now(),
        value: key.value,
    };
    let mut work = Work::new(store);
    assert_eq!(work.get(&IDENTITIES, &key.doc_id).await.unwrap(), None);
    work.put(&IDENTITIES, &key.doc_id, &tie);
    assert!(Attempts::default().commit(work).await.unwrap());
}

pub(crate) fn email(address: &str) -> Identity {
    Identity { email: address.into(), ..Default::default() }
}

pub(crate) fn phone(number: &str) -> Identity {
    Identity { phone: number.into(), ..Default::default() }
}

pub(crate) fn visitor(id: &str) -> Identity {
    Identity { visitor: id.into(), ..Default::default() }
}

#[tokio::test]
async fn one_call_that_proves_two_contacts_one_merges_them() {
    let desk = Desk::open();
    let older = desk.meet(email("ann@example.com")).await;
    let younger = desk.meet(phone("+4930901820")).await;
    assert_ne!(older, younger);
    let both = Identity { email: "ann@example.com".into(), ..phone("+49 30 901820") };
    assert_eq!(desk.meet(both).await, older);
    let doc = desk.doc(&younger).await;
    assert_eq!(
        (doc.id(), &*doc.contact.email, &*doc.contact.phone),
        (&*older, "ann@example.com", "+4930901820")
    );
    assert_eq!(desk.whose(phone("+4930901820")).await, Some(older.clone()));
    let rows = desk.rows(domain::Tab::Contacts).await;
    let lost = rows.iter().find(|row| row["id"] == *younger).unwrap();
    assert_eq!((&lost["source"], &lost["phone"]), (&json!(format!("merged into {older}")), &Value::Null));
}

#[tokio::test]
async fn rows_keep_the_id_they_were_written_with_and_show_the_survivor() {
    let desk = Desk::open();
    desk.tell(json!({"type": "calendar.booked", "uid": "u1", "phone": "+4930901820", "occurred_at": "2025-10-02T10:00:00Z"})).await;
    desk.tell(json!({"type": "calendar.booked", "uid": "u2", "email": "ann@example.com", "occurred_at": "2025-10-01T10:00:00Z"})).await;
    let survivor = desk.whose(email("ann@example.com")).await.unwrap();
    let loser = desk.whose(phone("+4930901820")).await.unwrap();
    merge(&*desk.store, &survivor, &loser).await.unwrap();
    let (stored, _) =
        list::list(&*desk.store, domain::Tab::Bookings, &Filter::default(), 10, None).await.unwrap();
    let mut kept: Vec<_> = stored.iter().filter_map(|row| row.subject.clone()).collect();
    kept.sort();
    let mut both = vec![survivor.clone(), loser.clone()];
    both.sort();
    assert_eq!(kept, both);
    assert!(desk.rows(domain::Tab::Bookings).await.iter().all(|row| row["contact_id"] == *survivor));
}

#[tokio::test]
async fn the_operator_merges_but_never_two_verified_whop_users() {
    let desk = Desk::open();
    let ann = desk.meet(Identity { whop_user: "user_ann".into(), ..email("ann@example.com") }).await;
    let ben = desk.meet(Identity { whop_user: "user_ben".into(), ..email("ben@example.com") }).await;
    let cat = desk.meet(email("cat@example.com")).await;
    assert!(merge(&*desk.store, &ann, &ben).await.is_err());
    // The older one survives on its own; the operator may decide otherwise.
    let merged = merge(&*desk.store, &cat, &ann).await.unwrap();
    assert_eq!((merged.contact.id.as_str(), merged.merged), (&*cat, true));
    assert!(!merge(&*desk.store, &cat, &ann).await.unwrap().merged);
    assert_eq!(desk.meet(Identity { whop_user: "user_ann".into(), ..Default::default() }).await, cat);
    assert!(merge(&*desk.store, &ben, &ann).await.is_err(), "the survivor is the verified user now");
    // Nor does a shared address make them one.
    let shared = Identity { whop_user: "user_ben".into(), ..email("cat@example.com") };
    assert_eq!(desk.meet(shared).await, ben);
    assert_eq!(desk.whose(email("cat@example.com")).await, Some(cat));
}

#[tokio::test]
async fn chains_of_merges_lead_to_the_last_survivor() {
    let desk = Desk::open();
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(desk.meet(visitor(&format!("vis_{n}"))).await);
    }
    for pair in [(1, 0), (2, 1), (3, 2)] {
        merge(&*desk.store, &ids[pair.0], &ids[pair.1]).await.unwrap();
    }
    let doc = desk.doc(&ids[0]).await;
    assert_eq!(doc.id(), ids[3]);
    let mut aliases = doc.aliases.clone();
    aliases.sort();
    let mut others = ids[..3].to_vec();
    others.sort();
    assert_eq!(aliases, others);
}

#[test]
fn first_touch_stays_and_a_blank_empties_nothing() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let facts = |source: &str, medium: &str| tab::Contact {
        utm_source: source.into(),
        utm_medium: medium.into(),
        ..Default::default()
    };
    let mut doc = ContactDoc::new("con_1".into());
    doc.hear(&Identity::default(), facts("ads", "cpc"), at(20));
    doc.hear(&Identity::default(), facts("yt", ""), at(10));
    doc.hear(&Identity::default(), facts("late", "late"), at(30));
    assert_eq!((&*doc.contact.utm_source, &*doc.contact.utm_medium), ("yt", "cpc"));
    assert_eq!(doc.contact.created_at, Some(at(10)));
}
