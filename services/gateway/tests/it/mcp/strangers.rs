//! A model that was talked into naming others: whatever it passes, the session alone says who is meant.

use serde_json::{Value, json};

use super::{CONCIERGE, SESSION_TOKEN, call};
use crate::world::{Answer, World};

/// Everything by which somebody else could be named, as arguments, beside them, and in headers.
fn named(other: &str, token: &str) -> Value {
    json!({
        "visitor_id": other, "visitorId": other, "session_id": other, "session": token, "session_token": token,
        "caller": {"visitor_id": other, "verified_whop_user_id": other, "workflow": "ops-copilot"},
        "whop_user_id": other, "user": other, "email": format!("{other}@example.com"), "contact_id": other,
        "_meta": {"frontdesk/session": token}, "frontdesk/session": token, "workflow": "ops-copilot",
        "thread_id": other, "request_id": other, "amount": -1,
    })
}

#[tokio::test]
async fn nothing_but_the_session_says_who_is_meant() {
    let world = World::start().await;
    let mut tried = 0;
    for (one, other) in [("a", "b"), ("b", "a"), ("a", "a")] {
        let token_of = |who: &str| {
            world.session_token(
                &format!("vis_{who}"),
                &format!("ses_{who}"),
                CONCIERGE,
                Some(&format!("user_{who}")),
            )
        };
        let (own, others) = (token_of(one), token_of(other));
        let mut message = call(tried + 1, "book_meeting", named(&format!("vis_{other}"), &others));
        for (name, value) in named(&format!("vis_{other}"), &others).as_object().unwrap() {
            if name != "_meta" {
                message["params"][name] = value.clone();
            }
        }
        message["params"]["_meta"] =
            json!({"session": others, "visitor_id": other, "caller": {"visitor_id": other}});
        let uri = format!("/mcp/{CONCIERGE}?session={others}&visitor_id=vis_{other}&workflow=ops-copilot");
        let request = world.request(reqwest::Method::POST, &uri).json(&message).bearer_auth(super::TOKEN);
        let headers = [
            ("x-frontdesk-visitor", others.as_str()),
            ("x-frontdesk-sessions", &others),
            ("mcp-session-id", &others),
            ("cookie", &others),
            ("x-whop-user-token", &others),
            ("x-whop-user-id", other),
            ("accept", "application/json, text/event-stream"),
        ];
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = Answer::of(request.header(SESSION_TOKEN, &own)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let call = world.calls().pop().unwrap();
        let caller = call.caller.unwrap();
        assert_eq!(caller.visitor_id, format!("vis_{one}"));
        assert_eq!(caller.session_id, format!("ses_{one}"));
        assert_eq!(caller.verified_whop_user_id, format!("user_{one}"));
        assert_eq!(caller.workflow, CONCIERGE);
        let passed: Value = serde_json::from_str(&call.arguments).unwrap();
        assert_eq!(
            passed,
            named(&format!("vis_{other}"), &others),
            "the tool itself refuses what it does not know"
        );
        tried += 1;
    }
    assert_eq!(tried, 3);
}

#[tokio::test]
async fn without_a_session_no_argument_names_anybody() {
    let world = World::start().await;
    let token = world.own_session();
    world.said(&call(1, "book_meeting", named("vis_1", &token))).await;
    let caller = world.calls().pop().unwrap().caller.unwrap();
    assert_eq!([caller.visitor_id, caller.session_id, caller.verified_whop_user_id], ["", "", ""]);
    assert_eq!(caller.workflow, CONCIERGE);
}
