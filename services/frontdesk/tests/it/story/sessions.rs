//! Sessions: what the curl answers, what OpenAI is sent, and who gets which secret.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use sandbox::{Asked, Provider};
use serde_json::{Value, json};

use super::answer::{Answer, DEVICE, REFRESH, SESSION};
use crate::world::World;

const OTHER_DEVICE: &str = "0190b5a3-7c1e-7d4a-9b1e-2f6d7c8a9b0c";

fn curl() -> Value {
    json!({"deviceId": DEVICE, "traits": {"utm_source": "yt"}})
}

/// What OpenAI was asked.
fn asked(world: &World) -> Vec<Asked> {
    world.sandbox().requests().into_iter().filter(|asked| asked.provider == Provider::OpenAi).collect()
}

fn secret(session: &Value) -> String {
    session["client_secret"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_answers_a_hosted_session() {
    let world = World::hosted().await;
    let before = Timestamp::now().as_second();
    let answer = world.session(&curl()).await;
    let session = answer.ok();
    assert!(secret(&session).starts_with("ek_"), "{session}");
    let expires_at = session["expires_at"].as_i64().unwrap();
    assert!(expires_at > before && expires_at <= Timestamp::now().as_second() + 600, "{session}");
    assert_eq!((&session["mode"], &session["workflow"]), (&json!("hosted"), &json!("lead-concierge")));
    assert!(session["visitor_token"].as_str().unwrap().starts_with("fd1.v."), "{session}");
    let members: BTreeSet<&str> = session.as_object().unwrap().keys().map(String::as_str).collect();
    let whole = ["client_secret", "expires_at", "mode", "start_screen", "visitor_token", "workflow"];
    assert_eq!(members, whole.into());
    assert_eq!(answer.header("cache-control"), "no-store");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_is_sent_exactly_what_its_schema_knows() {
    let world = World::hosted().await;
    let mut body = curl();
    body["userId"] = json!("somebody-else");
    body["traits"]["is_admin"] = json!("true");
    world.session(&body).await.ok();
    let asked = asked(&world);
    let [asked] = &asked[..] else { panic!("one call, not {asked:?}") };
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/openai/v1/chatkit/sessions"));
    assert_eq!((asked.status, asked.bearer), (Some(200), true));
    assert_eq!(asked.openai_beta.as_deref(), Some("chatkit_beta=v1"));
    let user = &asked.body["user"];
    assert!(user.as_str().unwrap().starts_with("vis_"), "{user}");
    assert!(!asked.body.to_string().contains(DEVICE), "a device id stays with us");
    assert_eq!(
        asked.body,
        json!({
            "user": user,
            "workflow": {"id": "wf_sandbox_x", "state_variables": {"utm_source": "yt"}},
            "expires_after": {"anchor": "created_at", "seconds": 600},
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_visitor_is_served_the_same_secret_and_nobody_else_is() {
    let world = World::hosted().await;
    let first = world.session(&curl()).await.ok();
    assert_eq!(secret(&world.session(&curl()).await.ok()), secret(&first), "by device");

    let token = first["visitor_token"].as_str().unwrap();
    let stranger = json!({"traits": {"utm_source": "yt"}});
    let by_header = world.send(SESSION, stranger.to_string()).header("x-frontdesk-visitor", token);
    assert_eq!(secret(&Answer::of(by_header).await.ok()), secret(&first), "by header");
    let mut by_body = stranger.clone();
    by_body["visitorToken"] = json!(token);
    assert_eq!(secret(&world.session(&by_body).await.ok()), secret(&first), "by body");
    assert_eq!(asked(&world).len(), 1, "one mint");

    let mut other = curl();
    other["deviceId"] = json!(OTHER_DEVICE);
    let mut newer = curl();
    newer["traits"]["utm_source"] = json!("newsletter");
    let mut forged = stranger.clone();
    forged["visitorToken"] = json!(format!("{token}x"));
    let mut secrets = BTreeSet::from([secret(&first)]);
    for body in [other, newer, stranger.clone(), stranger, forged] {
        assert!(secrets.insert(secret(&world.session(&body).await.ok())), "a secret of its own for {body}");
    }
    let users: Vec<String> = asked(&world).iter().map(|asked| asked.body["user"].to_string()).collect();
    assert_eq!(users.len(), 6);
    assert_eq!(users[0], users[2], "the same visitor with other traits");
    assert_eq!(users.iter().collect::<BTreeSet<_>>().len(), 5, "nobody else is anybody else: {users:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_one_mint() {
    let world = Arc::new(World::hosted().await);
    let call = |world: Arc<World>| async move { secret(&world.session(&curl()).await.ok()) };
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(call(world.clone()))).collect();
    let mut secrets = BTreeSet::new();
    for call in calls {
        secrets.insert(call.await.unwrap());
    }
    assert_eq!((secrets.len(), asked(&world).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_answers_a_new_secret() {
    let world = World::hosted().await;
    let first = world.session(&curl()).await.ok();
    let mut refresh = curl();
    refresh["currentClientSecret"] = json!(secret(&first));
    let answer = Answer::of(world.send(REFRESH, refresh.to_string())).await;
    let second = answer.ok();
    assert_ne!(secret(&second), secret(&first));
    assert!(secret(&second).starts_with("ek_"));
    assert_eq!((&second["mode"], &second["workflow"]), (&first["mode"], &first["workflow"]));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(secret(&world.session(&curl()).await.ok()), secret(&second), "from now on it is the one");

    refresh["currentClientSecret"] = json!(secret(&second));
    let third = Answer::of(world.send(REFRESH, refresh.to_string())).await.ok();
    assert!(![&first, &second].map(secret).contains(&secret(&third)));
    let users: BTreeSet<String> = asked(&world).iter().map(|asked| asked.body["user"].to_string()).collect();
    assert_eq!((users.len(), asked(&world).len()), (1, 3));
}
