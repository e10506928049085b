//! Two writers of one ledger while everything goes wrong: what was acknowledged stands in the sheet exactly once.
//!
//! The spreadsheet lives in this process, so it survives every kill and tells the truth.

mod books;
mod detour;
mod faults;
mod late;
mod sender;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use books::Books;
use faults::Trial;
use sender::Sender;

use sandbox::Sandbox;
use serde_json::Value;

use crate::world::{lines, until};

/// Where the dice begin that choose the order of the faults and their moments.
const SEED: u64 = 20_251_028;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn no_acknowledged_row_is_lost_or_repeated_whatever_happens_to_two_writers() {
    let began = Instant::now();
    let mut books = Books::open().await;
    let sender = Sender::start(&books.gateways.each_ref().map(|(_, address)| *address));
    let mut trial = Trial::new(SEED);
    for fault in trial.order() {
        let acknowledged = sender.acknowledged().len();
        until("the next events are acknowledged", || sender.acknowledged().len() >= acknowledged + 10).await;
        trial.pause().await;
        fault.befall(&mut books, &sender, &mut trial).await;
        println!("{:>5.1} s: {fault:?} is over", began.elapsed().as_secs_f64());
    }
    let sent = sender.stop().await;
    let acknowledged = sender.acknowledged();
    assert_eq!(acknowledged.len(), sent.len(), "the sender repeats until it is answered");
    println!(
        "{:>5.1} s: {} events acknowledged, {} tries unanswered",
        began.elapsed().as_secs_f64(),
        sent.len(),
        sender.unanswered()
    );
    books.caught_up("chat_events", sent.len()).await;
    let turns = sent.iter().filter(|event| event["type"] == "chat.turn").count();
    books.caught_up("engagements", turns).await;
    books.caught_up("bookings", sent.len() - turns).await;
    let touches = sender.last_touches();
    until("the last touches", || last_touches(&books.ground.sandbox) == touches).await;
    sender.repeat_all().await;
    books.drain().await;
    println!("{:>5.1} s: all written, both drained", began.elapsed().as_secs_f64());

    let sandbox = &books.ground.sandbox;
    assert_eq!(times(&books, "chat_events", "id"), once(acknowledged.iter().cloned()));
    let turns = sent.iter().filter_map(|event| Some(event["message"].as_str()?.to_owned()));
    assert_eq!(times(&books, "engagements", "message"), once(turns));
    let bookings = sent.iter().filter_map(|event| Some(event["cal_event_id"].as_str()?.to_owned()));
    assert_eq!(times(&books, "bookings", "cal_event_id"), once(bookings));
    for tab in ["contacts", "leads", "engagements", "bookings", "chat_events"] {
        assert!(times(&books, tab, "id").values().all(|times| *times == 1), "an id of {tab} stands twice");
    }
    let distinct =
        |field: &str| sent.iter().filter_map(|event| event[field].as_str()).collect::<BTreeSet<_>>().len();
    let (sessions, contacts) = (distinct("session_id"), distinct("contact_id"));
    assert!(sessions > 10 && contacts > 5, "{sessions} sessions and {contacts} contacts are too few");
    let people = (lines(sandbox, "contacts").len(), lines(sandbox, "leads").len());
    assert_eq!(people, (sessions + contacts, sessions));
    assert_eq!((lines(sandbox, "subscriptions").len(), lines(sandbox, "payments").len()), (0, 0));
    assert_eq!(last_touches(sandbox), touches, "the newest turn of every session");
    let marks = books.marks();
    println!("takeovers {}, batches {marks:?}", books.takeovers());
    assert!(books.takeovers() >= 3, "a start, a stop and a kill make three");
    assert!(marks.settled >= 2, "a stop and a kill leave a batch each: {marks:?}");
    assert!(marks.refused_late >= 1, "no late delivery of a batch was refused: {marks:?}");
    assert!(began.elapsed() > Duration::from_secs(50), "nobody waited for a lease");
}

/// How often each value stands in a column.
fn times(books: &Books, tab: &str, column: &str) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for line in lines(&books.ground.sandbox, tab) {
        *times.entry(line[column].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    times
}

fn once(values: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let values: BTreeSet<String> = values.collect();
    values.into_iter().map(|value| (value, 1)).collect()
}

/// The leads' last touches as RFC 3339, sorted.
fn last_touches(sandbox: &Sandbox) -> Vec<String> {
    let mut times: Vec<String> =
        lines(sandbox, "leads").iter().filter_map(|lead| moment(&lead["last_touch"])).collect();
    times.sort();
    times
}

/// A spreadsheet's date-time as RFC 3339.
fn moment(serial: &Value) -> Option<String> {
    let seconds = (serial.as_f64()? - 25_569.0) * 86_400.0;
    jiff::Timestamp::from_second(seconds.round() as i64).ok().map(|time| time.to_string())
}
