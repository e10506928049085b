//! The keys of our tokens are changed: who was known stays known while the old key is listed, and not a day longer.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::PORTAL;
use crate::{
    chat::talk::{create, request, thread_of},
    story::answer::{Answer, DEVICE},
    world::World,
};

const OLD: &str = "old:b2xkIGtleSBvZiB0aGVzZSB0ZXN0cywgMzIgYnl0ZXM";
const NEW: &str = "new:bmV3IGtleSBvZiB0aGVzZSB0ZXN0cywgMzIgYnl0ZXM";

async fn begin(dir: TempDir, keys: &str) -> World {
    World::open(dir, &[("TOKEN_KEYS", keys)]).await
}

fn text(session: &Value, name: &str) -> String {
    session[name].as_str().unwrap().to_owned()
}

/// The id of the key that signed.
fn key_of(token: &str) -> &str {
    token.split('.').nth(2).unwrap()
}

fn anew(more: Value) -> Value {
    let mut ask = json!({"modes": ["self_hosted"], "workflowId": "lead-concierge"});
    ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask
}

impl World {
    /// How a thread is answered to whoever shows this secret.
    async fn thread_by(&self, secret: &str, thread: &str) -> Answer {
        let body = request("threads.get_by_id", json!({"thread_id": thread}));
        Answer::of(self.request(reqwest::Method::POST, "/chatkit").bearer_auth(secret).json(&body)).await
    }

    /// The same by a new session.
    async fn thread_anew(&self, ask: Value, thread: &str) -> u16 {
        let session = self.session(&anew(ask)).await.ok();
        self.thread_by(&text(&session, "client_secret"), thread).await.status
    }

    /// The same by a new session of Mara's.
    async fn thread_of_mara(&self, thread: &str) -> u16 {
        let session = self.session_in(PORTAL, "mara").await.ok();
        self.thread_by(&text(&session, "client_secret"), thread).await.status
    }

    async fn begin_thread(&self, secret: &str) -> String {
        let talk = self.talk().await.with(secret);
        thread_of(&talk.events(&create("Hello.")).await[0])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_stays_known_while_the_old_key_is_listed() {
    let world = begin(tempfile::tempdir().unwrap(), OLD).await;
    world.sandbox().club().join("user_mara", "plan_growthmonthly").unwrap();
    let browser = world.session(&anew(json!({"deviceId": DEVICE}))).await.ok();
    let member = world.session_in(PORTAL, "mara").await.ok();
    let [token, secret] = ["visitor_token", "client_secret"].map(|name| text(&browser, name));
    let members = text(&member, "client_secret");
    let (own, maras) = (world.begin_thread(&secret).await, world.begin_thread(&members).await);
    assert_eq!([key_of(&token), key_of(&secret), key_of(&members)], ["old"; 3]);

    let world = begin(world.stop().await, &format!("{NEW},{OLD}")).await;
    for (secret, thread) in [(&secret, &own), (&members, &maras)] {
        assert_eq!(world.thread_by(secret, thread).await.status, 200, "an old secret opens what it opened");
    }
    assert_eq!(world.thread_anew(json!({"visitorToken": token}), &own).await, 200);
    assert_eq!(
        world.thread_anew(json!({"deviceId": DEVICE}), &own).await,
        200,
        "the device is the same visitor"
    );
    assert_eq!(world.thread_of_mara(&maras).await, 200, "the member is the same visitor");
    let fresh = world.session(&anew(json!({}))).await.ok();
    let [young, secret_of_young] = ["visitor_token", "client_secret"].map(|name| text(&fresh, name));
    assert_eq!([key_of(&young), key_of(&secret_of_young)], ["new"; 2], "the first key signs");
    let youngs = world.begin_thread(&secret_of_young).await;

    let world = begin(world.stop().await, NEW).await;
    for (secret, thread) in [(&secret, &own), (&members, &maras)] {
        world.thread_by(secret, thread).await.problem(401, "CALLER_MISSING");
    }
    assert_eq!(world.thread_anew(json!({"visitorToken": token}), &own).await, 404);
    assert_eq!(world.thread_anew(json!({"deviceId": DEVICE}), &own).await, 404);
    assert_eq!(world.thread_of_mara(&maras).await, 404);
    assert_eq!(
        world.thread_by(&secret_of_young, &youngs).await.status,
        200,
        "what the new key signed is good"
    );
    assert_eq!(world.thread_anew(json!({"visitorToken": young}), &youngs).await, 200);
    world.stop().await;
}
