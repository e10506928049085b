//! What people type into their own columns wins, comes back into the store and survives everything else.

use proto::sheets::v1::{ListRowsRequest, RestoreRowsRequest, RowState, Tab};
use serde_json::{Value, json};

use super::{NOTES, OWNER, SCORE, STATUS, lead, line, turn, with_leads};
use crate::world::{World, until};

/// A column of the session's lead, as the store has it.
async fn stored(world: &World, session: &str, column: &str) -> Value {
    let id = lead(world, session)["id"].as_str().unwrap().to_owned();
    let rows = world.rows(Tab::Leads).await;
    let row = rows.into_iter().find(|row| row.row_id == id).unwrap();
    match row.cells.unwrap().fields.remove(column).and_then(|value| value.kind) {
        Some(prost_types::value::Kind::StringValue(text)) => json!(text),
        _ => Value::Null,
    }
}

/// Waits until the store says so.
pub(super) async fn stored_when(world: &World, session: &str, column: &str, value: &Value) {
    let deadline = std::time::Instant::now() + crate::world::PATIENCE;
    while stored(world, session, column).await != *value {
        assert!(std::time::Instant::now() < deadline, "{column} of {session} never becomes {value}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_a_person_typed_is_read_back_and_a_restored_row_still_says_it() {
    let world = with_leads(&["a", "b"]).await;
    let person = world.sandbox().person();
    let at = line(&world, "a");
    person.set_cell("leads", at, OWNER, &json!("Ann")).unwrap();
    person.set_cell("leads", at, NOTES, &json!("call on Monday")).unwrap();
    person.set_cell("leads", at, STATUS, &json!("won")).unwrap();
    person.set_cell("leads", at, SCORE, &json!(0.1)).unwrap();
    world.read_edits().await;
    for (column, value) in [("owner", "Ann"), ("notes", "call on Monday"), ("status", "won")] {
        stored_when(&world, "a", column, &json!(value)).await;
    }
    assert_eq!(stored(&world, "b", "owner").await, Value::Null);
    assert_eq!(stored(&world, "b", "status").await, json!("new"));

    // Gone from the spreadsheet and written anew, it says what the person said.
    let id = lead(&world, "a")["id"].as_str().unwrap().to_owned();
    person.delete_row("leads", at).unwrap();
    world.deliver(&turn("a", 10, 0.9)).await;
    world.all_written().await;
    assert_eq!(world.lines("leads").iter().filter(|line| line["id"] == id.as_str()).count(), 0);
    let restored = world
        .ledger()
        .restore_rows(RestoreRowsRequest { tab: Tab::Leads.into(), row_ids: vec![id], ..Default::default() })
        .await
        .unwrap()
        .into_inner()
        .restored;
    assert_eq!(restored, 1);
    world.all_written().await;
    let lead = world.lines("leads").into_iter().find(|line| line["owner"] == "Ann").unwrap();
    assert_eq!((&lead["notes"], &lead["status"]), (&json!("call on Monday"), &json!("won")));
}

#[tokio::test]
async fn what_a_person_emptied_stays_empty_and_numbers_are_read_as_they_look() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    person.set_cell("leads", 1, STATUS, &Value::Null).unwrap();
    person.set_cell("leads", 1, NOTES, &json!(2026)).unwrap();
    world.read_edits().await;
    stored_when(&world, "a", "notes", &json!("2026")).await;
    assert_eq!(stored(&world, "a", "status").await, Value::Null);
    world.deliver(&turn("a", 10, 0.9)).await;
    world.all_written().await;
    let lead = lead(&world, "a");
    assert_eq!((&lead["status"], &lead["notes"], &lead["score"]), (&Value::Null, &json!(2026), &json!(0.9)));
}

#[tokio::test]
async fn a_change_of_ours_that_waits_does_not_go_over_what_a_person_typed() {
    let world = World::set_up().await;
    let upsert = async |version: u64, company: &str, last: &str| {
        let cells = json!({"company": company, "last_name": last, "source": "test"});
        world.upsert(Tab::Contacts, "con_x", version, &cells).await;
    };
    upsert(1, "Acme", "Doe").await;
    world.all_written().await;
    let at = world.line_of("contacts", "id", "con_x");
    let columns = domain::Tab::Contacts.columns();
    let column = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    world.sandbox().person().set_cell("contacts", at, column("company"), &json!("Acme GmbH")).unwrap();
    // The change of the same cell meets what was typed; the other one goes.
    upsert(2, "Acme Inc", "Miller").await;
    world.all_written().await;
    let shown = |name: &str| world.lines("contacts")[at - 1][name].clone();
    assert_eq!((shown("company"), shown("last_name")), (json!("Acme GmbH"), json!("Miller")));
    // And later ones do not either.
    upsert(3, "Acme Ltd", "Miller").await;
    world.all_written().await;
    assert_eq!(shown("company"), json!("Acme GmbH"));
}

#[tokio::test]
async fn what_was_written_into_a_wrong_line_is_not_taken_for_a_persons() {
    let world = with_leads(&["a", "b"]).await;
    let cells = |status: &str| json!({"intent": "intent of x", "status": status, "score": 0.1});
    world.upsert(Tab::Leads, "led_x", 1, &cells("new")).await;
    world.all_written().await;
    world.writes_meet([Some(sandbox::FaultKind::Latency(std::time::Duration::from_secs(2)))]);
    world.upsert(Tab::Leads, "led_x", 2, &cells("qualified")).await;
    world.faults_met().await;
    world.sandbox().person().sort("leads", SCORE, false).unwrap();
    world.all_written().await;
    // A later edit is read back, so this one was looked at.
    world.sandbox().person().set_cell("leads", line(&world, "b"), OWNER, &json!("Ann")).unwrap();
    world.read_edits().await;
    stored_when(&world, "b", "owner", &json!("Ann")).await;
    let status = ["a", "b", "x"].map(|session| lead(&world, session)["status"].clone());
    assert_eq!(status, [json!("new"), json!("new"), json!("qualified")]);
    assert_eq!(stored(&world, "a", "status").await, json!("new"));
}

#[tokio::test]
async fn rows_are_listed_by_contact_time_state_and_status() {
    let world = with_leads(&["a", "b", "c"]).await;
    let list = |request: ListRowsRequest| {
        let mut ledger = world.ledger();
        async move {
            let request = ListRowsRequest { tab: Tab::Leads.into(), ..request };
            let rows = ledger.list_rows(request).await.unwrap().into_inner().rows;
            rows.into_iter().map(|row| row.occur_time.unwrap().seconds % 3600 / 60).collect::<Vec<_>>()
        }
    };
    let at = |minute: i64| Some(prost_types::Timestamp { seconds: 1_761_667_200 + minute * 60, nanos: 0 });
    assert_eq!(list(ListRowsRequest { newest_first: true, ..Default::default() }).await, [2, 1, 0]);
    let between = ListRowsRequest { from_time: at(1), to_time: at(2), ..Default::default() };
    assert_eq!(list(between).await, [1]);
    let contact = lead(&world, "c")["contact_id"].as_str().unwrap().to_owned();
    assert_eq!(list(ListRowsRequest { contact_id: contact, ..Default::default() }).await, [2]);
    let state = |state: RowState| ListRowsRequest { state: state.into(), ..Default::default() };
    assert_eq!(list(state(RowState::Written)).await, [0, 1, 2]);
    assert_eq!(list(state(RowState::Parked)).await, [] as [i64; 0]);
    world.sandbox().person().set_cell("leads", line(&world, "b"), STATUS, &json!("won")).unwrap();
    world.read_edits().await;
    stored_when(&world, "b", "status", &json!("won")).await;
    let status = |status: &str| ListRowsRequest { status: status.into(), ..Default::default() };
    assert_eq!(list(status("won")).await, [1]);
    assert_eq!(list(status("new")).await, [0, 2]);
    until("the spreadsheet is left alone", || world.lines("leads").len() == 3).await;
}

#[tokio::test]
async fn a_cell_that_is_set_back_to_what_it_showed_before_a_change_of_ours_is_heard() {
    let world = World::set_up().await;
    let say = async |version: u64, status: &str| {
        let cells = json!({"intent": "intent of x", "status": status});
        world.upsert(Tab::Leads, "led_x", version, &cells).await;
    };
    say(1, "new").await;
    world.all_written().await;
    let person = world.sandbox().person();
    person.set_cell("leads", 1, OWNER, &json!("Ann")).unwrap();
    world.read_edits().await;
    stored_when(&world, "x", "owner", &json!("Ann")).await;
    say(2, "qualified").await;
    world.all_written().await;
    person.set_cell("leads", 1, STATUS, &json!("new")).unwrap();
    say(3, "booked").await;
    world.all_written().await;
    assert_eq!(
        (&lead(&world, "x")["status"], stored(&world, "x", "status").await),
        (&json!("new"), json!("new"))
    );
}

#[tokio::test]
async fn of_a_line_and_its_copy_the_first_is_heard_and_no_other() {
    let world = with_leads(&["a", "b"]).await;
    let person = world.sandbox().person();
    person.set_cell("leads", line(&world, "a"), OWNER, &json!("Ann")).unwrap();
    world.read_edits().await;
    stored_when(&world, "a", "owner", &json!("Ann")).await;
    person.set_cell("leads", 3, 0, &lead(&world, "a")["id"]).unwrap();
    person.set_cell("leads", 3, STATUS, &json!("won")).unwrap();
    // A later edit is read back, so the copy was looked at.
    person.set_cell("leads", line(&world, "b"), OWNER, &json!("Ben")).unwrap();
    world.read_edits().await;
    stored_when(&world, "b", "owner", &json!("Ben")).await;
    assert_eq!(stored(&world, "a", "status").await, json!("new"));
    assert_eq!(stored(&world, "a", "owner").await, json!("Ann"));
}

#[tokio::test]
async fn a_line_that_came_back_by_itself_is_not_doubled_by_a_restore() {
    let world = with_leads(&["a", "b"]).await;
    let person = world.sandbox().person();
    person.set_cell("leads", 1, NOTES, &json!("call on Monday")).unwrap();
    let (before, id) = (world.sandbox().tab("leads").unwrap()[1].clone(), lead(&world, "a")["id"].clone());
    person.delete_row("leads", 1).unwrap();
    world.deliver(&turn("a", 10, 0.9)).await;
    world.all_written().await;
    assert_eq!(world.lines("leads").len(), 1);
    person.insert_row("leads", 1).unwrap();
    for (column, value) in before.iter().enumerate() {
        person.set_cell("leads", 1, column, value).unwrap();
    }
    let row_ids = vec![id.as_str().unwrap().to_owned()];
    let request = RestoreRowsRequest { tab: Tab::Leads.into(), row_ids, ..Default::default() };
    assert_eq!(world.ledger().restore_rows(request).await.unwrap().into_inner().restored, 1);
    world.all_written().await;
    assert_eq!(world.lines("leads").len(), 2);
    let lead = lead(&world, "a");
    assert_eq!((&lead["id"], &lead["score"]), (&id, &json!(0.9)));
    world.read_edits().await;
    stored_when(&world, "a", "notes", &json!("call on Monday")).await;
}
