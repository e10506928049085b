//! Outgoing events of a running service: sent, verified, listed, refused settings.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use proto::sheets::v1::{
    DeliveryState, ListDeliveriesRequest, ListDestinationsRequest, ListEventTypesRequest,
    ResendDeliveryRequest, TestDeliveryRequest, delivery_service_client::DeliveryServiceClient,
};
use serde_json::json;
use tokio::time::Instant;
use tonic::Code;

use crate::desk::Desk;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn receiver() -> (String, Received) {
    let received = Received::default();
    let take = |State(received): State<Received>, headers: HeaderMap, body: Bytes| async move {
        received.lock().unwrap().push((headers, body));
    };
    let router = Router::new().fallback(take).with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/s3same", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

async fn until(what: &str, met: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !met().await {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_acknowledged_is_sent_signed_and_listed() {
    let (url, received) = receiver().await;
    let desk = Desk::with(&[
        ("N8N_WEBHOOK_URL", &url),
        ("N8N_SIGNING_SECRET", SECRET),
        ("N8N_HEADER", "X-Key: k3y"),
    ])
    .await;
    desk.deliver(json!({"id": "evt_1", "type": "chat.turn", "message": "hi", "score": 0.9})).await.unwrap();
    until("the delivery", async || received.lock().unwrap().len() == 3).await;
    let published = standardwebhooks::Webhook::new(SECRET).unwrap();
    for (headers, body) in received.lock().unwrap().iter() {
        published.verify(body, headers).unwrap();
        assert_eq!(
            (&headers["x-key"], &headers["x-frontdesk-hop"]),
            (&"k3y".parse().unwrap(), &"1".parse().unwrap())
        );
    }
    let client = || DeliveryServiceClient::new(desk.link());
    let list = |state: DeliveryState, page_size: i32, page_token: String| ListDeliveriesRequest {
        state: state.into(),
        page_size,
        page_token,
        ..Default::default()
    };
    let done = async |size: i32, token: String| {
        client().list_deliveries(list(DeliveryState::Done, size, token)).await.unwrap().into_inner()
    };
    until("the record", async || done(0, String::new()).await.deliveries.len() == 3).await;
    let first = done(2, String::new()).await;
    let second = done(2, first.next_page_token.clone()).await;
    assert_eq!((first.deliveries.len(), second.deliveries.len()), (2, 1));
    let one = &second.deliveries[0];
    assert_eq!((one.attempts, one.status, one.destination.as_str()), (1, 200, "n8n"));
    let resend =
        |delivery_id: &str| ResendDeliveryRequest { delivery_id: delivery_id.into(), ..Default::default() };
    assert_eq!(client().resend_delivery(resend(&one.delivery_id)).await.unwrap().into_inner().resent, 1);
    until("the second delivery", async || received.lock().unwrap().len() == 4).await;
    let test = TestDeliveryRequest { destination: "n8n".into(), ..Default::default() };
    let tested = client().test_delivery(test).await.unwrap().into_inner();
    assert_eq!((tested.delivered, tested.status, tested.error.as_str()), (true, 200, ""));
    let known = client().list_destinations(ListDestinationsRequest::default()).await.unwrap().into_inner();
    assert!(
        url.starts_with(&known.destinations[0].origin) && !known.destinations[0].origin.contains("s3same")
    );
    let types = client().list_event_types(ListEventTypesRequest::default()).await.unwrap().into_inner();
    assert!(types.event_types.iter().any(|kind| kind.event_type == "lead.created" && kind.version == 1));
    let unstated = client().list_deliveries(list(DeliveryState::Unspecified, 0, String::new())).await;
    assert_eq!(unstated.unwrap_err().code(), Code::InvalidArgument);
    let foreign = client().list_deliveries(list(DeliveryState::Done, 0, "x".into())).await;
    assert_eq!(foreign.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(client().resend_delivery(resend("")).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_waited_while_the_process_was_away_is_sent_at_its_next_start() {
    let (url, received) = receiver().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let desk = Desk::with(&[("N8N_WEBHOOK_URL", &dead)]).await;
    desk.deliver(json!({"type": "chat.turn", "message": "hi"})).await.unwrap();
    // restarted without the destination: what waits is parked; and with it once more
    let desk = desk.restart().await;
    let parked = async |desk: &Desk| {
        let request = ListDeliveriesRequest { state: DeliveryState::Parked.into(), ..Default::default() };
        let client = DeliveryServiceClient::new(desk.link()).list_deliveries(request).await;
        client.unwrap().into_inner().deliveries.len()
    };
    until("the parking", async || parked(&desk).await == 1).await;
    let desk = desk.restart_with(&[("N8N_WEBHOOK_URL", &url)]).await;
    let all = ResendDeliveryRequest { destination: "n8n".into(), ..Default::default() };
    assert_eq!(
        DeliveryServiceClient::new(desk.link()).resend_delivery(all).await.unwrap().into_inner().resent,
        1
    );
    until("the delivery", async || received.lock().unwrap().len() == 1).await;
}

#[test]
fn wrong_settings_are_refused_together_and_not_quoted() {
    use chassis::Config as _;
    let load = |pairs: &[(&str, &str)]| {
        let vars = pairs.iter().chain(&[("GOOGLE_SHEETS_ID", "sheet"), ("EVENTS_WEBHOOK_SECRET", "s")]);
        let vars = vars.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        chassis::config::load::<sheets_writer::Config>(&vars, [])
    };
    let wrong = load(&[
        ("N8N_WEBHOOK_URL", "s3same"),
        ("N8N_SIGNING_SECRET", "s3same"),
        ("N8N_HEADER", "s3same"),
        ("EVENT_DESTINATIONS", "/s3same"),
    ])
    .unwrap_err();
    let settings: Vec<_> = wrong.iter().map(|problem| problem.setting.as_str()).collect();
    for setting in ["N8N_WEBHOOK_URL", "N8N_SIGNING_SECRET", "N8N_HEADER", "EVENT_DESTINATIONS"] {
        assert!(settings.contains(&setting), "{setting}: {settings:?}");
    }
    assert!(!format!("{wrong:?}").contains("s3same"), "{wrong:?}");
    for inside in ["http://169.254.169.254/s3same", "http://[fd00::1]/", "http://192.168.1.5:5678/webhook/1"]
    {
        let problems = load(&[("N8N_WEBHOOK_URL", inside)]).unwrap_err();
        assert_eq!(problems[0].setting, "N8N_WEBHOOK_URL");
        assert!(problems[0].why.contains("public address or this machine's loopback"), "{problems:?}");
    }
    let local = load(&[("N8N_WEBHOOK_URL", "http://localhost:5678/webhook/1")]).unwrap();
    let cloud: Vec<_> = local.problems(true).into_iter().map(|problem| problem.to_string()).collect();
    for part in [
        "N8N_WEBHOOK_URL: must be https",
        "N8N_WEBHOOK_URL: must be a public",
        "N8N_SIGNING_SECRET: is required",
    ] {
        assert!(cloud.iter().any(|problem| problem.starts_with(part)), "{part}: {cloud:?}");
    }
    assert!(load(&[("N8N_SIGNING_SECRET", SECRET)]).unwrap_err()[0].why.contains("of no use"));
}
