//! Contacts: one person, however they are met.

use proto::sheets::v1::{Contact, GetContactRequest, ResolveContactRequest, Tab};
use tonic::Code;

use crate::desk::Desk;

fn by_email(email: &str) -> ResolveContactRequest {
    ResolveContactRequest { email: email.into(), ..Default::default() }
}

#[tokio::test]
async fn a_person_is_found_again_by_any_identity() {
    let desk = Desk::start().await;
    let facts = Contact { first_name: "Ann".into(), utm_source: "yt".into(), ..Default::default() };
    let request = ResolveContactRequest {
        phone: "+49 30 12345".into(),
        visitor_id: "vis_1".into(),
        facts: Some(facts),
        ..by_email("Ann@Example.com")
    };
    let made = desk.contacts().resolve_contact(request).await.unwrap().into_inner();
    assert!(made.created);
    let contact = made.contact.unwrap();
    for again in [
        by_email("ann@example.com "),
        ResolveContactRequest { phone: "0049-30-12345".into(), ..Default::default() },
        ResolveContactRequest { visitor_id: "vis_1".into(), ..Default::default() },
    ] {
        let found = desk.contacts().resolve_contact(again).await.unwrap().into_inner();
        assert_eq!((found.created, found.contact.as_ref()), (false, Some(&contact)));
    }
    let request = GetContactRequest { contact_id: contact.contact_id.clone(), ..Default::default() };
    assert_eq!(desk.contacts().get_contact(request).await.unwrap().into_inner().contact, Some(contact));
    assert_eq!(desk.row(Tab::Contacts).await["phone"], "+493012345");
}

#[tokio::test]
async fn nobody_is_nobody() {
    let desk = Desk::start().await;
    let status = desk.contacts().resolve_contact(ResolveContactRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let request = GetContactRequest { contact_id: "con_none".into(), ..Default::default() };
    assert_eq!(desk.contacts().get_contact(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn two_verified_whop_users_are_two_contacts_even_with_one_email() {
    let desk = Desk::start().await;
    let ask = async |user: &str, email: &str| {
        let request = ResolveContactRequest {
            verified_whop_user_id: user.into(),
            email: email.into(),
            ..Default::default()
        };
        desk.contacts().resolve_contact(request).await.unwrap().into_inner().contact.unwrap().contact_id
    };
    let ann = ask("user_ann", "office@example.com").await;
    let ben = ask("user_ben", "office@example.com").await;
    assert_ne!(ann, ben);
    assert_eq!(ask("user_ann", "").await, ann);
    assert_eq!(ask("user_ben", "").await, ben);
    // The address alone is whose it was first.
    assert_eq!(ask("", "office@example.com").await, ann);
}

#[tokio::test]
async fn what_is_no_address_identifies_nobody() {
    let desk = Desk::start().await;
    for session in ["ck_1", "ck_2"] {
        let turn =
            serde_json::json!({"type": "chat.turn", "session_id": session, "email": "n/a", "score": 0.9});
        desk.deliver(turn).await.unwrap();
    }
    assert_eq!(desk.counts().await[..2], [2, 2]);
}
