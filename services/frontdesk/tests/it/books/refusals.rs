//! Batches that Google refuses: the row that cannot go is found and parked, the others are written.

use proto::sheets::v1::{RowState, Tab};
use sandbox::FaultKind;
use serde_json::json;

use super::{ids, note};
use crate::world::World;

const REFUSED: Option<FaultKind> = Some(FaultKind::Status(400));
const PASS: Option<FaultKind> = None;

#[tokio::test]
async fn a_batch_that_is_refused_once_goes_again_as_it_was() {
    let world = World::set_up().await;
    world.writes_meet([REFUSED]);
    world.deliver(&json!([note("a"), note("b")])).await;
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events"), ["a", "b"]);
    let told: Vec<_> = world.batches()[1..].iter().map(|batch| (batch.number, batch.appended())).collect();
    assert_eq!(told, [(2, 2), (2, 0), (3, 2)], "rows, void, rows");
}

#[tokio::test]
async fn a_row_that_google_refuses_is_parked_and_the_others_go() {
    let world = World::set_up().await;
    // Both are refused twice; then the first of them goes alone, and the second is refused twice alone, where its
    // place takes a batch without values.
    world.writes_meet([REFUSED, PASS, REFUSED, PASS, PASS, REFUSED, PASS, REFUSED, PASS, PASS]);
    let mut events = [note("a"), note("b")];
    events[1]["occurred_at"] = json!("2025-10-28T16:21:00Z");
    world.deliver(&json!(events)).await;
    world.status_when("a row is parked", |status| (status.parked, status.pending) == (1, 0)).await;
    assert_eq!(ids(&world, "chat_events"), ["a"]);
    let rows: Vec<_> =
        world.rows(Tab::ChatEvents).await.into_iter().map(|row| (row.row_id, row.state, row.error)).collect();
    assert_eq!(
        rows,
        [
            ("a".to_owned(), RowState::Written.into(), String::new()),
            ("b".to_owned(), RowState::Parked.into(), "Google Sheets refused this row".to_owned()),
        ]
    );
    // Life goes on at once, not only when somebody looks again.
    world.deliver(&note("c")).await;
    world.all_written().await;
    assert_eq!(ids(&world, "chat_events"), ["a", "c"]);
}
