//! The rows that statements come to.

use super::*;
use crate::{
    leads::{self, Signal},
    people,
};

#[tokio::test]
async fn a_booking_makes_its_contact_its_engagement_and_moves_the_lead() {
    let desk = Desk::open();
    let ann_id = desk.want(email("ann@example.com")).await;

    let requested = desk.state(meeting(&["u1"], 1, 18, "requested"), &ann()).await;
    assert_eq!(requested.1, Taken { contact_id: ann_id.clone(), accepted: true });
    assert!(desk.rows(Tab::Engagements).await.is_empty());
    assert_eq!(desk.row(Tab::Leads).await["status"], "new");
    desk.state(meeting(&["u1"], 2, 18, "booked"), &ann()).await;
    desk.state(meeting(&["u1", "u2"], 3, 19, "rescheduled"), &ann()).await;
    let again = desk.state(meeting(&["u1"], 2, 18, "booked"), &ann()).await;
    assert_eq!(again, (requested.0.clone(), Taken { contact_id: ann_id.clone(), accepted: false }));

    let row = desk.row(Tab::Bookings).await;
    let told = ["id", "contact_id", "created_at", "event_start", "cal_event_id", "status"];
    assert_eq!(
        told.map(|column| row[column].as_str().unwrap()),
        [&*requested.0, &*ann_id, "2025-10-01T10:00:00Z", "2025-11-01T19:00:00Z", "u2", "rescheduled"]
    );
    let filed = desk.row(Tab::Engagements).await;
    let told = ["contact_id", "occurred_at", "channel", "page", "outcome", "workflow_id", "session_id"];
    assert_eq!(
        told.map(|column| filed[column].as_str().unwrap()),
        [&*ann_id, "2025-10-01T10:00:00Z", "calendar", "/pricing", "booked", "lead-concierge", "ses_ann"]
    );
    assert_eq!(desk.row(Tab::Leads).await["status"], "booked");
    let contact = desk.row(Tab::Contacts).await;
    assert_eq!((&contact["first_name"], &contact["last_name"]), (&json!("Ann"), &json!("van Example")));

    desk.state(meeting(&["u1", "u2"], 4, 19, "canceled"), &ann()).await;
    assert_eq!(desk.row(Tab::Bookings).await["status"], "canceled");
    assert_eq!(desk.row(Tab::Leads).await["status"], "booked");
    assert_eq!(desk.row(Tab::Engagements).await, filed);
}

#[tokio::test]
async fn of_a_meeting_whose_end_alone_is_heard_the_books_say_that_it_was_booked() {
    for (status, filed) in [("canceled", 1), ("no_show", 1), ("rejected", 0)] {
        let desk = Desk::open();
        desk.state(meeting(&["u1"], 4, 19, status), &ann()).await;
        assert_eq!(desk.rows(Tab::Engagements).await.len(), filed, "{status}");
    }
}

#[tokio::test]
async fn a_request_that_is_withdrawn_was_never_booked_and_one_that_was_granted_was() {
    // As their provider states them one after the other, each with whether it was booked by then.
    let withdrawn = [("requested", false), ("canceled", false)];
    let rejected = [("requested", false), ("rejected", false)];
    let granted = [("requested", false), ("booked", true), ("canceled", true)];
    let asked_anew = [("booked", true), ("requested", true), ("rejected", true)];
    for (words, filed) in [(&withdrawn[..], 0), (&rejected, 0), (&granted, 1), (&asked_anew, 1)] {
        let last = words.len() - 1;
        // Whatever was heard before the last word, which always comes; and nothing.
        for heard in 0..1_usize << last {
            let desk = Desk::open();
            let ann_id = desk.want(email("ann@example.com")).await;
            for (nth, (status, was_booked)) in words.iter().enumerate() {
                if nth == last || heard & (1 << nth) != 0 {
                    let said = meeting(&["u1"], nth as u64 + 1, 18, status);
                    desk.state(bookings::Statement { was_booked: Some(*was_booked), ..said }, &ann()).await;
                }
            }
            let engagements = desk.rows(Tab::Engagements).await;
            assert_eq!(engagements.len(), filed, "{words:?} of which were heard {heard:b}");
            assert!(engagements.iter().all(|filed| filed["contact_id"] == *ann_id));
            let lead = desk.row(Tab::Leads).await;
            assert_eq!(lead["status"], ["new", "booked"][filed], "{words:?} of which were heard {heard:b}");
        }
    }
}

#[tokio::test]
async fn a_meeting_that_passes_to_another_leaves_the_lead_as_far_as_it_came() {
    let desk = Desk::open();
    let ann_id = desk.want(email("ann@example.com")).await;
    let ben_id = desk.want(email("ben@example.com")).await;
    let of = async |contact_id: &str| {
        let leads = desk.rows(Tab::Leads).await;
        leads.iter().find(|lead| lead["contact_id"] == *contact_id).unwrap()["status"].clone()
    };
    desk.state(meeting(&["u1"], 1, 18, "booked"), &ann()).await;
    assert_eq!((of(&ann_id).await, of(&ben_id).await), (json!("booked"), json!("new")));
    let ben = Party { identity: email("ben@example.com"), ..ann() };
    desk.state(meeting(&["u1", "u2"], 2, 19, "rescheduled"), &ben).await;
    assert_eq!((of(&ann_id).await, of(&ben_id).await), (json!("booked"), json!("booked")));
    for tab in [Tab::Bookings, Tab::Engagements] {
        assert_eq!(desk.row(tab).await["contact_id"], *ben_id, "{tab}");
    }
}

#[tokio::test]
async fn the_operators_word_on_a_lead_is_not_overruled_by_a_reschedule() {
    let desk = Desk::open();
    let (_, taken) = desk.state(meeting(&["u1"], 1, 18, "booked"), &ann()).await;
    let signal = Signal { intent: "buy".into(), ..Default::default() };
    let mut work = Work::new(&*desk.store);
    let later = at("2025-12-01T10:00:00Z");
    leads::record(&mut work, &taken.contact_id, &signal, later, later).await.unwrap();
    assert!(Attempts::default().commit(work).await.unwrap());
    let which = leads::Which::OfContact(taken.contact_id.clone());
    let won = leads::Edit { status: Some(leads::Stage::Won), ..Default::default() };
    leads::save(&*desk.store, "r1", &which, &won, later).await.unwrap();
    let mut work = Work::new(&*desk.store);
    let afterwards = at("2026-01-01T10:00:00Z");
    leads::record(&mut work, &taken.contact_id, &signal, afterwards, afterwards).await.unwrap();
    assert!(Attempts::default().commit(work).await.unwrap());
    desk.state(meeting(&["u1", "u2"], 2, 19, "rescheduled"), &ann()).await;
    let mut statuses: Vec<_> =
        desk.rows(Tab::Leads).await.iter().map(|lead| lead["status"].clone()).collect();
    statuses.sort_by_key(Value::to_string);
    assert_eq!(statuses, ["new", "won"]);
}

#[tokio::test]
async fn nobody_known_is_a_blank_contact_until_somebody_is() {
    let desk = Desk::open();
    let nobody = Party { name: "Ann".into(), ..Party::default() };
    let (_, taken) = desk.state(meeting(&["u1"], 1, 18, "booked"), &nobody).await;
    assert_eq!(taken, Taken { contact_id: String::new(), accepted: true });
    assert_eq!(desk.pay(payment("pi_1", 1, "paid", 0), &nobody).await.contact_id, "");
    assert!(desk.rows(Tab::Contacts).await.is_empty());
    assert_eq!(desk.row(Tab::Engagements).await["contact_id"], Value::Null);
    let (_, known) = desk.state(meeting(&["u1"], 2, 18, "booked"), &ann()).await;
    assert_eq!(desk.row(Tab::Engagements).await["contact_id"], *known.contact_id);
    desk.pay(payment("pi_1", 2, "paid", 0), &ann()).await;
    // Who is known stays known.
    let taken = desk.pay(payment("pi_1", 3, "refunded", 15_000), &nobody).await;
    assert_eq!(taken, Taken { contact_id: known.contact_id.clone(), accepted: true });
    assert_eq!(desk.row(Tab::Payments).await["contact_id"], *known.contact_id);
}

#[tokio::test]
async fn an_address_of_the_calendars_own_is_a_phone() {
    let desk = Desk::open();
    let ann_id = desk.meet(people::phone("+4930901820")).await;
    let by_sms = Party { identity: email("+4930901820@sms.cal.com"), ..Party::default() };
    let (_, taken) = desk.state(meeting(&["u1"], 1, 18, "booked"), &by_sms).await;
    assert_eq!(taken.contact_id, ann_id);
    let contact = desk.row(Tab::Contacts).await;
    assert_eq!((&contact["email"], &contact["phone"]), (&Value::Null, &json!("+4930901820")));
}

#[tokio::test]
async fn a_claim_leads_to_a_contact_and_merges_nothing() {
    let desk = Desk::open();
    let ann_id = desk.meet(email("ann@example.com")).await;
    let ben_id = desk.meet(people::visitor("vis_ben")).await;
    let identity = Identity { claimed: true, ..email("ann@example.com") };
    let identity = Identity { visitor: "vis_ben".into(), ..identity };
    let claims = Party { identity, ..Party::default() };
    desk.pay(payment("pi_1", 1, "paid", 0), &claims).await;
    assert_eq!(desk.whose(email("ann@example.com")).await, Some(ann_id));
    assert_eq!(desk.whose(people::visitor("vis_ben")).await, Some(ben_id));
}

#[tokio::test]
async fn what_n8n_told_of_the_meeting_is_the_same_row() {
    let event = |more: Value| {
        let mut event = json!({"type": "calendar.booked", "event_start": "2025-11-01T18:00:00Z",
            "occurred_at": "2025-10-01T10:00:01Z", "email": "ann@example.com", "meeting_type": "Talk"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    for more in [json!({}), json!({"uid": "u1", "cal_provider": "cal.com"})] {
        let desk = Desk::open();
        desk.tell(event(more)).await;
        let id = desk.row(Tab::Bookings).await["id"].clone();
        let (booking_id, _) = desk.state(meeting(&["u1"], 1, 18, "booked"), &ann()).await;
        let row = desk.row(Tab::Bookings).await;
        assert_eq!((&row["id"], &id), (&json!(booking_id), &json!(booking_id)));
        assert_eq!((&row["meeting_type"], &row["cal_event_id"]), (&json!("Consult 30"), &json!("u1")));
        // What events say afterwards changes nothing that was stated.
        desk.tell(event(json!({"type": "calendar.cancelled", "uid": "u1", "cal_provider": "cal.com",
            "occurred_at": "2025-10-02T10:00:00Z"})))
            .await;
        assert_eq!(desk.row(Tab::Bookings).await, row);
    }
}

#[tokio::test]
async fn an_event_about_the_old_start_that_comes_after_the_move_is_about_the_same_meeting() {
    let desk = Desk::open();
    desk.state(meeting(&["u1"], 1, 18, "booked"), &ann()).await;
    desk.state(meeting(&["u1", "u2"], 2, 19, "rescheduled"), &ann()).await;
    desk.tell(json!({"type": "calendar.booked", "event_start": "2025-11-01T18:00:00Z",
        "occurred_at": "2025-10-01T10:00:01Z", "email": "ann@example.com"}))
        .await;
    assert_eq!(desk.row(Tab::Bookings).await["event_start"], "2025-11-01T19:00:00Z");
}

#[tokio::test]
async fn events_that_are_ahead_of_the_calendars_word_are_about_the_same_meeting() {
    let event = |uid: Option<&str>, hour: u8, minute: u8, second: u8| {
        let mut event = json!({"type": "calendar.rescheduled", "cal_provider": "cal.com",
            "email": "ann@example.com", "event_start": format!("2025-11-01T{hour}:00:00Z"),
            "occurred_at": format!("2025-10-01T10:{minute:02}:{second:02}Z")});
        uid.into_iter().for_each(|uid| event["uid"] = json!(uid));
        event
    };
    let ahead = [event(Some("u1"), 19, 2, 0), event(None, 19, 2, 3)];
    for order in [[0, 1], [1, 0]] {
        let desk = Desk::open();
        desk.tell(event(Some("u1"), 18, 1, 1)).await;
        desk.state(meeting(&["u1"], 1, 18, "booked"), &ann()).await;
        for which in order {
            desk.tell(ahead[which].clone()).await;
        }
        desk.tell(event(Some("u1"), 19, 2, 2)).await;
        desk.state(meeting(&["u1"], 2, 19, "rescheduled"), &ann()).await;
        let meetings = desk.rows(Tab::Bookings).await.into_iter().filter(|row| !row["status"].is_null());
        assert_eq!(meetings.count(), 1, "{order:?}");
    }
}

#[tokio::test]
async fn what_is_told_of_the_old_start_long_after_the_move_is_another_meeting() {
    let desk = Desk::open();
    let booked = |occurred_at: &str| {
        json!({"type": "calendar.booked", "cal_provider": "cal.com", "email": "ann@example.com",
            "event_start": "2025-11-01T18:00:00Z", "occurred_at": occurred_at})
    };
    desk.tell(booked("2025-10-01T10:00:01Z")).await;
    for (version, hour) in [(1, 18), (2, 19)] {
        let statement = meeting(&["u1"], version, hour, "booked");
        take_booking(&*desk.store, &statement, &ann(), at("2025-10-02T10:00:00Z")).await.unwrap();
    }
    desk.tell(booked("2025-10-03T10:00:00Z")).await;
    let starts: Vec<_> =
        desk.rows(Tab::Bookings).await.iter().map(|row| row["event_start"].to_string()).collect();
    assert_eq!(starts.len(), 2, "{starts:?}");
}

#[tokio::test]
async fn uids_that_events_took_for_two_meetings_are_one() {
    let desk = Desk::open();
    for (uid, hour) in [("u1", 18), ("u2", 19)] {
        desk.tell(json!({"type": "calendar.booked", "uid": uid, "cal_provider": "cal.com",
            "event_start": format!("2025-11-01T{hour}:00:00Z"), "occurred_at": "2025-10-01T10:00:00Z"}))
            .await;
    }
    assert_eq!(desk.rows(Tab::Bookings).await.len(), 2);
    let (id, _) = desk.state(meeting(&["u1", "u2"], 1, 19, "rescheduled"), &ann()).await;
    let rows = desk.rows(Tab::Bookings).await;
    let (stands, merged): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row["id"] == *id);
    assert_eq!((&stands[0]["cal_event_id"], &stands[0]["status"]), (&json!("u2"), &json!("rescheduled")));
    assert_eq!((merged.len(), &merged[0]["meeting_type"]), (1, &json!(format!("merged into {id}"))));
    // An old statement about one of them leaves both as they are.
    let mut old = meeting(&["u1", "u3"], 1, 9, "booked");
    desk.tell(json!({"type": "calendar.booked", "uid": "u3", "cal_provider": "cal.com"})).await;
    let before = desk.rows(Tab::Bookings).await;
    assert!(!desk.state(old.clone(), &ann()).await.1.accepted);
    assert_eq!(desk.rows(Tab::Bookings).await, before);
    old.version = 2;
    assert!(desk.state(old, &ann()).await.1.accepted);
}

#[tokio::test]
async fn what_the_newest_statement_leaves_blank_is_as_events_told_it() {
    let mut blank = meeting(&["u1"], 2, 18, "booked");
    blank.said.meeting_type.clear();
    blank.said.event_end = None;
    let event = json!({"type": "calendar.booked", "uid": "u1", "cal_provider": "cal.com", "meeting_type": "Talk",
        "event_end": "2025-11-01T20:00:00Z"});
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
        let desk = Desk::open();
        for step in order {
            match step {
                0 => drop(desk.state(meeting(&["u1"], 1, 18, "booked"), &ann()).await),
                1 => drop(desk.state(blank.clone(), &ann()).await),
                _ => desk.tell(event.clone()).await,
            }
        }
        let row = desk.row(Tab::Bookings).await;
        assert_eq!(
            (&row["meeting_type"], &row["event_end"]),
            (&json!("Talk"), &json!("2025-11-01T20:00:00Z")),
            "{order:?}"
        );
    }
}

#[tokio::test]
async fn payments_and_subscriptions_follow_their_newest_statement() {
    let desk = Desk::open();
    let taken = desk.pay(payment("pi_1", 1, "pending", 0), &ann()).await;
    desk.pay(payment("pi_1", 3, "partially_refunded", 5_000), &ann()).await;
    assert!(!desk.pay(payment("pi_1", 2, "paid", 0), &ann()).await.accepted);
    let row = desk.row(Tab::Payments).await;
    assert_eq!(
        (&row["contact_id"], &row["currency"], &row["amount"], &row["status"]),
        (&json!(taken.contact_id), &json!("EUR"), &json!(euros(15_000)), &json!("partially_refunded"))
    );
    let metadata: Value = serde_json::from_str(row["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(
        metadata,
        json!({"item": "strategy-consult", "refunded": {"minor": 5_000, "currency": "EUR"}})
    );
    assert_eq!(desk.row(Tab::Contacts).await["source"], "payment");

    desk.subscribe(subscription("sub_1", 1, "active"), &ann()).await;
    assert!(desk.subscribe(subscription("sub_1", 2, "canceled"), &ann()).await.accepted);
    assert!(!desk.subscribe(subscription("sub_1", 2, "active"), &ann()).await.accepted);
    let row = desk.row(Tab::Subscriptions).await;
    assert_eq!(
        (&row["contact_id"], &row["status"], &row["canceled_at"], &row["mrr"]),
        (
            &json!(taken.contact_id),
            &json!("canceled"),
            &json!("2025-10-09T10:00:00Z"),
            &json!(euros(149_000))
        )
    );
}

#[tokio::test]
async fn what_was_paid_back_is_told_by_the_amount_alone() {
    let row = payment("pi_1", 1, "paid", 0).item.row;
    let words = Map::from_iter([("refunded".to_owned(), json!("50.00 EUR"))]);
    assert_eq!(Payment::new(row.clone(), None, words.clone()).row.metadata, "");
    let refunded = Payment::new(row, Some(euros(5_000)), words);
    assert_eq!(refunded.metadata(), json!({"refunded": {"minor": 5_000, "currency": "EUR"}}));
}

#[tokio::test]
async fn a_row_that_somebody_brought_in_a_higher_version_hides_no_statement() {
    let desk = Desk::open();
    let bring = async |version: u64| {
        let row = payment("pi_1", 1, "pending", 0).item.row;
        let row = domain::Row::of(&row, version, at("2025-10-01T10:00:00Z"));
        assert_eq!(crate::rows::upsert_all(&*desk.store, &[row]).await.unwrap(), 1);
    };
    bring(7).await;
    desk.pay(payment("pi_1", 1, "paid", 0), &ann()).await;
    assert_eq!(desk.row(Tab::Payments).await["status"], "paid");
    bring(40).await;
    assert_eq!(desk.row(Tab::Payments).await["status"], "pending");
    desk.pay(payment("pi_1", 2, "refunded", 15_000), &ann()).await;
    assert_eq!(desk.row(Tab::Payments).await["status"], "refunded");
}

#[tokio::test]
async fn a_meeting_that_becomes_somebody_elses_is_filed_for_them() {
    let desk = Desk::open();
    let ben = Party { identity: email("ben@example.com"), ..Party::default() };
    let (_, ann_s) = desk.state(meeting(&["u1"], 1, 18, "booked"), &ann()).await;
    let filed = desk.row(Tab::Engagements).await;
    assert_eq!(filed["contact_id"], *ann_s.contact_id);
    let (_, ben_s) = desk.state(meeting(&["u1"], 2, 18, "booked"), &ben).await;
    assert_ne!(ann_s.contact_id, ben_s.contact_id);
    let moved = desk.row(Tab::Engagements).await;
    assert_eq!((&moved["contact_id"], &moved["id"]), (&json!(ben_s.contact_id), &filed["id"]));
    // Two who become one are no change.
    people::merge(&*desk.store, &ann_s.contact_id, &ben_s.contact_id).await.unwrap();
    desk.state(meeting(&["u1"], 3, 18, "booked"), &ann()).await;
    assert_eq!(
        desk.row(Tab::Engagements).await,
        Map::from_iter(moved.into_iter().map(|(column, cell)| {
            let survivor = column == "contact_id";
            (column, if survivor { json!(ann_s.contact_id) } else { cell })
        }))
    );
}

#[tokio::test]
async fn rows_of_contacts_that_were_merged_are_the_survivors() {
    let desk = Desk::open();
    let ben = Party { identity: email("ben@example.com"), ..Party::default() };
    let ann_id = desk.pay(payment("pi_1", 1, "paid", 0), &ann()).await.contact_id;
    let ben_id = desk.pay(payment("pi_2", 1, "paid", 0), &ben).await.contact_id;
    desk.subscribe(subscription("sub_1", 1, "active"), &ben).await;
    people::merge(&*desk.store, &ann_id, &ben_id).await.unwrap();
    for row in [desk.rows(Tab::Payments).await, desk.rows(Tab::Subscriptions).await].concat() {
        assert_eq!(row["contact_id"], *ann_id);
    }
    // A repetition is answered with who it is now.
    let again = desk.pay(payment("pi_2", 1, "paid", 0), &ben).await;
    assert_eq!(again, Taken { contact_id: ann_id.clone(), accepted: false });
    let export = people::export(&*desk.store, &ben_id).await.unwrap();
    assert_eq!(export["payments"].as_array().unwrap().len(), 2);
    assert_eq!(export["subscriptions"][0]["contact_id"], *ann_id);
}
