//! What stands in the cells: typed, never parsed, and only what changed is written again.

use proto::sheets::v1::Tab;
use serde_json::{Value, json};

use super::note;
use crate::world::{World, turn};

#[tokio::test]
async fn cells_are_typed_and_never_parsed() {
    let world = World::set_up().await;
    let mut event = turn();
    event["id"] = json!("0012");
    event["message"] = json!("=1+1");
    event["page"] = json!("+4930123");
    event["occurred_at"] = json!("2025-11-01T18:00:00Z");
    world.deliver(&event).await;
    world.all_written().await;

    let engagement = &world.lines("engagements")[0];
    assert_eq!((&engagement["message"], &engagement["page"]), (&json!("=1+1"), &json!("+4930123")));
    // 2025-11-01 is day 45962 of a spreadsheet; 18:00 is three quarters of it.
    assert_eq!(engagement["occurred_at"], json!(45962.75));
    assert_eq!(world.lines("chat_events")[0]["id"], json!("0012"));
    assert_eq!(world.lines("leads")[0]["score"], json!(0.72));

    let append = world.batches()[1].clone();
    let cells: Vec<Value> = append
        .requests
        .iter()
        .flat_map(|request| request["appendCells"]["rows"][0]["values"].as_array().unwrap().clone())
        .collect();
    let text = |text: &str| json!({"userEnteredValue": {"stringValue": text}});
    for expected in [text("=1+1"), text("+4930123"), text("0012")] {
        assert!(cells.contains(&expected), "{expected}");
    }
    let time = json!({
        "userEnteredValue": {"numberValue": 45962.75},
        "userEnteredFormat": {"numberFormat": {"type": "DATE_TIME", "pattern": "yyyy-mm-dd hh:mm:ss"}}
    });
    assert!(cells.contains(&time));
    assert!(!append.asked.body.to_string().contains("formulaValue"));
}

#[tokio::test]
async fn a_long_text_is_cut_in_the_cell_and_whole_in_the_store() {
    let world = World::set_up().await;
    let message = "ä".repeat(60_000);
    let mut event = turn();
    event["message"] = json!(message);
    world.deliver(&event).await;
    world.all_written().await;
    let cell = world.lines("engagements")[0]["message"].as_str().unwrap().to_owned();
    assert!(cell.encode_utf16().count() <= 49_900);
    assert!(cell.ends_with("[cut; the whole text is in the store]"));
    let row = &world.rows(Tab::Engagements).await[0];
    let kept = &row.cells.as_ref().unwrap().fields["message"];
    assert!(format!("{kept:?}").contains(&message), "the store keeps it whole");
}

#[tokio::test]
async fn an_update_writes_only_the_cells_that_changed() {
    let world = World::set_up().await;
    world.deliver(&note("before")).await;
    world.deliver(&turn()).await;
    world.all_written().await;
    let before = world.lines("leads")[0].clone();
    let sent = world.batches().len();

    let mut second = turn();
    second["occurred_at"] = json!("2025-10-28T16:25:00Z");
    second["score"] = json!(0.9);
    world.deliver(&second).await;
    world.all_written().await;

    let batches = world.batches();
    let [batch] = &batches[sent..] else { panic!("one batch") };
    let updates: Vec<&Value> =
        batch.requests.iter().map(|request| &request["updateCells"]).filter(|u| !u.is_null()).collect();
    // Columns of leads: score is 7, last_touch 10; nothing else has changed.
    let changed: Vec<(i64, i64, usize)> = updates
        .iter()
        .map(|update| {
            let start = &update["start"];
            let cells = update["rows"][0]["values"].as_array().unwrap().len();
            (start["rowIndex"].as_i64().unwrap(), start["columnIndex"].as_i64().unwrap(), cells)
        })
        .collect();
    assert_eq!(changed, [(1, 7, 1), (1, 10, 1)]);
    assert_eq!(batch.appended(), 2, "an engagement and an event; the lead and its contact stand already");
    let ranges = &batch.asked.body["responseRanges"];
    assert!(ranges.as_array().unwrap().contains(&json!("'leads'!A2")), "{ranges}");

    let after = &world.lines("leads")[0];
    assert_eq!(after["score"], json!(0.9));
    for column in ["id", "contact_id", "created_at", "intent", "status"] {
        assert_eq!(after[column], before[column], "{column}");
    }
}
