//! One meeting that two contacts were told to have before they became one.

use serde_json::{Map, json};

use super::*;

/// What happens, in whatever order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// A meeting without a uid, of Ann by her e-mail.
    Mail,
    /// The same one, of Ann by her phone.
    Phone,
    /// The provider tells its uid.
    Provider,
    /// The two are Ann.
    Merge,
}

const STEPS: [Step; 4] = [Step::Mail, Step::Phone, Step::Provider, Step::Merge];

fn orders(steps: &[Step]) -> Vec<Vec<Step>> {
    if steps.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for step in steps {
        let rest: Vec<Step> = steps.iter().copied().filter(|other| other != step).collect();
        all.extend(orders(&rest).into_iter().map(|rest| [vec![*step], rest].concat()));
    }
    all
}

fn booked(minute: u32, more: &Value) -> Value {
    let mut event = json!({"type": "calendar.booked", "event_start": "2025-11-01T18:00:00Z",
        "occurred_at": format!("2025-10-01T10:{minute:02}:00Z")});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// The rows that tell of meetings, and how many say that they are another one.
async fn meetings(desk: &Desk) -> (Vec<Map<String, Value>>, usize) {
    let rows = desk.rows(domain::Tab::Bookings).await;
    let (merged, mut rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| {
        row["meeting_type"].as_str().is_some_and(|text| text.starts_with("merged into bkg_"))
    });
    for row in &merged {
        assert_eq!((&row["event_start"], &row["status"]), (&Value::Null, &Value::Null));
    }
    for row in &mut rows {
        // It is named by what told of it first.
        row.remove("id");
    }
    (rows, merged.len())
}

/// Does the steps; `survives` is the address of the contact that stays.
async fn after(order: &[Step], mail_survives: bool) -> (Vec<Map<String, Value>>, usize) {
    let desk = Desk::open();
    let (mail, number) = (desk.meet(email("ann@example.com")).await, desk.meet(phone("+4930901820")).await);
    for step in order {
        match step {
            Step::Mail => {
                desk.tell(booked(1, &json!({"email": "ann@example.com", "meeting_type": "Talk"}))).await;
            }
            Step::Phone => {
                desk.tell(booked(2, &json!({"phone": "+4930901820", "event_end": "2025-11-01T18:30:00Z"})))
                    .await
            }
            Step::Provider => {
                let told = json!({"phone": "+4930901820", "uid": "u1", "cal_provider": "cal.com"});
                desk.tell(booked(3, &told)).await;
            }
            Step::Merge if mail_survives => drop(merge(&*desk.store, &mail, &number).await.unwrap()),
            Step::Merge => drop(merge(&*desk.store, &number, &mail).await.unwrap()),
        }
    }
    let (mut rows, merged) = meetings(&desk).await;
    for row in &mut rows {
        let owner = row.remove("contact_id").unwrap();
        assert_eq!(owner, if mail_survives { mail.as_str() } else { number.as_str() });
    }
    (rows, merged)
}

#[tokio::test]
async fn whatever_comes_first_one_row_tells_of_it() {
    let (expected, _) = after(&STEPS, true).await;
    assert_eq!(expected.len(), 1, "{expected:#?}");
    let told =
        ["cal_event_id", "meeting_type", "event_end", "created_at"].map(|column| expected[0][column].clone());
    assert_eq!(told, ["u1", "Talk", "2025-11-01T18:30:00Z", "2025-10-01T10:01:00Z"].map(Value::from));
    let mut joined = 0;
    for order in orders(&STEPS) {
        for mail_survives in [true, false] {
            let (found, merged) = after(&order, mail_survives).await;
            assert_eq!(found, expected, "{order:?}");
            joined += merged;
        }
    }
    assert!(joined > 10, "{joined} were two before");
}

#[tokio::test]
async fn what_is_told_of_either_later_finds_it() {
    for uid in ["u1", "u2"] {
        let desk = Desk::open();
        let (mail, number) =
            (desk.meet(email("ann@example.com")).await, desk.meet(phone("+4930901820")).await);
        desk.tell(booked(1, &json!({"email": "ann@example.com", "uid": uid}))).await;
        desk.tell(booked(2, &json!({"phone": "+4930901820"}))).await;
        merge(&*desk.store, &mail, &number).await.unwrap();
        let mut moved = booked(3, &json!({"uid": uid}));
        moved["event_start"] = json!("2025-11-02T18:00:00Z");
        desk.tell(moved).await;
        let (rows, merged) = meetings(&desk).await;
        assert_eq!((rows.len(), merged, &rows[0]["event_start"]), (1, 1, &json!("2025-11-02T18:00:00Z")));
    }
}

#[tokio::test]
async fn two_uids_or_a_meeting_after_the_other_was_moved_are_two() {
    let desk = Desk::open();
    let (mail, number) = (desk.meet(email("ann@example.com")).await, desk.meet(phone("+4930901820")).await);
    desk.tell(booked(1, &json!({"email": "ann@example.com", "uid": "u1"}))).await;
    desk.tell(booked(2, &json!({"phone": "+4930901820", "uid": "u2"}))).await;
    merge(&*desk.store, &mail, &number).await.unwrap();
    assert_eq!(meetings(&desk).await.0.len(), 2);

    let desk = Desk::open();
    let (mail, number) = (desk.meet(email("ann@example.com")).await, desk.meet(phone("+4930901820")).await);
    desk.tell(booked(1, &json!({"email": "ann@example.com", "uid": "u1"}))).await;
    let mut moved = booked(2, &json!({"uid": "u1"}));
    moved["event_start"] = json!("2025-11-02T18:00:00Z");
    desk.tell(moved).await;
    desk.tell(booked(3, &json!({"phone": "+4930901820"}))).await;
    merge(&*desk.store, &mail, &number).await.unwrap();
    assert_eq!(meetings(&desk).await.0.len(), 2);
    // The one that stands at the start is the one that a word without a uid is about.
    desk.tell(booked(4, &json!({"email": "ann@example.com", "event_end": "2025-11-01T19:00:00Z"}))).await;
    let (rows, merged) = meetings(&desk).await;
    assert_eq!((rows.len(), merged), (2, 0));
    let stands = rows.iter().find(|row| row["event_start"] == "2025-11-01T18:00:00Z").unwrap();
    assert_eq!(stands["event_end"], "2025-11-01T19:00:00Z");
}

#[tokio::test]
async fn a_merge_and_a_booking_of_one_moment_end_with_one_row() {
    for _ in 0..20 {
        let desk = Arc::new(Desk::open());
        let (mail, number) =
            (desk.meet(email("ann@example.com")).await, desk.meet(phone("+4930901820")).await);
        desk.tell(booked(1, &json!({"email": "ann@example.com"}))).await;
        let by_phone = booked(2, &json!({"phone": "+4930901820"}));
        let teller = desk.clone();
        let told = tokio::spawn(async move { teller.tell(by_phone).await });
        merge(&*desk.store, &mail, &number).await.unwrap();
        told.await.unwrap();
        assert_eq!(meetings(&desk).await.0.len(), 1);
    }
}

#[tokio::test]
async fn a_uid_that_names_its_contact_late_adopts_the_meeting() {
    let desk = Desk::open();
    desk.tell(booked(1, &json!({"uid": "u1"}))).await;
    desk.tell(booked(2, &json!({"email": "ann@example.com", "meeting_type": "Talk"}))).await;
    assert_eq!(meetings(&desk).await.0.len(), 2);
    desk.tell(booked(3, &json!({"email": "ann@example.com", "uid": "u1"}))).await;
    let (rows, merged) = meetings(&desk).await;
    assert_eq!((rows.len(), merged), (1, 1));
    assert_eq!((&rows[0]["meeting_type"], &rows[0]["cal_event_id"]), (&json!("Talk"), &json!("u1")));
}

#[tokio::test]
async fn a_booking_that_was_read_before_a_merge_is_not_committed_after_it() {
    let desk = Desk::open();
    let (mail, number) = (desk.meet(email("ann@example.com")).await, desk.meet(phone("+4930901820")).await);
    let told = tab::Booking {
        contact_id: number.clone(),
        event_start: Some("2025-11-01T18:00:00Z".parse().unwrap()),
        ..Default::default()
    };
    let mut work = Work::new(&*desk.store);
    crate::bookings::record(&mut work, told, "e1", Timestamp::now()).await.unwrap();
    merge(&*desk.store, &mail, &number).await.unwrap();
    assert_eq!(work.commit().await.unwrap(), store::Commit::Conflict);
}
