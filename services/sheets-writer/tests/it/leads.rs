//! Leads that a conversation brings.

use proto::{
    common::v1::Caller,
    sheets::v1::{
        LeadFacts, RecordEventsRequest, SaveLeadRequest, Tab, event_service_client::EventServiceClient,
        lead_service_client::LeadServiceClient,
    },
};
use serde_json::json;
use tonic::Code;

use crate::desk::Desk;

fn request(visitor: &str, request_id: &str, email: &str) -> SaveLeadRequest {
    let caller = Caller { visitor_id: visitor.into(), ..Default::default() };
    let traits = [("utm_source".to_owned(), "yt".to_owned())].into();
    let facts = LeadFacts {
        email: email.into(),
        first_name: "Ann".into(),
        intent: "buy_inquiry".into(),
        notes: "wants a demo".into(),
        traits,
        ..Default::default()
    };
    SaveLeadRequest { caller: Some(caller), request_id: request_id.into(), facts: Some(facts) }
}

#[tokio::test]
async fn a_lead_is_saved_once_however_often_it_is_asked() {
    let desk = Desk::start().await;
    let mut leads = LeadServiceClient::new(desk.link());
    let first = leads.save_lead(request("vis_1", "r1", "Ann@Example.com")).await.unwrap().into_inner();
    assert!(first.created);
    assert_eq!(leads.save_lead(request("vis_1", "r1", "Ann@Example.com")).await.unwrap().into_inner(), first);
    let later = leads.save_lead(request("vis_1", "r2", "")).await.unwrap().into_inner();
    assert_eq!(
        (later.created, &later.lead_id, &later.contact_id),
        (false, &first.lead_id, &first.contact_id)
    );
    let contact = desk.row(Tab::Contacts).await;
    assert_eq!((&contact["email"], &contact["utm_source"]), (&json!("ann@example.com"), &json!("yt")));
    let lead = desk.row(Tab::Leads).await;
    assert_eq!((&lead["notes"], &lead["intent"]), (&json!("wants a demo"), &json!("buy_inquiry")));
}

#[tokio::test]
async fn what_cannot_be_a_lead_is_refused_in_words() {
    let desk = Desk::start().await;
    let mut leads = LeadServiceClient::new(desk.link());
    let cases = [
        (request("", "r1", "ann@example.com"), Code::Unauthenticated),
        (request("vis_1", "", "ann@example.com"), Code::InvalidArgument),
        (request("vis_1", "r1", "ann at example"), Code::InvalidArgument),
    ];
    for (request, code) in cases {
        assert_eq!(leads.save_lead(request).await.unwrap_err().code(), code);
    }
    assert_eq!(desk.counts().await, [0; 7]);
}

#[tokio::test]
async fn our_own_events_need_no_secret_and_join_the_visitor() {
    let desk = Desk::with(&[("EVENTS_WEBHOOK_SECRET", "some-secret")]).await;
    let mut leads = LeadServiceClient::new(desk.link());
    let saved = leads.save_lead(request("vis_1", "r1", "ann@example.com")).await.unwrap().into_inner();
    let events = json!({"id": "turn-1", "type": "chat.turn", "message": "hello", "session_id": "ses_1"});
    let request = || RecordEventsRequest {
        caller: Some(Caller { visitor_id: "vis_1".into(), ..Default::default() }),
        request_id: "r2".into(),
        events: events.to_string().into_bytes().into(),
    };
    let mut recorder = EventServiceClient::new(desk.link());
    assert_eq!(recorder.record_events(request()).await.unwrap().into_inner().accepted, 1);
    assert_eq!(recorder.record_events(request()).await.unwrap().into_inner().duplicates, 1);
    assert_eq!(desk.row(Tab::Engagements).await["contact_id"], saved.contact_id.as_str());
}
