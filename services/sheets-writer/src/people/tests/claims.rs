//! What a stranger gets by claiming somebody's address.

use serde_json::json;

use super::*;

fn claim(visitor: &str, email: &str) -> Identity {
    Identity { visitor: visitor.into(), email: email.into(), claimed: true, ..Default::default() }
}

#[tokio::test]
async fn a_claim_joins_the_owners_books_and_merges_nothing() {
    let desk = Desk::open();
    let ann = desk.meet(email("ann@example.com")).await;
    let stranger = desk.meet(visitor("vis_known")).await;
    assert_eq!(desk.meet(claim("vis_known", "ann@example.com")).await, ann);
    assert_eq!(desk.whose(visitor("vis_known")).await, Some(stranger));
    assert_eq!(desk.meet(claim("vis_new", "ann@example.com")).await, ann);
    assert!(desk.doc(&ann).await.aliases.is_empty());
}

#[tokio::test]
async fn two_addresses_in_one_message_do_not_make_two_people_one() {
    let desk = Desk::open();
    let ann = desk.meet(email("ann@example.com")).await;
    let ben = desk.meet(phone("+4930901820")).await;
    let both = Identity { phone: "+4930901820".into(), ..claim("vis_1", "ann@example.com") };
    desk.meet(both).await;
    let turn = json!({"type": "chat.turn", "email": "ann@example.com", "phone": "+4930901820", "score": 0.9});
    desk.tell(turn).await;
    assert_eq!(desk.whose(email("ann@example.com")).await, Some(ann));
    assert_eq!(desk.whose(phone("+4930901820")).await, Some(ben));
}

#[tokio::test]
async fn claims_of_one_visitor_in_several_sessions_do_not_add_up_to_a_merge() {
    let desk = Desk::open();
    let ann = desk.meet(email("ann@example.com")).await;
    let ben = desk.meet(email("ben@example.com")).await;
    let say = |visitor: &str, session: &str, email: &str| json!({"type": "chat.turn", "score": 0.9, "visitor_id": visitor, "session_id": session, "email": email});
    desk.tell(say("", "s1", "ann@example.com")).await;
    desk.tell(say("vis_1", "s2", "ben@example.com")).await;
    desk.tell(say("vis_1", "s1", "")).await;
    assert_eq!(desk.doc(&ann).await.id(), ann);
    assert_eq!(desk.doc(&ben).await.id(), ben);
}

#[tokio::test]
async fn a_claimed_address_goes_to_whoever_proves_it() {
    let desk = Desk::open();
    let stranger = desk.meet(claim("vis_1", "ann@example.com")).await;
    let ann = desk.meet(phone("+4930901820")).await;
    let proof = Identity { email: "ann@example.com".into(), ..phone("+4930901820") };
    assert_eq!(desk.meet(proof).await, ann);
    assert_eq!(desk.whose(email("ann@example.com")).await, Some(ann));
    assert_eq!(desk.whose(visitor("vis_1")).await, Some(stranger));
}

#[tokio::test]
async fn where_nothing_else_is_known_a_claim_leads_from_the_payment_to_the_chat() {
    let desk = Desk::open();
    let chat = desk.meet(claim("vis_1", "ann@example.com")).await;
    assert_eq!(desk.meet(email("ann@example.com")).await, chat);
}

#[tokio::test]
async fn contacts_that_a_trusted_sender_named_stay_apart() {
    let desk = Desk::open();
    for contact in ["c_1", "c_2"] {
        desk.tell(json!({"type": "calendar.booked", "uid": contact, "contact_id": contact, "email": "office@example.com"})).await;
    }
    assert_eq!(desk.doc("c_1").await.id(), "c_1");
    assert_eq!(desk.doc("c_2").await.id(), "c_2");
}

#[tokio::test]
async fn a_visitor_and_its_verified_whop_user_are_one() {
    let desk = Desk::open();
    let before = desk.meet(visitor("vis_1")).await;
    let member = desk.meet(Identity { whop_user: "user_1".into(), ..Default::default() }).await;
    let both = Identity { whop_user: "user_1".into(), ..claim("vis_1", "") };
    assert_eq!(desk.meet(both).await, before);
    assert_eq!(desk.doc(&member).await.id(), before);
}

fn member(user: &str, identity: Identity) -> Identity {
    Identity { whop_user: user.into(), ..identity }
}

#[tokio::test]
async fn who_is_logged_in_takes_over_nobody_by_a_claim() {
    let desk = Desk::open();
    let ann = desk.meet(email("ann@example.com")).await;
    let mallory = desk.meet(visitor("vis_m")).await;
    let said = member("user_m", claim("vis_m", "ann@example.com"));
    assert_eq!(desk.meet(said).await, mallory);
    assert_eq!(desk.meet(member("user_m", visitor("vis_m"))).await, mallory);
    let doc = desk.doc(&ann).await;
    assert_eq!((doc.id(), &*doc.whop_user), (&*ann, ""));
    let real = member("user_ann", email("ann@example.com"));
    assert_eq!(desk.meet(real).await, ann);
}

#[tokio::test]
async fn who_claims_first_and_logs_in_later_takes_over_nobody() {
    let desk = Desk::open();
    let ann = desk.meet(email("ann@example.com")).await;
    assert_eq!(desk.meet(claim("vis_m", "ann@example.com")).await, ann);
    let mallory = desk.meet(member("user_m", visitor("vis_m"))).await;
    assert_ne!(mallory, ann);
    assert_eq!(desk.meet(visitor("vis_m")).await, mallory);
    assert_eq!(desk.doc(&ann).await.whop_user, "");
}

#[tokio::test]
async fn who_claims_before_the_owner_pays_gets_the_payment_into_no_account() {
    let desk = Desk::open();
    let chat = desk.meet(claim("vis_m", "ann@example.com")).await;
    assert_eq!(desk.meet(email("ann@example.com")).await, chat);
    let mallory = desk.meet(member("user_m", visitor("vis_m"))).await;
    assert_ne!(mallory, chat);
    // Nor is what a member said about somebody's address the way of that person's payment.
    desk.meet(member("user_m", claim("vis_m", "ben@example.com"))).await;
    assert_ne!(desk.meet(email("ben@example.com")).await, mallory);
}

#[tokio::test]
async fn whoever_reads_what_leads_to_a_contact_reads_again_after_a_new_tie() {
    let desk = Desk::open();
    let ann = desk.meet(email("ann@example.com")).await;
    let both = Identity { phone: "+4930901820".into(), ..email("ann@example.com") };
    desk.meet(both.clone()).await;
    // Nothing that its row shows is new, and still whoever reads it meanwhile must notice.
    let known = Identity { session: "s1".into(), ..both };
    let mut reading = Work::new(&*desk.store);
    gather(&mut reading, &*desk.store, &ann).await.unwrap();
    mark_erasure(&mut reading, &ann, "ers_1").await.unwrap();
    let version = desk.doc(&ann).await.version;
    desk.meet(known).await;
    assert_eq!(desk.doc(&ann).await.version, version);
    assert!(!Attempts::default().commit(reading).await.unwrap());
}

#[tokio::test]
async fn a_proof_leaves_nothing_with_whoever_claimed_it_first() {
    let desk = Desk::open();
    let mallory = desk.meet(member("user_m", claim("vis_m", "ann@example.com"))).await;
    let chat = Identity { phone: "+4930901820".into(), ..claim("vis_ann", "") };
    let ann = desk.meet(chat).await;
    let proof = Identity { phone: "+4930901820".into(), ..email("ann@example.com") };
    assert_eq!(desk.meet(proof).await, ann);
    assert_eq!(desk.whose(email("ann@example.com")).await, Some(ann));
    let known = gather(&mut Work::new(&*desk.store), &*desk.store, &mallory).await.unwrap();
    assert!(known.emails.is_empty(), "{known:?}");
}
