//! Nothing invented enters a live sheet: two spreadsheets, one of which plays the live one.

use std::path::Path;

use chassis::Link;
use domain::{Tab, id::VisitorId};
use proto::{
    booking::v1::{CreateCheckoutRequest, payment_service_client::PaymentServiceClient},
    common::v1::Caller,
};
use sandbox::{ACCESS_TOKEN, INTRO_CALL, SPREADSHEET_ID, Sandbox, Visit};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    commands::run,
    processes::child::host,
    world::{World, lines, turn, until},
};

/// Who is only made up, in every row of theirs.
const NOBODY: &str = "nobody@invented.example";

/// A system with a live spreadsheet, and stand-ins for everything else.
struct Agency {
    world: World,
    live: Sandbox,
}

impl Agency {
    async fn open() -> Self {
        Self::over(tempfile::tempdir().unwrap()).await
    }

    /// Over what is in `dir`.
    async fn over(dir: TempDir) -> Self {
        let live = Sandbox::open(None).unwrap();
        let sheets = format!("{}/sheets", host(live.providers()).await);
        let settings = [
            ("GOOGLE_SHEETS_ID", SPREADSHEET_ID),
            ("GOOGLE_ACCESS_TOKEN", ACCESS_TOKEN),
            ("SHEETS_BASE_URL", &sheets),
        ];
        Self { world: World::open(dir, &settings).await, live }
    }

    /// Somebody books on the calendar's own page.
    fn book(&self) {
        let calendar = self.world.sandbox().calendar();
        let visit = Visit {
            event_type: INTRO_CALL,
            start: calendar.free(INTRO_CALL, 14)[0],
            name: "Nobody Invented".into(),
            email: NOBODY.into(),
            time_zone: "Europe/Berlin".into(),
            metadata: serde_json::Map::new(),
            page_was_open: false,
        };
        calendar.book(&visit).unwrap();
    }

    /// Somebody gets a link in a chat, and pays.
    async fn pay(&self) {
        let link = Link::new(&self.world.service("booking-payments").parse().unwrap()).unwrap();
        let caller = Caller {
            visitor_id: VisitorId::random().to_string(),
            workflow: "lead-concierge".into(),
            ..Caller::default()
        };
        let request = CreateCheckoutRequest {
            caller: Some(caller),
            request_id: "req_1".into(),
            item_id: "automation-audit".into(),
            ..CreateCheckoutRequest::default()
        };
        PaymentServiceClient::new(link).create_checkout(request).await.unwrap();
        let till = self.world.sandbox().till();
        let session = till.all("checkout.session").unwrap().remove(0);
        till.pay(session["id"].as_str().unwrap(), NOBODY).unwrap();
    }
}

/// Everything that stands in a spreadsheet, as text.
fn everything(sheet: &Sandbox) -> String {
    Tab::ALL.map(|tab| Value::from(lines(sheet, tab.as_str())).to_string()).concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_payments_and_members_that_are_made_up_go_to_a_sheet_of_their_own() {
    let agency = Agency::open().await;
    let (world, live) = (&agency.world, &agency.live);
    assert_ne!(world.service("sandbox-ledger"), world.service("sheets-writer"));
    agency.book();
    agency.pay().await;
    let club = world.sandbox().club();
    club.add_person("user_nobody", "Nobody Invented", NOBODY).unwrap();
    club.join("user_nobody", "plan_growthmonthly").unwrap();
    let invented = |tab: &str| world.lines(tab);
    until("the booking", || invented("bookings").len() == 1).await;
    let paid = |provider: &str| {
        invented("payments").iter().any(|row| row["provider"] == provider && row["status"] == "paid")
    };
    until("the payments", || paid("stripe") && paid("whop")).await;
    until("the membership", || invented("subscriptions").len() == 1).await;
    // what is real comes after it, so that the live sheet had its chance
    world.deliver(&turn()).await;
    until("the real turn", || lines(live, "leads").len() == 1).await;
    assert_eq!(lines(live, "engagements").len(), 1, "{}", everything(live));
    for tab in ["bookings", "payments", "subscriptions"] {
        assert_eq!(lines(live, tab), Vec::<Value>::new(), "{tab}");
    }
    assert!(!everything(live).contains("invented"), "{}", everything(live));
    let made_up = everything(world.sandbox());
    assert!(made_up.contains(NOBODY), "{made_up}");
    assert!(!made_up.contains("marketing automation package"), "{made_up}");
    assert!(world.dir.path().join("sandbox-ledger/sheets-writer.db").is_file());
    agency.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_stand_ins_alone_there_is_one_ledger_for_all() {
    let world = World::start().await;
    assert!(world.system.services.iter().all(|(name, _)| *name != "sandbox-ledger"));
    let agency = Agency { world, live: Sandbox::open(None).unwrap() };
    agency.book();
    agency.world.deliver(&turn()).await;
    agency.world.lines_when("bookings", 1).await;
    agency.world.lines_when("leads", 1).await;
    agency.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_sheet_goes_live_it_begins_empty_and_the_invented_one_goes_on() {
    let agency = Agency { world: World::start().await, live: Sandbox::open(None).unwrap() };
    agency.book();
    agency.world.deliver(&turn()).await;
    agency.world.lines_when("bookings", 1).await;
    agency.world.lines_when("leads", 1).await;

    let agency = Agency::over(agency.world.stop().await).await;
    let (world, live) = (&agency.world, &agency.live);
    agency.book();
    world.deliver(&turn()).await;
    until("the real turn", || lines(live, "leads").len() == 1).await;
    world.lines_when("bookings", 2).await;
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], &["ledger", "rebuild", "--json"]).await.json(0);
    world.status_when("it is rebuilt", |status| status.pending == 0 && !status.batch_open).await;
    assert_eq!((lines(live, "leads").len(), lines(live, "bookings").len()), (1, 0), "{}", everything(live));
    assert!(!everything(live).contains("invented"), "{}", everything(live));
    agency.world.stop().await;
}

/// What the files of a directory hold, as far as it is text.
fn kept(dir: &Path) -> String {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_is_forgotten_in_the_books_of_what_is_invented_too() {
    let agency = Agency::open().await;
    let (world, live) = (&agency.world, &agency.live);
    agency.book();
    let mut said = turn();
    said["email"] = json!(NOBODY);
    world.deliver(&said).await;
    world.lines_when("bookings", 1).await;
    until("the real turn", || everything(live).contains(NOBODY)).await;
    let second = world.dir.path().join("sandbox-ledger");
    assert!(everything(world.sandbox()).contains(NOBODY) && kept(&second).contains(NOBODY));

    let dir = world.dir.path().display().to_string();
    let erase = ["contacts", "erase", NOBODY, "--yes", "--json"];
    let receipt = run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], &erase).await.json(0);
    assert_eq!(receipt["done"], true, "{receipt}");
    for sheet in [world.sandbox(), live] {
        assert!(!everything(sheet).to_lowercase().contains("nobody"), "{}", everything(sheet));
    }
    assert_eq!(world.lines("bookings").len(), 1, "the meeting itself stays");
    let _dir = agency.world.stop().await;
    // its store was scrubbed, or the name would stand in its file
    assert!(!kept(&second).contains(NOBODY));
}
