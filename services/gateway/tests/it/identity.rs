//! Who the visitor is.

use domain::token::{Keys, Purpose};
use jiff::{SignedDuration, Timestamp};

use crate::world::{Answer, DEVICE, SESSION, World};

const OTHER_DEVICE: &str = "0190a5a0-7c1e-7d2a-8f00-0123456789ab";

/// The visitor that the broker was asked about last.
fn last_visitor(world: &World) -> String {
    let notes = world.backend.notes();
    notes.creates.last().unwrap().caller.as_ref().unwrap().visitor_id.clone()
}

async fn visitor(world: &World, header: Option<&str>, body: &str) -> (String, String) {
    let mut request = world.post(SESSION, body);
    if let Some(token) = header {
        request = request.header("x-frontdesk-visitor", token);
    }
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    (last_visitor(world), answer.json()["visitor_token"].as_str().unwrap().to_owned())
}

fn device(id: &str) -> String {
    format!(r#"{{"deviceId":"{id}"}}"#)
}

#[tokio::test]
async fn a_token_follows_the_visitor() {
    let world = World::start().await;
    let (first, token) = visitor(&world, None, "{}").await;
    assert_eq!(visitor(&world, Some(&token), "{}").await, (first.clone(), token.clone()));
    assert_eq!(
        visitor(&world, Some(&token), &device(DEVICE)).await.0,
        first,
        "the token wins over the device"
    );
    let in_body = format!(r#"{{"visitorToken":"{token}","deviceId":"{DEVICE}"}}"#);
    assert_eq!(visitor(&world, None, &in_body).await.0, first);
    let (other, other_token) = visitor(&world, None, "{}").await;
    assert_ne!(other, first, "nobody is shared");
    assert_eq!(visitor(&world, Some(&other_token), &in_body).await.0, other, "the header wins over the body");
}

#[tokio::test]
async fn an_old_token_is_renewed() {
    let world = World::start().await;
    let long_ago = Timestamp::now() - SignedDuration::from_hours(24 * 201);
    let old = world.keys.seal(Purpose::Visitor, "vis_old", long_ago);
    let (id, token) = visitor(&world, Some(&old), "{}").await;
    assert_eq!(id, "vis_old");
    assert_ne!(token, old);
    assert_eq!(world.keys.open(Purpose::Visitor, &token, Timestamp::now()).unwrap().subject, "vis_old");
}

#[tokio::test]
async fn a_forged_token_is_no_token() {
    let world = World::start().await;
    let (by_device, _) = visitor(&world, None, &device(DEVICE)).await;
    let now = Timestamp::now();
    let foreign = Keys::generate().parse::<Keys>().unwrap().seal(Purpose::Visitor, "vis_victim", now);
    let secret = world.keys.seal(Purpose::ClientSecret, "vis_victim", now);
    for forged in ["vis_victim", "fd1.v.k1.e30.AAAA", &foreign, &secret] {
        assert_eq!(visitor(&world, Some(forged), &device(DEVICE)).await.0, by_device, "{forged}");
    }
}

#[tokio::test]
async fn a_device_is_a_visitor() {
    let world = World::start().await;
    let (first, token) = visitor(&world, None, &device(DEVICE)).await;
    assert_eq!(visitor(&world, None, &device(DEVICE)).await.0, first);
    assert_eq!(visitor(&world, Some(&token), "{}").await.0, first);
    assert_ne!(visitor(&world, None, &device(OTHER_DEVICE)).await.0, first);
    assert!(!first.contains(DEVICE));
}

#[tokio::test]
async fn weak_devices_are_refused() {
    let world = World::start().await;
    for weak in ["", "anon", "123456", "00000000-0000-0000-0000-000000000000", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
    {
        let answer = world.session(&device(weak)).await;
        let error = answer.problem(400, "INVALID_VALUE");
        assert!(error.starts_with("deviceId "), "{error}");
        assert_eq!(answer.json()["field"], "deviceId");
    }
    assert!(world.backend.notes().creates.is_empty());
}

#[tokio::test]
async fn a_user_id_proves_nothing() {
    let world = World::start().await;
    let (without, _) = visitor(&world, None, &device(DEVICE)).await;
    let with = format!(r#"{{"deviceId":"{DEVICE}","userId":"user_victim"}}"#);
    assert_eq!(visitor(&world, None, &with).await.0, without);
    let notes = world.backend.notes();
    assert!(
        notes.creates.iter().all(|asked| asked.caller.as_ref().unwrap().verified_whop_user_id.is_empty())
    );
    assert!(!format!("{:?}", notes.creates).contains("user_victim"));
}
