//! For whom tools are called: where a session's token comes from, where it stands, and what does not count.

use std::collections::HashMap;

use domain::token::{Claims, Keys, Purpose};
use jiff::{SignedDuration, Timestamp};
use proto::session::v1::{Session, SessionMode};
use serde_json::{Value, json};

use super::{CONCIERGE, PORTAL, SESSION_TOKEN, TOKEN, call, list, with_meta};
use crate::{
    backend::session,
    world::{Answer, DEVICE, OPERATOR, REFRESH, SESSION, World},
};

fn own() -> Session {
    let mode = SessionMode::SelfHosted.into();
    Session { session_id: "ses_1".into(), client_secret: String::new(), mode, ..session() }
}

fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// An error of the protocol that says what is wrong with the session.
#[track_caller]
fn refused(answer: &Value) {
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert_eq!(answer["error"]["data"]["reason"], "SESSION_UNKNOWN", "{answer}");
    assert!(answer["result"].is_null());
}

#[tokio::test]
async fn an_agent_gets_a_token_that_calls_tools_for_the_visitor() {
    let world = World::start().await;
    world.backend.notes().sessions.extend([Ok(own()), Ok(session())]);
    let body = format!(r#"{{"deviceId":"{DEVICE}","modes":["self_hosted"]}}"#);
    for (path, body) in
        [(SESSION, body), (REFRESH, json!({"currentClientSecret": "x", "deviceId": DEVICE}).to_string())]
    {
        let before = Timestamp::now().as_second();
        let json = Answer::of(world.post(path, body).bearer_auth(TOKEN)).await.json();
        let token = json["session_token"].as_str().unwrap();
        let claims = world.keys.open(Purpose::ToolSession, token, Timestamp::now()).unwrap();
        let made_at = claims.expires_at - 86_400;
        assert!((before..=Timestamp::now().as_second()).contains(&made_at), "{made_at}");
        let visitor = json["visitor_token"].as_str().unwrap();
        let visitor = world.keys.open(Purpose::Visitor, visitor, Timestamp::now()).unwrap();
        assert_eq!(claims.subject, visitor.subject);
        assert_eq!(claims.workflow.as_deref(), Some(CONCIERGE));
        assert_eq!(names(&world.said_in(token, &list()).await), ["search_knowledge", "book_meeting"]);
        assert_eq!(world.callers().last().unwrap().visitor_id, claims.subject);
    }
    let ids: Vec<_> = world.callers().into_iter().map(|caller| caller.session_id).collect();
    assert_eq!(ids, ["ses_1", "cksess_1"], "a hosted chat's agent calls tools too");
}

#[tokio::test]
async fn nobody_else_gets_one() {
    let world = World::start().await;
    let plain = world.session("{}").await;
    assert_eq!(plain.status, 200);
    assert!(plain.json().get("session_token").is_none());
    let behind_a_password = Answer::of(world.post(SESSION, "{}").basic_auth("staging", Some("word"))).await;
    assert_eq!(behind_a_password.status, 200, "{behind_a_password:?}");
    assert!(behind_a_password.json().get("session_token").is_none(), "that is no agent's");
    let (secret, session) = (world.secret(), world.own_session());
    for wrong in ["a-concierges-toke", "", secret.as_str(), session.as_str()] {
        for (path, body) in [(SESSION, "{}"), (REFRESH, r#"{"currentClientSecret":"x"}"#)] {
            let answer = Answer::of(world.post(path, body).bearer_auth(wrong)).await;
            answer.problem(401, "SECRET_WRONG");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(world.backend.notes().creates.len(), 2, "a wrong bearer makes no session");
    for other in ["a-portals-own-token", OPERATOR] {
        let answer = Answer::of(world.post(SESSION, "{}").bearer_auth(other)).await;
        answer.problem(401, "SECRET_WRONG");
        assert!(!answer.text.contains("fd1."), "the token of another workflow gets nothing: {answer:?}");
    }
}

#[tokio::test]
async fn a_members_token_says_who_they_are() {
    let world = World::start().await;
    world.backend.notes().sessions.push_back(Ok(Session { workflow: PORTAL.into(), ..own() }));
    let request =
        world.through_whop("user_mara", reqwest::Method::POST, SESSION).body(r#"{"modes":["self_hosted"]}"#);
    let json = Answer::of(request.bearer_auth("a-portals-own-token")).await.json();
    let token = json["session_token"].as_str().unwrap();
    let request =
        world.message(PORTAL, &list()).bearer_auth("a-portals-own-token").header(SESSION_TOKEN, token);
    assert_eq!(Answer::of(request).await.status, 200);
    let [caller] = world.callers().try_into().unwrap();
    assert_eq!(caller.verified_whop_user_id, "user_mara");
    assert_eq!(caller.workflow, PORTAL);
}

#[tokio::test]
async fn without_a_session_nobody_is_named() {
    let world = World::start().await;
    assert_eq!(names(&world.said(&list()).await), ["search_knowledge"]);
    world.said(&call(1, "search_knowledge", json!({}))).await;
    for caller in world.callers() {
        assert_eq!((caller.visitor_id.as_str(), caller.session_id.as_str()), ("", ""));
        assert_eq!((caller.verified_whop_user_id.as_str(), caller.workflow.as_str()), ("", CONCIERGE));
    }
}

#[tokio::test]
async fn header_and_message_name_the_same_session() {
    let world = World::start().await;
    let own = world.own_session();
    let other = world.session_token("vis_2", "ses_2", CONCIERGE, None);
    let message = with_meta(list(), &own);
    assert_eq!(names(&world.said(&message).await), ["search_knowledge", "book_meeting"]);
    assert_eq!(names(&world.said_in(&own, &message).await), ["search_knowledge", "book_meeting"]);
    assert!(world.callers().iter().all(|caller| caller.session_id == "ses_1"));
    refused(&world.said_in(&other, &message).await);
    refused(&world.said_in("", &message).await);
    let two = world.say(&list()).header(SESSION_TOKEN, &own).header(SESSION_TOKEN, &other);
    refused(&Answer::of(two).await.json());
    assert_eq!(world.callers().len(), 2);
}

#[tokio::test]
async fn a_session_that_does_not_count_is_never_nobodys() {
    let world = World::start().await;
    let now = Timestamp::now();
    let claims = || Claims {
        subject: "vis_victim".into(),
        workflow: Some(CONCIERGE.into()),
        session_id: Some("ses_1".into()),
        ..Claims::default()
    };
    let foreign: Keys = Keys::generate().parse().unwrap();
    let good = world.keys.seal_claims(Purpose::ToolSession, claims(), now);
    let tokens = HashMap::from([
        ("a client secret", world.keys.seal_claims(Purpose::ClientSecret, claims(), now)),
        ("a visitor's", world.keys.seal_claims(Purpose::Visitor, claims(), now)),
        (
            "ended",
            world.keys.seal_claims(Purpose::ToolSession, claims(), now - SignedDuration::from_hours(24)),
        ),
        ("of somebody else", foreign.seal_claims(Purpose::ToolSession, claims(), now)),
        ("of another workflow", world.session_token("vis_1", "ses_1", PORTAL, None)),
        ("without a session", world.keys.seal(Purpose::ToolSession, "vis_victim", now)),
        ("of an empty session", world.session_token("vis_1", "", CONCIERGE, None)),
        ("changed", good.replacen("fd1.t.", "fd1.c.", 1)),
        ("made up", "fd1.t.k1.e30.AAAA".to_owned()),
        ("an id", "ses_1".to_owned()),
        ("empty", String::new()),
    ]);
    for (name, token) in tokens {
        for message in [list(), call(1, "book_meeting", json!({})), super::ask(1, "ping", json!({}))] {
            let shown = world.said_in(&token, &message).await;
            assert_eq!(shown["id"], 1, "{name}");
            refused(&shown);
            refused(&world.said(&with_meta(message, &token)).await);
            assert!(!shown.to_string().contains("vis_victim"), "{name}");
        }
    }
    assert!(world.callers().is_empty(), "nothing went inward");
}
