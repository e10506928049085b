//! Events on their way out of a running system, and back in again.

use sandbox::{Mood, Receiver};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::{World, until};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async fn receiver() -> (Receiver, String) {
    let receiver = Receiver::new(SECRET).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhook/1", listener.local_addr().unwrap());
    tokio::spawn(sandbox::serve(listener, receiver.router(), std::future::pending()));
    (receiver, url)
}

fn taken(receiver: &Receiver) -> Vec<Value> {
    receiver.got().into_iter().filter(|got| got.taken).map(|got| got.body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_out_signed_and_comes_back_to_be_recorded_once() {
    let (receiver, url) = receiver().await;
    // what fails comes again after its backoff, five seconds at most
    receiver.then([Mood::Resetting, Mood::Refusing(503, Some(1))]);
    let world = World::with(&[("N8N_WEBHOOK_URL", &url), ("N8N_SIGNING_SECRET", SECRET)]).await;
    world
        .deliver(
            &json!({"type": "chat.turn", "id": "evt_1", "session_id": "s1", "message": "hi", "score": 0.9}),
        )
        .await;
    until("three events at the receiver", || taken(&receiver).len() == 3).await;
    assert_eq!((receiver.forged(), receiver.got().len()), (0, 5));
    assert!(receiver.got().iter().all(|got| got.hop.as_deref() == Some("1")));

    let back = async |event: &Value| {
        let request = world.http.post(world.url("/webhooks/ajd/chat-events")).header("X-Frontdesk-Hop", "1");
        let answer = request.json(event).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        answer.json::<Value>().await.unwrap()["accepted"].clone()
    };
    for event in taken(&receiver) {
        let known = event["id"] == "evt_1";
        assert_eq!(back(&event).await, json!(i32::from(!known)));
        assert_eq!(back(&event).await, 0);
    }
    // a turn of its own, sent back by a flow that changed it: a lead changes, and still nobody is told
    assert_eq!(
        back(&json!({"type": "chat.turn", "session_id": "s1", "message": "hi", "score": 0.95})).await,
        1
    );
    // what is told after all that is told first: nothing else was waiting
    world.deliver(&json!({"type": "chat.turn", "id": "evt_2", "session_id": "s2", "message": "last"})).await;
    until("the last event at the receiver", || taken(&receiver).len() >= 4).await;
    let ids: Vec<Value> = taken(&receiver).iter().map(|event| event["id"].clone()).collect();
    assert_eq!((ids.len(), &ids[3]), (4, &json!("evt_2")));
    let rows = world.lines_when("chat_events", 5).await;
    assert_eq!(rows.len(), 5, "evt_1, contact and lead as they came back, the changed turn, evt_2");
    world.stop().await;
}
