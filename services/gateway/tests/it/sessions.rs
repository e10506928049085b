//! A session is made and refreshed.

use domain::token::Purpose;
use jiff::Timestamp;
use proto::session::v1::{Session, SessionMode, StartScreen, StarterPrompt};
use serde_json::{Value, json};

use crate::{
    backend::{EXPIRES_AT, session},
    world::{Answer, DEVICE, REFRESH, World},
};

/// A session as the broker answers it when the chat is our own.
fn own() -> Session {
    let mode = SessionMode::SelfHosted.into();
    Session { session_id: "ses_1".into(), client_secret: String::new(), mode, ..session() }
}

#[tokio::test]
async fn a_page_gets_a_session() {
    let world = World::start().await;
    let body = format!(
        r#"{{"deviceId":"{DEVICE}","workflowId":"lead-concierge","page":"/services?x","modes":["self_hosted","hosted"],
            "traits":{{"utm_source":"yt","is_admin":"yes","gclid":"g"}}}}"#
    );
    let request = world.post("/api/chatkit/session", body).header("origin", "http://localhost:3000");
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
    let json = answer.json();
    assert_eq!(json["client_secret"], "ek_1");
    assert_eq!(json["expires_at"], EXPIRES_AT);
    assert_eq!(json["mode"], "hosted");
    assert_eq!(json["workflow"], "lead-concierge");
    assert!(json["visitor_token"].as_str().unwrap().starts_with("fd1.v."));
    assert!(json.get("notice").is_none());

    let notes = world.backend.notes();
    let [asked] = notes.creates.as_slice() else { panic!("one call, not {:?}", notes.creates) };
    let caller = asked.caller.as_ref().unwrap();
    assert!(caller.visitor_id.starts_with("vis_"));
    assert_eq!(caller.site, "localhost");
    assert_eq!(caller.ip_key.len(), 32);
    assert_eq!((caller.verified_whop_user_id.as_str(), caller.session_id.as_str()), ("", ""));
    let target = asked.target.as_ref().unwrap();
    assert_eq!((target.workflow.as_str(), target.page.as_str()), ("lead-concierge", "/services"));
    assert_eq!(target.modes().collect::<Vec<_>>(), [SessionMode::SelfHosted, SessionMode::Hosted]);
    let mut traits: Vec<_> = target.traits.iter().map(|(name, value)| format!("{name}={value}")).collect();
    traits.sort();
    assert_eq!(traits, ["gclid=g", "utm_source=yt"]);
}

#[tokio::test]
async fn an_empty_object_is_enough() {
    let world = World::start().await;
    let request =
        world.post("/api/chatkit/session", "{}").header("referer", "https://www.example.com/pricing?a=b");
    assert_eq!(Answer::of(request).await.status, 200);
    let notes = world.backend.notes();
    assert_eq!(notes.creates[0].target.as_ref().unwrap().page, "/pricing");
    assert_eq!(notes.creates[0].caller.as_ref().unwrap().site, "");
}

#[tokio::test]
async fn a_session_is_refreshed() {
    let world = World::start().await;
    let fresh = Session { client_secret: "ek_2".into(), ..session() };
    world.backend.notes().sessions.push_back(Ok(fresh));
    let body = format!(r#"{{"currentClientSecret":"ek_1","deviceId":"{DEVICE}"}}"#);
    let answer = Answer::of(world.post(REFRESH, body)).await;
    assert_eq!((answer.status, answer.json()["client_secret"].as_str()), (200, Some("ek_2")));
    let first = world.session(&format!(r#"{{"deviceId":"{DEVICE}"}}"#)).await;
    assert_eq!(first.status, 200);
    let notes = world.backend.notes();
    assert_eq!(notes.refreshes[0].current_client_secret, "ek_1");
    assert_eq!(notes.refreshes[0].caller, notes.creates[0].caller);
}

#[tokio::test]
async fn a_chat_of_our_own_gets_a_secret_of_ours() {
    let world = World::start().await;
    let screen = StartScreen {
        greeting: "Hello".into(),
        prompts: vec![StarterPrompt { label: "Prices".into(), prompt: "What does it cost?".into() }],
    };
    world.backend.notes().sessions.push_back(Ok(Session { start_screen: Some(screen), ..own() }));
    let json = world.session(r#"{"modes":["self_hosted","hosted"]}"#).await.json();
    assert_eq!(json["mode"], "self_hosted");
    assert_eq!(json["url"], format!("{}/chatkit", world.base));
    assert_eq!(json["domain_key"], "local-development");
    assert_eq!(json["expires_at"], EXPIRES_AT);
    assert_eq!(
        json["start_screen"],
        json!({"greeting": "Hello", "prompts": [{"label": "Prices", "prompt": "What does it cost?"}]})
    );
    let now = Timestamp::now();
    let claims =
        world.keys.open(Purpose::ClientSecret, json["client_secret"].as_str().unwrap(), now).unwrap();
    let visitor = world.keys.open(Purpose::Visitor, json["visitor_token"].as_str().unwrap(), now).unwrap();
    assert_eq!(claims.subject, visitor.subject);
    assert_eq!(claims.workflow.as_deref(), Some("lead-concierge"));
    assert_eq!(claims.session_id.as_deref(), Some("ses_1"));
    assert!((claims.expires_at - now.as_second() - 600).abs() <= 1);
}

#[tokio::test]
async fn a_refresh_keeps_the_visitor() {
    let world = World::start().await;
    world.backend.notes().sessions.extend([Ok(own()), Ok(Session { session_id: "ses_2".into(), ..own() })]);
    let first = world.session(r#"{"modes":["self_hosted"]}"#).await.json();
    let body = json!({
        "currentClientSecret": first["client_secret"],
        "visitorToken": first["visitor_token"],
        "modes": ["self_hosted"],
    });
    let second = Answer::of(world.post(REFRESH, body.to_string())).await.json();
    assert_ne!(first["client_secret"], second["client_secret"]);
    let open = |json: &Value| {
        let secret = json["client_secret"].as_str().unwrap();
        world.keys.open(Purpose::ClientSecret, secret, Timestamp::now()).unwrap()
    };
    assert_eq!(open(&first).subject, open(&second).subject);
}

#[tokio::test]
async fn settings_say_where_chats_are_held() {
    let world = World::with(&[
        ("PUBLIC_BASE_URL", "https://chat.example.com"),
        ("CHATKIT_DOMAIN_KEY", "domain_pk_1"),
    ])
    .await;
    world.backend.notes().sessions.push_back(Ok(own()));
    let json = world.session(r#"{"modes":["self_hosted"]}"#).await.json();
    assert_eq!(json["url"], "https://chat.example.com/chatkit");
    assert_eq!(json["domain_key"], "domain_pk_1");
    let hosted = world.session("{}").await.json();
    assert!(hosted.get("url").is_none() && hosted.get("domain_key").is_none());
    assert_eq!(hosted["start_screen"], json!({"greeting": "", "prompts": []}));
}

#[tokio::test]
async fn an_old_widget_is_told_what_to_change() {
    let world = World::start().await;
    world.backend.notes().sessions.extend([Ok(own()), Ok(own())]);
    let old = world.session("{}").await.json();
    assert_eq!(old["mode"], "self_hosted");
    assert!(old["notice"].as_str().unwrap().contains("/widget.js"));
    let new = world.session(r#"{"modes":["self_hosted"]}"#).await.json();
    assert!(new.get("notice").is_none());
}

#[tokio::test]
async fn half_a_session_is_none() {
    let world = World::start().await;
    let halves = [
        Session { client_secret: String::new(), ..session() },
        Session { expire_time: None, ..session() },
        Session { mode: SessionMode::Unspecified.into(), ..session() },
        Session { session_id: String::new(), ..own() },
    ];
    world.backend.notes().sessions.extend(halves.map(Ok));
    for _ in 0..4 {
        assert_eq!(world.session("{}").await.problem(500, "INTERNAL"), "internal error");
    }
}
