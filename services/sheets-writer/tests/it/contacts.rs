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
