//! A lead that the owner closes by typing.

use serde_json::json;

use super::{STATUS, line, people::stored_when, turn, with_leads};
use crate::world::World;

/// The owner types a status, and it is read back.
async fn says(world: &World, session: &str, status: &str) {
    world.sandbox().person().set_cell("leads", line(world, session), STATUS, &json!(status)).unwrap();
    world.read_edits().await;
    stored_when(world, session, "status", &json!(status)).await;
}

/// A turn of session `a` that says another intent.
async fn returns(world: &World, minute: u32) {
    let mut event = turn("a", minute, 0.8);
    event["intent"] = json!("intent of another day");
    let hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    event["occurred_at"] = json!(hour.to_string());
    world.deliver(&event).await;
    world.all_written().await;
}

#[tokio::test]
async fn won_or_lost_closes_it_and_the_next_score_opens_another() {
    for word in ["won", "Lost"] {
        let world = with_leads(&["a"]).await;
        says(&world, "a", word).await;
        returns(&world, 10).await;
        let lines = world.lines("leads");
        let told: Vec<_> =
            lines.iter().map(|line| (line["intent"].clone(), line["status"].clone())).collect();
        assert_eq!(
            told,
            [(json!("intent of a"), json!(word)), (json!("intent of another day"), json!("new"))]
        );
    }
}

#[tokio::test]
async fn any_other_word_leaves_it_open() {
    let world = with_leads(&["a"]).await;
    says(&world, "a", "call back").await;
    returns(&world, 10).await;
    let lines = world.lines("leads");
    assert_eq!((lines.len(), &lines[0]["intent"]), (1, &json!("intent of another day")));
    assert_eq!(lines[0]["status"], "call back");
}
