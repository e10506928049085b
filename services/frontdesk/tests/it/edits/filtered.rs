//! Rows that the owner's filter hides are rows like any others.

use serde_json::json;

use super::{OWNER, SCORE, lead, line, people::stored_when, turn, verified, with_leads};

const INTENT: usize = 3;

#[tokio::test]
async fn a_filtered_tab_goes_on_for_changes_and_new_rows() {
    let world = with_leads(&["a", "b", "c"]).await;
    let person = world.sandbox().person();
    // The last line is among those that are hidden, and so is one that is to come.
    let hidden = ["intent of b", "intent of c", "intent of d"];
    person.hide_values("leads", INTENT, &hidden).unwrap();
    person.add_view("leads", "mine", SCORE, &["0.5"]).unwrap();
    assert_eq!(person.hidden_rows("leads").unwrap(), [2, 3]);
    person.set_cell("leads", line(&world, "b"), OWNER, &json!("Ann")).unwrap();
    world
        .deliver(&json!([turn("b", 10, 0.9), turn("a", 11, 0.95), turn("d", 12, 0.8), turn("e", 13, 0.85)]))
        .await;
    world.all_written().await;
    let scores = ["a", "b", "c", "d", "e"].map(|session| lead(&world, session)["score"].clone());
    assert_eq!(scores, [0.95, 0.9, 0.7, 0.8, 0.85].map(|score| json!(score)));
    assert_eq!(world.lines("leads").len(), 5);
    assert_eq!(person.hidden_rows("leads").unwrap(), [2, 3, 4], "the filter stands");

    // What is hidden is read back and restored like the rest.
    world.read_edits().await;
    stored_when(&world, "b", "owner", &json!("Ann")).await;
    person.set_cell("leads", line(&world, "c"), SCORE, &json!(0.01)).unwrap();
    person.sort("leads", SCORE, false).unwrap();
    world.read_edits().await;
    crate::world::until("it is restored", || lead(&world, "c")["score"] == 0.7).await;
    world.all_written().await;
    assert_eq!(verified::verify(&world, proto::sheets::v1::Tab::Leads).await, []);
}
