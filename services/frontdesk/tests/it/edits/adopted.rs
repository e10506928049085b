//! Lines that others put into our columns: left alone, told, and taken over when the operator says so.

use proto::sheets::v1::{AdoptRowsRequest, AdoptRowsResponse, RowState, Tab};
use serde_json::{Value, json};

use super::{SCORE, lead, turn, with_leads};
use crate::world::{World, until};

async fn adopt(world: &World, dry_run: bool) -> AdoptRowsResponse {
    let request = AdoptRowsRequest { tab: Tab::Leads.into(), dry_run, ..Default::default() };
    world.ledger().adopt_rows(request).await.unwrap().into_inner()
}

/// Somebody types a line by columns.
fn put(world: &World, line: usize, cells: &Value) {
    for (column, value) in cells.as_object().unwrap() {
        let at = domain::Tab::Leads.columns().iter().position(|name| name == column).unwrap();
        world.sandbox().person().set_cell("leads", line, at, value).unwrap();
    }
}

fn ids(world: &World) -> Vec<Value> {
    world.lines("leads").iter().map(|line| line["id"].clone()).collect()
}

#[tokio::test]
async fn lines_of_others_become_rows_with_ids_and_what_cannot_be_read_is_said() {
    let world = with_leads(&["a"]).await;
    put(
        &world,
        2,
        &json!({"contact_id": "con_x", "intent": "asked at lunch", "score": "0.7", "owner": "Ann"}),
    );
    put(&world, 3, &json!({"intent": "alone"}));
    put(&world, 4, &json!({"id": "n8n_7", "intent": "theirs", "created_at": "2025-11-01 12:00"}));
    put(&world, 5, &json!({"intent": "wrong", "score": "high"}));
    let before = world.lines("leads");
    let planned = adopt(&world, true).await;
    let lines =
        |done: &AdoptRowsResponse| done.rows.iter().map(|row| (row.line, row.kept_id)).collect::<Vec<_>>();
    assert_eq!(lines(&planned), [(3, false), (4, false), (5, true)]);
    assert_eq!((world.lines("leads"), world.rows(Tab::Leads).await.len()), (before, 1));

    let done = adopt(&world, false).await;
    assert_eq!(lines(&done), lines(&planned));
    let wrong: Vec<_> = done.unreadable.iter().map(|row| (row.line, row.column.as_str())).collect();
    assert_eq!(wrong, [(6, "score")]);
    until("the ids stand", || ids(&world)[1..4].iter().all(Value::is_string)).await;
    world.all_written().await;
    let lines = world.lines("leads");
    for (row, line) in done.rows.iter().zip(&lines[1..4]) {
        assert_eq!(line["id"], row.row_id.as_str());
    }
    assert!(done.rows[0].row_id.starts_with("led_") && done.rows[2].row_id == "n8n_7");
    assert_eq!((&lines[1]["score"], &lines[1]["owner"]), (&json!(0.7), &json!("Ann")));
    assert!(lines[3]["created_at"].is_number() && lines[4]["id"].is_null());
    let rows = world.rows(Tab::Leads).await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.state == i32::from(RowState::Written)), "{rows:?}");
    // And once more finds nothing.
    let again = adopt(&world, false).await;
    assert_eq!((again.rows.len(), again.unreadable.len(), world.rows(Tab::Leads).await.len()), (0, 1, 4));
}

#[tokio::test]
async fn a_line_is_adopted_once_however_often_and_through_a_restart() {
    let world = with_leads(&["a"]).await;
    put(&world, 2, &json!({"intent": "twin", "score": 0.4}));
    put(&world, 3, &json!({"intent": "twin", "score": 0.4}));
    // No id can be written.
    world.sandbox().person().protect("leads", None).unwrap();
    let first = adopt(&world, false).await;
    assert_eq!(first.rows.len(), 2);
    let second = adopt(&world, false).await;
    assert_eq!(second.rows, first.rows);
    let world = World::open(world.stop().await, &[]).await;
    assert_eq!(adopt(&world, false).await.rows, first.rows);
    world.sandbox().person().unprotect("leads").unwrap();
    assert_eq!(adopt(&world, false).await.rows, first.rows);
    world.read_edits().await;
    until("the ids stand", || ids(&world)[1..3].iter().all(Value::is_string)).await;
    let wanted: Vec<Value> = first.rows.iter().map(|row| json!(row.row_id)).collect();
    assert_eq!(ids(&world)[1..3], wanted);
    assert_eq!(world.rows(Tab::Leads).await.len(), 3);
}

#[tokio::test]
async fn a_line_that_only_lost_its_id_gets_it_back_and_is_no_new_row() {
    let world = with_leads(&["a", "b"]).await;
    let before = lead(&world, "a");
    world.sandbox().person().set_cell("leads", 1, 0, &Value::Null).unwrap();
    assert_eq!(adopt(&world, false).await.rows, []);
    world.read_edits().await;
    until("the id is back", || world.lines("leads")[0] == before).await;
    assert_eq!(world.rows(Tab::Leads).await.len(), 2);
}

#[tokio::test]
async fn what_was_adopted_is_restored_like_any_other_row() {
    let world = with_leads(&["a"]).await;
    put(&world, 2, &json!({"intent": "mine", "score": 0.4}));
    adopt(&world, false).await;
    until("the id stands", || ids(&world)[1].is_string()).await;
    world.all_written().await;
    world.sandbox().person().set_cell("leads", 2, SCORE, &json!(0.9)).unwrap();
    world.read_edits().await;
    until("it is restored", || world.lines("leads")[1]["score"] == 0.4).await;
    world.deliver(&turn("a", 10, 0.9)).await;
    world.all_written().await;
    assert_eq!(world.lines("leads").len(), 2);
}

#[tokio::test]
async fn many_lines_whose_numbers_are_text_get_their_ids_before_anything_else_of_theirs_is_written() {
    let world = with_leads(&["a"]).await;
    // Beyond a thousand lines the ids go in two batches.
    let lines = 996..1_026;
    (0..lines.len()).for_each(|_| world.sandbox().person().insert_row("leads", 500).unwrap());
    for line in lines.clone() {
        put(&world, line, &json!({"intent": format!("theirs {line}"), "score": "0.7"}));
    }
    assert_eq!(adopt(&world, false).await.rows.len(), lines.len());
    let theirs = || -> Vec<Value> {
        world
            .lines("leads")
            .into_iter()
            .filter(|line| line["intent"].as_str().is_some_and(|text| text.starts_with("theirs")))
            .collect()
    };
    until("the ids stand", || theirs().iter().all(|line| line["id"].is_string())).await;
    world.all_written().await;
    until("the numbers are numbers", || theirs().iter().all(|line| line["score"] == 0.7)).await;
    assert_eq!(theirs().len(), lines.len());
    let rows = world.rows(Tab::Leads).await;
    assert_eq!(rows.len(), lines.len() + 1);
    assert!(rows.iter().all(|row| row.state == i32::from(RowState::Written)), "{rows:?}");
}

#[tokio::test]
async fn two_lines_with_one_unknown_id_are_one_row() {
    let world = with_leads(&["a"]).await;
    for line in [2, 3] {
        put(&world, line, &json!({"id": "n8n_7", "intent": format!("theirs {line}")}));
    }
    let rows = adopt(&world, false).await.rows;
    let told: Vec<_> = rows.iter().map(|row| (row.line, row.row_id.as_str())).collect();
    assert_eq!(told, [(3, "n8n_7"), (4, "n8n_7")]);
    let rows = world.rows(Tab::Leads).await;
    assert_eq!(rows.iter().filter(|row| row.row_id == "n8n_7").count(), 1);
}
