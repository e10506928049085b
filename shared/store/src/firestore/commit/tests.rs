//! What the documents say after an answer was lost.

use firestore::gcloud_sdk::google::firestore::v1::Document as Wire;
use serde_json::json;

use super::{
    super::{Place, record::timestamp},
    *,
};
use crate::{Key, Precondition, Schema, Version, firestore::record::Replaced};

const NOW: i64 = 1_000_000;
const OURS: u64 = 7;
const OTHERS: u64 = 8;
const OLD: u64 = 3;

fn id(number: u64) -> CommitId {
    CommitId::from_number(number)
}

fn store() -> Firestore {
    let place = Place { project: "p".into(), database: "d".into(), emulator: None };
    let schema = Schema { version: 1, indexes: &[], expiring: &["desk"] };
    Firestore::open(place, "it", schema, crate::system_clock()).unwrap()
}

fn intent(document: &str, precondition: Precondition) -> Intent {
    let key = Key { collection: "desk", id: document.into() };
    let op = Op::Put { body: json!({}), expires_at: None };
    Intent::new(Write { key, precondition, op }, &store()).unwrap()
}

/// A document that was updated then, by this commit, and replaced that.
fn found(intent: &Intent, updated: i64, by: u64, replaces: Option<Replaced>) -> (String, Record) {
    let wire = intent.wire_of(id(by), replaces);
    let wire = Wire { update_time: Some(timestamp(updated)), ..wire };
    (intent.name().to_owned(), Record::read(wire).unwrap())
}

fn old(updated: i64) -> State {
    State { updated, commit: id(OLD) }
}

fn replacing(document: &str) -> Intent {
    intent(document, Precondition::Version(version(old(1), false)))
}

fn judge(intents: &[Intent], records: impl IntoIterator<Item = (String, Record)>) -> Finding {
    let guards: Vec<Guard> =
        intents.iter().map(|intent| intent.first_guard(&Records::new(), NOW).unwrap()).collect();
    find(intents, &guards, id(OURS), Some(false), &records.into_iter().collect(), NOW)
}

fn done(updated: i64) -> Finding {
    Finding::Done(version(State { updated, commit: id(OURS) }, false))
}

#[test]
fn our_id_proves_that_it_happened() {
    for ours in [intent("a", Precondition::Absent), replacing("a"), intent("a", Precondition::Any)] {
        let record = found(&ours, 2, OURS, None);
        assert_eq!(judge(&[ours], [record]), done(2));
    }
}

#[test]
fn one_of_our_documents_is_enough() {
    let intents = [intent("a", Precondition::Any), replacing("b")];
    let records = [found(&intents[0], 3, OTHERS, None), found(&intents[1], 2, OURS, Some(Some(id(OLD))))];
    assert_eq!(judge(&intents, records), done(2));
}

#[test]
fn who_replaced_our_work_proves_that_it_happened() {
    let ours = replacing("a");
    let record = found(&ours, 3, OTHERS, Some(Some(id(OURS))));
    let Finding::Done(Version(_)) = judge(&[ours], [record]) else { panic!("it is done") };
}

#[test]
fn what_is_as_it_was_can_be_tried_again() {
    let ours = replacing("a");
    let record = found(&ours, 1, OLD, None);
    assert_eq!(judge(&[ours], [record]), Finding::Open(vec![Guard::At(old(1))]));
    assert_eq!(judge(&[intent("a", Precondition::Absent)], []), Finding::Open(vec![Guard::Absent]));
}

#[test]
fn who_made_something_else_of_the_same_state_proves_that_it_did_not_happen() {
    let ours = replacing("a");
    let record = found(&ours, 3, OTHERS, Some(Some(id(OLD))));
    assert_eq!(judge(&[ours], [record]), Finding::Conflict);
    let ours = intent("a", Precondition::Absent);
    let record = found(&ours, 3, OTHERS, Some(None));
    assert_eq!(judge(&[ours], [record]), Finding::Conflict);
}

#[test]
fn a_document_that_is_as_it_was_speaks_for_all() {
    let intents = [replacing("a"), replacing("b")];
    let records = [found(&intents[0], 1, OLD, None), found(&intents[1], 9, OTHERS, Some(Some(id(4))))];
    assert_eq!(judge(&intents, records), Finding::Conflict);
}

#[test]
fn nothing_is_guessed() {
    let ours = replacing("a");
    let record = found(&ours, 9, OTHERS, Some(Some(id(4))));
    assert_eq!(judge(&[ours], [record]), Finding::Unclear, "overwritten more than once");
    let ours = replacing("a");
    let record = found(&ours, 9, OTHERS, None);
    assert_eq!(judge(&[ours], [record]), Finding::Unclear, "overwritten by somebody who did not look");
    assert_eq!(judge(&[replacing("a")], []), Finding::Unclear, "removed");
    let ours = intent("a", Precondition::Any);
    let record = found(&ours, 1, OLD, None);
    assert_eq!(judge(&[ours], [record]), Finding::Unclear, "a write without a guard may still be on its way");
}

#[test]
fn without_a_lost_answer_the_guards_decide() {
    let intents = [intent("a", Precondition::Exists)];
    let records: Records = [found(&intents[0], 5, OTHERS, None)].into();
    let guards = [Guard::At(old(1))];
    let seen = State { updated: 5, commit: id(OTHERS) };
    let find = |records| find(&intents, &guards, id(OURS), None, records, NOW);
    assert_eq!(find(&records), Finding::Open(vec![Guard::At(seen)]));
    assert_eq!(find(&Records::new()), Finding::Conflict);
}
