//! The owner edits between our read and our write: the answer shows it, and what was hit is mended.

use std::time::Duration;

use sandbox::{FaultKind, Person};
use serde_json::{Value, json};

use super::{NOTES, OWNER, SCORE, STATUS, lead, line, turn, with_leads};
use crate::world::World;

/// Time enough for an edit on any machine; the write is done after it.
const WHILE: Option<FaultKind> = Some(FaultKind::Latency(Duration::from_secs(2)));

/// Delivers `events`; the owner makes an edit after the lines and headers were read and before they are written.
async fn edited_meanwhile(world: &World, events: &Value, edit: impl FnOnce(Person<'_>)) {
    world.writes_meet([WHILE]);
    world.deliver(events).await;
    world.faults_met().await;
    edit(world.sandbox().person());
    world.all_written().await;
}

#[tokio::test]
async fn a_sort_meanwhile_is_noticed_and_both_rows_end_right() {
    let world = with_leads(&["a", "b"]).await;
    let person = world.sandbox().person();
    for (session, name) in [("a", "Ann"), ("b", "Ben")] {
        let line = line(&world, session);
        person.set_cell("leads", line, OWNER, &json!(name)).unwrap();
        person.set_cell("leads", line, NOTES, &json!(format!("notes of {name}"))).unwrap();
        person.set_cell("leads", line, STATUS, &json!("qualified")).unwrap();
    }
    let untouched = lead(&world, "b");
    let before = lead(&world, "a");
    edited_meanwhile(&world, &turn("a", 10, 0.9), |person| person.sort("leads", SCORE, true).unwrap()).await;

    assert_eq!((line(&world, "b"), line(&world, "a")), (1, 2));
    assert_eq!(
        lead(&world, "b"),
        untouched,
        "what was meant for the other is gone, the owner's words are not"
    );
    let after = lead(&world, "a");
    assert_eq!(after["score"], json!(0.9));
    for column in ["id", "contact_id", "created_at", "notes", "owner", "status"] {
        assert_eq!(after[column], before[column], "{column}");
    }
}

#[tokio::test]
async fn two_updates_that_cross_a_sort_end_right() {
    let world = with_leads(&["a", "b", "c"]).await;
    let both = json!([turn("a", 10, 0.9), turn("b", 11, 0.95)]);
    edited_meanwhile(&world, &both, |person| person.sort("leads", SCORE, true).unwrap()).await;
    let scores = ["a", "b", "c"].map(|session| lead(&world, session)["score"].clone());
    assert_eq!(scores, [json!(0.9), json!(0.95), json!(0.7)]);
    assert_eq!(world.lines("leads").len(), 3);
}

#[tokio::test]
async fn a_column_that_is_inserted_meanwhile_is_noticed_and_every_cell_ends_right() {
    let world = with_leads(&["a", "b"]).await;
    let untouched = lead(&world, "b");
    let events = json!([turn("a", 10, 0.9), turn("c", 11, 0.8)]);
    edited_meanwhile(&world, &events, |person| {
        person.insert_column("leads", OWNER).unwrap();
        person.set_cell("leads", 0, OWNER, &json!("mine")).unwrap();
    })
    .await;
    let b = lead(&world, "b");
    for (column, value) in untouched.as_object().unwrap() {
        assert_eq!(&b[column], value, "{column}");
    }
    let (a, c) = (lead(&world, "a"), lead(&world, "c"));
    assert_eq!((&a["score"], &a["status"], &a["owner"]), (&json!(0.9), &json!("new"), &Value::Null));
    assert_eq!((&c["score"], &c["status"], &c["owner"]), (&json!(0.8), &json!("new"), &Value::Null));
    assert!(c["last_touch"].is_number() && a["last_touch"].is_number());
}

#[tokio::test]
async fn a_row_that_is_deleted_meanwhile_is_not_written_over_another() {
    let world = with_leads(&["a", "b", "c"]).await;
    let untouched = [lead(&world, "b"), lead(&world, "c")];
    edited_meanwhile(&world, &turn("a", 10, 0.9), |person| person.delete_row("leads", 1).unwrap()).await;
    assert_eq!([lead(&world, "b"), lead(&world, "c")], untouched);
    assert_eq!(world.lines("leads").len(), 2);
}

#[tokio::test]
async fn a_tab_that_is_renamed_meanwhile_goes_on() {
    let world = with_leads(&["a"]).await;
    edited_meanwhile(&world, &turn("a", 10, 0.9), |person| person.rename_tab("leads", "pipeline").unwrap())
        .await;
    let lines = world.lines("pipeline");
    assert_eq!((lines.len(), &lines[0]["score"]), (1, &json!(0.9)));
    assert_eq!(world.lines("engagements").len(), 2);
}
