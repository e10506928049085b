use std::sync::Arc;

use domain::Tab;
use store::{Attempts, Store};

use super::*;
use crate::people;

/// The open lead of a contact, by the ids that lead to it; more than one is wrong.
pub(crate) async fn only_open(store: &dyn Store, contact_ids: &[String]) -> Option<String> {
    let mut work = Work::new(store);
    let mut open = Vec::new();
    for contact_id in contact_ids {
        let (_, slot) = slot(&mut work, contact_id).await.unwrap();
        let doc = load(&mut work, &slot.lead_id).await.unwrap();
        open.extend(doc.filter(LeadDoc::is_open).map(|doc| doc.lead.id));
    }
    open.dedup();
    assert!(open.len() < 2, "several open leads: {open:?}");
    open.pop()
}

fn signal(intent: &str, score: Option<f64>) -> Signal {
    Signal { intent: intent.into(), score, ..Default::default() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_score_decides_and_an_intent_where_there_is_none() {
    assert!(signal("buy_inquiry", Some(0.5)).is_lead(0.5));
    assert!(!signal("buy_inquiry", Some(0.49)).is_lead(0.5));
    assert!(signal("buy_inquiry", None).is_lead(0.5));
    assert!(!signal("none", None).is_lead(0.5));
    assert!(!signal("", None).is_lead(0.5));
}

#[test]
fn the_newest_word_decides_in_any_order() {
    let events = [(10, signal("browse", Some(0.6))), (20, signal("buy", None)), (15, signal("", Some(0.5)))];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let mut doc = LeadDoc::open("c_1", at(10), at(30));
        for index in order {
            doc.apply(&events[index].1, at(events[index].0));
        }
        let lead = &doc.lead;
        assert_eq!(
            (&*lead.intent, lead.score, doc.highest_score),
            ("buy", Some(0.5), Some(0.6)),
            "{order:?}"
        );
        assert_eq!((lead.last_touch, lead.created_at), (Some(at(20)), Some(at(10))));
    }
}

/// One contact's lead in a store of its own.
struct Desk {
    store: Arc<dyn Store>,
    contact_id: String,
    _dir: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("books.db");
        // The tests live in the first minutes of 1970, and so must what expires.
        let store = store::sqlite::Sqlite::open(&path, crate::SCHEMA, Arc::new(|| at(1))).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let contact_id = Self::meet(&*store, "vis_1").await;
        Self { store, contact_id, _dir: dir }
    }

    async fn meet(store: &dyn Store, visitor: &str) -> String {
        let identity = people::Identity { visitor: visitor.into(), ..Default::default() };
        people::resolve_alone(store, &identity, tab::Contact::default(), at(1)).await.unwrap().contact.id
    }

    async fn record(&self, contact_id: &str, signal: Signal, second: i64) -> Recorded {
        let mut work = Work::new(&*self.store);
        let recorded = record(&mut work, contact_id, &signal, at(second), at(second)).await.unwrap();
        assert!(Attempts::default().commit(work).await.unwrap());
        recorded
    }

    async fn advance(&self, stage: Stage, second: i64) {
        let mut work = Work::new(&*self.store);
        advance(&mut work, &self.contact_id, stage, at(second)).await.unwrap();
        assert!(Attempts::default().commit(work).await.unwrap());
    }

    async fn set(&self, request: &str, edit: Edit, second: i64) -> LeadView {
        let which = Which::OfContact(self.contact_id.clone());
        save(&*self.store, request, &which, &edit, at(second)).await.unwrap().0
    }

    async fn status(&self) -> String {
        let mut work = Work::new(&*self.store);
        let (_, slot) = slot(&mut work, &self.contact_id).await.unwrap();
        load(&mut work, &slot.lead_id).await.unwrap().unwrap().lead.status
    }
}

fn status(stage: Stage) -> Edit {
    Edit { status: Some(stage), ..Edit::default() }
}

#[tokio::test]
async fn a_status_goes_forward_only_and_may_be_told_before_the_lead() {
    let desk = Desk::open().await;
    desk.advance(Stage::Booked, 10).await;
    desk.record(&desk.contact_id, signal("buy", Some(0.9)), 20).await;
    assert_eq!(desk.status().await, "booked");
    desk.advance(Stage::Qualified, 30).await;
    assert_eq!(desk.status().await, "booked");
}

#[tokio::test]
async fn what_happened_before_the_operators_word_moves_it_no_more() {
    let desk = Desk::open().await;
    desk.record(&desk.contact_id, signal("buy", Some(0.9)), 10).await;
    desk.set("r1", status(Stage::New), 15).await;
    desk.set("r2", status(Stage::Qualified), 20).await;
    desk.set("r3", status(Stage::New), 30).await;
    desk.advance(Stage::Booked, 29).await;
    assert_eq!(desk.status().await, "new");
    desk.advance(Stage::Qualified, 31).await;
    assert_eq!(desk.status().await, "qualified");
}

#[tokio::test]
async fn a_late_event_belongs_to_the_lead_that_was_open_then() {
    let desk = Desk::open().await;
    let first = desk.record(&desk.contact_id, signal("buy", Some(0.9)), 10).await;
    desk.set("r1", status(Stage::Won), 20).await;
    // The same request again closes nothing anew.
    assert_eq!(desk.set("r1", status(Stage::Won), 25).await.lead.id, first.lead_id);
    desk.advance(Stage::Booked, 15).await;
    assert_eq!(desk.record(&desk.contact_id, signal("late", Some(0.7)), 19).await.lead_id, first.lead_id);
    assert_eq!(desk.status().await, "won");
    let next = desk.record(&desk.contact_id, signal("again", Some(0.8)), 30).await;
    assert!(next.created);
    assert_eq!(desk.status().await, "new");
}

#[tokio::test]
async fn the_owners_notes_stand_and_an_emptied_field_is_filled_by_later_words() {
    let desk = Desk::open().await;
    let said = Edit {
        notes: Some("call on Monday".into()),
        owner: Some("Zoe".into()),
        intent: Some("buy".into()),
        ..Edit::default()
    };
    desk.set("r1", said, 10).await;
    desk.set("r2", Edit { intent: Some(String::new()), ..Edit::default() }, 20).await;
    let words = Signal { notes: "from the chat".into(), ..signal("browse", Some(0.9)) };
    desk.record(&desk.contact_id, Signal { intent: "old".into(), ..words.clone() }, 15).await;
    let view = desk.set("r3", Edit::default(), 21).await;
    assert_eq!((&*view.lead.intent, &*view.lead.notes), ("", "call on Monday"));
    desk.record(&desk.contact_id, words, 30).await;
    let view = desk.set("r4", Edit::default(), 31).await;
    assert_eq!(
        (&*view.lead.intent, &*view.lead.notes, &*view.lead.owner),
        ("browse", "call on Monday", "Zoe")
    );
}

#[tokio::test]
async fn two_open_leads_of_merged_contacts_become_one() {
    let desk = Desk::open().await;
    let other = Desk::meet(&*desk.store, "vis_2").await;
    let mine = desk.record(&desk.contact_id, signal("buy", Some(0.6)), 20).await;
    let words = Signal { notes: "wants a demo".into(), ..signal("browse", Some(0.9)) };
    let older = desk.record(&other, words, 10).await;
    people::merge(&*desk.store, &desk.contact_id, &other).await.unwrap();
    let view = desk.set("r1", Edit::default(), 30).await;
    assert_eq!(view.lead.id, older.lead_id);
    assert_eq!((&*view.lead.intent, view.lead.score, view.highest_score), ("buy", Some(0.6), Some(0.9)));
    assert_eq!(&*view.lead.notes, "wants a demo");
    let key = rows::RowKey { tab: Tab::Leads, id: mine.lead_id.clone() };
    let row = rows::ROWS.get(&*desk.store, &key.doc_id()).await.unwrap().unwrap().value;
    assert_eq!(row.cells["notes"], domain::Cell::Text(format!("merged into {}", older.lead_id)));
    assert_eq!(row.cells["status"], domain::Cell::Empty);
    // The id that is gone still leads to it.
    let which = Which::Lead(mine.lead_id);
    let (view, created) = save(&*desk.store, "r2", &which, &status(Stage::Qualified), at(40)).await.unwrap();
    assert_eq!((view.lead.id, created), (older.lead_id, false));
}

#[tokio::test]
async fn a_merge_brings_nothing_from_before_the_operators_word() {
    for end in [Stage::Lost, Stage::New] {
        let desk = Desk::open().await;
        let other = Desk::meet(&*desk.store, "vis_2").await;
        desk.record(&desk.contact_id, signal("buy", Some(0.6)), 5).await;
        desk.set("r0", status(Stage::Qualified), 15).await;
        desk.set("r1", status(end), 20).await;
        let mut work = Work::new(&*desk.store);
        advance(&mut work, &other, Stage::Booked, at(10)).await.unwrap();
        assert!(Attempts::default().commit(work).await.unwrap());
        people::merge(&*desk.store, &desk.contact_id, &other).await.unwrap();
        desk.record(&desk.contact_id, signal("again", Some(0.8)), 30).await;
        assert_eq!(desk.status().await, "new", "after {end:?}");
        desk.advance(Stage::Qualified, 40).await;
        assert_eq!(desk.status().await, "qualified", "after {end:?}");
    }
}

#[tokio::test]
async fn a_merge_brings_what_came_after_the_operators_word() {
    let desk = Desk::open().await;
    let other = Desk::meet(&*desk.store, "vis_2").await;
    desk.record(&desk.contact_id, signal("buy", Some(0.6)), 5).await;
    desk.set("r1", status(Stage::New), 20).await;
    let mut work = Work::new(&*desk.store);
    advance(&mut work, &other, Stage::Booked, at(25)).await.unwrap();
    assert!(Attempts::default().commit(work).await.unwrap());
    people::merge(&*desk.store, &desk.contact_id, &other).await.unwrap();
    assert_eq!(desk.status().await, "booked");
}
