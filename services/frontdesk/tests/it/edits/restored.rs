//! Cells of ours that somebody changes are restored and reported; a line that lost its id is found again.

use proto::sheets::v1::{RowState, Tab};
use serde_json::{Value, json};

use super::{NOTES, SCORE, lead, line, turn, with_leads};
use crate::world::{World, until};

const ID: usize = 0;
const CONTACT_ID: usize = 1;
const CREATED_AT: usize = 2;
const INTENT: usize = 3;

/// What the status says was restored or left, newest first.
async fn reported(world: &World) -> Vec<(String, String, bool)> {
    let last = world.status().await.restorations;
    last.into_iter().map(|one| (one.row_id, one.column, one.left)).collect()
}

/// Has the spreadsheet looked at until `holds`.
async fn looked_at_until(world: &World, what: &str, holds: impl Fn() -> bool) {
    world.read_edits().await;
    until(what, holds).await;
    world.all_written().await;
}

#[tokio::test]
async fn ids_amounts_and_times_that_were_changed_are_restored_and_reported() {
    let world = with_leads(&["a", "b"]).await;
    let (before, other) = (lead(&world, "a"), lead(&world, "b"));
    let (person, at) = (world.sandbox().person(), line(&world, "a"));
    person.set_cell("leads", at, SCORE, &json!(0.01)).unwrap();
    person.set_cell("leads", at, NOTES, &json!("mine stays")).unwrap();
    looked_at_until(&world, "the score is restored", || lead(&world, "a")["score"] == before["score"]).await;
    person.set_cell("leads", at, CREATED_AT, &json!("yesterday")).unwrap();
    looked_at_until(&world, "the time is restored", || {
        lead(&world, "a")["created_at"] == before["created_at"]
    })
    .await;
    let mut after = lead(&world, "a");
    assert_eq!(after["notes"], "mine stays");
    after["notes"] = Value::Null;
    assert_eq!((after, lead(&world, "b")), (before.clone(), other));
    let id = before["id"].as_str().unwrap().to_owned();
    assert_eq!(
        reported(&world).await,
        [(id.clone(), "created_at".to_owned(), false), (id, "score".to_owned(), false)]
    );
    let status = world.status().await;
    assert_eq!((status.restored, status.left), (2, 0));
}

#[tokio::test]
async fn money_that_was_changed_is_restored_as_money() {
    let world = World::set_up().await;
    world
        .upsert(proto::sheets::v1::Tab::Payments, "pi_1", 1, &json!({"status": "paid", "currency": "EUR"}))
        .await;
    world.all_written().await;
    let column = |name: &str| domain::Tab::Payments.columns().iter().position(|one| *one == name).unwrap();
    world.sandbox().person().set_cell("payments", 1, column("amount"), &json!(1_000_000)).unwrap();
    world.sandbox().person().set_cell("payments", 1, column("currency"), &json!("USD")).unwrap();
    looked_at_until(&world, "it is restored", || {
        let line = &world.lines("payments")[0];
        (&line["amount"], &line["currency"]) == (&Value::Null, &json!("EUR"))
    })
    .await;
}

#[tokio::test]
async fn an_id_that_was_overwritten_or_emptied_is_given_back() {
    let world = with_leads(&["a", "b", "c"]).await;
    let before = [lead(&world, "a"), lead(&world, "b"), lead(&world, "c")];
    let person = world.sandbox().person();
    person.set_cell("leads", 1, ID, &json!("oops")).unwrap();
    person.set_cell("leads", 2, ID, &Value::Null).unwrap();
    looked_at_until(&world, "both have their ids again", || world.lines("leads") == before).await;
    let mut told = reported(&world).await;
    told.sort();
    let id = |lead: &Value| (lead["id"].as_str().unwrap().to_owned(), "id".to_owned(), false);
    let mut wanted = [id(&before[0]), id(&before[1])];
    wanted.sort();
    assert_eq!(told, wanted);
    // They are rows like any others again.
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.95)])).await;
    world.all_written().await;
    assert_eq!((&lead(&world, "a")["score"], &lead(&world, "b")["score"]), (&json!(0.9), &json!(0.95)));
    assert_eq!(world.lines("leads").len(), 3);
}

#[tokio::test]
async fn another_rows_id_typed_over_ones_own_spoils_neither() {
    let world = with_leads(&["a", "b"]).await;
    let before = [lead(&world, "a"), lead(&world, "b")];
    let wrong = before[1]["id"].clone();
    world.sandbox().person().set_cell("leads", 1, ID, &wrong).unwrap();
    looked_at_until(&world, "the id is back", || world.lines("leads") == before).await;
}

#[tokio::test]
async fn a_row_whose_id_was_overwritten_is_not_taken_for_deleted_by_its_next_change() {
    let world = with_leads(&["a", "b"]).await;
    let id = lead(&world, "a")["id"].clone();
    world.sandbox().person().set_cell("leads", line(&world, "a"), ID, &json!("mistake")).unwrap();
    world.deliver(&turn("a", 10, 0.9)).await;
    world.all_written().await;
    assert_eq!((&lead(&world, "a")["id"], &lead(&world, "a")["score"]), (&id, &json!(0.9)));
    assert_eq!(world.lines("leads").len(), 2);
}

#[tokio::test]
async fn an_id_is_not_given_to_a_line_that_could_be_two_rows() {
    let world = World::set_up().await;
    let cells = json!({"contact_id": "con_x", "intent": "same", "status": "new"});
    for id in ["led_1", "led_2"] {
        world.upsert(proto::sheets::v1::Tab::Leads, id, 1, &cells).await;
    }
    world.all_written().await;
    let person = world.sandbox().person();
    person.set_cell("leads", 1, ID, &Value::Null).unwrap();
    person.set_cell("leads", 2, ID, &Value::Null).unwrap();
    // A later restoration shows that these lines were looked at.
    world.upsert(proto::sheets::v1::Tab::Leads, "led_3", 1, &json!({"intent": "other", "score": 0.5})).await;
    world.all_written().await;
    person.set_cell("leads", 3, SCORE, &json!(0.1)).unwrap();
    looked_at_until(&world, "the other is restored", || world.lines("leads")[2]["score"] == 0.5).await;
    assert_eq!(
        [&world.lines("leads")[0]["id"], &world.lines("leads")[1]["id"]],
        [&Value::Null, &Value::Null]
    );
}

#[tokio::test]
async fn a_persons_own_row_is_left_alone() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    person.insert_row("leads", 1).unwrap();
    person.set_cell("leads", 1, CONTACT_ID, &json!("a friend")).unwrap();
    person.set_cell("leads", 1, INTENT, &json!("asked me at lunch")).unwrap();
    let own = world.lines("leads")[0].clone();
    person.set_cell("leads", 2, SCORE, &json!(0.1)).unwrap();
    looked_at_until(&world, "our row is restored", || lead(&world, "a")["score"] == 0.5).await;
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.8)])).await;
    world.all_written().await;
    assert_eq!(world.lines("leads")[0], own);
    assert_eq!((&lead(&world, "a")["score"], &lead(&world, "b")["score"]), (&json!(0.9), &json!(0.8)));
}

#[tokio::test]
async fn a_cell_behind_many_lines_of_others_is_restored_all_the_same() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    for number in 0..120 {
        person.insert_row("leads", 1).unwrap();
        person.set_cell("leads", 1, INTENT, &json!(format!("pasted {number}"))).unwrap();
    }
    person.set_cell("leads", 121, SCORE, &json!(0.1)).unwrap();
    looked_at_until(&world, "our row is restored", || lead(&world, "a")["score"] == 0.5).await;
    assert_eq!(world.lines("leads").len(), 121);
}

#[tokio::test]
async fn a_cell_that_is_changed_again_and_again_is_left_after_three_times() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    for _ in 0..3 {
        person.set_cell("leads", 1, SCORE, &json!(0.99)).unwrap();
        looked_at_until(&world, "it is restored", || lead(&world, "a")["score"] == 0.5).await;
    }
    person.set_cell("leads", 1, SCORE, &json!(0.99)).unwrap();
    world.read_edits().await;
    let status = world.status_when("it is left", |status| status.left == 1).await;
    assert_eq!((status.restored, status.restorations[0].left), (3, true));
    // Another look says nothing more, and another cell is restored as ever.
    person.set_cell("leads", 1, INTENT, &json!("x")).unwrap();
    looked_at_until(&world, "the intent is restored", || world.lines("leads")[0]["intent"] == "intent of a")
        .await;
    assert_eq!(lead(&world, "a")["score"], json!(0.99));
    assert_eq!(world.status().await.left, 1);
}

#[tokio::test]
async fn a_sort_while_an_id_is_given_back_ends_with_every_row_whole() {
    let world = with_leads(&["a", "b", "c"]).await;
    let before = [lead(&world, "a"), lead(&world, "b"), lead(&world, "c")];
    world.sandbox().person().set_cell("leads", 1, ID, &json!("oops")).unwrap();
    world.writes_meet([Some(sandbox::FaultKind::Latency(std::time::Duration::from_secs(2)))]);
    world.read_edits().await;
    world.faults_met().await;
    world.sandbox().person().sort("leads", SCORE, true).unwrap();
    world.all_written().await;
    let all_whole = || {
        let lines = world.lines("leads");
        before.iter().all(|lead| lines.iter().filter(|line| *line == lead).count() == 1)
    };
    let deadline = std::time::Instant::now() + crate::world::PATIENCE;
    while !all_whole() {
        assert!(std::time::Instant::now() < deadline, "{:#?}", world.lines("leads"));
        world.read_edits().await;
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    }
    assert_eq!(world.lines("leads").len(), 3);
}

#[tokio::test]
async fn a_row_whose_id_was_overwritten_too_often_waits_and_is_not_taken_for_deleted() {
    let world = with_leads(&["a", "b"]).await;
    let id = lead(&world, "a")["id"].clone();
    let person = world.sandbox().person();
    for _ in 0..3 {
        person.set_cell("leads", 1, ID, &json!("mistake")).unwrap();
        looked_at_until(&world, "the id is back", || lead(&world, "a")["id"] == id).await;
    }
    person.set_cell("leads", 1, ID, &json!("mistake")).unwrap();
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.95)])).await;
    until("the other goes on", || lead(&world, "b")["score"] == 0.95).await;
    world.status_when("it is left", |status| status.left == 1 && status.pending == 1).await;
    let state = async || {
        let rows = world.rows(Tab::Leads).await;
        rows.into_iter().find(|row| id == row.row_id.as_str()).unwrap().state
    };
    assert_eq!(state().await, i32::from(RowState::Pending));
    person.set_cell("leads", 1, ID, &id).unwrap();
    looked_at_until(&world, "it is written", || lead(&world, "a")["score"] == 0.9).await;
    assert_eq!(state().await, i32::from(RowState::Written));
    assert_eq!(world.lines("leads").len(), 2);
}
