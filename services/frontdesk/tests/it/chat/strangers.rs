//! Two visitors: whatever one of them asks, with whatever secret, nothing of the other's is answered or changed.

use domain::token::{Claims, Keys, Purpose};
use jiff::{SignedDuration, Timestamp};
use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{
    LEAD,
    talk::{Talk, request},
};
use crate::{story::answer::Answer, world::World};

const ROUNDS: u32 = 120;

/// Whose secret is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    /// The stranger's own.
    Own,
    /// The stranger's own for a thread of theirs, with the ids of the victim's items.
    OwnThread,
    /// The victim's, for another workflow.
    OtherWorkflow,
    /// The victim's visitor token.
    VisitorToken,
    /// A token of the victim's for tools.
    ToolSession,
    /// The victim's, which has ended.
    Expired,
    /// One about the victim that another key has signed.
    OtherKey,
    /// The victim's with a character changed.
    Changed,
    /// Half of the victim's.
    Cut,
    /// None.
    Nothing,
}

const OPERATIONS: [&str; 12] = [
    "threads.get_by_id",
    "threads.list",
    "items.list",
    "items.feedback",
    "threads.add_user_message",
    "threads.add_client_tool_output",
    "threads.add_structured_input",
    "threads.retry_after_item",
    "threads.custom_action",
    "threads.sync_custom_action",
    "threads.update",
    "threads.delete",
];

fn rounds() -> impl Strategy<Value = (&'static str, Shown, Index)> {
    let shown = prop_oneof![
        3 => Just(Shown::Own),
        3 => Just(Shown::OwnThread),
        2 => Just(Shown::OtherWorkflow),
        1 => Just(Shown::VisitorToken),
        1 => Just(Shown::ToolSession),
        1 => Just(Shown::Expired),
        1 => Just(Shown::OtherKey),
        2 => Just(Shown::Changed),
        1 => Just(Shown::Cut),
        1 => Just(Shown::Nothing),
    ];
    (select(&OPERATIONS[..]), shown, any::<Index>())
}

/// One whose thread is wanted, and one who wants it.
struct Scene {
    world: World,
    keys: Keys,
    victim: Talk,
    thread: String,
    items: Vec<Value>,
    stranger: Talk,
    own_thread: String,
    own_items: Vec<Value>,
}

impl Scene {
    async fn set() -> Self {
        let text = Keys::generate();
        let world = World::with(&[("LIMIT_CHAT", "off"), ("TOKEN_KEYS", &text)]).await;
        let [victim, stranger] = [world.talk().await, world.talk().await];
        let (thread, _) = victim.create("What does my secret canary cost?").await;
        victim.say(&thread, LEAD).await;
        let (own_thread, _) = stranger.create("Hello!").await;
        let (items, own_items) = (victim.reload(&thread).await, stranger.reload(&own_thread).await);
        let keys = Keys::parse(&text).unwrap();
        Self { world, keys, victim, thread, items, stranger, own_thread, own_items }
    }

    /// The claims of the victim's secret.
    fn claims(&self) -> Claims {
        self.keys.open(Purpose::ClientSecret, &self.victim.secret, Timestamp::now()).unwrap()
    }

    fn talk(&self, shown: Shown, at: Index) -> Talk {
        let now = Timestamp::now();
        let secret = &self.victim.secret;
        let seal = |purpose, claims, now| self.stranger.with(&self.keys.seal_claims(purpose, claims, now));
        match shown {
            Shown::Own | Shown::OwnThread => self.stranger.clone(),
            Shown::OtherWorkflow => {
                let claims = Claims { workflow: Some("client-portal".into()), ..self.claims() };
                seal(Purpose::ClientSecret, claims, now)
            }
            Shown::VisitorToken => self.stranger.with(&self.victim.visitor_token),
            Shown::ToolSession => seal(Purpose::ToolSession, self.claims(), now),
            Shown::Expired => {
                seal(Purpose::ClientSecret, self.claims(), now - SignedDuration::from_secs(601))
            }
            Shown::OtherKey => {
                let other = Keys::parse(&Keys::generate()).unwrap();
                self.stranger.with(&other.seal_claims(Purpose::ClientSecret, self.claims(), now))
            }
            Shown::Changed => {
                let mut bytes = secret.clone().into_bytes();
                // The last characters of base64 may hold bits that mean nothing; they are left out.
                let at = at.index(bytes.len() - 1);
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                self.stranger.with(std::str::from_utf8(&bytes).unwrap())
            }
            Shown::Cut => self.stranger.with(&secret[..at.index(secret.len())]),
            Shown::Nothing => self.stranger.with(""),
        }
    }

    fn body(&self, operation: &str, shown: Shown, item: Index) -> Value {
        let thread = if shown == Shown::OwnThread { &self.own_thread } else { &self.thread };
        let item = &item.get(&self.items)["id"];
        let input = json!({"content": [{"type": "input_text", "text": "I was here"}], "attachments": []});
        let params = match operation {
            "threads.list" => json!({"limit": 100, "order": "desc", "after": self.thread}),
            "items.list" => json!({"thread_id": thread, "limit": 100, "order": "asc", "after": item}),
            "items.feedback" => json!({"thread_id": thread, "item_ids": [item], "kind": "negative"}),
            "threads.add_user_message" => json!({"thread_id": thread, "input": input}),
            "threads.add_client_tool_output" => {
                json!({"thread_id": thread, "result": {"title": "I was here"}})
            }
            "threads.add_structured_input" => {
                json!({"thread_id": thread, "item_id": item, "input": {"status": "skipped", "answers": {}}})
            }
            "threads.custom_action" | "threads.sync_custom_action" => {
                json!({"thread_id": thread, "item_id": item, "action": {"type": "press", "payload": {}}})
            }
            "threads.update" => json!({"thread_id": thread, "title": "I was here"}),
            "threads.retry_after_item" => json!({"thread_id": thread, "item_id": item}),
            _ => json!({"thread_id": thread}),
        };
        request(operation, params)
    }

    /// What would give the victim away.
    fn is_silent(&self, answer: &Answer) -> Result<(), String> {
        let ids = self.items.iter().map(|item| item["id"].as_str().unwrap());
        for word in ids.chain(["canary", "ann@example.com", "Ann Example", &self.thread, "490.00 EUR"]) {
            if answer.text.contains(word) {
                return Err(format!("{word} in {answer:?}"));
            }
        }
        Ok(())
    }
}

/// What the stranger may do with what is theirs; everything else is refused.
fn is_harmless(operation: &str, shown: Shown) -> bool {
    match shown {
        Shown::Own | Shown::OtherWorkflow => operation == "threads.list",
        Shown::OwnThread => {
            ["threads.get_by_id", "threads.list", "items.list", "threads.update", "threads.add_user_message"]
                .contains(&operation)
        }
        _ => false,
    }
}

#[test]
fn nothing_of_one_visitor_is_answered_to_another_or_changed_by_them() {
    let runtime = Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::set());
    let config = Config { cases: ROUNDS, failure_persistence: None, ..Config::default() };
    let round = |(operation, shown, item): (&'static str, Shown, Index)| {
        // A stranger who deletes their own thread would have none left.
        prop_assume!(!(shown == Shown::OwnThread && operation == "threads.delete"));
        let body = scene.body(operation, shown, item);
        let answer = runtime.block_on(scene.talk(shown, item).answer(&body));
        if let Err(told) = scene.is_silent(&answer) {
            return Err(TestCaseError::fail(told));
        }
        let refusal = match shown {
            Shown::Own | Shown::OtherWorkflow | Shown::OwnThread => 404,
            _ => 401,
        };
        let fine = match (answer.status, is_harmless(operation, shown)) {
            (200, harmless) => harmless,
            // The stranger's own thread is there; what is wrong with the request is said.
            (400 | 409, _) => shown == Shown::OwnThread || operation == "threads.list",
            (status, _) => status == refusal,
        };
        prop_assert!(fine, "{operation} {shown:?}: {answer:?}");
        Ok(())
    };
    TestRunner::new(config).run(&rounds(), round).unwrap();
    runtime.block_on(async {
        let Scene { world, victim, thread, items, stranger, own_thread, own_items, .. } = &scene;
        assert_eq!(&victim.reload(thread).await, items, "the victim's thread is what it was");
        let title =
            victim.whole(&request("threads.get_by_id", json!({"thread_id": thread}))).await["title"].clone();
        assert_eq!(title, "What does my secret canary cost?");
        let kept = stranger.reload(own_thread).await;
        assert_eq!(kept[..own_items.len()], own_items[..]);
        world.all_written().await;
        assert_eq!((world.lines("contacts").len(), world.lines("leads").len()), (1, 1));
    });
    runtime.block_on(scene.world.stop());
}
