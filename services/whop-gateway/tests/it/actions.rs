//! What members may ask for, and what they get.

use domain::{Kind, Reason};
use proto::whop::v1::{
    CreateUpgradeLinkRequest, CreateUpgradeLinkResponse, File, ListFilesRequest, ListQuickActionsRequest,
    QuickAction, QuickActionKind,
};
use serde_json::json;
use tonic::Status;

use super::{
    rig::{NO_ACTION, Rig, caller, said},
    whop::Fault,
};

impl Rig {
    pub(crate) async fn try_actions(&self, user: &str) -> Result<Vec<QuickAction>, Status> {
        let request = ListQuickActionsRequest { caller: caller(user) };
        Ok(self.client.clone().list_quick_actions(request).await?.into_inner().actions)
    }

    pub(crate) async fn actions(&self, user: &str) -> Vec<QuickAction> {
        self.try_actions(user).await.unwrap()
    }

    pub(crate) async fn files(&self, user: &str, action: &str) -> Result<Vec<File>, Status> {
        let request = ListFilesRequest { caller: caller(user), action_id: action.to_owned() };
        Ok(self.client.clone().list_files(request).await?.into_inner().files)
    }

    pub(crate) async fn upgrade(
        &self,
        user: &str,
        action: &str,
        by: &str,
    ) -> Result<CreateUpgradeLinkResponse, Status> {
        let request = CreateUpgradeLinkRequest {
            caller: caller(user),
            request_id: by.to_owned(),
            action_id: action.to_owned(),
        };
        Ok(self.client.clone().create_upgrade_link(request).await?.into_inner())
    }
}

fn shown(actions: &[QuickAction]) -> Vec<(&str, QuickActionKind)> {
    actions.iter().map(|action| (action.action_id.as_str(), action.kind())).collect()
}

#[tokio::test]
async fn a_membership_with_access_gives_what_its_product_has() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.change(
        "memberships",
        "mem_1",
        json!({"metadata": {"contract_url": "https://example.com/c1", "other": "x"}}),
    );
    let all = rig.actions("user_mara").await;
    let expected = [
        ("contract", QuickActionKind::Link),
        ("files", QuickActionKind::Files),
        ("support", QuickActionKind::Support),
        ("upgrade", QuickActionKind::Upgrade),
    ];
    assert_eq!(shown(&all), expected);
    assert_eq!((all[0].url.as_str(), all[0].membership_id.as_str()), ("https://example.com/c1", "mem_1"));
    assert!(rig.actions("user_jonas").await.is_empty());
    rig.whop.change("memberships", "mem_1", json!({"metadata": {"contract_url": "javascript:alert(1)"}}));
    rig.time.pass(301);
    assert_eq!(shown(&rig.actions("user_mara").await), expected[1..], "a link leads to https or is none");
    for status in ["canceled", "expired", "unresolved", "drafted", "a new word"] {
        rig.whop.change("memberships", "mem_1", json!({ "status": status }));
        rig.time.pass(301);
        assert!(rig.actions("user_mara").await.is_empty(), "{status}");
        for refused in [
            rig.files("user_mara", "files").await.unwrap_err(),
            rig.upgrade("user_mara", "upgrade", "r1").await.unwrap_err(),
        ] {
            assert_eq!(said(&refused), NO_ACTION, "{status}");
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn files_come_from_the_folder_of_the_product_alone() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.join("mem_2", "user_jonas", "plan_scalemonthly");
    rig.whop.file("folder_growth", "growth.pdf");
    rig.whop.file("folder_scale", "scale.pdf");
    // What a member could have noted is no place.
    rig.whop.change("memberships", "mem_1", json!({"metadata": {"drive_folder": "folder_scale"}}));
    let names = |files: Vec<File>| files.into_iter().map(|file| file.name).collect::<Vec<_>>();
    for action in ["files", ""] {
        assert_eq!(names(rig.files("user_mara", action).await.unwrap()), ["growth.pdf"]);
    }
    assert_eq!(names(rig.files("user_jonas", "files").await.unwrap()), ["scale.pdf"]);
    for wrong in ["support", "contract", "files:mem_2", "folder_scale", "x"] {
        assert_eq!(said(&rig.files("user_mara", wrong).await.unwrap_err()), NO_ACTION, "{wrong}");
    }
    assert!(rig.files("user_lena", "").await.unwrap().is_empty());
    rig.whop.fail("GET /drive", Fault::Status(404));
    assert_eq!(
        said(&rig.files("user_mara", "files").await.unwrap_err()),
        (Kind::Internal, Reason::ProviderRefused)
    );
    rig.stop().await;
}

const OF_TWO: &str = r#"
[[products]]
product = "prod_growthretainer"

  [[products.actions]]
  id = "files"
  label = "Files"
  drive_folder_metadata = "folder"
"#;

#[tokio::test]
async fn two_memberships_of_one_product_have_an_action_each() {
    let rig = Rig::with(Some(OF_TWO), &[]).await;
    for (id, folder) in [("mem_1", "folder_one"), ("mem_2", "folder_two")] {
        rig.whop.join(id, "user_mara", "plan_growthmonthly");
        rig.whop.change("memberships", id, json!({"metadata": {"folder": folder}}));
        rig.whop.file(folder, &format!("{folder}.pdf"));
        rig.time.pass(1);
    }
    let all = rig.actions("user_mara").await;
    assert_eq!(shown(&all), [("files", QuickActionKind::Files), ("files:mem_1", QuickActionKind::Files)]);
    let files = rig.files("user_mara", "files:mem_1").await.unwrap();
    assert_eq!((files.len(), files[0].name.as_str()), (1, "folder_one.pdf"));
    assert_eq!(rig.files("user_mara", "").await.unwrap().len(), 2);
    rig.whop.change("memberships", "mem_1", json!({"metadata": {"folder": "x' or name contains '"}}));
    rig.time.pass(301);
    assert_eq!(shown(&rig.actions("user_mara").await).len(), 1, "what is no id is no place");
    rig.stop().await;
}

#[tokio::test]
async fn an_upgrade_is_a_link_that_knows_where_it_came_from() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let link = rig.upgrade("user_mara", "upgrade", "r1").await.unwrap();
    assert_eq!(
        (link.url.as_str(), link.plan_id.as_str()),
        ("https://whop.com/checkout/1", "plan_scalemonthly")
    );
    assert_eq!(rig.upgrade("user_mara", "", "r1").await.unwrap(), link, "the same request, the same link");
    let made = rig.whop.checkouts();
    assert_eq!((made.len(), &made[0]["metadata"]["upgrade_of"]), (1, &json!("mem_1")));
    assert_ne!(rig.upgrade("user_mara", "upgrade", "r2").await.unwrap(), link);
    assert_eq!(
        rig.upgrade("user_mara", "upgrade", "").await.unwrap_err().code(),
        tonic::Code::InvalidArgument
    );
    assert_eq!(said(&rig.upgrade("user_mara", "support", "r1").await.unwrap_err()), NO_ACTION);
    rig.whop.join("mem_2", "user_mara", "plan_scalemonthly");
    rig.time.pass(301);
    assert!(rig.actions("user_mara").await.iter().all(|action| action.kind() != QuickActionKind::Upgrade));
    assert_eq!(
        said(&rig.upgrade("user_mara", "upgrade", "r3").await.unwrap_err()),
        NO_ACTION,
        "who has it buys it not"
    );
    rig.stop().await;
}
