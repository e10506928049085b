//! A spreadsheet that has gone on since the backup was taken.

use std::time::Duration;

use sandbox::{Fault, FaultKind, Provider};
use serde_json::{Value, json};

use super::{Ground, backup, restore};
use crate::world::World;

const STATUS: usize = 9;

fn booking(uid: &str, kind: &str, start: &str) -> Value {
    json!({
        "type": format!("calendar.{kind}"), "contact_id": "c_1", "cal_provider": "cal.com", "uid": uid,
        "event_start": start, "occurred_at": format!("2025-10-28T1{}:00:00Z", kind.len() % 10),
    })
}

fn turn(contact: &str, minute: u32, score: f64) -> Value {
    json!({
        "type": "chat.turn", "session_id": format!("ck_{contact}"), "contact_id": contact, "score": score,
        "occurred_at": format!("2025-10-28T16:{minute:02}:00Z"), "message": format!("turn {minute}"),
    })
}

/// Written to the spreadsheet before the backup.
fn first() -> Vec<Value> {
    vec![
        turn("c_1", 1, 0.9),
        turn("c_2", 2, 0.8),
        booking("b_1", "booked", "2025-11-01T18:00:00Z"),
        booking("b_2", "booked", "2025-11-02T18:00:00Z"),
    ]
}

/// In the backup as rows that wait.
fn second() -> Vec<Value> {
    vec![turn("c_1", 3, 0.95), booking("b_3", "booked", "2025-11-03T18:00:00Z")]
}

/// Not in the backup.
fn third() -> Vec<Value> {
    vec![
        booking("b_1", "rescheduled", "2025-12-01T18:00:00Z"),
        booking("b_2", "canceled", "2025-11-02T18:00:00Z"),
        booking("b_3", "rescheduled", "2025-12-03T18:00:00Z"),
        booking("b_4", "booked", "2025-11-04T18:00:00Z"),
        turn("c_2", 4, 0.1),
        turn("c_3", 5, 0.2),
        turn("c_1", 6, 0.99),
    ]
}

/// A life up to its end, with a backup in the middle of a batch; the spreadsheet has all of it.
async fn live(ground: &Ground) {
    let world = ground.world().await;
    world.deliver(&json!(first())).await;
    world.all_written().await;
    // The batch is on its way while the backup is taken: open in the file, landed in the spreadsheet.
    let on_its_way = ground.sandbox.requests().len();
    ground.sandbox.inject(Fault {
        provider: Provider::Sheets,
        path: Some(":batchUpdate".into()),
        count: 1,
        kind: FaultKind::Latency(Duration::from_secs(3)),
    });
    world.deliver(&json!(second())).await;
    world.status_when("a batch is open", |status| status.batch_open && status.pending > 0).await;
    let taken = backup(&world, ground, "middle.jsonl").await;
    assert!(taken["documents"]["sheets-writer"].as_u64().unwrap() > 20, "{taken}");
    world.all_written().await;
    assert!(ground.sandbox.requests().len() > on_its_way);
    for event in third() {
        world.deliver(&event).await;
        // Each in a batch of its own, so that numbers go on.
        world.all_written().await;
    }
    let lead =
        crate::world::lines(&ground.sandbox, "leads").iter().position(|lead| lead["contact_id"] == "c_2");
    let lead = lead.unwrap() + 1;
    ground.sandbox.person().set_cell("leads", lead, STATUS, &json!("qualified")).unwrap();
    world.stop().await;
}

/// Who uses the restored system sends everything again, in its order.
async fn send_everything_again(world: &World) {
    for event in [first(), second(), third()].concat() {
        world.deliver(&event).await;
    }
    world.read_edits().await;
    world.all_written().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_stands_once_and_says_the_last_word_when_everything_is_sent_again() {
    let ground = Ground::new().await;
    live(&ground).await;
    let before = ground.sheet();
    let count = |tab: &str| ground.lines(tab).len();
    assert_eq!((count("bookings"), count("leads"), count("chat_events")), (4, 2, 13));

    let world = ground.world().await;
    world
        .status_when("the spreadsheet is not this ledger's", |status| {
            status.blocked.contains("belongs to ledger")
        })
        .await;
    let restored = restore(&world, &ground, "middle.jsonl").await.json(0);
    assert_eq!((&restored["known"], &restored["was_done"]), (&json!(0), &json!(false)), "{restored}");
    let status = world
        .status_when("batches go on with new numbers", |status| {
            status.next_batch > 100_000 && status.blocked.is_empty()
        })
        .await;
    send_everything_again(&world).await;
    assert_eq!(ground.sheet(), before);
    // The numbers are those of this life.
    let after = world.all_written().await;
    assert!(after.next_batch > status.next_batch);
    assert_eq!(after.parked, 0);
    // What nobody has ever sent is a new line, and what has been sent is known.
    world.deliver(&json!([booking("b_5", "booked", "2025-11-05T18:00:00Z"), turn("c_1", 3, 0.95)])).await;
    world.all_written().await;
    assert_eq!((ground.lines("bookings").len(), ground.lines("chat_events").len()), (5, 14));

    let again = restore(&world, &ground, "middle.jsonl").await.json(0);
    assert_eq!((&again["was_done"], &again["written"]), (&json!(true), &json!(0)), "{again}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_somebody_deleted_since_comes_back_with_its_event_alone() {
    let ground = Ground::new().await;
    live(&ground).await;
    let line = |uid: &str| {
        let lines = crate::world::lines(&ground.sandbox, "bookings");
        1 + lines.iter().position(|line| line["cal_event_id"] == uid).unwrap()
    };
    // One that the backup knows as written, one that it knows nothing of.
    ground.sandbox.person().delete_row("bookings", line("b_2")).unwrap();
    ground.sandbox.person().delete_row("bookings", line("b_4")).unwrap();
    let world = ground.world().await;
    restore(&world, &ground, "middle.jsonl").await.json(0);
    send_everything_again(&world).await;
    let uids: Vec<Value> =
        ground.lines("bookings").into_iter().map(|line| line["cal_event_id"].clone()).collect();
    assert_eq!(uids.len(), 3, "{uids:?}");
    for uid in ["b_1", "b_3", "b_4"] {
        assert!(uids.contains(&json!(uid)), "{uid} in {uids:?}");
    }
    world.stop().await;
}
