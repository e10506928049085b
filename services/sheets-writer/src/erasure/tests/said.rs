//! A lead that was on its way while its person was forgotten.

use super::*;

async fn save(desk: &Desk, request_id: &str, said_at: Timestamp) -> Result<String, Error> {
    let facts = LeadFacts {
        email: "ann@canary.example".into(),
        first_name: "Annabelle".into(),
        ..Default::default()
    };
    let caller = Caller { visitor_id: "vis_canary".into(), ..Default::default() };
    let said_time = Some(proto::time::wire(said_at));
    let request = SaveLeadRequest {
        caller: Some(caller),
        request_id: request_id.into(),
        facts: Some(facts),
        said_time,
    };
    Ok(claims::save(&*desk.told, request, Timestamp::now()).await?.contact_id)
}

#[tokio::test]
async fn what_was_said_before_is_not_saved_and_what_is_said_after_is_a_new_persons() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let said_at = Timestamp::now();
    let erasure = begin(&*desk.store, &ann, said_at).await.unwrap();
    let mut refused = 0;
    // between any two portions of the erasure, and after it
    for call in 0..20 {
        let is_done = desk.erase(&erasure.id).await.done;
        match save(&desk, &format!("late_{call}"), said_at).await {
            Err(Error::Refused(Fault { reason: Reason::Erased, .. })) => refused += 1,
            Err(error) => panic!("{error}"),
            Ok(contact) => assert!(!is_done && contact == ann, "{contact} comes back"),
        }
        if is_done {
            break;
        }
        desk.land().await;
    }
    assert!(refused > 0);
    desk.store.scrub().await.unwrap();
    for canary in CANARIES {
        assert_eq!(found(dir.path(), canary), 0, "{canary} is back");
    }
    let new = save(&desk, "new", Timestamp::now()).await.unwrap();
    assert_ne!(new, ann);
    assert_eq!(desk.whose("ann@canary.example").await, Some(new));
}
