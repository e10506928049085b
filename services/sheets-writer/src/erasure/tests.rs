//! A person is forgotten: what is left, what stays, and dying at every commit on the way.

mod disk;
mod held;
mod others;
mod replay;
mod said;
mod stated;
mod stories;
mod told;

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use domain::{Row, Tab, tab};
use jiff::{Timestamp, tz::TimeZone};
use proto::{
    common::v1::Caller,
    sheets::v1::{LeadFacts, SaveLeadRequest},
};
use serde_json::{Value, json};
use store::Store;
use tempfile::TempDir;

use disk::{Mortal, copy, found};

use super::{person::Answered, *};
use crate::{
    claims,
    deliveries::{Deliveries, Destination, Guard, Post, TIMEOUT},
    error::Error,
    ingest::{self, Rules, inbox},
    ledger::Ledger,
    rows::{self, RowDoc, State, list::Filter},
    sheets,
};

/// What must be gone.
const CANARIES: [&str; 10] = [
    "Annabelle",
    "Quuxworth",
    "ann@canary.example",
    "4930901820",
    "90901",
    "vis_canary",
    "ses_canary",
    "Canary Ltd",
    "my secret wish",
    "user_canary",
];

/// The books over a file, with somebody who is told of everything.
struct Desk {
    store: Arc<dyn Store>,
    told: Arc<dyn Store>,
    ledger: Arc<Ledger>,
    rules: Rules,
}

impl Desk {
    fn open(dir: &Path) -> Self {
        let vars = [
            ("GOOGLE_SHEETS_ID", "sheet".to_owned()),
            ("STORE", format!("sqlite:{}", dir.display())),
            ("N8N_WEBHOOK_URL", "http://127.0.0.1:9/hook".to_owned()),
            ("GOOGLE_ACCESS_TOKEN", "token".to_owned()),
        ];
        let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let config: crate::Config = chassis::config::load(&vars, []).unwrap();
        let clock = store::system_clock();
        let store = config.store.open(crate::NAME, crate::SCHEMA, clock.clone()).unwrap();
        let post = Post::new(Guard { local: true }, TIMEOUT);
        let told = Deliveries::new(store.clone(), Destination::all(&config), post, clock.clone()).outbox();
        let ledger = Ledger::new(store.clone(), sheets::Client::new(&config), TimeZone::UTC, clock);
        Self { store, told, ledger: Arc::new(ledger), rules: Rules::new(&config) }
    }

    async fn tell(&self, events: Value) -> ingest::Taken {
        let body = events.to_string();
        let delivery = ingest::Delivery { body: body.as_bytes(), secret: "", from_loopback: true, hop: "" };
        ingest::take(&*self.told, &self.rules, delivery, Timestamp::now()).await.unwrap()
    }

    async fn rows(&self, tab: Tab) -> Vec<RowDoc> {
        rows::list::list(&*self.store, tab, &Filter::default(), 500, None).await.unwrap().0
    }

    /// As if a batch with everything that waits had landed.
    async fn land(&self) {
        for tab in Tab::ALL {
            let keys: Vec<_> = self.rows(tab).await.iter().map(RowDoc::key).collect();
            let land = |doc: &mut RowDoc| {
                let version = doc.version;
                doc.land(version, None);
                true
            };
            rows::list::change(&*self.store, &keys, land).await.unwrap();
        }
    }

    async fn erase_over(&self, store: Arc<dyn Store>, erasure_id: &str) -> Result<Answered, Error> {
        let (ledger, clock) = (self.ledger.clone(), store::system_clock());
        Eraser::new(store, ledger, clock).erase(erasure_id).await
    }

    async fn erase(&self, erasure_id: &str) -> Answered {
        self.erase_over(self.store.clone(), erasure_id).await.unwrap()
    }

    async fn whose(&self, email: &str) -> Option<String> {
        let identity = people::Identity { email: email.into(), ..Default::default() };
        people::find_all(&*self.store, &identity).await.unwrap().pop().map(|contact| contact.id)
    }
}

fn turn(id: &str, visitor: &str, session: &str, more: Value) -> Value {
    let mut turn = json!({"type": "chat.turn", "id": id, "visitor_id": visitor, "session_id": session,
        "occurred_at": "2026-01-05T09:00:00Z", "intent": "buy_inquiry", "score": 0.9, "page": "/services"});
    turn.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    turn
}

fn payment(version: u64, contact_id: &str) -> Row {
    let payment = tab::Payment {
        id: "pi_1".into(),
        contact_id: contact_id.into(),
        amount: Some(domain::Money { minor: 1050, currency: "EUR".parse().unwrap() }),
        status: format!("v{version}"),
        metadata: r#"{"name":"Annabelle Quuxworth"}"#.into(),
        ..Default::default()
    };
    Row::of(&payment, version, "2026-01-05T10:00:00Z".parse().unwrap())
}

/// Books with a person who is met in every way, and another one who talks of them.
async fn books() -> (TempDir, String, String) {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let desk = Desk::open(dir.path());
    let ann = json!({"email": "Ann@Canary.example", "phone": "+49 30 901820", "first_name": "Annabelle",
        "last_name": "Quuxworth", "company": "Canary Ltd"});
    desk.tell(json!([
        turn("e1", "vis_canary", "ses_canary", json!({"message": "my secret wish", "email": "ann@canary.example"})),
        turn("e2", "vis_canary", "ses_canary", json!({"message": "my secret wish again", "page": "/services?q=Annabelle"})),
        {"type": "page.viewed", "id": "e3", "session_id": "ses_canary", "title": "Annabelle's page"},
        {"type": "form.sent", "id": "e4", "form": {"mail": "ann@canary.example", "said": "my secret wish"}},
        {"type": "calendar.booked", "id": "e5", "occurred_at": "2026-01-05T09:00:00Z", "uid": "u1", "cal_provider": "cal.com",
            "event_start": "2026-02-01T18:00:00Z", "meeting_type": "Talk with Annabelle", "email": ann["email"],
            "phone": ann["phone"], "first_name": "Annabelle", "last_name": "Quuxworth", "company": "Canary Ltd"},
        turn("b1", "vis_ben", "s_ben", json!({"message": "hello", "email": "ben@example.com"})),
        turn("b2", "vis_ben", "s_ben", json!({"message": "and goodbye"})),
    ]))
    .await;
    let facts = LeadFacts {
        email: "ann@canary.example".into(),
        first_name: "Annabelle".into(),
        notes: "my secret wish".into(),
        intent: "a talk with Annabelle".into(),
        timeframe: "when Annabelle is back".into(),
        budget_range: "call me, 90901, soon please".into(),
        ..Default::default()
    };
    let caller = Caller {
        visitor_id: "vis_canary".into(),
        verified_whop_user_id: "user_canary".into(),
        ..Default::default()
    };
    let request = SaveLeadRequest {
        caller: Some(caller),
        request_id: "r1".into(),
        facts: Some(facts),
        said_time: None,
    };
    claims::save(&*desk.told, request, Timestamp::now()).await.unwrap();
    // The meeting came to the chat by a claim, so that the login did not; the owner knows better.
    let by_user = people::Identity { whop_user: "user_canary".into(), ..Default::default() };
    let other = people::find_all(&*desk.store, &by_user).await.unwrap()[0].id.clone();
    let ann = desk.whose("ann@canary.example").await.unwrap();
    assert!(people::merge(&*desk.told, &ann, &other).await.unwrap().merged);
    // Known once more, by an id of the sender's.
    desk.tell(json!({"type": "form.sent", "id": "e0", "outcome": "learn_more", "contact_id": "c_old",
        "first_name": "Annabelle", "last_name": "Quuxworth", "intent": "none"}))
        .await;
    people::merge(&*desk.told, &ann, "c_old").await.unwrap();
    people::tag(&*desk.told, &ann, &["knows Annabelle".into()], &[]).await.unwrap();
    rows::upsert_all(&*desk.told, &[payment(2, &ann)]).await.unwrap();
    desk.land().await;
    let leads: Vec<_> = desk.rows(Tab::Leads).await.iter().map(RowDoc::key).collect();
    let typed = |doc: &mut RowDoc| {
        let is_hers = doc.subject.as_deref() == Some(&*ann);
        if is_hers {
            doc.take("notes", "Annabelle likes cake");
        }
        is_hers
    };
    assert!(rows::list::change(&*desk.store, &leads, typed).await.unwrap() > 0);
    let ben = desk.whose("ben@example.com").await.unwrap();
    (dir, ann, ben)
}

/// Goes on until it has ended; the spreadsheet follows when it is waited for.
async fn finish(desk: &Desk, erasure_id: &str) -> Counts {
    for _ in 0..20 {
        let answered = desk.erase(erasure_id).await;
        if answered.done {
            return answered.erased;
        }
        assert!(answered.waiting_for.ends_with("rows wait for the spreadsheet"), "{answered:?}");
        desk.land().await;
    }
    panic!("it never ends");
}

#[tokio::test]
async fn nothing_that_names_the_person_is_left_and_the_rest_is() {
    let (dir, ann, ben) = books().await;
    let desk = Desk::open(dir.path());
    for canary in CANARIES {
        assert!(found(dir.path(), canary) > 0, "{canary} was never there");
    }
    let bens = people::export(&*desk.store, &ben).await.unwrap();
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    assert_eq!(erasure.known.visitors, set(&["vis_canary"]));
    assert_eq!(erasure.known.emails, set(&["ann@canary.example"]));
    assert_eq!(erasure.known.phones, set(&["+4930901820"]));
    assert_eq!(erasure.known.whop_users, set(&["user_canary"]));
    assert_eq!(begin(&*desk.store, &ann, Timestamp::now()).await.unwrap(), erasure);
    // Nothing is done before the spreadsheet has followed.
    let first = desk.erase(&erasure.id).await;
    assert!(!first.done && first.waiting_for.ends_with("rows wait for the spreadsheet"), "{first:?}");
    let erased = finish(&desk, &erasure.id).await;
    for canary in CANARIES {
        assert_eq!(found(dir.path(), canary), 0, "{canary} is left");
    }
    let counted: Vec<(&str, u64)> = erased.iter().map(|(kind, number)| (kind.as_str(), *number)).collect();
    assert_eq!(counted.iter().find(|(kind, _)| *kind == "events").unwrap().1, 6);
    assert!(counted.iter().any(|(kind, number)| *kind == "deliveries" && *number > 3), "{counted:?}");

    assert_eq!(people::export(&*desk.store, &ben).await.unwrap(), bens);
    let payment = &desk.rows(Tab::Payments).await[0];
    assert_eq!(payment.cells["amount"], super::tests::payment(2, &ann).cells["amount"]);
    let booking = &desk.rows(Tab::Bookings).await[0];
    assert_eq!(booking.cells["cal_event_id"], domain::Cell::Text("u1".into()));
    let leads = desk.rows(Tab::Leads).await;
    assert!(
        leads.iter().all(|lead| lead.cells["score"] == domain::Cell::Number(0.9)
            || lead.cells["score"] == domain::Cell::Empty)
    );
    let (contact, erased_at) = people::get(&*desk.store, &ann).await.unwrap().unwrap();
    assert_eq!((contact.email.as_str(), contact.id == ann, erased_at.is_some()), ("", true, true));
    // The receipt names nobody.
    let receipt = get(&*desk.store, &erasure.id).await.unwrap();
    assert_eq!((&receipt.known, receipt.open, receipt.answers.len()), (&Known::default(), false, 1));
    assert_eq!(begin(&*desk.store, &ann, Timestamp::now()).await.unwrap(), receipt);
}

#[tokio::test]
async fn dying_at_any_commit_changes_neither_the_end_nor_the_sum() {
    let (dir, ann, _) = books().await;
    let reference = {
        let copy = copy(dir.path());
        let desk = Desk::open(copy.path());
        let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
        finish(&desk, &erasure.id).await
    };
    for done in [false, true] {
        for commits in 1.. {
            let copy = copy(dir.path());
            let desk = Desk::open(copy.path());
            let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
            let mortal = Arc::new(Mortal { inner: desk.store.clone(), left: commits.into(), done });
            for _ in 0..3 {
                if desk.erase_over(mortal.clone(), &erasure.id).await.is_ok() {
                    desk.land().await;
                }
            }
            let died = mortal.left.load(Ordering::SeqCst) == 0;
            let erased = finish(&desk, &erasure.id).await;
            assert_eq!(erased, reference, "died at commit {commits}, done: {done}");
            let left: Vec<_> = CANARIES.iter().filter(|canary| found(copy.path(), canary) > 0).collect();
            assert!(left.is_empty(), "died at commit {commits}: {left:?} left");
            if !died {
                assert!(commits > 15, "{commits} commits are not a life");
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_comes_late_brings_nothing_back_and_who_comes_back_is_new() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    finish(&desk, &erasure.id).await;
    // The same event again, an older word on the meeting, one under the id that the sender has, a later refund.
    let again = turn(
        "e1",
        "vis_canary",
        "ses_canary",
        json!({"message": "my secret wish", "email": "ann@canary.example"}),
    );
    assert_eq!(desk.tell(again).await.duplicates, 1);
    desk.tell(json!([
        {"type": "calendar.rescheduled", "id": "e6", "uid": "u1", "cal_provider": "cal.com", "email": "ann@canary.example",
            "event_start": "2026-02-02T18:00:00Z", "first_name": "Annabelle", "meeting_type": "Talk with Annabelle", "occurred_at": "2026-01-06T09:00:00Z"},
        {"type": "chat.turn", "id": "e7", "contact_id": ann, "message": "my secret wish", "occurred_at": "2026-01-04T09:00:00Z"},
    ]))
    .await;
    assert_eq!(rows::upsert_all(&*desk.told, &[payment(1, &ann), payment(2, &ann)]).await.unwrap(), 0);
    assert_eq!(rows::upsert_all(&*desk.told, &[payment(3, &ann)]).await.unwrap(), 1);
    let refund = &desk.rows(Tab::Payments).await[0];
    assert_eq!(refund.cells["status"], domain::Cell::Text("v3".into()));
    desk.store.scrub().await.unwrap();
    for canary in CANARIES {
        assert_eq!(found(dir.path(), canary), 0, "{canary} is back");
    }
    let moved = &desk.rows(Tab::Bookings).await[0];
    assert_eq!(moved.cells["event_start"], Some("2026-02-02T18:00:00Z".parse::<Timestamp>().unwrap()).into());
    for id in ["e1", "e7"] {
        let refused = inbox::replay(&*desk.told, &desk.rules, id, Timestamp::now()).await.unwrap_err();
        assert!(matches!(refused, Error::Refused(Fault { reason: Reason::Erased, .. })), "{id}");
    }
    // Whoever comes by the same names is somebody new.
    desk.tell(turn(
        "n1",
        "vis_canary",
        "s_new",
        json!({"email": "ann@canary.example", "contact_id": ann, "occurred_at": null}),
    ))
    .await;
    let new = desk.whose("ann@canary.example").await.unwrap();
    assert_ne!(new, ann);
    assert_eq!(people::get(&*desk.store, &ann).await.unwrap().unwrap().0.email, "");
    for (one, other) in [(&ann, &new), (&new, &ann)] {
        assert!(people::merge(&*desk.told, one, other).await.is_err());
    }
}

#[tokio::test]
async fn an_erasure_ends_when_everybody_is_done_and_hears_of_more() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    let answer = |done: bool| Answer { service: "chat-agent".into(), done, ..Answer::default() };
    record(&*desk.store, &erasure.id, answer(true)).await.unwrap();
    // They are met on another device meanwhile: chat-agent has not heard of that visitor.
    desk.tell(turn("e8", "vis_other", "s_other", json!({"contact_id": ann}))).await;
    let waits = desk.erase(&erasure.id).await;
    assert!(!waits.done && waits.waiting_for.contains("asked again"), "{waits:?}");
    let told = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    assert!(told.known.visitors.contains("vis_other") && !told.answers[0].done);
    desk.erase(&erasure.id).await;
    desk.land().await;
    assert_eq!(desk.erase(&erasure.id).await.waiting_for, "chat-agent is not done");
    record(&*desk.store, &erasure.id, answer(true)).await.unwrap();
    assert!(desk.erase(&erasure.id).await.done);
    let (open, _) = list(&*desk.store, true, 10, None).await.unwrap();
    let (all, _) = list(&*desk.store, false, 10, None).await.unwrap();
    assert_eq!((open.len(), all.len()), (0, 1));
}

#[tokio::test]
async fn an_address_that_is_proved_to_be_anothers_is_not_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path());
    desk.tell(turn("c1", "vis_stranger", "s1", json!({"email": "ann@canary.example"}))).await;
    let stranger = desk.whose("ann@canary.example").await.unwrap();
    desk.tell(
        json!({"type": "calendar.booked", "uid": "u9", "email": "ann@canary.example", "contact_id": "c_ann",
        "event_start": "2026-02-01T18:00:00Z"}),
    )
    .await;
    assert_eq!(desk.whose("ann@canary.example").await.unwrap(), "c_ann");
    let erasure = begin(&*desk.store, &stranger, Timestamp::now()).await.unwrap();
    assert!(erasure.known.emails.is_empty(), "{:?}", erasure.known);
    finish(&desk, &erasure.id).await;
    assert_eq!(people::get(&*desk.store, "c_ann").await.unwrap().unwrap().0.email, "ann@canary.example");
    assert_eq!(desk.rows(Tab::Bookings).await[0].erased, None);
}
