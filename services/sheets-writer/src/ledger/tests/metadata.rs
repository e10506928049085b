//! Metadata stays within Google's budget where nothing lands but what deletes it.

use std::time::Duration;

use store::{Commit, Precondition};

use super::{steps::event, world::World};
use crate::ledger::{HEAD, LEDGER, protocol::Head};

/// Voids in a row, as a tab that refuses every change leaves them in a night.
const VOIDS: i32 = 700;

#[tokio::test]
async fn voids_in_a_row_are_deleted_by_batches_of_their_own() {
    let mut world = World::new(31, false).await;
    let mut head = Head::new("ldg_1".parse().unwrap(), "sheet".into());
    head.next = VOIDS + 1;
    for number in 1..=VOIDS {
        head.note_settled(number, world.now());
        world.web.book.lock().unwrap().marks.insert(number.into(), "ldg_1:void".into());
    }
    let made = world.store.commit(vec![LEDGER.put(HEAD, &head, Precondition::Absent)]).await.unwrap();
    assert!(matches!(made, Commit::Done(_)));
    let desk = world.open();
    world.desks.push(desk);
    let row = event(&world, "evt_1".into());
    world.take(0, vec![row], 0).await;
    let took = world.all_written().await;
    assert!(took < Duration::from_secs(30), "{took:?}");
    world.check("after the voids");
    // All that is older than the window, but the newest that were settled.
    let marks = world.web.book.lock().unwrap().marks.len();
    assert!(marks < 600, "{marks} entries are left");
}
