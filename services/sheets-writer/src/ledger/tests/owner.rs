//! What the owner put into the spreadsheet, seen by writers that are stopped and by one that is refused at first.

use std::time::Duration;

use domain::{Row, Tab, tab::Lead};
use serde_json::json;

use super::{process::Fate, web::Weather, world::World};
use crate::{
    ledger::lease::LENGTH,
    rows::{ROWS, RowKey},
};

/// Reading people's columns takes fewer steps than this.
const STEPS: u64 = 24;

fn lead(world: &World, version: u64, status: &str) -> Row {
    let lead = Lead { id: "led_1".into(), status: status.into(), score: Some(0.5), ..Lead::default() };
    Row::of(&lead, version, world.now())
}

#[tokio::test]
async fn a_writer_that_was_stopped_while_it_read_does_not_take_our_own_words_for_the_owners() {
    let mut world = World::of_two(31).await;
    let mut stopped = 0;
    for steps in 1..=STEPS {
        let (version, before, after) = (2 * steps, format!("before {steps}"), format!("after {steps}"));
        world.take(0, vec![lead(&world, version, &before)], 0).await;
        world.all_written().await;
        let at = world.holder().await.unwrap_or_default();
        world.desks[at].gate.doom(steps, Fate::Stop);
        world.desks[at].ledger.look_again();
        world.pass(Duration::from_millis(500)).await;
        stopped += u64::from(world.desks[at].gate.is_stopped());
        world.take(1 - at, vec![lead(&world, version + 1, &after)], 0).await;
        world.desks[1 - at].ledger.wake();
        // Less than a minute in all, after which it would have been read by itself.
        world.pass(2 * LENGTH).await;
        world.revive().await;
        world.pass(LENGTH).await;
        world.all_written().await;
        let key = RowKey { tab: Tab::Leads, id: "led_1".into() };
        let doc = ROWS.get(&*world.store, &key.doc_id()).await.unwrap().unwrap().value;
        assert_eq!(doc.typed, domain::Cells::new(), "stopped at step {steps}");
        world.check(&format!("stopped at step {steps}"));
    }
    assert!((5..=STEPS).contains(&stopped), "{stopped}");
}

#[tokio::test]
async fn tabs_that_the_owner_made_are_taken_over_though_the_first_try_fails() {
    let mut world = World::new(32, false).await;
    let header: Vec<_> = Tab::Leads.columns().iter().map(|column| json!(column)).collect();
    let mut own = vec![json!(null); header.len()];
    own[0] = json!("mine");
    let sheet = super::book::Sheet { title: "leads".into(), lines: vec![header, own] };
    world.web.book.lock().unwrap().sheets.insert(5, sheet);
    *world.web.weather.lock().unwrap() = Weather { faults: 100, ..Weather::default() };
    let desk = world.open();
    world.desks.push(desk);
    world.pass(Duration::from_secs(300)).await;
    *world.web.weather.lock().unwrap() = Weather::default();
    world.take(0, vec![lead(&world, 1, "new")], 0).await;
    world.all_written().await;
    let book = world.web.book.lock().unwrap();
    let ids: Vec<_> = book.titled("leads").unwrap().lines.iter().map(|line| line[0].clone()).collect();
    assert_eq!(ids, [json!("id"), json!("mine"), json!("led_1")]);
    assert!(!book.marks.is_empty());
}
