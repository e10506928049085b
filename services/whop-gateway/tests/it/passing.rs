//! A membership that is passed on takes no contract and no folder along.

use serde_json::{Value, json};

use super::{forgetting::user, rig::Rig};

const ACTIONS: &str = r#"
[[products]]
product = "prod_growthretainer"

  [[products.actions]]
  id = "contract"
  label = "View Contract"
  url_metadata = "contract"

  [[products.actions]]
  id = "files"
  label = "Files"
  drive_folder_metadata = "folder"
"#;

async fn with_mara() -> Rig {
    let rig = Rig::with(Some(ACTIONS), &[]).await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    noted(&rig, json!({"contract": "https://example.com/mara", "folder": "folder_mara"}));
    assert_eq!(shown(&rig, "user_mara").await, ["contract", "files"]);
    rig
}

fn noted(rig: &Rig, notes: Value) {
    rig.time.pass(301);
    rig.whop.change("memberships", "mem_1", json!({ "metadata": notes }));
}

fn pass_to(rig: &Rig, user: Value) {
    rig.time.pass(301);
    rig.whop.change("memberships", "mem_1", json!({ "user_id": user }));
}

async fn shown(rig: &Rig, user: &str) -> Vec<String> {
    rig.actions(user).await.into_iter().map(|action| action.action_id).collect()
}

#[tokio::test]
async fn its_new_member_is_shown_what_is_noted_for_them_alone() {
    let rig = with_mara().await;
    pass_to(&rig, json!("user_lena"));
    assert!(shown(&rig, "user_lena").await.is_empty());
    rig.files("user_lena", "files").await.unwrap_err();
    // And at every look from then on, in whatever way it comes.
    rig.time.pass(301);
    rig.tell("msg_1", "membership.updated", "memberships", "mem_1").await;
    rig.settle().await;
    assert!(shown(&rig, "user_lena").await.is_empty());
    noted(&rig, json!({"contract": "https://example.com/lena", "folder": "folder_mara"}));
    assert_eq!(shown(&rig, "user_lena").await, ["contract"], "one of them is another");
    noted(&rig, json!({}));
    assert!(shown(&rig, "user_lena").await.is_empty());
    noted(&rig, json!({"contract": "https://example.com/lena", "folder": "folder_mara"}));
    assert_eq!(shown(&rig, "user_lena").await, ["contract"], "a gap makes nothing of it theirs");
    noted(&rig, json!({"contract": "https://example.com/lena", "folder": "folder_lena"}));
    assert_eq!(shown(&rig, "user_lena").await, ["contract", "files"]);
    pass_to(&rig, json!("user_jonas"));
    assert!(shown(&rig, "user_jonas").await.is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn who_gets_it_back_has_their_own_again() {
    let rig = with_mara().await;
    for between in [json!(null), json!("user_lena")] {
        pass_to(&rig, between.clone());
        rig.tell(&format!("msg_{between}").replace('"', ""), "membership.updated", "memberships", "mem_1")
            .await;
        rig.settle().await;
        pass_to(&rig, json!("user_jonas"));
        assert!(shown(&rig, "user_jonas").await.is_empty(), "after {between}");
        pass_to(&rig, json!("user_mara"));
        assert_eq!(shown(&rig, "user_mara").await, ["contract", "files"]);
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_was_noted_for_somebody_who_was_forgotten_is_nobodys() {
    let rig = with_mara().await;
    rig.time.pass(60);
    rig.forget("era_1", user("user_mara")).await;
    noted(&rig, json!({"contract": "https://example.com/mara-2", "folder": "folder_mara"}));
    rig.tell("msg_1", "membership.updated", "memberships", "mem_1").await;
    rig.settle().await;
    pass_to(&rig, json!("user_lena"));
    assert_eq!(rig.ids("user_lena").await, ["mem_1"]);
    assert!(shown(&rig, "user_lena").await.is_empty());
    noted(&rig, json!({"contract": "https://example.com/lena"}));
    assert_eq!(shown(&rig, "user_lena").await, ["contract"]);
    rig.stop().await;
}
