//! People, rows and events, as the commands show and change them.

use serde_json::{Value, json};

use super::{Ran, run};
use crate::world::{World, turn};

/// A running system, and the commands that ask it.
struct Shop {
    world: World,
    address: String,
}

impl Shop {
    async fn open() -> Self {
        let world = World::set_up().await;
        let address = world.service("sheets-writer");
        Self { world, address }
    }

    async fn run(&self, args: &[&str]) -> Ran {
        run(self.world.dir.path(), &[("SHEETS_WRITER_ADDR", &self.address)], args).await
    }

    async fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).await.json(0)
    }

    /// Somebody writes in a chat, and says who they are.
    async fn writes(&self, session: &str, email: &str) {
        let mut event = turn();
        event["session_id"] = session.into();
        event["email"] = email.into();
        self.world.deliver(&event).await;
    }

    async fn contact(&self, email: &str) -> String {
        let found = self.json(&["contacts", "find", "--email", email]).await;
        assert_eq!(found["contacts"].as_array().unwrap().len(), 1, "{found}");
        found["contacts"][0]["contact_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_shown_tagged_and_exported() {
    let shop = Shop::open().await;
    shop.writes("ck_1", "ann@example.com").await;
    let ann = shop.contact(" Ann@Example.com ").await;
    let tagged = shop.json(&["contacts", "tag", &ann, "--add", "vip", "--add", "webinar"]).await;
    assert_eq!(tagged["tags"], json!(["vip", "webinar"]));
    let shown = shop.json(&["contacts", "show", &ann]).await;
    assert_eq!((&shown["email"], &shown["utm_source"]), (&json!("ann@example.com"), &json!("yt")));
    let words = shop.run(&["contacts", "show", &ann]).await;
    assert!(
        words.out.lines().any(|line| line.split_whitespace().eq(["email", "ann@example.com"])),
        "{}",
        words.out
    );
    assert!(words.out.lines().any(|line| line.ends_with("vip, webinar")), "{}", words.out);
    let export = shop.json(&["contacts", "export", &ann]).await;
    assert!(export.to_string().contains("I need a marketing automation package"), "{export}");
    let listed = shop.json(&["contacts", "list"]).await;
    assert_eq!((listed["contacts"].as_array().unwrap().len(), &listed["more"]), (1, &json!(false)));

    let nobody = shop.run(&["contacts", "show", "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM"]).await;
    assert_eq!(nobody.failure(66), "frontdesk: there is no such contact");
    assert_eq!(shop.run(&["contacts", "find", "--email", "bob@example.com"]).await.code, 66);
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_contact_shows_the_survivor() {
    let shop = Shop::open().await;
    shop.writes("ck_1", "ann@example.com").await;
    shop.writes("ck_2", "ann@work.example").await;
    let (ann, work) = (shop.contact("ann@example.com").await, shop.contact("ann@work.example").await);
    let survivor = shop.json(&["contacts", "merge", &ann, &work]).await;
    assert_eq!(survivor["contact_id"], ann);
    assert_eq!(shop.json(&["contacts", "show", &work]).await["contact_id"], ann);
    let again = shop.run(&["contacts", "merge", &ann, &work]).await;
    assert!(
        again.code == 0 && again.out.starts_with("they were one already\n"),
        "{}{}",
        again.out,
        again.err
    );
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_listed_filtered_and_cut() {
    let shop = Shop::open().await;
    for number in 1..=3 {
        shop.writes(&format!("ck_{number}"), &format!("ann{number}@example.com")).await;
    }
    shop.world.all_written().await;
    let all = shop.json(&["ledger", "rows", "engagements"]).await;
    assert_eq!((all["rows"].as_array().unwrap().len(), &all["more"]), (3, &json!(false)));
    let first = &all["rows"][0];
    assert_eq!((&first["tab"], &first["state"]), (&json!("engagements"), &json!("written")));
    let two = shop.json(&["ledger", "rows", "engagements", "--limit", "2"]).await;
    assert_eq!((two["rows"].as_array().unwrap().len(), &two["more"]), (2, &json!(true)));
    let contact = first["cells"]["contact_id"].as_str().unwrap();
    let own = shop.json(&["ledger", "rows", "engagements", "--contact", contact]).await;
    assert_eq!(own["rows"], json!([first]));
    let none = shop.json(&["ledger", "rows", "engagements", "--from", "2026-01-01T00:00:00Z"]).await;
    assert_eq!(none["rows"], json!([]));
    assert_eq!(shop.run(&["ledger", "rows", "leads", "--from", "yesterday"]).await.code, 64);
    let words = shop.run(&["ledger", "rows", "engagements", "--limit", "2"]).await;
    assert!(words.out.starts_with("state ") && words.out.contains("there are more than 2"), "{}", words.out);

    let status = shop.json(&["ledger", "status"]).await;
    assert_eq!((&status["pending"], &status["blocked"]), (&json!(0), &json!("")));
    assert_eq!(shop.json(&["ledger", "retry"]).await["retried"], 0);
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_is_explained_on_one_screen() {
    let shop = Shop::open().await;
    shop.writes("ck_1", "ann@example.com").await;
    shop.world.all_written().await;
    let rows = shop.json(&["ledger", "rows", "engagements"]).await;
    let id = rows["rows"][0]["row_id"].as_str().unwrap();
    let events = shop.json(&["ledger", "rows", "chat_events"]).await;
    let told = shop.json(&["explain", id]).await;
    assert_eq!(told["row"]["row_id"], id);
    assert_eq!(told["contact"]["utm_campaign"], "oct_launch");
    assert_eq!(told["made_by"]["row_id"], events["rows"][0]["row_id"]);
    let story = told["story"].as_array().unwrap();
    let tabs: Vec<_> = story.iter().map(|row| row["tab"].as_str().unwrap()).collect();
    assert!(["leads", "engagements", "chat_events"].iter().all(|tab| tabs.contains(tab)), "{tabs:?}");
    let words = shop.run(&["explain", id]).await.out;
    for wanted in ["made by", "CONTACT", "oct_launch", "STORY", "chat.turn", "buy_inquiry", "written"] {
        assert!(words.contains(wanted), "{wanted} in {words}");
    }
    let none = shop.run(&["explain", "led_nothing"]).await;
    assert_eq!(none.failure(66), "frontdesk: no tab has a row led_nothing");
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_is_described() {
    let shop = Shop::open().await;
    let types = shop.json(&["events", "types"]).await;
    let named: Vec<_> =
        types["event_types"].as_array().unwrap().iter().map(|kind| &kind["event_type"]).collect();
    assert_eq!(named.len(), 17, "{named:?}");
    for kind in ["lead.created", "payment.succeeded", "subscription.canceled", "handoff.requested"] {
        assert!(named.contains(&&json!(kind)), "no {kind} in {named:?}");
    }
    let schema = shop.json(&["events", "types", "--schema", "lead.created"]).await;
    assert!(schema["properties"].is_object(), "{schema}");
    assert_eq!(shop.run(&["events", "types", "--schema", "nothing"]).await.code, 66);
    assert_eq!(shop.json(&["events", "list", "--state", "parked"]).await["deliveries"], json!([]));
    assert!(shop.run(&["events", "destinations"]).await.out.contains("notices"), "people are told");
    let unknown = shop.run(&["events", "test", "nowhere"]).await;
    assert!([64, 66].contains(&unknown.code), "{} {}", unknown.code, unknown.err);
    shop.world.stop().await;
}
