//! More than a minute without the books, or without the providers: as if nothing had been.
//!
//! The till's time is moved second by second, so that what is tried again and again is tried as often as in a minute that
//! one sits through.

use jiff::Timestamp;
use sandbox::{Fault, FaultKind, INTRO_CALL, STRATEGY_CONSULT, Side};

use super::{
    super::{
        desk::{Guest, starts},
        scripts::SENDERS,
        sheet::{self, Sheet},
    },
    answered,
    trade::{Call, Trade},
};

/// How long it lasts, in seconds.
const OUTAGE: u32 = 75;
/// Within so many seconds afterwards all is made up for: a pause that begins in the outage is no longer than it, and what
/// follows from one thing takes its turns.
const AFTERWARDS: u32 = OUTAGE + 5;
/// Each try of the till asks a second time, at once.
const ASKS: usize = 2;
/// So many tellings for the books the story makes: one of each of four meetings and two payments, one more of each of the
/// three that change.
const TOLD: usize = 9;

/// Links and starts, as they are before.
struct Stage {
    audit: String,
    consult: String,
    starts: Vec<Timestamp>,
}

impl Stage {
    async fn set(trade: &mut Trade) -> Self {
        let late = starts(&trade.sandbox, STRATEGY_CONSULT).pop();
        let starts = starts(&trade.sandbox, INTRO_CALL);
        let audit = trade.sell(ann().order("automation-audit", None)).await;
        let consult = trade.sell(bob().order("strategy-consult", late)).await;
        trade.pass(2).await;
        Self { audit, consult, starts }
    }

    /// What people do while [`OUTAGE`] passes; the uid of a meeting that is booked at once and of which no more is heard.
    async fn play(&self, trade: &mut Trade) -> String {
        let (sandbox, starts) = (trade.sandbox.clone(), &self.starts);
        let (calendar, till) = (sandbox.calendar(), sandbox.till());
        let quiet = calendar.book(&Guest::new(63).visit(INTRO_CALL, starts[1])).unwrap();
        trade.pass(5).await;
        let moved = calendar.book(&Guest::new(64).visit(INTRO_CALL, starts[3])).unwrap();
        trade.pass(5).await;
        let paid = till.pay(&self.audit, &ann().email).unwrap();
        trade.pass(10).await;
        let missed = calendar.book(&Guest::new(65).visit(INTRO_CALL, starts[5])).unwrap();
        trade.pass(10).await;
        calendar.reschedule(&moved, starts[7], Side::Attendee, None).unwrap();
        trade.pass(10).await;
        till.pay(&self.consult, &bob().email).unwrap();
        trade.pass(15).await;
        calendar.mark_no_show(&missed, true).unwrap();
        trade.pass(10).await;
        till.refund(paid["payment_intent"].as_str().unwrap(), Some(10_000)).unwrap();
        trade.pass(10).await;
        quiet
    }
}

fn ann() -> Guest {
    Guest::new(61)
}

fn bob() -> Guest {
    Guest::new(62)
}

/// What the spreadsheet says where nothing is ever away.
async fn undisturbed() -> Sheet {
    let mut trade = Trade::open().await;
    let stage = Stage::set(&mut trade).await;
    stage.play(&mut trade).await;
    trade.pass(AFTERWARDS).await;
    let sheet = trade.at_rest().await;
    let lines = |tab| sheet[tab].len();
    assert_eq!((lines("bookings"), lines("payments"), lines("contacts")), (4, 2, 5), "{sheet:?}");
    sheet
}

/// All is made up for in time, and stays so when whole minutes have passed and the providers were looked at.
async fn ends_as(trade: &mut Trade, expected: &Sheet) {
    trade.pass(AFTERWARDS).await;
    assert_eq!(&trade.at_rest().await, expected);
    for _ in 0..10 {
        trade.tick_after(60).await;
    }
    assert_eq!(&trade.at_rest().await, expected);
}

/// Every webhook so far was answered 200, at its first attempt; how many those are.
fn taken(trade: &Trade) -> usize {
    let log: Vec<_> = SENDERS.into_iter().flat_map(|sender| answered(&trade.sandbox, sender)).collect();
    assert!(log.iter().all(|sent| sent.attempt == 1), "{log:?}");
    log.len()
}

/// How often something is tried at most within so many seconds, when the pause after the first failure is half a second
/// at least and every other one twice as long.
fn most_tries(seconds: u32) -> usize {
    let mut pauses = (0..).scan(0.0, |passed, number| {
        *passed += 0.5 * f64::from(1 << number);
        Some(*passed)
    });
    1 + pauses.by_ref().take_while(|passed| *passed <= f64::from(seconds)).count()
}

/// The tries at one thing: each pause may be twice as long as the one before, and is half as long at least.
fn backs_off(calls: &[&Call]) {
    assert!(calls.len() >= 6 * ASKS && calls.len() <= most_tries(OUTAGE) * ASKS, "{calls:?}");
    let tries: Vec<_> = calls.chunks(ASKS).map(|calls| calls[0].second).collect();
    for (number, pause) in tries.windows(2).map(|two| two[1] - two[0]).enumerate() {
        let span = 1 << number;
        assert!((span - span / 2..=span).contains(&pause), "pause {number} of {tries:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_without_the_providers_leaves_no_trace() {
    let (expected, mut trade) = tokio::join!(undisturbed(), Trade::open());
    let stage = Stage::set(&mut trade).await;
    for provider in SENDERS {
        let kind = FaultKind::Status(503);
        trade.sandbox.inject(Fault { provider, path: None, count: u32::MAX, kind });
    }
    let (calls_before, taken_before) = (trade.calls.len(), taken(&trade));
    let quiet = stage.play(&mut trade).await;
    let messages = taken(&trade) - taken_before;
    assert!(messages >= 10, "{messages} webhooks arrived meanwhile");
    let calls = &trade.calls[calls_before..];
    let of_quiet = |call: &&Call| call.path.contains(&quiet);
    backs_off(&calls.iter().filter(of_quiet).collect::<Vec<_>>());
    let most = messages * most_tries(OUTAGE) * ASKS;
    assert!(calls.len() <= most, "{} calls for {messages} messages", calls.len());
    let before = sheet::read(&trade.sandbox);
    assert_eq!((before["bookings"].len(), before["payments"].len()), (0, 0), "nobody knows yet");

    trade.sandbox.clear_faults();
    ends_as(&mut trade, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_without_the_books_leaves_no_trace() {
    let (expected, mut trade) = tokio::join!(undisturbed(), Trade::open());
    let stage = Stage::set(&mut trade).await;
    let taken_before = taken(&trade);
    let closed = trade.close_books().await;
    stage.play(&mut trade).await;
    let messages = taken(&trade) - taken_before;
    assert!(messages >= 10, "{messages} webhooks arrived meanwhile");
    let knocks = trade.open_books(closed).await;
    assert!((TOLD..=TOLD * most_tries(OUTAGE)).contains(&knocks), "{knocks} knocks");
    ends_as(&mut trade, &expected).await;
}
