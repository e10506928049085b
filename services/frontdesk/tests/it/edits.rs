//! The owner's hand in the spreadsheet: sorted, extended, renamed, annotated, cut; the ledger goes on around it.

mod adopted;
mod closed;
mod commanded;
mod filtered;
mod headers;
mod moved;
mod people;
mod protected;
mod races;
mod rebuilt;
mod restored;
mod verified;

use proto::sheets::v1::{RowState, Tab};
use serde_json::{Value, json};

use crate::world::World;

/// Columns of `leads`, counted from 0.
const NOTES: usize = 6;
const SCORE: usize = 7;
const OWNER: usize = 8;
const STATUS: usize = 9;

/// A turn of a session that makes or changes its lead.
fn turn(session: &str, minute: u32, score: f64) -> Value {
    json!({
        "type": "chat.turn", "session_id": session, "occurred_at": format!("2025-10-28T16:{minute:02}:00Z"),
        "intent": format!("intent of {session}"), "score": score
    })
}

/// A system with a lead for each session, with scores .5, .6, …, in this order.
async fn with_leads(sessions: &[&str]) -> World {
    let world = World::set_up().await;
    let turns: Vec<Value> =
        sessions.iter().zip(0..).map(|(session, n)| turn(session, n, 0.5 + f64::from(n) / 10.0)).collect();
    world.deliver(&json!(turns)).await;
    world.all_written().await;
    world
}

/// The line of a session's lead.
fn lead(world: &World, session: &str) -> Value {
    let intent = format!("intent of {session}");
    let found: Vec<Value> =
        world.lines("leads").into_iter().filter(|line| line["intent"] == intent.as_str()).collect();
    assert_eq!(found.len(), 1, "leads of {session}: {found:?}");
    found[0].clone()
}

/// The line's number, the header being 0.
fn line(world: &World, session: &str) -> usize {
    world.line_of("leads", "intent", &format!("intent of {session}"))
}

#[tokio::test]
async fn after_a_sort_an_update_finds_its_row() {
    let world = with_leads(&["a", "b", "c"]).await;
    // The lines are remembered from here on.
    world.deliver(&turn("a", 10, 0.55)).await;
    world.all_written().await;
    world.sandbox().person().sort("leads", SCORE, true).unwrap();
    assert_eq!((line(&world, "c"), line(&world, "a")), (1, 3));
    world.deliver(&turn("a", 11, 0.9)).await;
    world.all_written().await;
    let scores: Vec<&str> = ["c", "b", "a"].into();
    let found: Vec<Value> = scores.iter().map(|session| lead(&world, session)["score"].clone()).collect();
    assert_eq!(found, [json!(0.7), json!(0.6), json!(0.9)]);
    assert_eq!(line(&world, "a"), 3, "nobody sorts but the owner");
}

#[tokio::test]
async fn what_the_owner_typed_stays() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    person.set_cell("leads", 1, NOTES, &json!("call on Monday")).unwrap();
    person.set_cell("leads", 1, OWNER, &json!("Ann")).unwrap();
    person.set_cell("leads", 1, STATUS, &json!("qualified")).unwrap();
    world.deliver(&turn("a", 10, 0.9)).await;
    world.all_written().await;
    let lead = lead(&world, "a");
    assert_eq!((&lead["notes"], &lead["owner"]), (&json!("call on Monday"), &json!("Ann")));
    assert_eq!((&lead["status"], &lead["score"]), (&json!("qualified"), &json!(0.9)));
}

#[tokio::test]
async fn columns_of_the_owners_own_are_never_touched() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    person.insert_column("leads", 3).unwrap();
    person.insert_column("leads", 0).unwrap();
    let width = world.sandbox().tab("leads").unwrap()[0].len();
    // There are three now: before the id, in the middle, at the end.
    person.insert_column("leads", width - 1).unwrap();
    for (column, title) in [(0, "first"), (4, "middle"), (width - 1, "last")] {
        person.set_cell("leads", 0, column, &json!(title)).unwrap();
        person.set_cell("leads", 1, column, &json!(format!("my {title}"))).unwrap();
    }
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.8)])).await;
    world.all_written().await;
    let (a, b) = (lead(&world, "a"), lead(&world, "b"));
    for title in ["first", "middle", "last"] {
        assert_eq!((&a[title], &b[title]), (&json!(format!("my {title}")), &Value::Null));
    }
    assert_eq!((&a["score"], &b["score"]), (&json!(0.9), &json!(0.8)));
    assert!(b["id"].as_str().unwrap().starts_with("led_"));
    assert_eq!(b["status"], "new");
}

#[tokio::test]
async fn a_renamed_tab_goes_on() {
    let world = with_leads(&["a"]).await;
    world.deliver(&turn("a", 9, 0.7)).await;
    world.all_written().await;
    world.sandbox().person().rename_tab("leads", "Ann's leads!").unwrap();
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.8)])).await;
    world.all_written().await;
    let scores: Vec<Value> = world.lines("Ann's leads!").iter().map(|line| line["score"].clone()).collect();
    assert_eq!(scores, [json!(0.9), json!(0.8)]);
    assert!(!world.sandbox().tabs().contains(&"leads".to_owned()));
}

#[tokio::test]
async fn a_row_that_the_owner_deletes_stays_deleted() {
    let world = with_leads(&["a", "b"]).await;
    world.sandbox().person().delete_row("leads", line(&world, "a")).unwrap();
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.8)])).await;
    world.all_written().await;
    world.deliver(&turn("a", 12, 0.95)).await;
    world.all_written().await;
    let lines = world.lines("leads");
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["intent"], &lines[0]["score"]), (&json!("intent of b"), &json!(0.8)));
    let states: Vec<i32> = world.rows(Tab::Leads).await.iter().map(|row| row.state).collect();
    assert_eq!(states, [i32::from(RowState::Deleted), i32::from(RowState::Written)]);
    // What was told of it is in the other tabs all the same.
    assert_eq!(world.lines("engagements").len(), 5);
}

#[tokio::test]
async fn the_rows_of_a_deleted_tab_wait_and_the_others_go_on() {
    let world = with_leads(&["a"]).await;
    world.sandbox().person().delete_tab("leads").unwrap();
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.8)])).await;
    let lines = world.lines_when("engagements", 3).await;
    assert_eq!(lines.len(), 3);
    let status = world.status_when("the status says so", |status| status.pending == 2).await;
    assert!(status.blocked.starts_with("tab leads was deleted from the spreadsheet; its rows wait"));
    assert!(!world.sandbox().tabs().contains(&"leads".to_owned()), "it is not made again");
}
