//! The books or a provider are away for a while: webhooks are taken, and the rows follow.

use std::{net::SocketAddr, time::Duration};

use sandbox::{Delivery, Fault, FaultKind, INTRO_CALL, Outcome, Provider, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

use super::desk::Guest;
use crate::{
    processes::{
        child::{Process, host},
        fleet::{self, start},
    },
    world::{World, lines, until},
};

/// So long a provider that hangs says nothing.
const HANGS: Duration = Duration::from_millis(500);

fn answered(sandbox: &Sandbox, provider: Provider) -> Vec<Delivery> {
    let log = sandbox.webhooks(provider).log();
    let outcomes: Vec<_> = log.iter().map(|sent| sent.outcome.clone()).collect();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Answered(200)), "{outcomes:?}");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_that_is_away_loses_nothing() {
    let world = World::shop().await;
    let calendar = world.sandbox().calendar();
    let starts = world.starts(INTRO_CALL);
    for (number, kind) in
        [FaultKind::Status(503), FaultKind::Hang(HANGS), FaultKind::Reset].into_iter().enumerate()
    {
        let count = 4;
        world.sandbox().inject(Fault { provider: Provider::CalCom, path: None, count, kind });
        let guest = Guest::new(50 + u32::try_from(number).unwrap());
        let uid = calendar.book(&guest.visit(INTRO_CALL, starts[2 * number])).unwrap();
        until("the webhook is taken", || answered(world.sandbox(), Provider::CalCom).len() > number).await;
        until("its row is there", || {
            world.lines("bookings").iter().any(|line| line["cal_event_id"] == uid.as_str())
        })
        .await;
        world.faults_met().await;
    }
    world.at_rest().await;
    assert_eq!((world.lines("bookings").len(), world.lines("engagements").len()), (3, 3));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_that_is_away_loses_nothing() {
    let world = World::shop().await;
    let till = world.sandbox().till();
    for (number, kind) in
        [FaultKind::Status(503), FaultKind::Hang(HANGS), FaultKind::Reset].into_iter().enumerate()
    {
        let guest = Guest::new(54 + u32::try_from(number).unwrap());
        let link = guest.checkout(&world, "automation-audit", None).await;
        world.sandbox().inject(Fault { provider: Provider::Stripe, path: None, count: 6, kind });
        let before = answered(world.sandbox(), Provider::Stripe).len();
        let paid = till.pay(&world.session_id(&link.checkout_id), &guest.email).unwrap();
        until("webhooks are taken", || answered(world.sandbox(), Provider::Stripe).len() > before).await;
        until("its row is there", || {
            let mut rows = world.lines("payments").into_iter();
            rows.any(|line| line["id"] == paid["payment_intent"] && line["status"] == "paid")
        })
        .await;
        world.faults_met().await;
    }
    world.at_rest().await;
    assert_eq!(world.lines("payments").len(), 3);
    answered(world.sandbox(), Provider::Stripe);
    world.stop().await;
}

/// The books, the till and the gateway as processes of their own.
struct Trade {
    sandbox: Sandbox,
    base: String,
    dir: TempDir,
    writer: Process,
    writer_address: SocketAddr,
    _others: [Process; 2],
}

impl Trade {
    async fn open() -> Self {
        let sandbox = Sandbox::open(None).unwrap();
        let base = host(sandbox.providers()).await;
        let dir = tempfile::tempdir().unwrap();
        let mut writer = fleet::writer(dir.path(), &base, 0);
        let writer_address = writer.address("sheets-writer").await;
        let books = format!("http://{writer_address}");
        let [calcom, stripe] = ["calcom", "stripe"].map(|provider| format!("{base}/{provider}"));
        let settings = [
            ("CALCOM_API_KEY", sandbox::CALCOM_API_KEY),
            ("CALCOM_BASE_URL", &calcom),
            ("CALCOM_WEBHOOK_SECRETS", "calcom-secret"),
            ("STRIPE_SECRET_KEY", sandbox::STRIPE_SECRET_KEY),
            ("STRIPE_BASE_URL", &stripe),
            ("STRIPE_WEBHOOK_SECRETS", "whsec_secret"),
            ("SHEETS_WRITER_ADDR", &books),
            ("SANDBOX_LEDGER_ADDR", &books),
        ];
        let mut till = start("booking-payments", dir.path(), 0, &settings);
        let till_url = format!("http://{}", till.address("booking-payments").await);
        let inward = [("SHEETS_WRITER_ADDR", books.as_str()), ("BOOKING_PAYMENTS_ADDR", &till_url)];
        let mut gateway = start("gateway", dir.path(), 0, &inward);
        let door = gateway.address("gateway").await;
        for (provider, path, secret) in
            [(Provider::CalCom, "calcom", "calcom-secret"), (Provider::Stripe, "stripe", "whsec_secret")]
        {
            sandbox.set_webhook(provider, &format!("http://{door}/webhooks/{path}"), secret);
        }
        Self { sandbox, base, dir, writer, writer_address, _others: [till, gateway] }
    }

    fn rows(&self, tab: &str) -> Vec<Value> {
        lines(&self.sandbox, tab)
    }

    /// Somebody books; the uid.
    fn booked(&self, number: u32) -> String {
        let start = self.sandbox.calendar().free(INTRO_CALL, 21)[20 + 2 * number as usize];
        self.sandbox.calendar().book(&Guest::new(number).visit(INTRO_CALL, start)).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_taken_while_the_books_are_away_and_the_rows_follow() {
    let mut trade = Trade::open().await;
    trade.booked(1);
    until("the first row", || trade.rows("bookings").len() == 1).await;

    trade.writer.kill().await;
    let uids = [trade.booked(2), trade.booked(3)];
    trade.sandbox.calendar().mark_no_show(&uids[1], true).unwrap();
    until("all are taken", || {
        trade.sandbox.webhooks(Provider::CalCom).under_way() == 0
            && answered(&trade.sandbox, Provider::CalCom).len() == 4
    })
    .await;
    assert_eq!(trade.rows("bookings").len(), 1, "nobody writes");

    trade.writer = fleet::writer(trade.dir.path(), &trade.base, trade.writer_address.port());
    trade.writer.address("sheets-writer").await;
    until("the rows follow", || {
        let status = |uid: &String| {
            let rows = trade.rows("bookings");
            rows.into_iter().find(|row| row["cal_event_id"] == uid.as_str()).map(|row| row["status"].clone())
        };
        uids.each_ref().map(status) == [Some("booked".into()), Some("no_show".into())]
    })
    .await;
    assert_eq!(trade.rows("bookings").len(), 3);
}
