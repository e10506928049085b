//! Webhooks go through untouched, with their signatures and nothing else.

use std::collections::BTreeMap;

use domain::{Fault, Kind, Reason};
use proto::common::v1::ReceiveWebhookResponse;
use tonic::Status;

use crate::world::{Answer, CALCOM, STRIPE, WHOP, World};

#[tokio::test]
async fn a_delivery_is_passed_on_byte_for_byte_with_its_signatures_alone() {
    let world = World::start().await;
    let body = " {\"type\": \"x\",\t\"n\": 1.50 }\r\n";
    let own = [
        ("Stripe-Signature", "t=1,v1=ab"),
        ("X-Cal-Signature-256", "cd"),
        ("X-Cal-Webhook-Version", "2021-10-20"),
        ("Webhook-Id", "msg_1"),
        ("Webhook-Timestamp", "1761667800"),
        ("Webhook-Signature", "v1,YWI= v1,Y2Q="),
        ("X-Whop-Signature", "t=1,v1=ef"),
        ("X-Request-Id", "abc"),
    ];
    let others = [
        ("Authorization", "Bearer canary"),
        ("Cookie", "canary"),
        ("X-Frontdesk-Visitor", "canary"),
        ("X-Frontdesk-Secret", "canary"),
        ("X-Whop-User-Token", "canary"),
        ("User-Agent", "canary"),
    ];
    for (path, provider) in [(CALCOM, "calcom"), (STRIPE, "stripe"), (WHOP, "whop")] {
        let mut request = world.post(path, body);
        for (name, value) in own.iter().chain(&others) {
            request = request.header(*name, *value);
        }
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"received":true,"duplicate":false}"#));
        assert_eq!(answer.header("content-type"), "application/json");
        let notes = world.backend.notes();
        let taken = if path == WHOP { &notes.whop.received } else { &notes.till.received };
        let asked = taken.last().unwrap();
        assert_eq!((asked.provider.as_str(), &asked.body[..]), (provider, body.as_bytes()));
        assert_eq!(asked.request_id, "abc");
        let headers: BTreeMap<_, _> =
            asked.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("stripe-signature", "t=1,v1=ab"),
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1761667800"),
            ("webhook-signature", "v1,YWI= v1,Y2Q="),
            ("x-whop-signature", "t=1,v1=ef"),
            ("x-cal-signature-256", "cd"),
            ("x-cal-webhook-version", "2021-10-20"),
        ];
        assert_eq!(headers, expected.into());
        let caller = asked.caller.as_ref().unwrap();
        assert_eq!((caller.visitor_id.as_str(), caller.site.as_str()), ("", ""));
        assert!(!format!("{asked:?}").contains("canary"), "{asked:?}");
    }
    let notes = world.backend.notes();
    assert_eq!((notes.till.received.len(), notes.whop.received.len()), (2, 1), "each goes to its owner");
}

#[tokio::test]
async fn bytes_that_are_no_text_arrive_as_they_are() {
    let world = World::start().await;
    let body = b"\xff\x00{\xfe".to_vec();
    let request = world.request(reqwest::Method::POST, STRIPE).body(body.clone());
    assert_eq!(Answer::of(request).await.status, 200, "who judges it is not the door");
    assert_eq!(world.backend.notes().till.received[0].body, body);
}

#[tokio::test]
async fn what_came_before_is_said() {
    let world = World::start().await;
    let known = ReceiveWebhookResponse { message_id: "msg_1".into(), duplicate: true };
    world.backend.notes().till.webhooks.push_back(Ok(known));
    let answer = Answer::of(world.post(CALCOM, "{}")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"received":true,"duplicate":true}"#));
}

#[tokio::test]
async fn a_provider_is_told_whether_to_send_again() {
    let world = World::start().await;
    let forged = Fault::new(Kind::Unauthenticated, Reason::SignatureWrong, "the signature is wrong");
    let full = Fault::new(Kind::Unavailable, Reason::StoreUnavailable, "the store did not answer");
    world.backend.notes().till.webhooks.extend([
        Err(chassis::status::status(&forged)),
        Err(chassis::status::status(&full)),
        Err(Status::internal("canary")),
    ]);
    let refused = Answer::of(world.post(STRIPE, "{}")).await;
    assert_eq!(refused.problem(401, "SIGNATURE_WRONG"), "the signature is wrong");
    Answer::of(world.post(STRIPE, "{}")).await.problem(503, "STORE_UNAVAILABLE");
    let broken = Answer::of(world.post(STRIPE, "{}")).await;
    broken.problem(500, "INTERNAL");
    assert!(!broken.text.contains("canary"), "{}", broken.text);
    assert_eq!(world.backend.notes().till.received.len(), 3, "nothing that a service refused is repeated");
}

#[tokio::test]
async fn half_a_megabyte_is_taken_and_no_more() {
    let world = World::start().await;
    assert_eq!(Answer::of(world.post(STRIPE, "x".repeat(512 << 10))).await.status, 200);
    let error = Answer::of(world.post(STRIPE, "x".repeat((512 << 10) + 1))).await.problem(413, "TOO_LARGE");
    assert_eq!(error, "the body is longer than 512 KiB");
    assert_eq!(world.backend.notes().till.received.len(), 1);
}

#[tokio::test]
async fn no_page_is_invited() {
    let world = World::start().await;
    let answer = Answer::of(world.post(CALCOM, "{}").header("origin", "http://localhost:3000")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin").as_str()), (200, ""));
}
