//! Rows that other services bring after a person was forgotten.

use domain::Cell;

use super::*;

fn row(id: &str, version: u64, cells: Value) -> Row {
    let mut fields = cells;
    fields["id"] = json!(id);
    let tab = if fields.get("payload_json").is_some() { Tab::ChatEvents } else { Tab::Payments };
    tab::decode(tab, fields, version, "2026-01-05T10:00:00Z".parse().unwrap()).unwrap()
}

fn invoice(id: &str, version: u64, contact_id: &str, status: &str) -> Row {
    let metadata = r#"{"name":"Annabelle Quuxworth"}"#;
    row(
        id,
        version,
        json!({"contact_id": contact_id, "status": status, "metadata": metadata, "currency": "EUR"}),
    )
}

#[tokio::test]
async fn a_row_that_names_a_forgotten_contact_comes_veiled() {
    let (dir, ann, ben) = books().await;
    let desk = Desk::open(dir.path());
    let unowned = invoice("in_later", 1, "", "open");
    assert_eq!(rows::upsert_all(&*desk.told, &[unowned]).await.unwrap(), 1);
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    // It is so from the commit on that cuts the contact off, not only at the end.
    desk.erase(&erasure.id).await;
    let said = json!({"type": "note", "contact_id": ann, "text": "my secret wish"}).to_string();
    let event =
        row("evt_told", 1, json!({"type": "note", "session_id": "s_vis_canary", "payload_json": said}));
    let told = [
        invoice("in_hers", 1, &ann, "open"),
        invoice("in_alias", 1, "c_old", "open"),
        invoice("in_bens", 1, &ben, "open"),
        // Nobody's before, hers now.
        invoice("in_later", 2, &ann, "paid"),
        event,
    ];
    assert_eq!(rows::upsert_all(&*desk.told, &told).await.unwrap(), 5);
    assert_eq!(rows::upsert_all(&*desk.told, &told).await.unwrap(), 0, "the same again");
    finish(&desk, &erasure.id).await;
    let mut newer = [invoice("in_hers", 2, &ann, "paid")];
    newer[0].cells.insert("method".into(), Cell::Text("Annabelle's card".into()));
    assert_eq!(rows::upsert_all(&*desk.told, &newer).await.unwrap(), 1);
    let rows = desk.rows(Tab::Payments).await;
    let of = |id: &str| rows.iter().find(|row| row.id == id).unwrap();
    for id in ["in_hers", "in_alias", "in_later"] {
        let row = of(id);
        assert_eq!((row.cells["metadata"].clone(), row.erased.as_deref()), (Cell::Empty, Some(&*erasure.id)));
        assert_eq!(row.cells["currency"], Cell::Text("EUR".into()), "{id}");
    }
    let status = |id: &str| of(id).cells["status"].clone();
    assert_eq!(
        ["in_hers", "in_alias", "in_later"].map(status),
        ["paid", "open", "paid"].map(|word| Cell::Text(word.into()))
    );
    assert_ne!(of("in_bens").cells["metadata"], Cell::Empty);
    let told = desk.rows(Tab::ChatEvents).await.into_iter().find(|row| row.id == "evt_told").unwrap();
    assert_eq!((&told.cells["payload_json"], &told.cells["session_id"]), (&Cell::Empty, &Cell::Empty));
    rows::list::change(&*desk.store, &[of("in_bens").key()], |doc| {
        doc.cells.insert("metadata".into(), Cell::Empty);
        true
    })
    .await
    .unwrap();
    desk.store.scrub().await.unwrap();
    for canary in CANARIES {
        assert_eq!(found(dir.path(), canary), 0, "{canary} is back");
    }
}

/// A store that dies right after so many commits.
fn mortal(desk: &Desk, commits: usize) -> Arc<Mortal> {
    Arc::new(Mortal { inner: desk.store.clone(), left: commits.into(), done: true })
}

#[tokio::test]
async fn the_first_commit_cuts_the_contact_off() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    assert!(desk.erase_over(mortal(&desk, 1), &erasure.id).await.is_err());
    let (contact, erased_at) = people::get(&*desk.store, &ann).await.unwrap().unwrap();
    assert_eq!((contact.email.as_str(), contact.first_name.as_str(), erased_at.is_some()), ("", "", true));
    // What led to them leads to somebody new from here on, though it is still there.
    desk.tell(turn("n1", "vis_new", "s_new", json!({"email": "ann@canary.example"}))).await;
    let new = desk.whose("ann@canary.example").await.unwrap();
    assert_ne!(new, ann);
    finish(&desk, &erasure.id).await;
    assert_eq!(desk.whose("ann@canary.example").await, Some(new));
}

#[tokio::test]
async fn what_was_under_way_when_they_were_cut_off_is_found() {
    use crate::erasure::stages::Stage;

    for stage in [Stage::Contacts, Stage::Rows, Stage::Events, Stage::Deliveries] {
        let (dir, ann, _) = books().await;
        let desk = Desk::open(dir.path());
        let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
        while get(&*desk.store, &erasure.id).await.unwrap().place.stage != stage {
            assert!(desk.erase_over(mortal(&desk, 1), &erasure.id).await.is_err(), "{stage:?} never comes");
        }
        // Whoever writes this has read the contact before.
        let mut work = Work::new(&*desk.told);
        rows::upsert(&mut work, invoice("in_late", 1, &ann, "open")).await.unwrap();
        assert!(Attempts::default().commit(work).await.unwrap());
        finish(&desk, &erasure.id).await;
        for canary in CANARIES {
            assert_eq!(found(dir.path(), canary), 0, "{canary} is left, written in {stage:?}");
        }
    }
}
