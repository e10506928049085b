//! Tabs that take nothing: their rows wait, the status says why, and they go out once repaired.

use proto::sheets::v1::{RowState, Tab};
use sandbox::FaultKind;
use serde_json::json;

use super::{SCORE, lead, turn, with_leads};
use crate::world::World;

#[tokio::test]
async fn a_protected_tab_waits_and_the_others_go_on() {
    let world = with_leads(&["a"]).await;
    world.sandbox().person().protect("leads", None).unwrap();
    world.deliver(&json!([turn("a", 10, 0.9), turn("b", 11, 0.8)])).await;
    assert_eq!(world.lines_when("engagements", 3).await.len(), 3);
    let only_leads_wait = |status: &proto::sheets::v1::GetLedgerStatusResponse| {
        (status.pending, status.parked, status.blocked.is_empty()) == (2, 0, false)
    };
    let status = world.status_when("two rows wait", only_leads_wait).await;
    assert!(status.blocked.contains("of tab leads are protected"), "{}", status.blocked);

    world.sandbox().person().unprotect("leads").unwrap();
    world.retry_rows().await;
    let status = world.all_written().await;
    assert_eq!((status.blocked.as_str(), status.parked), ("", 0));
    assert_eq!((&lead(&world, "a")["score"], &lead(&world, "b")["score"]), (&json!(0.9), &json!(0.8)));
}

#[tokio::test]
async fn a_protected_column_is_named_and_its_tab_goes_out_by_itself_once_it_is_free() {
    let world = with_leads(&["a"]).await;
    world.sandbox().person().protect("leads", Some(SCORE..SCORE + 1)).unwrap();
    world.deliver(&turn("a", 10, 0.9)).await;
    let status = world.status_when("the status says so", |status| !status.blocked.is_empty()).await;
    assert!(status.blocked.starts_with("columns score of tab leads are protected"), "{}", status.blocked);
    world.sandbox().person().unprotect("leads").unwrap();
    world.all_written().await;
    assert_eq!(lead(&world, "a")["score"], json!(0.9));
}

#[tokio::test]
async fn a_tab_that_refuses_everything_for_reasons_of_its_own_parks_no_row() {
    let world = with_leads(&["a"]).await;
    // The batch twice, its row alone, and the proof that follows; what is settled in between passes.
    let pass = || None;
    let refused = || Some(FaultKind::Status(400));
    world.writes_meet([refused(), pass(), refused(), pass(), refused(), pass()]);
    world.upsert(Tab::Leads, "led_x", 1, &json!({"status": "new"})).await;
    let status = world.status_when("the status says so", |status| !status.blocked.is_empty()).await;
    assert!(
        status.blocked.starts_with("Google Sheets refuses every change of tab leads"),
        "{}",
        status.blocked
    );
    assert_eq!((status.pending, status.parked), (1, 0));
    // The other tabs do not wait for it.
    world.upsert(Tab::Payments, "pi_1", 1, &json!({"status": "paid"})).await;
    world.lines_when("payments", 1).await;
    world.retry_rows().await;
    world.all_written().await;
    assert_eq!(world.line_of("leads", "id", "led_x"), 2);
}

#[tokio::test]
async fn a_parked_row_goes_when_it_is_asked_for_again() {
    let world = World::set_up().await;
    let refused = || Some(FaultKind::Status(400));
    // Twice alone, then its place takes the proof.
    world.writes_meet([refused(), None, refused(), None, None]);
    world.upsert(Tab::Payments, "pi_1", 1, &json!({"status": "paid"})).await;
    world.status_when("it is parked", |status| status.parked == 1).await;
    assert!(world.lines("payments").is_empty(), "the proof leaves no line");
    assert_eq!(world.rows(Tab::Payments).await[0].state, i32::from(RowState::Parked));
    assert_eq!(world.retry_rows().await, 1);
    let status = world.all_written().await;
    assert_eq!((status.parked, world.line_of("payments", "id", "pi_1")), (0, 1));
    assert_eq!(world.retry_rows().await, 0);
}

#[tokio::test]
async fn near_the_limit_of_cells_the_status_warns_and_at_it_rows_wait() {
    let world = with_leads(&["a"]).await;
    let person = world.sandbox().person();
    // 26 columns; our tabs have some 60,000 cells.
    person.add_rows("Sheet1", 370_000).unwrap();
    world.retry_rows().await;
    let status = world.status_when("it warns", |status| !status.warning.is_empty()).await;
    assert!(status.cells > 9_000_000 && status.blocked.is_empty(), "{status:?}");

    // Full but for a few cells, and so is the tab.
    let used = usize::try_from(status.cells).unwrap();
    person.add_rows("Sheet1", (10_000_000 - used) / 26).unwrap();
    // The tab has 1,000 lines, two of which are in use; there is room for four more.
    let rows: Vec<_> = (0..1_008).map(|n| format!("evt_{n:04}")).collect();
    for some in rows[..998].chunks(100).chain([&rows[998..]]) {
        let events: Vec<_> = some.iter().map(|id| json!({"type": "note", "id": id})).collect();
        world.deliver(&json!(events)).await;
        world.status_when("the others are written", |status| status.pending <= 10).await;
    }
    let full = |status: &proto::sheets::v1::GetLedgerStatusResponse| status.blocked.contains("cannot grow");
    let status = world.status_when("rows wait", full).await;
    assert!(status.pending >= 6 && status.parked == 0, "{status:?}");
    for _ in 0..100 {
        person.delete_row("Sheet1", 0).unwrap();
    }
    world.retry_rows().await;
    world.all_written().await;
    let ids: std::collections::BTreeSet<_> =
        world.lines("chat_events").iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert!(rows.iter().all(|id| ids.contains(id)), "rows are lost");
}
