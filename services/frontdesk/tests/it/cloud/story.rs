//! The story of the four processes, told by eight over one Firestore: whoever answers, the answer is the same.

use serde_json::json;

use super::fleet::Fleet;
use crate::{
    chat::{
        LEAD,
        talk::{Talk, done, heard, kinds, said},
    },
    story::answer::{DEVICE, EVENTS, REFRESH, SESSION},
    world::{booked, lines, turn, until},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn the_story_runs_through_two_instances_of_every_service() {
    let fleet = Fleet::start(&[]).await;
    meet_at_the_sessions(&fleet).await;
    deliver_everything_twice(&fleet).await;
    talk_through_both_and_leave_an_address(&fleet).await;
    for (service, relay) in
        [("session-broker", &fleet.sessions), ("sheets-writer", &fleet.sheets), ("chat-agent", &fleet.chats)]
    {
        let served = relay.served();
        assert!(served.iter().all(|calls| *calls > 0), "{service}: one instance did it all: {served:?}");
    }
    fleet.drain().await;
}

/// A session is made, served again, refreshed, by whichever instance is asked.
async fn meet_at_the_sessions(fleet: &Fleet) {
    let ask = json!({"deviceId": DEVICE, "traits": {"utm_source": "yt"}});
    let mut secrets = Vec::new();
    for _ in 0..4 {
        let (status, session) = fleet.post(SESSION, &ask).await;
        assert_eq!(status, 200, "{session}");
        assert_eq!((&session["mode"], &session["workflow"]), (&json!("hosted"), &json!("lead-concierge")));
        secrets.push(session["client_secret"].as_str().unwrap().to_owned());
    }
    let mut refresh = ask;
    for _ in 0..4 {
        let shown = secrets.last().unwrap().clone();
        refresh["currentClientSecret"] = json!(shown);
        let (status, session) = fleet.post(REFRESH, &refresh).await;
        assert_eq!(status, 200, "{session}");
        assert!(session["client_secret"].is_string() && session["client_secret"] != shown, "{session}");
        secrets.push(session["client_secret"].as_str().unwrap().to_owned());
    }
}

/// Every event goes to both gateways and both writers; it is one row in each of its tabs.
async fn deliver_everything_twice(fleet: &Fleet) {
    for event in [turn(), booked()] {
        let (status, answer) = fleet.post(EVENTS, &event).await;
        assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer}");
        // Gateways and writers both take turns, in step: an odd number of calls leaves the step.
        for _ in 0..3 {
            let (status, answer) = fleet.post(EVENTS, &event).await;
            assert_eq!((status, &answer["duplicates"]), (202, &json!(1)), "{answer}");
        }
    }
    until("all rows", || fleet.ground.counts() == [2, 1, 1, 1, 0, 0, 2]).await;
    let sandbox = &fleet.ground.sandbox;
    let engagement = lines(sandbox, "engagements").remove(0);
    assert_eq!(engagement["message"], "I need a marketing automation package");
    assert_eq!((&engagement["page"], &engagement["session_id"]), (&json!("/services"), &json!("ck_123")));
    let booking = lines(sandbox, "bookings").remove(0);
    assert_eq!((&booking["contact_id"], &booking["meeting_type"]), (&json!("c_456"), &json!("Consult 30")));
    let contacts = lines(sandbox, "contacts");
    assert!(contacts.iter().any(|contact| contact["utm_source"] == "yt"), "{contacts:?}");
    assert_eq!(lines(sandbox, "leads")[0]["contact_id"], engagement["contact_id"]);
}

/// A conversation of our own whose every message goes another way.
async fn talk_through_both_and_leave_an_address(fleet: &Fleet) {
    let ask = json!({"deviceId": DEVICE, "modes": ["self_hosted", "hosted"]});
    let here = Talk::begin(&fleet.url(), &ask).await;
    let there = here.moved_to(&fleet.url());
    let (thread, first) = here.create("What does it cost?").await;
    let answer = said(&done(&first));
    assert!(answer.contains("490.00 EUR"), "{answer}");
    assert_eq!(heard(&first), answer);
    let second = there.say(&thread, LEAD).await;
    assert_eq!(kinds(&done(&second)), ["user_message", "widget", "assistant_message"]);
    let third = here.say(&thread, "What does it cost?").await;
    assert!(said(&done(&third)).contains("490.00 EUR"), "{third:?}");
    let told = [done(&first), done(&second), done(&third)].concat();
    for talk in [&here, &there, &here] {
        assert_eq!(talk.reload(&thread).await, told, "both instances show the same");
    }
    until("all rows of the chat", || fleet.ground.counts() == [3, 2, 5, 1, 0, 0, 9]).await;
    let contacts = lines(&fleet.ground.sandbox, "contacts");
    let ann: Vec<_> = contacts.iter().filter(|contact| contact["email"] == "ann@example.com").collect();
    let [ann] = ann[..] else { panic!("one Ann, not {ann:?}") };
    assert_eq!(ann["first_name"], "Ann");
    let leads = lines(&fleet.ground.sandbox, "leads");
    assert!(leads.iter().any(|lead| lead["contact_id"] == ann["id"]), "{leads:?}");
}
