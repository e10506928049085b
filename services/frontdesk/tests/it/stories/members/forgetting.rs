//! A member is forgotten: everywhere, and no later webhook about what was before brings a word back.

use serde_json::{Value, json};

use super::id;
use crate::{
    chat::talk::create,
    commands::{Ran, run},
    story::answer::Answer,
    world::{World, until},
};

/// What names Mara, in small letters.
const MARKS: [&str; 4] = ["user_mara", "mara@example.com", "mara maier", "mber_mara"];

async fn ask(world: &World, args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], args).await
}

/// Everything that the stores hold, a document a line.
async fn backup(world: &World) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup.jsonl");
    ask(world, &["backup", &file.display().to_string(), "--json"]).await.json(0);
    std::fs::read_to_string(file).unwrap()
}

/// The lines that name her.
fn traces(text: &str) -> Vec<&str> {
    let names = |line: &&str| MARKS.iter().any(|mark| line.to_lowercase().contains(mark));
    text.lines().filter(names).collect()
}

fn spreadsheet(world: &World) -> String {
    domain::Tab::ALL.map(|tab| json!(world.lines(tab.as_str())).to_string()).join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_forgotten_and_stays_so() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let mara = id(&club.join("user_mara", "plan_growthmonthly").unwrap());
    let paid = id(&club.payments().unwrap()[0]);
    club.join("user_lena", "plan_growthmonthly").unwrap();
    let session = world.session_of("mara").await;
    let secret = session["client_secret"].as_str().unwrap();
    let talk = world.through_whop("mara", reqwest::Method::POST, "/chatkit").bearer_auth(secret);
    assert_eq!(Answer::of(talk.json(&create("I am mara@example.com"))).await.status, 200);
    let ticket = world.through_whop("mara", reqwest::Method::POST, "/api/portal/actions/support");
    Answer::of(ticket.json(&json!({"subject": "Mara Maier asks", "message": "words"}))).await.ok();
    world.lines_when("subscriptions", 2).await;
    until("both are known", || spreadsheet(&world).contains("lena@example.com")).await;
    world.at_rest().await;
    let before = backup(&world).await;
    for service in ["whop-gateway", "chat-agent", "sheets-writer"] {
        let own = format!("\"{service}\"");
        assert!(traces(&before).iter().any(|line| line.contains(&own)), "{service} knows her");
    }

    // a system that is named has keys of its own, by which a member's chats are found
    let setting = |name: &str| format!("{}_ADDR", name.replace('-', "_").to_uppercase());
    let named = gateway::erasure::KEEPERS.map(|keeper| (setting(keeper.name), world.service(keeper.name)));
    let named: Vec<_> = named.iter().map(|(name, address)| (name.as_str(), address.as_str())).collect();
    let without = run(world.dir.path(), &named, &["contacts", "erase", "mara@example.com", "--yes"]).await;
    assert!(without.failure(64).contains("TOKEN_KEYS is needed"), "{}", without.err);

    let receipt = ask(&world, &["contacts", "erase", "mara@example.com", "--yes", "--json"]).await.json(0);
    assert_eq!(receipt["done"], true, "{receipt}");
    let services = receipt["services"].as_array().unwrap();
    let own = services.iter().find(|one| one["service"] == "whop-gateway").unwrap();
    for kind in ["memberships", "payments", "users", "tickets"] {
        assert!(own["erased"][kind].as_i64().unwrap_or_default() > 0, "{kind}: {own}");
    }
    world.at_rest().await;
    let nothing: [&str; 0] = [];
    assert_eq!(traces(&backup(&world).await), nothing);
    assert_eq!(traces(&spreadsheet(&world)), nothing);
    assert!(spreadsheet(&world).contains("lena@example.com"), "nobody else is");

    // Whop knows her still, and tells of what was before
    club.refund(&paid, Some(10_000)).unwrap();
    club.set_cancel(&mara, true).unwrap();
    let says = |tab: &str, id: &str, column: &str, value: &Value| {
        world.lines(tab).iter().any(|line| line["id"] == id && line[column] == *value)
    };
    until("the refund is told", || says("payments", &paid, "status", &json!("partially_refunded"))).await;
    until("the end is told", || !says("subscriptions", &mara, "canceled_at", &Value::Null)).await;
    world.at_rest().await;
    assert_eq!(traces(&backup(&world).await), nothing, "late webhooks bring her back");
    assert_eq!(traces(&spreadsheet(&world)), nothing);
    assert!(says("payments", &paid, "amount", &json!(1490)), "the books still add up");
    world.stop().await;
}
