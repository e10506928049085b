//! The spreadsheet compared with the store: each way in which they can differ, and what is no difference.

use prost_types::{Value as Shown, value::Kind};
use proto::sheets::v1::{Difference, DifferenceKind, ReadSheetRequest, Tab, VerifyLedgerRequest};
use serde_json::{Value, json};

use super::{NOTES, OWNER, SCORE, lead, line, turn, with_leads};
use crate::world::World;

/// What a comparison of one tab, or all, finds.
pub(super) async fn verify(world: &World, tab: Tab) -> Vec<Difference> {
    let request = VerifyLedgerRequest { tab: tab.into(), ..Default::default() };
    let mut answers = world.ledger().verify_ledger(request).await.unwrap().into_inner();
    let mut found = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        found.extend(answer.differences);
    }
    found
}

/// Kind, row, line and column of each difference.
fn told(found: &[Difference]) -> Vec<(DifferenceKind, String, i64, String)> {
    let told = |one: &Difference| (one.kind(), one.row_id.clone(), one.line, one.column.clone());
    let mut told: Vec<_> = found.iter().map(told).collect();
    told.sort_by_key(|(_, _, line, column)| (*line, column.clone()));
    told
}

fn id(lead: &Value) -> String {
    lead["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_spreadsheet_that_was_left_alone_or_sorted_and_annotated_is_equal() {
    let world = with_leads(&["a", "b", "c"]).await;
    assert_eq!(verify(&world, Tab::Unspecified).await, []);
    let person = world.sandbox().person();
    person.sort("leads", SCORE, true).unwrap();
    person.insert_column("leads", 3).unwrap();
    person.set_cell("leads", 0, 3, &json!("mine")).unwrap();
    person.set_cell("leads", 2, 3, &json!(5)).unwrap();
    person.rename_tab("contacts", "people").unwrap();
    assert_eq!(verify(&world, Tab::Unspecified).await, []);
}

#[tokio::test]
async fn each_way_to_differ_is_told_with_its_line_and_no_other() {
    let world = with_leads(&["a", "b", "c", "d", "e"]).await;
    let ids: Vec<String> = ["a", "b", "c", "d", "e"].map(|session| id(&lead(&world, session))).into();
    let person = world.sandbox().person();
    person.set_cell("leads", 1, SCORE, &json!(0.99)).unwrap();
    person.set_cell("leads", 2, OWNER, &json!("Ann")).unwrap();
    person.set_cell("leads", 3, 0, &json!("oops")).unwrap();
    person.delete_row("leads", line(&world, "d")).unwrap();
    person.insert_row("leads", 5).unwrap();
    person.set_cell("leads", 5, 3, &json!("my own lead")).unwrap();
    person.insert_row("leads", 6).unwrap();
    person.set_cell("leads", 6, 0, &json!("n8n_7")).unwrap();
    person.set_cell("leads", 6, 3, &json!("theirs")).unwrap();
    person.insert_row("leads", 7).unwrap();
    person.set_cell("leads", 7, 0, &json!(ids[4].clone())).unwrap();
    let found = verify(&world, Tab::Leads).await;
    let of = |kind, row: &str, line, column: &str| (kind, row.to_owned(), line, column.to_owned());
    assert_eq!(
        told(&found),
        [
            of(DifferenceKind::Missing, &ids[3], 0, ""),
            of(DifferenceKind::Cell, &ids[0], 2, "score"),
            of(DifferenceKind::Typed, &ids[1], 3, "owner"),
            of(DifferenceKind::IdOverwritten, &ids[2], 4, ""),
            of(DifferenceKind::NoId, "", 6, ""),
            of(DifferenceKind::UnknownId, "n8n_7", 7, ""),
            of(DifferenceKind::Twice, &ids[4], 8, ""),
        ]
    );
    let faults: Vec<_> = found.iter().filter(|one| one.fault).map(Difference::kind).collect();
    assert_eq!(faults.len(), 4, "{faults:?}");
    let score = found.iter().find(|one| one.column == "score").unwrap();
    let number = |value: &Option<Shown>| match value.as_ref().and_then(|value| value.kind.clone()) {
        Some(Kind::NumberValue(number)) => number,
        other => panic!("{other:?}"),
    };
    assert_eq!((number(&score.stored), number(&score.shown)), (0.5, 0.99));
}

#[tokio::test]
async fn rows_that_wait_are_parked_or_come_back_are_told() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    let gone: Vec<Value> = world.sandbox().tab("leads").unwrap()[1].clone();
    person.delete_row("leads", 1).unwrap();
    world.deliver(&turn("a", 9, 0.9)).await;
    world.all_written().await;
    for (column, value) in gone.iter().enumerate() {
        person.set_cell("leads", 1, column, value).unwrap();
    }
    person.set_cell("payments", 0, 2, &json!("who")).unwrap();
    world.upsert(Tab::Payments, "pi_1", 1, &json!({"status": "paid"})).await;
    world.status_when("it waits", |status| status.pending == 1 && !status.blocked.is_empty()).await;
    let kinds = |found: &[Difference]| found.iter().map(|one| (one.kind(), one.fault)).collect::<Vec<_>>();
    assert_eq!(kinds(&verify(&world, Tab::Leads).await), [(DifferenceKind::DeletedIsBack, true)]);
    let found = verify(&world, Tab::Payments).await;
    assert_eq!(kinds(&found), [(DifferenceKind::Tab, true)]);
    assert_eq!(found[0].detail, "the header of tab payments is wrong: provider is missing");
    person.delete_tab("payments").unwrap();
    assert!(verify(&world, Tab::Payments).await[0].detail.contains("was deleted"));
}

#[tokio::test]
async fn a_row_that_waits_is_no_fault_and_a_parked_one_is() {
    let world = World::set_up().await;
    let person = world.sandbox().person();
    person.protect("payments", None).unwrap();
    world.upsert(Tab::Payments, "pi_1", 1, &json!({"status": "paid"})).await;
    world.status_when("it waits", |status| status.pending == 1 && !status.blocked.is_empty()).await;
    let kinds = |found: &[Difference]| {
        found.iter().map(|one| (one.kind(), one.row_id.clone(), one.fault)).collect::<Vec<_>>()
    };
    let found = verify(&world, Tab::Payments).await;
    assert_eq!(kinds(&found), [(DifferenceKind::Pending, "pi_1".to_owned(), false)]);
    person.unprotect("payments").unwrap();
    world.retry_rows().await;
    world.all_written().await;
    // Twice alone, then its place takes the proof.
    let refused = || Some(sandbox::FaultKind::Status(400));
    world.writes_meet([refused(), None, refused(), None, None]);
    world.upsert(Tab::Payments, "pi_2", 1, &json!({"status": "paid"})).await;
    world.status_when("it is parked", |status| status.parked == 1).await;
    let found = verify(&world, Tab::Payments).await;
    assert_eq!(kinds(&found), [(DifferenceKind::Parked, "pi_2".to_owned(), true)]);
    assert_eq!(found[0].detail, "Google Sheets refused this row");
}

#[tokio::test]
async fn a_comparison_of_more_lines_than_one_read_takes_stays_within_the_quota() {
    let world = World::set_up().await;
    let events: Vec<Value> =
        (0..1_200).map(|n| json!({"type": "note", "id": format!("evt_{n:04}")})).collect();
    for some in events.chunks(100) {
        world.deliver(&json!(some)).await;
    }
    world.all_written().await;
    world.sandbox().person().delete_row("chat_events", 1_100).unwrap();
    world.sandbox().person().set_cell("chat_events", 1_150, 3, &json!("changed")).unwrap();
    let kinds: Vec<_> = verify(&world, Tab::ChatEvents).await.iter().map(Difference::kind).collect();
    assert_eq!(kinds, [DifferenceKind::Cell, DifferenceKind::Missing]);
}

/// The lines of a page of a tab, and the token of the next.
async fn read(world: &World, tab: Tab, size: i32, token: &str) -> (Vec<(i64, String, Value)>, String) {
    let request = ReadSheetRequest {
        tab: tab.into(),
        page_size: size,
        page_token: token.to_owned(),
        ..Default::default()
    };
    let answer = world.ledger().read_sheet(request).await.unwrap().into_inner();
    let value = |value: Shown| match value.kind {
        Some(Kind::StringValue(text)) => json!(text),
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::BoolValue(flag)) => json!(flag),
        other => panic!("{other:?}"),
    };
    let rows = answer.rows.into_iter().map(|row| {
        let cells = row.cells.unwrap().fields.into_iter().map(|(name, cell)| (name, value(cell)));
        (row.line, row.row_id, Value::Object(cells.collect()))
    });
    (rows.collect(), answer.next_page_token)
}

#[tokio::test]
async fn what_people_wrote_is_read_by_their_own_columns_too() {
    let world = with_leads(&["a", "b"]).await;
    let person = world.sandbox().person();
    let width = world.sandbox().tab("leads").unwrap()[0].len();
    person.insert_column("leads", width - 1).unwrap();
    person.set_cell("leads", 0, width - 1, &json!("priority")).unwrap();
    person.set_cell("leads", 1, width - 1, &json!(3)).unwrap();
    person.set_cell("leads", 2, width - 1, &json!(true)).unwrap();
    person.set_cell("leads", 2, NOTES, &json!("call")).unwrap();
    person.set_cell("leads", 6, 3, &json!("my own lead")).unwrap();
    person.rename_tab("leads", "pipeline").unwrap();
    let (a, b) = (world.lines("pipeline")[0].clone(), world.lines("pipeline")[1].clone());
    let (rows, next) = read(&world, Tab::Leads, 2, "").await;
    assert_eq!([(rows[0].0, &rows[0].1), (rows[1].0, &rows[1].1)], [(2, &id(&a)), (3, &id(&b))]);
    assert_eq!((&rows[0].2["priority"], &rows[1].2["priority"]), (&json!(3.0), &json!(true)));
    assert_eq!((&rows[1].2["notes"], &rows[0].2["score"]), (&json!("call"), &json!(0.5)));
    assert_eq!(rows[0].2["created_at"], "2025-10-28T16:00:00Z");
    let (rest, _) = read(&world, Tab::Leads, 2, &next).await;
    assert_eq!((rest[0].0, rest[0].1.as_str(), &rest[0].2["intent"]), (7, "", &json!("my own lead")));

    // The same again costs no read.
    let reads = |world: &World| {
        world.sandbox().requests().iter().filter(|asked| asked.path.contains("batchGet")).count()
    };
    let before = reads(&world);
    let (again, _) = read(&world, Tab::Leads, 2, "").await;
    assert_eq!((again, reads(&world)), (rows, before));

    person.delete_tab("bookings").unwrap();
    let request = ReadSheetRequest { tab: Tab::Bookings.into(), ..Default::default() };
    let gone = world.ledger().read_sheet(request).await.unwrap_err();
    assert_eq!((gone.code(), gone.message()), (tonic::Code::NotFound, "the spreadsheet has no tab bookings"));
}
