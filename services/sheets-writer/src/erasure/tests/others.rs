//! Other people who said that they were the person, and what comes late.

use super::*;

#[tokio::test]
async fn what_somebody_brought_along_by_a_claim_is_not_the_persons() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path());
    desk.tell(json!({"type": "calendar.booked", "uid": "u1", "email": "ann@canary.example",
        "event_start": "2026-02-01T18:00:00Z"}))
        .await;
    desk.tell(turn("b1", "vis_ben", "s_ben", json!({"email": "ann@canary.example"}))).await;
    desk.tell(turn("b2", "vis_ben", "s_ben", json!({"email": "ben@example.com"}))).await;
    desk.tell(
        json!({"type": "form.sent", "id": "b3", "email": "ben@example.com", "message": "hello from Ben"}),
    )
    .await;
    let ann = desk.whose("ann@canary.example").await.unwrap();
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    assert_eq!(erasure.known.emails, ["ann@canary.example".to_owned()].into());
    assert!(erasure.known.visitors.is_empty(), "{:?}", erasure.known);
    finish(&desk, &erasure.id).await;
    let form = desk.rows(Tab::ChatEvents).await.into_iter().find(|row| row.id == "b3").unwrap();
    assert_eq!(form.erased, None);
    // What was filed under her went.
    let turn = desk.rows(Tab::ChatEvents).await.into_iter().find(|row| row.id == "b1").unwrap();
    assert!(turn.erased.is_some());
}

#[tokio::test]
async fn what_comes_late_under_another_id_brings_nobody_back() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    finish(&desk, &erasure.id).await;
    let contacts = desk.rows(Tab::Contacts).await.len();
    let leads = desk.rows(Tab::Leads).await.len();
    desk.tell(json!([
        turn("l1", "vis_canary", "s_late", json!({"message": "my secret wish"})),
        turn("l2", "", "ses_canary", json!({"message": "my secret wish"})),
        turn("l3", "", "", json!({"email": "Ann@canary.example"})),
        {"type": "calendar.booked", "id": "l4", "uid": "u2", "phone": "+49 30 901820", "first_name": "Annabelle",
            "event_start": "2026-02-01T18:00:00Z", "occurred_at": "2026-01-05T09:00:00Z"},
    ]))
    .await;
    assert_eq!(desk.rows(Tab::Contacts).await.len(), contacts);
    assert_eq!(desk.rows(Tab::Leads).await.len(), leads);
    desk.store.scrub().await.unwrap();
    for canary in CANARIES {
        assert_eq!(found(dir.path(), canary), 0, "{canary} is back");
    }
    // What happens from now on is somebody new's.
    desk.tell(turn("n1", "vis_canary", "s_new", json!({"occurred_at": null}))).await;
    assert_eq!(desk.rows(Tab::Contacts).await.len(), contacts + 1);
}

#[tokio::test]
async fn what_came_to_lead_there_after_the_cut_goes_too() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    let deliveries = |erasure: &Erasure| erasure.place.stage == stages::Stage::Deliveries;
    for commits in 1_u64.. {
        let mortal = Mortal { inner: desk.store.clone(), left: 1.into(), done: true };
        let _ = desk.erase_over(Arc::new(mortal), &erasure.id).await;
        if deliveries(&get(&*desk.store, &erasure.id).await.unwrap()) {
            break;
        }
        assert!(commits < 200);
    }
    people::tie(&*desk.store, &ann, "vis_canary_late").await;
    finish(&desk, &erasure.id).await;
    assert_eq!(found(dir.path(), "vis_canary_late"), 0);
}

#[tokio::test]
async fn an_export_has_what_would_go_and_nothing_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path());
    desk.tell(json!([
        {"type": "calendar.booked", "id": "a0", "uid": "u1", "email": "ann@canary.example",
            "event_start": "2026-02-01T18:00:00Z", "occurred_at": "2026-01-05T09:00:00Z"},
        {"type": "calendar.booked", "id": "b0", "uid": "u2", "email": "ben@example.com",
            "event_start": "2026-02-01T19:00:00Z", "occurred_at": "2026-01-05T09:00:00Z"},
        turn("a1", "", "s1", json!({"email": "ann@canary.example", "message": "Ann was here"})),
        turn("b1", "", "s1", json!({"email": "ben@example.com", "message": "Ben was here"})),
        {"type": "form.sent", "id": "a2", "email": "ann@canary.example", "message": "a form"},
    ]))
    .await;
    let ann = desk.whose("ann@canary.example").await.unwrap();
    let export = people::export(&*desk.store, &ann).await.unwrap();
    let events = export["chat_events"].as_array().unwrap();
    let ids: Vec<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>(), ["a0", "a1", "a2"].iter().collect());
    assert!(!export.to_string().contains("Ben was here"));
}
