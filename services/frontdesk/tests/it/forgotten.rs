//! A person is forgotten: the spreadsheet as well, whatever the owner typed over it, and no longer than it must take.

use std::time::{Duration, Instant};

use chassis::Link;
use proto::{
    common::v1::{
        ErasePersonRequest, ErasePersonResponse, operations_service_client::OperationsServiceClient,
    },
    sheets::v1::{
        BeginErasureRequest, Erasure, FindContactsRequest, GetErasureRequest, Tab,
        contact_service_client::ContactServiceClient,
    },
};
use serde_json::{Value, json};

use crate::world::{PATIENCE, World};

/// What must be gone.
const CANARIES: [&str; 5] = ["Annabelle", "ann@canary.example", "30901820", "secret wish", "vis_canary"];
const TABS: [&str; 7] =
    ["contacts", "leads", "engagements", "bookings", "subscriptions", "payments", "chat_events"];

fn link(world: &World) -> Link {
    Link::new(&world.service("sheets-writer").parse().unwrap()).unwrap()
}

/// A chat of two people, and a meeting of one.
async fn with_ann_and_ben() -> World {
    let world = World::set_up().await;
    let turn = |name: &str, more: Value| {
        let mut turn = json!({"type": "chat.turn", "session_id": format!("s_{name}"), "visitor_id": format!("vis_{name}"),
            "intent": "buy_inquiry", "score": 0.75, "message": format!("{name}'s secret wish"), "page": "/services"});
        turn.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        turn
    };
    world
        .deliver(&json!([
            turn("canary", json!({"email": "ann@canary.example", "phone": "+49 30 901820", "first_name": "Annabelle"})),
            turn("ben", json!({"email": "ben@example.com", "message": "hello"})),
            {"type": "calendar.booked", "uid": "u1", "email": "ann@canary.example", "event_start": "2026-02-01T18:00:00Z"},
        ]))
        .await;
    world.all_written().await;
    world
}

async fn begin(world: &World) -> Erasure {
    let mut contacts = ContactServiceClient::new(link(world));
    let request = FindContactsRequest { email: "ann@canary.example".into(), ..Default::default() };
    let found = contacts.find_contacts(request).await.unwrap().into_inner().contacts;
    let contact_id = found[0].contact_id.clone();
    let request = BeginErasureRequest { contact_id, ..Default::default() };
    contacts.begin_erasure(request).await.unwrap().into_inner().erasure.unwrap()
}

async fn erase(world: &World, erasure: &Erasure) -> ErasePersonResponse {
    let request =
        ErasePersonRequest { erasure_id: erasure.erasure_id.clone(), person: erasure.person.clone() };
    OperationsServiceClient::new(link(world)).erase_person(request).await.unwrap().into_inner()
}

async fn erased(world: &World, erasure: &Erasure) {
    let began = Instant::now();
    loop {
        let answer = erase(world, erasure).await;
        if answer.done {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "it never ends: {}", answer.waiting_for);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often a word stands in the spreadsheet.
fn shown(world: &World, word: &str) -> usize {
    let cells = TABS.iter().filter_map(|tab| world.sandbox().tab(tab)).flatten().flatten();
    cells.filter(|cell| cell.as_str().is_some_and(|text| text.contains(word))).count()
}

#[tokio::test]
async fn the_spreadsheet_forgets_too_even_what_the_owner_typed() {
    let world = with_ann_and_ben().await;
    let person = world.sandbox().person();
    let hers = world.line_of("contacts", "email", "ann@canary.example");
    let lead = world.lines("contacts")[hers - 1]["id"].clone();
    let lead = world.line_of("leads", "contact_id", lead.as_str().unwrap());
    // Nobody has read these when she is forgotten.
    person.set_cell("contacts", hers, 6, &json!("Annabelle's Ltd")).unwrap();
    person.set_cell("contacts", hers, 11, &json!("Annabelle, vip")).unwrap();
    person.set_cell("leads", lead, 6, &json!("Annabelle likes cake")).unwrap();
    for canary in CANARIES {
        assert!(shown(&world, canary) > 0, "{canary} was never there");
    }
    let before = world.lines("leads");
    let erasure = begin(&world).await;
    assert_eq!(erasure.person.as_ref().unwrap().visitor_ids, ["vis_canary"]);
    erased(&world, &erasure).await;
    for canary in CANARIES {
        assert_eq!(shown(&world, canary), 0, "{canary} is left");
    }
    assert!(shown(&world, "ben@example.com") > 0 && shown(&world, "hello") > 0);
    let after = world.lines("leads");
    for column in ["id", "score", "created_at", "status", "intent"] {
        assert_eq!(after[lead - 1][column], before[lead - 1][column], "{column}");
    }
    assert_eq!(world.lines("bookings")[0]["cal_event_id"], "u1");
    // A word that the owner typed comes back by no reading of the spreadsheet.
    world.read_edits().await;
    world.all_written().await;
    assert_eq!(shown(&world, "Annabelle"), 0);
    let request = GetErasureRequest { erasure_id: erasure.erasure_id.clone(), ..Default::default() };
    let receipt = ContactServiceClient::new(link(&world)).get_erasure(request).await.unwrap().into_inner();
    let receipt = receipt.erasure.unwrap();
    assert!(receipt.person.is_none() && receipt.end_time.is_some() && receipt.answers[0].done);
    // Nothing of it stands in the files either.
    let dir = world.stop().await;
    let books = dir.path().join("sandbox-ledger");
    assert!(books.join("sheets-writer.db").is_file());
    for entry in std::fs::read_dir(books).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("sheets-writer.db") {
            let bytes = std::fs::read(entry.path()).unwrap();
            for canary in CANARIES {
                let found = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
                assert!(!found, "{canary} is left in {name}");
            }
        }
    }
}

#[tokio::test]
async fn rows_and_tabs_that_the_owner_deleted_keep_nobody_waiting() {
    let world = with_ann_and_ben().await;
    let person = world.sandbox().person();
    let hers = world.line_of("engagements", "message", "canary's secret wish");
    person.delete_row("engagements", hers).unwrap();
    person.delete_tab("bookings").unwrap();
    let erasure = begin(&world).await;
    erased(&world, &erasure).await;
    for canary in CANARIES {
        assert_eq!(shown(&world, canary), 0, "{canary} is left");
    }
    let rows = world.rows(Tab::Bookings).await;
    assert_eq!(rows.len(), 1, "the store has it still");
}
