//! Rows, without a store.

use super::*;
use domain::tab::Lead;

fn row(version: u64, score: f64, intent: &str) -> Row {
    let lead = Lead { id: "led_1".into(), score: Some(score), intent: intent.into(), ..Lead::default() };
    Row::of(&lead, version, Timestamp::UNIX_EPOCH)
}

#[test]
fn only_what_changed_is_written_again() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    doc.land(1, None);
    assert_eq!(doc.state, State::Written);
    assert!(doc.advance(row(2, 0.9, "buy"), End::default()));
    assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["score"]);
    assert_eq!(doc.state, State::Pending);
}

#[test]
fn what_is_older_never_overwrites_what_is_newer() {
    let mut doc = RowDoc::of(row(2, 0.9, "buy"));
    assert!(!doc.advance(row(1, 0.5, "browse"), End::default()));
    assert!(!doc.advance(row(2, 0.5, "browse"), End::default()));
    assert_eq!(doc, RowDoc::of(row(2, 0.9, "buy")));
}

#[test]
fn a_change_while_a_batch_is_under_way_stays_pending() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    assert!(doc.advance(row(2, 0.9, "buy"), End::default()));
    doc.land(1, None);
    assert_eq!((doc.state, doc.landed), (State::Pending, true));
    assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["score"]);
    doc.land(2, Some(&["score".to_owned()]));
    assert_eq!(doc.state, State::Written);
}

#[test]
fn a_column_that_was_spoilt_while_a_batch_was_composed_stays_pending() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    doc.land(1, None);
    assert!(doc.advance(row(2, 0.9, "buy"), End::default()));
    doc.rewrite(&["status".to_owned()].into());
    doc.land(2, Some(&["score".to_owned()]));
    assert_eq!(
        (doc.state, doc.changed.keys().collect::<Vec<_>>()),
        (State::Pending, vec![&"status".to_owned()])
    );
}

#[test]
fn a_row_that_a_person_deleted_stays_deleted() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    doc.land(1, None);
    doc.state = State::Deleted;
    assert!(doc.advance(row(2, 0.9, "buy"), End::default()));
    assert_eq!(doc.state, State::Deleted);
}

#[test]
fn only_the_columns_that_were_spoilt_are_written_again() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    doc.land(1, None);
    doc.rewrite(&["id", "score", "a column of the owner's"].map(str::to_owned).into());
    assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["score"]);
    assert_eq!(doc.state, State::Pending);
    let mut deleted = RowDoc { state: State::Deleted, ..doc };
    deleted.rewrite(&["score".to_owned()].into());
    assert_eq!(deleted.state, State::Deleted);
}

#[test]
fn only_the_version_that_was_refused_is_parked() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    assert!(doc.advance(row(2, 0.9, "buy"), End::default()));
    doc.park(1, "refused");
    assert_eq!((doc.state, doc.error.as_deref()), (State::Pending, None));
    doc.park(2, "refused");
    assert_eq!((doc.state, doc.error.as_deref()), (State::Parked, Some("refused")));
    assert!(doc.advance(row(3, 0.9, "buy"), End::default()));
    assert_eq!((doc.state, doc.error.as_deref()), (State::Pending, None));
}

#[test]
fn a_row_whose_line_was_adopted_waits_for_its_id_before_anything_else() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    doc.land(1, None);
    doc.adopted = true;
    doc.rewrite(&["score".to_owned()].into());
    assert_eq!(doc.state, State::Written, "nobody looks for its id before it stands");
    doc.land(1, Some(&["id".to_owned()]));
    assert_eq!((doc.adopted, doc.state), (false, State::Pending));
    doc.land(1, Some(&["score".to_owned()]));
    assert_eq!(doc.state, State::Written);
    doc.adopted = true;
    doc.unwrite();
    assert_eq!((doc.adopted, doc.state), (false, State::Pending));
    doc.adopted = true;
    doc.land(1, None);
    assert!(!doc.adopted, "it was written whole, with its id");
}

#[test]
fn a_row_that_is_parked_stays_so_until_it_gets_another_chance() {
    let mut doc = RowDoc::of(row(1, 0.5, "buy"));
    doc.land(1, None);
    assert!(doc.advance(row(2, 0.9, "buy"), End::default()));
    doc.park(2, "refused");
    doc.rewrite(&["status".to_owned()].into());
    doc.find_again(Timestamp::UNIX_EPOCH);
    doc.land(2, Some(&["id".to_owned()]));
    assert_eq!((doc.state, doc.error.as_deref()), (State::Parked, Some("refused")));
    assert!(doc.retry());
    assert_eq!((doc.state, doc.error.as_deref()), (State::Pending, None));
    assert_eq!(doc.changed.keys().collect::<Vec<_>>(), ["score", "status"]);
}
