//! A person asks to be forgotten: over the whole system, with whoever is down at first, and nobody else touched.

use domain::Tab;
use reqwest::Method;
use sandbox::{Fault, FaultKind, Provider};
use serde_json::{Value, json};

use crate::{
    chat::talk::{Talk, request},
    processes::{
        child::{Process, host},
        fleet::{Fleet, agent_vars, start},
    },
    story::answer::{Answer, EVENTS, SESSION},
    world::{HOSTED, PATIENCE, World, lines, until},
};

/// Somebody who has left traces everywhere.
struct Guest {
    /// Before the `@`, and all over the messages.
    name: &'static str,
    /// As OpenAI knows them.
    visitor: String,
    talk: Talk,
    thread: String,
    hosted_thread: String,
}

/// What the public and the operator meet, in one process or many.
struct Door<'a> {
    base: String,
    token: String,
    sandbox: &'a sandbox::Sandbox,
}

impl Door<'_> {
    async fn operate(&self, method: Method, path: &str) -> Answer {
        let url = format!("{}{path}", self.base);
        Answer::of(chassis::http::client().request(method, url).bearer_auth(&self.token)).await
    }

    async fn erase(&self, contact: &str) -> Answer {
        self.operate(Method::POST, &format!("/api/operator/contacts/{contact}/erase")).await
    }

    async fn contact(&self, name: &str) -> String {
        let path = format!("/api/operator/contacts?email={name}@example.com");
        let found = self.operate(Method::GET, &path).await.ok();
        let [contact] = &found["contacts"].as_array().unwrap()[..] else { panic!("{found}") };
        contact["id"].as_str().unwrap().to_owned()
    }

    /// Somebody chats with us and with OpenAI, leaves an address, and does something on the site.
    async fn welcome(&self, name: &'static str) -> Guest {
        let talk = Talk::begin(&self.base, &json!({"modes": ["self_hosted"]})).await;
        let (thread, _) = talk.create(&format!("What does it cost? asks {name}")).await;
        let lead = format!(
            "My name is {name} Example, my e-mail is {name}@example.com, budget 5000 EUR, I want to buy"
        );
        talk.say(&thread, &lead).await;
        let ask = json!({"modes": ["hosted"], "visitorToken": talk.visitor_token});
        let http = chassis::http::client();
        let hosted = Answer::of(http.post(format!("{}{SESSION}", self.base)).json(&ask)).await.ok();
        assert_eq!(hosted["mode"], "hosted");
        let made =
            self.sandbox.requests().into_iter().rfind(|asked| asked.path.ends_with("/chatkit/sessions"));
        let visitor = made.unwrap().body["user"].as_str().unwrap().to_owned();
        let hosted_thread = self.sandbox.talk_hosted(&visitor).unwrap();
        let event = json!({
            "type": "chat.turn", "session_id": format!("ck_{name}"), "occurred_at": "2025-10-28T16:20:00Z",
            "email": format!("{name}@example.com"), "message": format!("{name} wants a call"),
            "intent": "buy_inquiry", "score": 0.9,
        });
        let told = Answer::of(http.post(format!("{}{EVENTS}", self.base)).json(&event)).await;
        assert_eq!(told.status, 202, "{told:?}");
        Guest { name, visitor, talk, thread, hosted_thread }
    }

    /// Ids of the threads at OpenAI.
    async fn hosted_threads(&self, openai: &str) -> Vec<String> {
        let list = chassis::http::client().get(format!("{openai}/chatkit/threads?limit=100&order=asc"));
        let list = list.bearer_auth(sandbox::API_KEY).header("openai-beta", "chatkit_beta=v1");
        let list = Answer::of(list).await.ok();
        list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The whole spreadsheet as text.
    fn sheet(&self) -> String {
        let tabs = Tab::ALL.into_iter().map(|tab| json!(lines(self.sandbox, tab.as_str())).to_string());
        tabs.collect()
    }
}

impl Guest {
    /// What the spreadsheet shows of them.
    fn traces(&self, sheet: &str) -> Vec<String> {
        let marks =
            [format!("{}@example.com", self.name), format!("{} Example", self.name), self.visitor.clone()];
        let said = [format!("asks {}", self.name), format!("{} wants a call", self.name)];
        marks.into_iter().chain(said).filter(|mark| sheet.contains(mark.as_str())).collect()
    }

    async fn finds_nothing(&self) {
        let gone = request("threads.get_by_id", json!({"thread_id": self.thread}));
        self.talk.answer(&gone).await.problem(404, "THREAD_UNKNOWN");
        let list = self.talk.whole(&request("threads.list", json!({}))).await;
        assert_eq!(list["data"], json!([]));
    }
}

/// What a service is said to have answered.
fn of<'a>(receipt: &'a Value, service: &str) -> &'a Value {
    let services = receipt["services"].as_array().unwrap();
    services.iter().find(|answer| answer["service"] == service).unwrap_or_else(|| panic!("{receipt}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_to_be_forgotten_leaves_no_trace_and_nobody_else_is_touched() {
    let world = World::with(&[HOSTED, ("LIMIT_CHAT", "off")]).await;
    let token = std::fs::read_to_string(world.dir.path().join("operator-token")).unwrap();
    let door = Door { base: world.url(""), token: token.trim().to_owned(), sandbox: world.sandbox() };
    let (ann, bob) = (door.welcome("ann").await, door.welcome("bob").await);
    let openai = format!("{}/openai/v1", host(world.sandbox().providers()).await);
    world.lines_when("chat_events", 8).await;
    world.all_written().await;
    assert!(ann.traces(&door.sheet()).len() >= 4 && bob.traces(&door.sheet()).len() >= 4);
    let bobs = (bob.talk.reload(&bob.thread).await, bob.traces(&door.sheet()));
    let contact = door.contact("ann").await;

    // OpenAI is down for two calls of two tries: everybody else does their part, and the books wait for it
    let down = Fault {
        provider: Provider::OpenAi,
        path: Some("/chatkit/threads".into()),
        count: 4,
        kind: FaultKind::Status(503),
    };
    world.sandbox().inject(down);
    let first = door.erase(&contact).await;
    assert_eq!(first.status, 202, "{first:?}");
    let waits = of(&first.json(), "session-broker").clone();
    assert_eq!(
        (&waits["done"], &waits["waiting_for"]),
        (&json!(false), &json!("openai, which does not answer"))
    );
    assert_eq!(of(&first.json(), "chat-agent")["done"], true);
    ann.finds_nothing().await;
    assert!(!ann.traces(&door.sheet()).is_empty(), "the books come last");

    let last = door.erase(&contact).await;
    assert_eq!(last.status, 200, "{last:?}");
    let receipt = last.json();
    assert_eq!((&receipt["done"], &receipt["contact_id"]), (&json!(true), &json!(contact)));
    assert_eq!(of(&receipt, "chat-agent")["erased"]["threads"], 1);
    assert_eq!(of(&receipt, "session-broker")["erased"]["openai_threads"], 1);
    assert!(of(&receipt, "session-broker")["erased"]["sessions"].as_i64().unwrap() >= 2, "{receipt}");
    assert!(!last.text.contains("ann") && !last.text.contains(&ann.visitor), "{}", last.text);
    let path = format!("/api/operator/erasures/{}", receipt["id"].as_str().unwrap());
    assert_eq!(door.operate(Method::GET, &path).await.ok(), receipt);
    assert_eq!(door.erase(&contact).await.ok(), receipt, "it is done for good");

    world.all_written().await;
    assert_eq!(ann.traces(&door.sheet()), Vec::<String>::new());
    assert_eq!(door.hosted_threads(&openai).await.concat(), bob.hosted_thread, "his alone");
    ann.finds_nothing().await;
    assert_eq!((bob.talk.reload(&bob.thread).await, bob.traces(&door.sheet())), bobs);
    let nobody = door.operate(Method::GET, "/api/operator/contacts?email=ann@example.com").await.ok();
    assert_eq!(nobody["contacts"], json!([]));
    door.contact("bob").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_is_named_and_asked_again() {
    let mut fleet = Fleet::start().await;
    let token = std::fs::read_to_string(fleet.dir.path().join(".frontdesk/operator-token")).unwrap();
    let sandbox = fleet.sandbox.clone();
    let door = Door { base: fleet.url(), token: token.trim().to_owned(), sandbox: &sandbox };
    let ann = door.welcome("ann").await;
    until("the spreadsheet shows it", || ann.traces(&door.sheet()).len() >= 4).await;
    let contact = door.contact("ann").await;

    fleet.agent.kill().await;
    let first = door.erase(&contact).await;
    assert_eq!(first.status, 202, "{first:?}");
    let silent = of(&first.json(), "chat-agent").clone();
    assert_eq!(silent["done"], false);
    assert_eq!(silent["waiting_for"], "a service is not available, try again later");
    assert_eq!(of(&first.json(), "session-broker")["done"], true);
    assert_eq!(of(&first.json(), "sheets-writer")["waiting_for"], "its turn");

    let (openai, writer) = (format!("{}/openai/v1", fleet.base), format!("http://{}", fleet.writer_address));
    let port = fleet.agent_address.port();
    let mut agent: Process = start("chat-agent", fleet.dir.path(), port, &agent_vars(&openai, &writer));
    agent.address("chat-agent").await;
    let deadline = std::time::Instant::now() + PATIENCE;
    let receipt = loop {
        // the gateway's own connection comes back by itself
        let answer = door.erase(&contact).await;
        if answer.status == 200 {
            break answer.json();
        }
        assert!(answer.status == 202 && std::time::Instant::now() < deadline, "{answer:?}");
    };
    assert_eq!(of(&receipt, "chat-agent")["erased"]["threads"], 1);
    assert_eq!(ann.traces(&door.sheet()), Vec::<String>::new());
    assert_eq!(door.hosted_threads(&openai).await, Vec::<String>::new());
    ann.finds_nothing().await;
    fleet.agent = agent;
}
