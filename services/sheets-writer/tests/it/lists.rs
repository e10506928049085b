//! Rows of a contact, under whatever ids they were written.

use std::collections::BTreeSet;

use prost::Message as _;
use proto::sheets::v1::{ExportContactRequest, ListRowsRequest, MergeContactsRequest, Tab};
use serde_json::{Value, json};
use tonic::Code;

use crate::desk::Desk;

/// A turn of a contact that its sender names.
fn turn(contact: &str, id: &str, minute: u32) -> Value {
    json!({"type": "chat.turn", "id": id, "contact_id": contact, "message": id, "intent": "none",
        "occurred_at": format!("2025-10-28T16:{minute:02}:00Z")})
}

async fn merge(desk: &Desk, survivor: &str, loser: &str) {
    let request =
        MergeContactsRequest { survivor_id: survivor.into(), loser_id: loser.into(), ..Default::default() };
    assert!(desk.contacts().merge_contacts(request).await.unwrap().into_inner().merged);
}

/// A page: messages with the contact that each shows, and the token of the next.
async fn page(desk: &Desk, request: ListRowsRequest) -> (Vec<(String, String)>, String) {
    let request = ListRowsRequest { tab: Tab::Engagements.into(), ..request };
    let page = desk.ledger().list_rows(request).await.unwrap().into_inner();
    let told = page.rows.into_iter().map(|row| {
        let text = |column: &str| match &row.cells.as_ref().unwrap().fields[column].kind {
            Some(prost_types::value::Kind::StringValue(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        (text("message"), text("contact_id"))
    });
    (told.collect(), page.next_page_token)
}

/// A desk with three contacts who said something by turns; three words fall at one moment.
async fn desk() -> Desk {
    let desk = Desk::start().await;
    for (contact, id, minute) in [
        ("a", "1", 1),
        ("b", "2", 2),
        ("c", "3", 3),
        ("a", "4", 4),
        ("b", "5", 4),
        ("c", "6", 4),
        ("b", "7", 5),
    ] {
        desk.deliver(turn(contact, id, minute)).await.unwrap();
    }
    desk
}

#[tokio::test]
async fn rows_of_merged_contacts_are_listed_with_the_survivor_in_one_order() {
    let desk = desk().await;
    merge(&desk, "b", "c").await;
    merge(&desk, "a", "b").await;
    for newest_first in [false, true] {
        for asked in ["a", "b", "c"] {
            let (mut found, mut page_token) = (Vec::new(), String::new());
            loop {
                let request = ListRowsRequest {
                    contact_id: asked.into(),
                    page_size: 2,
                    page_token,
                    newest_first,
                    ..Default::default()
                };
                let (rows, next) = page(&desk, request).await;
                assert!(rows.len() <= 2 && rows.iter().all(|(_, owner)| owner == "a"), "{rows:?}");
                found.extend(rows.into_iter().map(|(message, _)| message));
                page_token = next;
                if page_token.is_empty() {
                    break;
                }
            }
            if newest_first {
                found.reverse();
            }
            let same_moment: BTreeSet<&str> = found[3..6].iter().map(String::as_str).collect();
            assert_eq!(same_moment, ["4", "5", "6"].into());
            assert_eq!([&found[..3], &found[6..]].concat(), ["1", "2", "3", "7"]);
        }
    }
}

#[tokio::test]
async fn a_list_that_was_begun_goes_on_through_a_merge_and_new_rows() {
    let desk = desk().await;
    let ask = |page_token: String| ListRowsRequest {
        contact_id: "b".into(),
        page_size: 2,
        page_token,
        ..Default::default()
    };
    let (first, token) = page(&desk, ask(String::new())).await;
    assert_eq!(first, [("2".to_owned(), "b".to_owned()), ("5".to_owned(), "b".to_owned())]);
    merge(&desk, "a", "b").await;
    desk.deliver(turn("c", "8", 6)).await.unwrap();
    desk.deliver(turn("a", "0", 0)).await.unwrap();
    desk.deliver(turn("a", "9", 7)).await.unwrap();
    let (second, token) = page(&desk, ask(token)).await;
    let told: Vec<&str> = second.iter().map(|(message, _)| message.as_str()).collect();
    assert!(second.iter().all(|(_, owner)| owner == "a") && !told.contains(&"5"), "{second:?}");
    assert_eq!(told.last(), Some(if told[0] == "4" { &"7" } else { &"9" }));
    // A token of one list is none of another.
    let other = ListRowsRequest {
        contact_id: "a".into(),
        page_token: token,
        tab: Tab::Engagements.into(),
        ..Default::default()
    };
    if !other.page_token.is_empty() {
        assert_eq!(desk.ledger().list_rows(other).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let strange =
        ListRowsRequest { page_token: "7.x.y".into(), tab: Tab::Engagements.into(), ..ask(String::new()) };
    assert_eq!(desk.ledger().list_rows(strange).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_time_range_and_a_status_narrow_the_rows_of_a_contact() {
    let desk = desk().await;
    merge(&desk, "a", "b").await;
    let at = |minute: i64| Some(prost_types::Timestamp { seconds: 1_761_667_200 + minute * 60, nanos: 0 });
    let request = ListRowsRequest {
        contact_id: "b".into(),
        from_time: at(2),
        to_time: at(5),
        page_size: 1,
        ..Default::default()
    };
    let (mut found, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let (rows, next) = page(&desk, ListRowsRequest { page_token, ..request.clone() }).await;
        found.extend(rows.into_iter().map(|(message, _)| message));
        page_token = next;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["2", "4", "5"].map(str::to_owned).into());
}

/// Deliveries of events that take about six megabytes together, all of one session.
async fn deliver_much(desk: &Desk) {
    let long = "x".repeat(60 << 10);
    for half in 0..2 {
        let turn = |n: usize| {
            let id = format!("{}", half * 50 + n);
            json!({"type": "chat.turn", "id": id, "session_id": "s1", "contact_id": "a", "message": long})
        };
        desk.deliver((0..50).map(turn).collect()).await.unwrap();
    }
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_long_for_an_answer() {
    let desk = Desk::start().await;
    deliver_much(&desk).await;
    let tabs =
        [(Tab::ChatEvents, ""), (Tab::ChatEvents, "s1"), (Tab::Engagements, ""), (Tab::Engagements, "a")];
    for ((tab, contact_id), newest_first) in tabs.into_iter().flat_map(|of| [(of, false), (of, true)]) {
        let (mut found, mut pages, mut page_token) = (Vec::new(), 0, String::new());
        loop {
            let request = ListRowsRequest {
                tab: tab.into(),
                contact_id: contact_id.into(),
                page_size: 500,
                page_token,
                newest_first,
                ..Default::default()
            };
            let page = desk.ledger().list_rows(request).await.unwrap().into_inner();
            assert!(!page.rows.is_empty() && page.encoded_len() <= 2 << 20, "{} bytes", page.encoded_len());
            found.extend(page.rows.into_iter().map(|row| row.row_id));
            (pages, page_token) = (pages + 1, page.next_page_token);
            if page_token.is_empty() {
                break;
            }
        }
        let distinct: BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), distinct.len()), (100, 100), "{tab:?} {contact_id:?}");
        assert!((4..8).contains(&pages), "{pages} pages");
    }
}

#[tokio::test]
async fn an_export_may_be_longer_than_an_answer() {
    let desk = Desk::start().await;
    deliver_much(&desk).await;
    let request = ExportContactRequest { contact_id: "a".into(), ..Default::default() };
    let export = desk.export(request).await.unwrap();
    assert_eq!(export["chat_events"].as_array().unwrap().len(), 100);
    let messages =
        export["engagements"].as_array().unwrap().iter().map(|row| row["message"].as_str().unwrap());
    assert_eq!(messages.map(str::len).collect::<Vec<_>>(), [60 << 10; 100]);
}
