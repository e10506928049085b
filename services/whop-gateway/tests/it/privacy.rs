//! No call of one user shows or does anything of another's.

use std::{
    collections::BTreeSet,
    sync::{Mutex, OnceLock},
};

use proptest::prelude::*;
use proto::whop::v1::{
    CancelMembershipRequest, CheckAccessRequest, CreateUpgradeLinkRequest, GetMembershipRequest,
    ListFilesRequest, ListMembershipsRequest, ListPaymentsRequest, ListQuickActionsRequest,
    OpenSupportTicketRequest, ValidateLicenseRequest,
};
use serde_json::json;
use tokio::runtime::Runtime;

use super::rig::{Rig, UNLIMITED, caller};

/// Everybody who has something, with what.
const OWNERS: [(&str, &str, &str); 3] = [
    ("user_mara", "mem_mara", "secret_mara"),
    ("user_jonas", "mem_jonas", "secret_jonas"),
    ("user_lena", "mem_lena", "secret_lena"),
];
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

  [[products.actions]]
  id = "support"
  label = "Support"
  support = true

  [[products.actions]]
  id = "upgrade"
  label = "Upgrade"
  upgrade_plan = "plan_scalemonthly"
"#;

/// Whose membership was seen to end.
static ENDED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

struct Scene {
    runtime: Runtime,
    rig: Rig,
}

/// A service in which each of them has a membership of the same product.
fn scene() -> Scene {
    let runtime = Runtime::new().unwrap();
    let rig = runtime.block_on(async {
        let rig = Rig::with(Some(ACTIONS), UNLIMITED).await;
        for (user, membership, secret) in OWNERS {
            rig.whop.join(membership, user, "plan_growthmonthly");
            let notes = json!({"contract": format!("https://example.com/{secret}"), "folder": secret});
            let manage_url = format!("https://whop.com/manage/{secret}");
            rig.whop.change("memberships", membership, json!({"metadata": notes, "manage_url": manage_url}));
            rig.whop.file(secret, &format!("{secret}.pdf"));
            let payment = format!("pay_{secret}");
            rig.whop.pay(&payment, user, membership, "1490.00");
            rig.tell(&format!("msg_{secret}"), "payment.succeeded", "payments", &payment).await;
            rig.list(user).await.unwrap();
        }
        rig.settle().await;
        rig
    });
    Scene { runtime, rig }
}

/// The one in which whoever asks is somebody else.
fn shared() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(scene)
}

/// How many doors there are.
const DOORS: u8 = 10;

/// Whatever a call answers, as text.
async fn ask(rig: &Rig, user: &str, call: u8, id: &str, by: &str) -> String {
    let (mut client, caller, id) = (rig.client.clone(), caller(user), id.to_owned());
    let (request_id, subject, message) = (by.to_owned(), "Help".to_owned(), format!("I am {user}"));
    let text = |answer: Result<String, tonic::Status>| answer.unwrap_or_else(|status| format!("{status:?}"));
    macro_rules! answer {
        ($method:ident, $request:expr) => {
            text(client.$method($request).await.map(|answer| format!("{:?}", answer.into_inner())))
        };
    }
    match call {
        0 => answer!(list_memberships, ListMembershipsRequest { caller }),
        1 => answer!(get_membership, GetMembershipRequest { caller, membership_id: id }),
        2 => answer!(check_access, CheckAccessRequest { caller, product_id: id }),
        3 => answer!(validate_license, ValidateLicenseRequest { caller, license_key: id }),
        4 => answer!(
            cancel_membership,
            CancelMembershipRequest { caller, request_id, membership_id: id, confirmed: true }
        ),
        5 => answer!(list_quick_actions, ListQuickActionsRequest { caller }),
        6 => answer!(list_files, ListFilesRequest { caller, action_id: id }),
        7 => answer!(
            open_support_ticket,
            OpenSupportTicketRequest { caller, request_id, action_id: id, subject, message }
        ),
        8 => answer!(list_payments, ListPaymentsRequest { caller }),
        9 => answer!(create_upgrade_link, CreateUpgradeLinkRequest { caller, request_id, action_id: id }),
        _ => panic!("there is no such door"),
    }
}

/// What a door shows of what belongs to whoever asks rightly, and the id with which they ask.
fn own(call: u8, membership: &str, secret: &str) -> (String, String) {
    let shown = |id: &str, shown: &str| (id.to_owned(), shown.to_owned());
    match call {
        0 => shown("", membership),
        1 => shown(membership, secret),
        2 => shown("prod_growthretainer", "has_access: true"),
        3 => (format!("KEY-{membership}"), "valid: true".to_owned()),
        4 => shown(membership, "cancel_at_period_end: true"),
        5 => (String::new(), format!("https://example.com/{secret}")),
        6 => ("files".to_owned(), format!("{secret}.pdf")),
        7 => shown("support", "feed_"),
        8 => (String::new(), format!("pay_{secret}")),
        9 => shown("upgrade", "https://whop.com/checkout/"),
        _ => panic!("there is no such door"),
    }
}

/// What is refused to others would prove nothing were it refused to everybody.
#[test]
fn whoever_it_belongs_to_is_shown_it_at_every_door() {
    let Scene { runtime, rig } = scene();
    runtime.block_on(async {
        for (user, membership, secret) in OWNERS {
            for call in 0..DOORS {
                let (id, shown) = own(call, membership, secret);
                let answer = ask(&rig, user, call, &id, "a").await;
                assert!(answer.contains(&shown), "{user}: {call} {id}: {answer}");
            }
            assert_eq!(rig.whop.thing("memberships", membership)["cancel_at_period_end"], true);
            let posted = rig.whop.messages();
            assert!(
                posted
                    .iter()
                    .any(|(channel, text)| *channel == format!("feed_{user}") && text.contains(user))
            );
            let made = rig.whop.checkouts();
            assert!(made.iter().any(|one| one["metadata"]["asked_by"] == user));
        }
        rig.stop().await;
    });
}

fn ids() -> impl Strategy<Value = String> {
    let owner = || prop::sample::select(OWNERS.as_slice());
    prop_oneof![
        owner().prop_map(|(_, membership, _)| membership.to_owned()),
        owner().prop_map(|(_, membership, _)| format!("KEY-{membership}")),
        owner().prop_map(|(_, _, secret)| secret.to_owned()),
        (prop::sample::select(vec!["contract", "files", "support", "upgrade"]), owner())
            .prop_map(|(action, (_, membership, _))| format!("{action}:{membership}")),
        prop::sample::select(vec![
            "contract",
            "files",
            "support",
            "upgrade",
            "prod_growthretainer",
            "",
            "../x"
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nobody_sees_or_does_anything_of_anothers(
        user in prop::sample::select(vec!["user_mara", "user_jonas", "user_lena", "user_eve", "user_mara.", "USER_MARA"]),
        calls in prop::collection::vec((0..DOORS, ids(), "[ab]"), 1..6),
        minutes in 0i64..7,
    ) {
        let Scene { runtime, rig } = shared();
        runtime.block_on(async {
            rig.time.pass(60 * minutes);
            for (call, id, by) in calls {
                let posted = rig.whop.messages().len();
                let answer = ask(rig, user, call, &id, &by).await;
                for (owner, membership, secret) in OWNERS.iter().filter(|(owner, ..)| *owner != user) {
                    // A licence proves itself to whoever holds it, and names nobody.
                    for theirs in [owner, membership, secret] {
                        assert!(!answer.contains(theirs), "{user}: {call} {id}: {answer}");
                    }
                }
                for (channel, text) in rig.whop.messages().split_off(posted) {
                    assert_eq!((channel, text.ends_with(user)), (format!("feed_{user}"), true));
                }
            }
            for (owner, membership, _) in OWNERS {
                let ends = rig.whop.thing("memberships", membership)["cancel_at_period_end"] == true;
                if ends && ENDED.lock().unwrap().insert(owner) {
                    assert_eq!(owner, user, "somebody else ended it");
                }
            }
            for made in rig.whop.checkouts() {
                let (of, by) = (made["metadata"]["upgrade_of"].as_str().unwrap(), made["metadata"]["asked_by"].as_str().unwrap());
                assert!(OWNERS.iter().any(|(owner, membership, _)| (*owner, *membership) == (by, of)));
            }
        });
    }
}
