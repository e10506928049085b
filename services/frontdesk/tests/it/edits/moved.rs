//! Another spreadsheet: an empty one, the old one again, and one that another store's ledger has filled.

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use proto::sheets::v1::{
    AdoptLedgerRequest, AdoptLedgerResponse, RebuildTabsRequest, Tab, VerifyLedgerRequest,
};
use sandbox::{ACCESS_TOKEN, SPREADSHEET_ID, Sandbox};
use serde_json::json;
use tempfile::TempDir;

use super::turn;
use crate::{
    processes::child::host,
    world::{World, lines, until},
};

/// A spreadsheet of its own, by an id of its own.
struct Book {
    sandbox: Sandbox,
    id: &'static str,
    base: String,
}

impl Book {
    async fn open(id: &'static str) -> Self {
        let sandbox = Sandbox::open(None).unwrap();
        let rename = move |mut request: Request, next: Next| async move {
            let path = request.uri().to_string();
            // Only its own id leads to it.
            let path = path.replace(SPREADSHEET_ID, "another").replace(id, SPREADSHEET_ID);
            *request.uri_mut() = path.parse().unwrap();
            let answer: Response = next.run(request).await;
            answer
        };
        let router = Router::new().fallback_service(sandbox.providers());
        let base = host(Router::new().fallback_service(router.layer(middleware::from_fn(rename)))).await;
        Self { sandbox, id, base: format!("{base}/sheets") }
    }

    /// A system that writes into it.
    async fn world(&self, dir: TempDir) -> World {
        let settings = [
            ("GOOGLE_SHEETS_ID", self.id),
            ("SHEETS_BASE_URL", self.base.as_str()),
            ("GOOGLE_ACCESS_TOKEN", ACCESS_TOKEN),
        ];
        World::open(dir, &settings).await
    }
}

async fn is_equal(world: &World) -> bool {
    let mut answers =
        world.ledger().verify_ledger(VerifyLedgerRequest::default()).await.unwrap().into_inner();
    let mut faults = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        faults += answer.differences.iter().filter(|one| one.fault).count();
    }
    faults == 0
}

async fn rebuild(world: &World) {
    world.ledger().rebuild_tabs(RebuildTabsRequest::default()).await.unwrap();
}

#[tokio::test]
async fn an_empty_spreadsheet_is_filled_and_the_old_one_is_not_filled_twice() {
    let (old, new) = (Book::open("old-book").await, Book::open("new-book").await);
    let world = old.world(tempfile::tempdir().unwrap()).await;
    world.deliver(&json!([turn("a", 0, 0.5), turn("b", 1, 0.6)])).await;
    until("they stand", || lines(&old.sandbox, "leads").len() == 2).await;
    world.all_written().await;

    // Pointed elsewhere, it says so and writes nothing; nobody asked for a move.
    let world = new.world(world.stop().await).await;
    world.deliver(&turn("c", 2, 0.7)).await;
    let status = world.status_when("it waits", |status| !status.blocked.is_empty()).await;
    assert!(
        status.blocked.starts_with("this store's ledger fills spreadsheet old-book"),
        "{}",
        status.blocked
    );
    assert_eq!(new.sandbox.tabs(), ["Sheet1"]);

    rebuild(&world).await;
    until("all stand", || lines(&new.sandbox, "leads").len() == 3).await;
    world.all_written().await;
    assert!(is_equal(&world).await);
    assert_eq!(lines(&new.sandbox, "leads")[..2], lines(&old.sandbox, "leads"));

    // Back to the old one: it waits, and a rebuild finds it in use.
    let before = lines(&old.sandbox, "leads");
    let world = old.world(world.stop().await).await;
    world.deliver(&turn("d", 3, 0.8)).await;
    world.status_when("it waits", |status| status.blocked.contains("fills spreadsheet new-book")).await;
    rebuild(&world).await;
    world.status_when("it is in use", |status| status.blocked.contains("has rows already")).await;
    assert_eq!(lines(&old.sandbox, "leads"), before, "nothing is there twice");
}

async fn adopt(world: &World, named: &str) -> Result<AdoptLedgerResponse, tonic::Status> {
    let request = AdoptLedgerRequest { foreign_ledger_id: named.to_owned(), ..Default::default() };
    world.ledger().adopt_ledger(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_spreadsheet_of_another_ledger_is_taken_over_when_it_is_named() {
    let book = Book::open("the-book").await;
    let first = book.world(tempfile::tempdir().unwrap()).await;
    first.upsert(Tab::Payments, "pi_1", 1, &json!({"status": "paid"})).await;
    first.upsert(Tab::Payments, "pi_2", 1, &json!({"status": "paid"})).await;
    first.all_written().await;
    let ledger = first.status().await.ledger_id;
    let lost = first.stop().await;

    // Another store: it knows one of the rows, and one of its own.
    let second = book.world(tempfile::tempdir().unwrap()).await;
    second.upsert(Tab::Payments, "pi_2", 1, &json!({"status": "refunded"})).await;
    second.upsert(Tab::Payments, "pi_3", 1, &json!({"status": "paid"})).await;
    let status = second.status_when("it stops", |status| !status.blocked.is_empty()).await;
    assert!(
        status.blocked.starts_with(&format!("the spreadsheet belongs to ledger {ledger}")),
        "{}",
        status.blocked
    );
    let before = book.sandbox.tab("payments");
    let found = adopt(&second, "").await.unwrap();
    assert_eq!((found.foreign_ledger_ids.as_slice(), found.begun), ([ledger.clone()].as_slice(), false));
    assert!(found.foreign_batches >= 2 && found.tabs.len() == 7, "{found:?}");
    assert_eq!(adopt(&second, "ldg_none").await.unwrap_err().code(), tonic::Code::FailedPrecondition);
    assert_eq!(book.sandbox.tab("payments"), before, "asking changes nothing");

    assert!(adopt(&second, &ledger).await.unwrap().begun);
    let status =
        second.status_when("it writes", |status| status.pending == 0 && status.blocked.is_empty()).await;
    assert_ne!(status.ledger_id, ledger);
    let told: Vec<_> = lines(&book.sandbox, "payments")
        .iter()
        .map(|line| (line["id"].clone(), line["status"].clone()))
        .collect();
    let wanted = [("pi_1", "paid"), ("pi_2", "refunded"), ("pi_3", "paid")];
    assert_eq!(told, wanted.map(|(id, status)| (json!(id), json!(status))));
    assert!(is_equal(&second).await);
    assert_eq!(adopt(&second, "").await.unwrap().foreign_ledger_ids, [] as [String; 0]);

    // The one that lost it writes no more.
    let dir = second.stop().await;
    let first = book.world(lost).await;
    first.upsert(Tab::Payments, "pi_9", 1, &json!({"status": "paid"})).await;
    let status = first.status_when("it stops", |status| !status.blocked.is_empty()).await;
    assert!(status.blocked.contains("belongs to ledger"), "{}", status.blocked);
    assert_eq!(lines(&book.sandbox, "payments").len(), 3);
    drop(dir);
}

#[tokio::test]
async fn a_takeover_is_done_once_and_not_again_when_the_spreadsheet_was_taken_back() {
    let book = Book::open("the-book").await;
    let first = book.world(tempfile::tempdir().unwrap()).await;
    first.upsert(Tab::Payments, "pi_1", 1, &json!({"status": "paid"})).await;
    first.all_written().await;
    let first_ledger = first.status().await.ledger_id;
    let first = first.stop().await;
    let take = async |dir: TempDir, from: &str, id: &str| {
        let world = book.world(dir).await;
        world.upsert(Tab::Payments, id, 1, &json!({"status": "paid"})).await;
        world.status_when("it stops", |status| status.blocked.contains("belongs to ledger")).await;
        assert!(adopt(&world, from).await.unwrap().begun);
        let is_done = |status: &proto::sheets::v1::GetLedgerStatusResponse| {
            status.pending == 0 && status.blocked.is_empty()
        };
        let status = world.status_when("it writes", is_done).await;
        (world.stop().await, status.ledger_id)
    };
    let (second, second_ledger) = take(tempfile::tempdir().unwrap(), &first_ledger, "pi_2").await;
    let (first, _) = take(first, &second_ledger, "pi_3").await;
    let second = book.world(second).await;
    second.upsert(Tab::Payments, "pi_4", 1, &json!({"status": "paid"})).await;
    let decided = |status: &proto::sheets::v1::GetLedgerStatusResponse| {
        !status.blocked.is_empty() || status.pending == 0
    };
    let status = second.status_when("it stops", decided).await;
    assert!(status.blocked.contains(&format!("belongs to ledger {first_ledger}")), "{}", status.blocked);
    assert_eq!(lines(&book.sandbox, "payments").len(), 3);
    drop(first);
}
