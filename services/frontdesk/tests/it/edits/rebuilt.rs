//! A tab, or a whole spreadsheet, that is filled again from the store.

use proto::sheets::v1::{RebuildTabsRequest, Tab};
use serde_json::json;

use super::{OWNER, lead, line, turn, with_leads};
use crate::world::World;

async fn rebuild(world: &World, tab: Tab) {
    let request = RebuildTabsRequest { tab: tab.into(), ..Default::default() };
    world.ledger().rebuild_tabs(request).await.unwrap();
    world.status_when("the tab stands", |status| status.rebuilding.is_empty()).await;
    world.all_written().await;
}

#[tokio::test]
async fn a_deleted_tab_is_filled_with_what_people_typed_and_without_what_they_deleted() {
    let world = with_leads(&["a", "b", "c"]).await;
    let person = world.sandbox().person();
    person.set_cell("leads", line(&world, "a"), OWNER, &json!("Ann")).unwrap();
    person.delete_row("leads", line(&world, "b")).unwrap();
    world.deliver(&turn("b", 9, 0.7)).await;
    world.all_written().await;
    world.read_edits().await;
    super::people::stored_when(&world, "a", "owner", &json!("Ann")).await;
    person.delete_tab("leads").unwrap();
    world.deliver(&json!([turn("a", 10, 0.9), turn("d", 11, 0.8)])).await;
    world.status_when("it says so", |status| status.blocked.contains("leads was deleted")).await;

    rebuild(&world, Tab::Leads).await;
    assert_eq!(world.lines("leads").len(), 3, "{:?}", world.lines("leads"));
    assert_eq!((&lead(&world, "a")["owner"], &lead(&world, "a")["score"]), (&json!("Ann"), &json!(0.9)));
    assert_eq!(lead(&world, "d")["score"], json!(0.8));
    assert_eq!(world.status().await.blocked, "");
    assert_eq!(world.lines("engagements").len(), 6, "the other tabs are left alone");
}

#[tokio::test]
async fn a_tab_that_stands_is_left_alone() {
    let world = with_leads(&["a", "b"]).await;
    let before = world.lines("leads");
    rebuild(&world, Tab::Unspecified).await;
    assert_eq!(world.lines("leads"), before);
    assert_eq!(world.lines("engagements").len(), 2);
}

#[tokio::test]
async fn an_emptied_spreadsheet_is_filled_through_a_restart() {
    let world = with_leads(&["a", "b"]).await;
    let before: Vec<_> = domain::Tab::ALL.map(|tab| world.lines(tab.as_str())).into();
    for tab in domain::Tab::ALL {
        world.sandbox().person().delete_tab(tab.as_str()).unwrap();
    }
    world.ledger().rebuild_tabs(RebuildTabsRequest::default()).await.unwrap();
    let world = World::open(world.stop().await, &[]).await;
    world.status_when("all tabs stand", |status| status.rebuilding.is_empty()).await;
    world.all_written().await;
    let after: Vec<_> = domain::Tab::ALL.map(|tab| world.lines(tab.as_str())).into();
    assert_eq!(after, before);
}
