//! Contacts: one person, however they are met.

use proto::sheets::v1::{
    Contact, ExportContactRequest, FindContactsRequest, GetContactRequest, ListContactsRequest,
    MergeContactsRequest, ResolveContactRequest, Tab, TagContactRequest, UpdateContactRequest,
};
use serde_json::{Value, json};
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

/// Makes a contact; answers its id.
async fn meet(desk: &Desk, request: ResolveContactRequest) -> String {
    desk.contacts().resolve_contact(request).await.unwrap().into_inner().contact.unwrap().contact_id
}

#[tokio::test]
async fn a_person_is_found_by_any_identity_exactly() {
    let desk = Desk::start().await;
    let ann = meet(&desk, by_email("ann@example.com")).await;
    let ben = meet(&desk, ResolveContactRequest { visitor_id: "vis_ben".into(), ..Default::default() }).await;
    let find = async |email: &str, visitor: &str| {
        let request =
            FindContactsRequest { email: email.into(), visitor_id: visitor.into(), ..Default::default() };
        let found = desk.contacts().find_contacts(request).await?.into_inner().contacts;
        Ok::<Vec<String>, tonic::Status>(found.into_iter().map(|contact| contact.contact_id).collect())
    };
    assert_eq!(find(" ANN@example.com", "").await.unwrap(), std::slice::from_ref(&ann));
    assert_eq!(find("ann@example.com", "vis_ben").await.unwrap(), [ann, ben]);
    assert!(find("ann@example.co", "vis").await.unwrap().is_empty());
    assert_eq!(find("", "").await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(desk.counts().await[0], 2);
}

#[tokio::test]
async fn people_are_listed_by_age_without_those_that_were_merged() {
    let desk = Desk::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(meet(&desk, by_email(&format!("{n}@example.com"))).await);
    }
    let request =
        MergeContactsRequest { survivor_id: ids[0].clone(), loser_id: ids.remove(3), ..Default::default() };
    assert!(desk.contacts().merge_contacts(request).await.unwrap().into_inner().merged);
    for newest_first in [false, true] {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request =
                ListContactsRequest { page_size: 2, page_token, newest_first, ..Default::default() };
            let page = desk.contacts().list_contacts(request).await.unwrap().into_inner();
            found.extend(page.contacts.into_iter().map(|contact| contact.contact_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        if newest_first {
            found.reverse();
        }
        assert_eq!(found, ids);
    }
    let request = ListContactsRequest { page_token: "elsewhere".into(), ..Default::default() };
    assert_eq!(desk.contacts().list_contacts(request).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_the_operator_says_stands_and_a_mask_empties() {
    let desk = Desk::start().await;
    let facts = |first: &str, company: &str| {
        Some(Contact { first_name: first.into(), company: company.into(), ..Default::default() })
    };
    let request = ResolveContactRequest { facts: facts("Anne", "Acme"), ..by_email("ann@example.com") };
    let contact_id = meet(&desk, request).await;
    let update = async |facts: Option<Contact>, paths: Option<&[&str]>| {
        let paths = paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        let update_mask = paths.map(|paths| prost_types::FieldMask { paths });
        let request =
            UpdateContactRequest { contact_id: contact_id.clone(), facts, update_mask, ..Default::default() };
        Ok::<Contact, tonic::Status>(
            desk.contacts().update_contact(request).await?.into_inner().contact.unwrap(),
        )
    };
    let contact = update(facts("Ann", ""), None).await.unwrap();
    assert_eq!((&*contact.first_name, &*contact.company), ("Ann", "Acme"));
    update(facts("", ""), Some(&["company"])).await.unwrap();
    meet(&desk, ResolveContactRequest { facts: facts("Zoe", "Umbrella"), ..by_email("ann@example.com") })
        .await;
    let row = desk.row(Tab::Contacts).await;
    assert_eq!((&row["first_name"], &row["company"]), (&json!("Ann"), &Value::Null));
    assert_eq!(update(None, Some(&["created_at"])).await.unwrap_err().code(), Code::InvalidArgument);
    // An address identifies from then on, unless it is somebody else's.
    let phone = |phone: &str| Some(Contact { phone: phone.into(), ..Default::default() });
    assert_eq!(update(phone("0049 30 901820"), None).await.unwrap().phone, "+4930901820");
    let by_phone = ResolveContactRequest { phone: "+49 30 901820".into(), ..Default::default() };
    assert_eq!(meet(&desk, by_phone).await, contact_id);
    meet(&desk, by_email("ben@example.com")).await;
    let bens = Some(Contact { email: "ben@example.com".into(), ..Default::default() });
    assert_eq!(update(bens, None).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn labels_come_and_go() {
    let desk = Desk::start().await;
    let contact_id = meet(&desk, by_email("ann@example.com")).await;
    let tag = async |add: &[&str], remove: &[&str]| {
        let [add, remove] = [add, remove].map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect());
        let request = TagContactRequest { contact_id: contact_id.clone(), add, remove, ..Default::default() };
        Ok::<Vec<String>, tonic::Status>(
            desk.contacts().tag_contact(request).await?.into_inner().contact.unwrap().tags,
        )
    };
    assert_eq!(tag(&["vip", "press"], &[]).await.unwrap(), ["vip", "press"]);
    assert_eq!(tag(&["vip"], &["press", "unknown"]).await.unwrap(), ["vip"]);
    assert_eq!(desk.row(Tab::Contacts).await["tags"], "vip");
    for bad in ["", "a,b", " a", &"x".repeat(65)] {
        assert_eq!(tag(&[bad], &[]).await.unwrap_err().code(), Code::InvalidArgument, "{bad:?}");
    }
}

#[tokio::test]
async fn an_export_holds_everything_that_is_known_of_one_person_and_nothing_of_others() {
    let desk = Desk::start().await;
    let say = |session: &str, visitor: &str, message: &str| json!({"type": "chat.turn", "session_id": session, "visitor_id": visitor, "message": message, "score": 0.9});
    desk.deliver(json!([
        say("s1", "vis_ann", "first"), say("s1", "vis_ann", "second"), say("s2", "vis_ben", "a secret of Ben's"),
        {"type": "page.viewed", "session_id": "s1"},
        {"type": "calendar.booked", "uid": "u1", "email": "ann@example.com", "event_start": "2025-11-01T18:00:00Z"},
    ]))
    .await
    .unwrap();
    let by_visitor = ResolveContactRequest { visitor_id: "vis_ann".into(), ..Default::default() };
    let [chat, mail] = [meet(&desk, by_visitor).await, meet(&desk, by_email("ann@example.com")).await];
    let request =
        MergeContactsRequest { survivor_id: mail.clone(), loser_id: chat.clone(), ..Default::default() };
    desk.contacts().merge_contacts(request).await.unwrap();
    let request = ExportContactRequest { contact_id: chat.clone(), ..Default::default() };
    let export = desk.export(request).await.unwrap();
    assert_eq!(export["contact"]["email"], "ann@example.com");
    assert_eq!(export["contact_ids"], json!([mail, chat]));
    let kinds: Vec<_> =
        export["identities"].as_array().unwrap().iter().map(|tie| tie["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["email", "visitor", "session"]);
    let rows = |tab: &str| export[tab].as_array().unwrap().len();
    let counts = ["leads", "engagements", "bookings", "subscriptions", "payments", "chat_events"].map(rows);
    assert_eq!(counts, [1, 2, 1, 0, 0, 4]);
    assert_eq!(export["leads"][0]["contact_id"], *mail);
    assert_eq!(export["leads"][0]["highest_score"], 0.9);
    assert!(!export.to_string().contains("secret"));
}
