//! Forgetting somebody, and the inboxes, from the command line.

use sandbox::{Fault, FaultKind, Provider};
use serde_json::{Value, json};

use super::{Ran, run};
use crate::world::{HOSTED, World, turn};

/// A running system with somebody in its books.
struct Shop {
    world: World,
    dir: String,
}

impl Shop {
    async fn open() -> Self {
        let world = World::with(&[HOSTED]).await;
        let dir = world.dir.path().display().to_string();
        for (session, email) in [("ck_1", "ann@example.com"), ("ck_2", "bob@example.com")] {
            let mut event = turn();
            (event["session_id"], event["email"]) = (session.into(), email.into());
            world.deliver(&event).await;
        }
        world.all_written().await;
        Self { world, dir }
    }

    async fn run(&self, args: &[&str]) -> Ran {
        run(self.world.dir.path(), &[("FRONTDESK_DIR", &self.dir)], args).await
    }

    async fn json(&self, code: i32, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).await.json(code)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_forgotten_by_e_mail() {
    let shop = Shop::open().await;
    let asked = shop.run(&["contacts", "erase", "ann@example.com"]).await;
    assert_eq!(asked.failure(64), "frontdesk: --yes is needed where nobody can be asked");
    assert_eq!(
        shop.json(0, &["contacts", "find", "--email", "ann@example.com"]).await["contacts"][0]["email"],
        "ann@example.com"
    );
    assert_eq!(shop.run(&["contacts", "erase", "eve@example.com", "--yes"]).await.code, 66);
    assert_eq!(shop.run(&["contacts", "erase", "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM", "--yes"]).await.code, 66);

    let receipt = shop.json(0, &["contacts", "erase", "ann@example.com", "--yes"]).await;
    assert_eq!((&receipt["done"], receipt["services"].as_array().unwrap().len()), (&json!(true), 6));
    assert_eq!(shop.run(&["contacts", "find", "--email", "ann@example.com"]).await.code, 66);
    let contacts = json!(shop.world.lines("contacts")).to_string();
    assert!(!contacts.contains("ann@") && contacts.contains("bob@example.com"), "{contacts}");

    let contact = receipt["contact_id"].as_str().unwrap();
    let words = shop.run(&["contacts", "erase", contact, "--yes"]).await;
    assert_eq!(words.code, 0, "{}", words.err);
    assert!(words.out.contains("done: nothing that names the person is left since 20"), "{}", words.out);
    let listed = shop.json(0, &["contacts", "erasures"]).await;
    let [erasure] = &listed["erasures"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&erasure["erasure_id"], &erasure["waiting_for"]), (&receipt["id"], &json!("")));
    assert_eq!(shop.json(0, &["contacts", "erasures", "--open"]).await["erasures"], json!([]));
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_told_and_the_exit_code_says_so() {
    let shop = Shop::open().await;
    let found = shop.json(0, &["contacts", "find", "--email", "bob@example.com"]).await;
    let bob = found["contacts"][0]["contact_id"].as_str().unwrap();
    // a visitor of his, so that OpenAI is asked
    let caller = json!({"visitor_id": "vis_00000000000000000000000000000001"});
    claim(&shop.world, &caller, "bob@example.com").await;
    let fault = |count| Fault {
        provider: Provider::OpenAi,
        path: Some("/chatkit/threads".into()),
        count,
        kind: FaultKind::Status(401),
    };
    shop.world.sandbox().inject(fault(100));
    let waits = shop.json(1, &["contacts", "erase", bob, "--yes", "--wait", "0"]).await;
    assert_eq!((&waits["done"], &waits["services"][0]["service"]), (&json!(false), &json!("session-broker")));
    let why = waits["services"][0]["waiting_for"].as_str().unwrap();
    assert!(why.contains("status 401: check OPENAI_API_KEY"), "{why}");
    let open = shop.json(0, &["contacts", "erasures", "--open"]).await;
    let told = open["erasures"][0]["waiting_for"].as_str().unwrap();
    assert!(told.contains("session-broker: openai") && !open.to_string().contains("bob@"), "{open}");

    shop.world.sandbox().clear_faults();
    let words = shop.run(&["contacts", "erase", bob, "--yes"]).await;
    assert_eq!(words.code, 0, "{}{}", words.out, words.err);
    assert!(words.out.contains("session-broker") && words.out.contains("sheets-writer"), "{}", words.out);
    shop.world.stop().await;
}

/// A visitor says that an address is theirs.
async fn claim(world: &World, caller: &Value, email: &str) {
    use proto::{
        common::v1::Caller,
        sheets::v1::{ResolveContactRequest, contact_service_client::ContactServiceClient},
    };
    let link = chassis::Link::new(&world.service("sheets-writer").parse().unwrap()).unwrap();
    let visitor_id = caller["visitor_id"].as_str().unwrap().to_owned();
    let request = ResolveContactRequest {
        caller: Some(Caller { visitor_id: visitor_id.clone(), ..Caller::default() }),
        request_id: "req_1".into(),
        email: email.to_owned(),
        visitor_id,
        ..ResolveContactRequest::default()
    };
    ContactServiceClient::new(link).resolve_contact(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_is_listed_shown_and_replayed() {
    let shop = Shop::open().await;
    let listed = shop.json(0, &["inbox", "list"]).await;
    let messages = listed["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &listed["more"]), (2, &json!(false)), "{listed}");
    for message in messages {
        assert_eq!((&message["service"], &message["state"]), (&json!("sheets-writer"), &json!("done")));
        assert!(message.get("body").is_none(), "{message}");
    }
    assert_eq!(shop.json(0, &["inbox", "list", "--limit", "1"]).await["more"], true);
    let own = shop.json(0, &["inbox", "list", "--service", "chat-agent"]).await;
    assert_eq!(own["messages"], json!([]));
    assert_eq!(shop.json(0, &["inbox", "list", "--state", "parked"]).await["messages"], json!([]));
    assert_eq!(shop.json(0, &["inbox", "list", "--source", "stripe"]).await["messages"], json!([]));
    let source = messages[0]["source"].as_str().unwrap();
    assert_eq!(shop.json(0, &["inbox", "list", "--source", source]).await["messages"], json!(messages));

    let id = messages[0]["message_id"].as_str().unwrap();
    let shown = shop.json(0, &["inbox", "show", id]).await;
    assert_eq!((&shown["message_id"], &shown["body"]["type"]), (&json!(id), &json!("chat.turn")), "{shown}");
    let words = shop.run(&["inbox", "show", id]).await.out;
    assert!(words.contains("\"message\": \"I need a marketing automation package\""), "{words}");
    let replayed = shop.json(0, &["inbox", "replay", id]).await;
    assert_eq!((&replayed["message_id"], &replayed["state"]), (&json!(id), &json!("done")));
    shop.world.all_written().await;
    assert_eq!(shop.world.lines("chat_events").len(), 2, "it was done already");

    for args in [
        &["inbox", "show", "evt_nothing"][..],
        &["inbox", "replay", "evt_nothing"],
        &["inbox", "show", id, "--service", "chat-agent"],
    ] {
        assert_eq!(shop.run(args).await.failure(66), "frontdesk: there is no such message", "{args:?}");
    }
    let wrong = shop.run(&["inbox", "list", "--service", "gateway"]).await;
    assert!(wrong.failure(64).contains("--service must be one of session-broker"), "{}", wrong.err);
    shop.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_another_system_are_not_asked() {
    let shop = Shop::open().await;
    let writer = shop.world.service("sheets-writer");
    let vars = [("FRONTDESK_DIR", shop.dir.as_str()), ("SHEETS_WRITER_ADDR", writer.as_str())];
    let ran = run(shop.world.dir.path(), &vars, &["contacts", "erase", "ann@example.com", "--yes"]).await;
    assert_eq!(ran.failure(64), "frontdesk: SESSION_BROKER_ADDR is needed, beside SHEETS_WRITER_ADDR");
    let found = shop.json(0, &["contacts", "find", "--email", "ann@example.com"]).await;
    assert_eq!(found["contacts"].as_array().unwrap().len(), 1, "nothing was done");
    shop.world.stop().await;
}
