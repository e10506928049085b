//! Leads that a conversation brings.

use proto::{
    common::v1::Caller,
    sheets::v1::{
        Lead, LeadFacts, LeadStatus, RecordEventsRequest, SaveLeadRequest, Tab, UpsertLeadRequest,
        event_service_client::EventServiceClient, lead_service_client::LeadServiceClient,
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
    SaveLeadRequest {
        caller: Some(caller),
        request_id: request_id.into(),
        facts: Some(facts),
        said_time: None,
    }
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

#[tokio::test]
async fn the_operator_opens_and_moves_a_lead_once_for_each_request() {
    let desk = Desk::start().await;
    let mut leads = LeadServiceClient::new(desk.link());
    let saved = leads.save_lead(request("vis_1", "r1", "ann@example.com")).await.unwrap().into_inner();
    let say = |request_id: &str, lead_id: &str, contact_id: &str, lead: Lead| UpsertLeadRequest {
        request_id: request_id.into(),
        lead_id: lead_id.into(),
        contact_id: contact_id.into(),
        lead: Some(lead),
        ..Default::default()
    };
    let won = Lead { status: LeadStatus::Won.into(), owner: "Zoe".into(), ..Default::default() };
    let close = say("r2", "", &saved.contact_id, won);
    let closed = leads.upsert_lead(close.clone()).await.unwrap().into_inner();
    assert_eq!((closed.created, &closed.lead.as_ref().unwrap().lead_id), (false, &saved.lead_id));
    let row = desk.row(Tab::Leads).await;
    assert_eq!((&row["status"], &row["owner"]), (&json!("won"), &json!("Zoe")));
    assert_eq!(leads.upsert_lead(close).await.unwrap().into_inner(), closed);

    let next = Lead { intent: "upsell".into(), score: Some(0.4), ..Default::default() };
    let next = leads.upsert_lead(say("r3", "", &saved.contact_id, next)).await.unwrap().into_inner();
    assert!(next.created);
    assert_eq!(desk.rows(Tab::Leads).await.len(), 2);
    // A contact has one open lead: the old one cannot be opened again beside it.
    let again = Lead { status: LeadStatus::New.into(), ..Default::default() };
    let refused = leads.upsert_lead(say("r4", &saved.lead_id, "", again)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let cases = [
        (say("", &saved.lead_id, "", Lead::default()), Code::InvalidArgument),
        (say("r5", "", "", Lead::default()), Code::InvalidArgument),
        (say("r5", "led_none", "", Lead::default()), Code::NotFound),
        (say("r5", "", "con_none", Lead::default()), Code::NotFound),
        (say("r5", &saved.lead_id, "", Lead { score: Some(1.5), ..Lead::default() }), Code::InvalidArgument),
        (say("r5", &saved.lead_id, "", Lead { status: 9, ..Lead::default() }), Code::InvalidArgument),
    ];
    for (request, code) in cases {
        assert_eq!(leads.upsert_lead(request).await.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn a_request_id_stands_for_one_change_alone() {
    let desk = Desk::start().await;
    let mut leads = LeadServiceClient::new(desk.link());
    let saved = leads.save_lead(request("vis_1", "r1", "ann@example.com")).await.unwrap().into_inner();
    let say = |contact_id: &str, lead: Lead, mask: &[&str]| UpsertLeadRequest {
        request_id: "r2".into(),
        contact_id: contact_id.into(),
        lead: Some(lead),
        update_mask: (!mask.is_empty())
            .then(|| prost_types::FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() }),
        ..Default::default()
    };
    let owned = || Lead { owner: "Zoe".into(), ..Default::default() };
    let first = leads.upsert_lead(say(&saved.contact_id, owned(), &[])).await.unwrap().into_inner();
    let scored = Lead { score: Some(0.4), ..owned() };
    let of_the_lead = UpsertLeadRequest { lead_id: saved.lead_id.clone(), ..say("", owned(), &[]) };
    let others = [
        say(&saved.contact_id, Lead { owner: "Kim".into(), ..Default::default() }, &[]),
        say(&saved.contact_id, scored, &[]),
        say(&saved.contact_id, owned(), &["owner", "score"]),
        say("con_none", owned(), &[]),
        of_the_lead,
    ];
    for other in others {
        let refused = leads.upsert_lead(other.clone()).await.expect_err(&format!("{other:?}"));
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.message(), "request_id was used for another change");
    }
    assert_eq!(desk.row(Tab::Leads).await["owner"], "Zoe");
    let again = leads.upsert_lead(say(&saved.contact_id, owned(), &[])).await.unwrap().into_inner();
    assert_eq!(again, first);
}

#[tokio::test]
async fn an_outcome_that_the_workflow_lists_moves_the_lead_and_any_other_is_kept_as_told() {
    let desk = Desk::start().await;
    let say = |id: &str, workflow: &str, outcome: &str, at: &str| json!({"id": id, "type": "chat.turn", "session_id": "s1", "workflow_id": workflow, "outcome": outcome, "score": 0.9, "occurred_at": at});
    let status = async || desk.row(Tab::Leads).await["status"].clone();
    // `qualified` is no outcome of the portal's, and `sold` of nobody's.
    desk.deliver(say("a", "client-portal", "qualified", "2025-10-28T10:00:00Z")).await.unwrap();
    desk.deliver(say("b", "lead-concierge", "sold", "2025-10-28T10:01:00Z")).await.unwrap();
    assert_eq!(status().await, "new");
    let kept: Vec<_> = desk.rows(Tab::Engagements).await.iter().map(|row| row["outcome"].clone()).collect();
    assert_eq!(kept, ["qualified", "sold"]);
    desk.deliver(say("c", "lead-concierge", "booked", "2025-10-28T10:03:00Z")).await.unwrap();
    desk.deliver(say("d", "lead-concierge", "qualified", "2025-10-28T10:02:00Z")).await.unwrap();
    assert_eq!(status().await, "booked");
}
