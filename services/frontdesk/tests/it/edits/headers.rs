//! Headers that are not ours: said clearly, waited for, and taken over where they are right.

use domain::Tab;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{SCORE, lead, turn, with_leads};
use crate::world::{World, ledger::prepare};

#[tokio::test]
async fn a_wrong_header_holds_up_its_tab_until_it_is_mended() {
    let world = with_leads(&["a"]).await;
    let before = world.lines("leads");
    let header = |title: &str| world.sandbox().person().set_cell("leads", 0, SCORE, &json!(title)).unwrap();
    header("points");
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.8)])).await;
    world.lines_when("engagements", 3).await;
    let status = world.status_when("two rows wait", |status| status.pending == 2).await;
    assert_eq!(status.blocked, "the header of tab leads is wrong: score is missing");
    assert_eq!(world.lines("leads").len(), before.len());

    header("score");
    let status = world.all_written().await;
    assert_eq!(status.blocked, "");
    assert_eq!((&lead(&world, "a")["score"], &lead(&world, "b")["score"]), (&json!(0.9), &json!(0.8)));
}

/// What somebody sends to make `leads` with this header.
fn make_leads(header: &[&str]) -> Value {
    let cell = |title: &&str| json!({"userEnteredValue": {"stringValue": title}});
    json!([
        {"addSheet": {"properties": {"sheetId": 77, "title": "leads"}}},
        {"updateCells": {
            "start": {"sheetId": 77, "rowIndex": 0, "columnIndex": 0}, "fields": "userEnteredValue",
            "rows": [{"values": header.iter().map(cell).collect::<Vec<_>>()}]
        }}
    ])
}

#[tokio::test]
async fn a_tab_with_the_right_header_is_taken_over() {
    let dir = TempDir::new().unwrap();
    let mut header = Tab::Leads.columns().to_vec();
    header.reverse();
    header.insert(2, "my own");
    prepare(dir.path(), &make_leads(&header)).await;
    let world = World::open(dir, &[]).await;
    world.deliver(&turn("a", 10, 0.9)).await;
    world.lines_when("leads", 1).await;
    let lead = lead(&world, "a");
    assert_eq!(
        (&lead["score"], &lead["status"], &lead["my own"]),
        (&json!(0.9), &json!("new"), &Value::Null)
    );
    assert!(lead["id"].as_str().unwrap().starts_with("led_"));
    assert_eq!(world.sandbox().tab("leads").unwrap()[0], json!(header).as_array().unwrap().clone());
}

#[tokio::test]
async fn a_tab_with_a_wrong_header_stops_the_making_of_tabs() {
    let dir = TempDir::new().unwrap();
    prepare(dir.path(), &make_leads(&["id", "name", "phone"])).await;
    let world = World::open(dir, &[]).await;
    world.deliver(&turn("a", 10, 0.9)).await;
    let status = world.status_when("it is blocked", |status| !status.blocked.is_empty()).await;
    assert!(
        status.blocked.starts_with("the header of tab leads is wrong: contact_id is missing"),
        "{}",
        status.blocked
    );
    assert_eq!((status.pending, world.batches().len()), (4, 0));
    assert_eq!(world.sandbox().tabs(), ["Sheet1", "leads"]);
}
