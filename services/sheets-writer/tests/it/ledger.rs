//! Rows that other services bring, and what the status says while Google is away.

use std::time::{Duration, Instant};

use prost_types::{Struct, Timestamp, Value, value::Kind};
use proto::sheets::v1::{GetLedgerStatusRequest, ListRowsRequest, Row, RowState, Tab, UpsertRowsRequest};
use tonic::Code;

use crate::desk::Desk;

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

fn payment(version: u64, status: &str) -> Row {
    let euros = Struct {
        fields: [
            ("minor".to_owned(), Value { kind: Some(Kind::NumberValue(1050.0)) }),
            ("currency".to_owned(), text("eur")),
        ]
        .into(),
    };
    let amount = Value { kind: Some(Kind::StructValue(euros)) };
    let cells = [("status".to_owned(), text(status)), ("amount".to_owned(), amount)];
    Row {
        tab: Tab::Payments.into(),
        row_id: "pi_1".into(),
        version,
        occur_time: Some(Timestamp { seconds: 1_761_668_400, nanos: 0 }),
        cells: Some(Struct { fields: cells.into() }),
        ..Default::default()
    }
}

async fn upsert(desk: &Desk, rows: Vec<Row>) -> Result<i32, tonic::Status> {
    let request = UpsertRowsRequest { rows, ..Default::default() };
    desk.ledger().upsert_rows(request).await.map(|answer| answer.into_inner().accepted)
}

#[tokio::test]
async fn what_is_older_never_overwrites_what_is_newer() {
    let desk = Desk::start().await;
    assert_eq!(upsert(&desk, vec![payment(2, "succeeded")]).await.unwrap(), 1);
    assert_eq!(upsert(&desk, vec![payment(1, "pending"), payment(2, "failed")]).await.unwrap(), 0);
    assert_eq!(desk.row(Tab::Payments).await["status"], "succeeded");
    assert_eq!(desk.row(Tab::Payments).await["amount"]["currency"], "EUR");
    assert_eq!(upsert(&desk, vec![payment(3, "refunded")]).await.unwrap(), 1);
    assert_eq!(desk.row(Tab::Payments).await["status"], "refunded");
}

#[tokio::test]
async fn rows_are_checked_before_any_is_written() {
    let desk = Desk::start().await;
    let mut wrong = payment(1, "x");
    wrong.cells.as_mut().unwrap().fields.insert("amout".into(), text("1"));
    let cases = [
        (wrong, "rows[1].cells do not fit the tab"),
        (Row { version: 0, ..payment(1, "x") }, "rows[1].version"),
        (Row { row_id: "a/b".into(), ..payment(1, "x") }, "rows[1].row_id"),
        (Row { occur_time: None, ..payment(1, "x") }, "rows[1].occur_time"),
        (Row { tab: 99, ..payment(1, "x") }, "tab must be"),
    ];
    for (row, message) in cases {
        let status = upsert(&desk, vec![payment(1, "ok"), row]).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(message), "{}", status.message());
    }
    assert_eq!(desk.counts().await, [0; 7]);
}

#[tokio::test]
async fn pages_are_asked_for_in_bounds() {
    let desk = Desk::start().await;
    for (page_size, page_token) in [(501, ""), (-1, ""), (1, "nonsense")] {
        let request = ListRowsRequest {
            tab: Tab::Leads.into(),
            page_size,
            page_token: page_token.into(),
            ..Default::default()
        };
        assert_eq!(desk.ledger().list_rows(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn rows_wait_while_google_is_away_and_the_status_says_why() {
    let desk = Desk::start().await;
    upsert(&desk, vec![payment(1, "succeeded")]).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        let status =
            desk.ledger().get_ledger_status(GetLedgerStatusRequest::default()).await.unwrap().into_inner();
        if !status.blocked.is_empty() {
            break status;
        }
        assert!(Instant::now() < deadline, "the status never says what is wrong");
        tokio::task::yield_now().await;
    };
    assert_eq!(status.blocked, "Google Sheets did not answer (no connection)");
    assert_eq!((status.pending, status.parked, status.batch_open, status.next_batch), (1, 0, false, 1));
    assert!(status.ledger_id.starts_with("ldg_"));
    let request = ListRowsRequest { tab: Tab::Payments.into(), ..Default::default() };
    let rows = desk.ledger().list_rows(request).await.unwrap().into_inner().rows;
    assert_eq!(rows[0].state, i32::from(RowState::Pending));

    let before = status.ledger_id;
    let desk = desk.restart().await;
    let status =
        desk.ledger().get_ledger_status(GetLedgerStatusRequest::default()).await.unwrap().into_inner();
    assert_eq!((status.ledger_id, status.pending), (before, 1));
    assert!(desk.dir.path().join("sheets-writer.db").exists());
}
