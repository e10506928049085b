//! What providers state of somebody before, while and after they are forgotten.

use domain::Cell;
use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::{
    bookings,
    people::Identity,
    statements::{self, Party, Payment, Statement},
};

/// Annabelle, as a provider knows her.
fn party() -> Party {
    let identity = Identity { email: "ann@canary.example".into(), ..Identity::default() };
    Party {
        identity: Identity { visitor: "vis_canary".into(), session: "ses_canary".into(), ..identity },
        name: "Annabelle Quuxworth".into(),
        ..statements::tests::ann()
    }
}

fn meeting(version: u64) -> bookings::Statement {
    let uids = &["m1", "m2", "m3", "m4"][..version as usize];
    let status = ["booked", "rescheduled", "rescheduled", "canceled"][version as usize - 1];
    let mut meeting = statements::tests::meeting(uids, version, 8 + version as u8, status);
    meeting.said.meeting_type = "Talk with Annabelle".into();
    meeting
}

fn payment(version: u64) -> Statement<Payment> {
    let status = ["pending", "paid", "partially_refunded", "refunded"][version as usize - 1];
    let mut payment =
        statements::tests::payment("pi_2", version, status, [0, 0, 500, 15_000][version as usize - 1]);
    payment.item.row.metadata = r#"{"name":"Annabelle Quuxworth"}"#.into();
    payment.item.row.method = "Annabelle's card".into();
    payment
}

fn subscription(version: u64) -> Statement<tab::Subscription> {
    let status = ["active", "past_due", "active", "canceled"][version as usize - 1];
    let mut subscription = statements::tests::subscription("sub_1", version, status);
    subscription.item.plan = "Annabelle's plan".into();
    subscription
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Booking(u64),
    Payment(u64),
    Subscription(u64),
    Event,
}

impl Desk {
    async fn take(&self, step: Step) {
        match step {
            Step::Booking(version) => drop(
                statements::take_booking(&*self.told, &meeting(version), &party(), Timestamp::now())
                    .await
                    .unwrap(),
            ),
            Step::Payment(version) => {
                drop(statements::take(&*self.told, &payment(version), &party()).await.unwrap());
            }
            Step::Subscription(version) => {
                drop(statements::take(&*self.told, &subscription(version), &party()).await.unwrap());
            }
            Step::Event => drop(
                self.tell(json!({"type": "calendar.booked", "uid": "m1", "cal_provider": "cal.com",
                    "email": "ann@canary.example", "first_name": "Annabelle", "meeting_type": "Talk with Annabelle",
                    "event_start": "2025-11-01T09:00:00Z", "occurred_at": "2025-10-01T10:00:00Z"}))
                    .await,
            ),
        }
    }

    async fn cell(&self, tab: Tab, id: &str, column: &str) -> Cell {
        let rows = self.rows(tab).await;
        rows.into_iter().find(|row| row.id == id).unwrap().cells[column].clone()
    }
}

/// What of the canaries is left, where it is not the books that were full of them before.
async fn left(desk: &Desk, dir: &Path) -> Vec<&'static str> {
    desk.store.scrub().await.unwrap();
    CANARIES.into_iter().filter(|canary| found(dir, canary) > 0).collect()
}

#[tokio::test]
async fn amounts_and_times_stay_and_are_still_taken() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    for step in [Step::Booking(1), Step::Payment(2), Step::Subscription(1)] {
        desk.take(step).await;
    }
    let bookings = desk.rows(Tab::Bookings).await;
    let booking =
        bookings.iter().find(|row| row.cells["cal_event_id"] == Cell::Text("m1".into())).unwrap().id.clone();
    assert_eq!(desk.cell(Tab::Payments, "pi_2", "contact_id").await, Cell::Text(ann.clone()));
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    let erased = finish(&desk, &erasure.id).await;
    let counted = ["bookings", "payments", "subscriptions"].map(|kind| erased.get(kind).copied());
    // One meeting was told of by an event, and a payment was brought as a row that no statement owns.
    assert_eq!(counted, [Some(2), Some(1), Some(1)]);
    assert_eq!(left(&desk, dir.path()).await, [] as [&str; 0]);

    for step in [Step::Booking(4), Step::Payment(4), Step::Subscription(4)] {
        desk.take(step).await;
    }
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(desk.cell(Tab::Bookings, &booking, "status").await, text("canceled"));
    let start: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    assert_eq!(desk.cell(Tab::Bookings, &booking, "event_start").await, Some(start).into());
    assert_eq!(desk.cell(Tab::Payments, "pi_2", "status").await, text("refunded"));
    assert_eq!(desk.cell(Tab::Payments, "pi_2", "metadata").await, Cell::Empty);
    let amount = domain::Money { minor: 15_000, currency: "EUR".parse().unwrap() };
    assert_eq!(desk.cell(Tab::Payments, "pi_2", "amount").await, Cell::Money(amount));
    assert_eq!(desk.cell(Tab::Subscriptions, "sub_1", "status").await, text("canceled"));
    // The answer names nobody.
    let taken = statements::take(&*desk.told, &payment(4), &party()).await.unwrap();
    assert_eq!(taken, statements::Taken { contact_id: String::new(), accepted: false });
    assert_eq!(left(&desk, dir.path()).await, [] as [&str; 0]);
    assert_eq!(desk.whose("ann@canary.example").await, None);
}

#[tokio::test]
async fn what_is_stated_first_when_its_person_is_gone_names_nobody() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    // The contact is cut off, and what led to it is still there.
    let mortal = Arc::new(Mortal { inner: desk.store.clone(), left: 1.into(), done: true });
    assert!(desk.erase_over(mortal, &erasure.id).await.is_err());
    desk.take(Step::Payment(2)).await;
    finish(&desk, &erasure.id).await;
    desk.take(Step::Booking(1)).await;
    desk.take(Step::Subscription(1)).await;
    for (tab, id) in [(Tab::Payments, "pi_2"), (Tab::Subscriptions, "sub_1")] {
        assert_eq!(desk.cell(tab, id, "contact_id").await, Cell::Empty);
    }
    let rows = desk.rows(Tab::Engagements).await;
    assert!(rows.iter().all(|row| row.cells["outcome"] != Cell::Text("booked".into())));
    assert_eq!(desk.whose("ann@canary.example").await, None);
    // That words name her nobody knows any more, so none are taken.
    desk.take(Step::Payment(3)).await;
    for (tab, id, column) in [
        (Tab::Payments, "pi_2", "method"),
        (Tab::Payments, "pi_2", "metadata"),
        (Tab::Subscriptions, "sub_1", "plan"),
    ] {
        assert_eq!(desk.cell(tab, id, column).await, Cell::Empty, "{column}");
    }
    assert_eq!(left(&desk, dir.path()).await, [] as [&str; 0]);
}

/// Steps, and after how many of them she is forgotten.
fn schedule() -> impl Strategy<Value = (Vec<Step>, usize)> {
    let step = prop_oneof![
        (1..5_u64).prop_map(Step::Booking),
        (1..5_u64).prop_map(Step::Payment),
        (1..5_u64).prop_map(Step::Subscription),
        Just(Step::Event),
    ];
    (prop::collection::vec(step, 1..10), 0..10_usize)
}

async fn hold(steps: Vec<Step>, cut: usize) -> Result<(), TestCaseError> {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let desk = Desk::open(dir.path());
    let (identity, facts) = (party().identity, tab::Contact::default());
    let ann = people::resolve_alone(&*desk.told, &identity, facts, Timestamp::now()).await;
    let ann = ann.unwrap().contact.id;
    let (before, after) = steps.split_at(cut.min(steps.len()));
    for step in before {
        desk.take(*step).await;
    }
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    finish(&desk, &erasure.id).await;
    for step in after {
        desk.take(*step).await;
    }
    desk.store.scrub().await.unwrap();
    for canary in ["ann@canary.example", "Quuxworth", "Annabelle", "vis_canary", "ses_canary"] {
        prop_assert_eq!(found(dir.path(), canary), 0, "{} is back", canary);
    }
    prop_assert_eq!(desk.whose("ann@canary.example").await, None);
    Ok(())
}

#[test]
fn nothing_that_is_stated_around_an_erasure_brings_a_name_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let config = ProptestConfig { cases: config.cases / 4, ..config };
    TestRunner::new(config).run(&schedule(), |(steps, cut)| runtime.block_on(hold(steps, cut))).unwrap();
}
