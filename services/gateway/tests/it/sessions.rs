//! A session is made and refreshed.

use proto::session::v1::{Session, SessionMode};

use crate::{
    backend::{EXPIRES_AT, session},
    world::{Answer, DEVICE, REFRESH, World},
};

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
async fn an_old_widget_is_told_what_to_change() {
    let world = World::start().await;
    let own = Session { mode: SessionMode::SelfHosted.into(), ..session() };
    world.backend.notes().sessions.extend([Ok(own.clone()), Ok(own)]);
    let old = world.session("{}").await.json();
    assert_eq!(old["mode"], "self_hosted");
    assert!(old["notice"].as_str().unwrap().contains("Frontdesk component"));
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
    ];
    world.backend.notes().sessions.extend(halves.map(Ok));
    for _ in 0..3 {
        assert_eq!(world.session("{}").await.problem(500, "INTERNAL"), "internal error");
    }
}
