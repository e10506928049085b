//! `frontdesk members`: who is who at Whop, for the operator.

use sandbox::{Fault, FaultKind, Provider};
use serde_json::{Value, json};

use super::{Ran, run};
use crate::world::World;

async fn ask(world: &World, args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_found_by_e_mail_with_what_they_have() {
    let world = World::start().await;
    let club = world.sandbox().club();
    club.join("user_mara", "plan_growthmonthly").unwrap();
    club.join("user_mara", "plan_playbooklife").unwrap();
    club.join("user_jonas", "plan_scalemonthly").unwrap();
    let found = ask(&world, &["members", "find", "--email", "MARA@example.com", "--json"]).await.json(0);
    let [mara] = &found["members"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!((&mara["whop_user_id"], &mara["name"]), (&json!("user_mara"), &json!("Mara Maier")));
    let mut stands: Vec<_> = mara["memberships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["product"].clone(), one["status"].clone(), one["has_access"].clone()))
        .map(|(product, status, access)| json!([product, status, access]).to_string())
        .collect();
    stands.sort();
    assert_eq!(
        stands,
        [r#"["Growth Retainer","active",true]"#, r#"["Playbook, for life","completed",true]"#]
    );
    let words = ask(&world, &["members", "find", "--email", "mara@example.com"]).await;
    assert_eq!(words.code, 0, "{}", words.err);
    assert!(words.out.contains("Growth Retainer") && !words.out.contains("Scale"), "{}", words.out);
    let nobody = ask(&world, &["members", "find", "--email", "mara@example.org"]).await;
    assert_eq!(nobody.failure(66), "frontdesk: Whop knows no member by this e-mail");
    let no_mail = ask(&world, &["members", "find", "--email", "mara"]).await;
    assert!(no_mail.failure(64).contains("email must be an e-mail address"));

    world.sandbox().inject(Fault {
        provider: Provider::Whop,
        path: None,
        count: 100,
        kind: FaultKind::Status(503),
    });
    let away = ask(&world, &["members", "find", "--email", "mara@example.com"]).await;
    assert_eq!((away.code, away.out.as_str()), (69, ""), "{}", away.err);
    world.sandbox().clear_faults();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_is_told_with_its_owner_and_never_shown() {
    let world = World::start().await;
    let club = world.sandbox().club();
    let membership = club.join("user_mara", "plan_growthmonthly").unwrap();
    let key = membership["license_key"].as_str().unwrap().to_owned();
    let ran = ask(&world, &["members", "license", &key, "--json"]).await;
    let found = ran.json(0);
    assert_eq!(
        (&found["license"]["valid"], &found["license"]["product"], &found["owner"]["whop_user_id"]),
        (&json!(true), &json!("Growth Retainer"), &json!("user_mara"))
    );
    assert!(!ran.out.contains(&key), "{}", ran.out);
    club.revoke(membership["id"].as_str().unwrap()).unwrap();
    let ended = ask(&world, &["members", "license", &key]).await;
    assert_eq!((ended.code, ended.err.as_str()), (1, ""), "{}", ended.out);
    assert!(ended.out.contains("canceled") && ended.out.contains("user_mara"), "{}", ended.out);
    for unknown in ["WHOP-0000-0000-0000", membership["id"].as_str().unwrap()] {
        let ran = ask(&world, &["members", "license", unknown]).await;
        assert_eq!(ran.failure(66), "frontdesk: there is no such licence key");
    }
    let nothing = ask(&world, &["members", "license", "-"]).await;
    assert_eq!(nothing.failure(64), "frontdesk: there is no key on the standard input");
    assert_eq!(Value::Null, found["license"]["expire_time"]);
    world.stop().await;
}
