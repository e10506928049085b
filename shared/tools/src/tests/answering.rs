//! What each tool answers, and what a visitor is shown of it.

use chassis::status::status;
use domain::{Fault, Kind, Reason};

use super::{
    world::{SOLD, TAKEN},
    *,
};
use crate::{Undo, schema::check::mismatch};

#[tokio::test]
async fn every_tool_answers_by_its_schema() {
    for tool in ALL.iter().filter(|tool| !tool.is_of_browser()) {
        let bench = Bench::new().await;
        let session = session_for(tool);
        let arguments = sound(tool);
        let schema = (tool.input)(&session.workflow);
        assert_eq!(mismatch(&schema, &arguments, tool.name), [""; 0], "the arguments are sound");
        let outcome = bench.call(tool.name, arguments, &session).await;
        assert!(!outcome.is_error, "{}: {}", tool.name, outcome.output);
        assert_eq!(mismatch(&(tool.output)(), &outcome.output, tool.name), [""; 0]);
        let changed = !effects(&bench.world).is_empty() || !bench.called.0.lock().unwrap().is_empty();
        assert_eq!(changed, !tool.annotations.read_only, "{}", tool.name);
        let asked = bench.world.desk().asked.clone();
        for (rpc, caller) in asked {
            assert_eq!(caller, session.caller, "{}: {rpc}", tool.name);
        }
    }
}

#[tokio::test]
async fn what_reads_changes_nothing_and_what_destroys_says_so() {
    for tool in ALL {
        let made_for = ["cancel", "reschedule", "move"];
        let destroys = made_for.iter().any(|word| tool.name.starts_with(word));
        assert_eq!(tool.annotations.destructive, destroys, "{}", tool.name);
        assert!(!(tool.annotations.read_only && tool.annotations.destructive), "{}", tool.name);
        let corrected = tool.correction.iter().all(|text| !text.is_empty());
        assert!(corrected || tool.claims.is_empty(), "{}", tool.name);
    }
}

#[tokio::test]
async fn a_meeting_is_shown_as_it_is_stored_with_a_way_back() {
    let bench = Bench::new().await;
    let session = session("vis_00000000000000000000000000000009", "");
    let booked = bench.call("book_meeting", sound(tool("book_meeting")), &session).await;
    assert_eq!(booked.output["meeting"]["start"], "2026-12-01T10:00:00+01:00", "in the visitor's time");
    let receipt = booked.receipt.unwrap();
    assert_eq!(receipt.title, "Your meeting is booked");
    let when = &receipt.lines.iter().find(|(name, _)| name == "When").unwrap().1;
    assert_eq!(when, "Tuesday, 1 December 2026, 10:00 (Europe/Berlin)");
    let undo = receipt.undo.unwrap();
    assert_eq!(undo.tool, "cancel_meeting");
    let cancelled = bench.toolbox.undo(&undo, &Session { turn: "wgt_1".into(), ..session.clone() }).await;
    assert_eq!(cancelled.output["meeting"]["status"], "canceled");
    assert_eq!(cancelled.receipt.unwrap().title, "Your meeting was cancelled");
}

#[tokio::test]
async fn a_link_is_shown_with_where_to_pay_and_a_way_back() {
    let bench = Bench::new().await;
    let session = session("vis_00000000000000000000000000000009", "");
    let made = bench.call("create_checkout_link", sound(tool("create_checkout_link")), &session).await;
    assert_eq!((&made.output["price"], &made.output["status"]), (&json!("150.00 EUR"), &json!("open")));
    let receipt = made.receipt.unwrap();
    assert_eq!(receipt.link.unwrap().1, made.output["url"]);
    assert!(receipt.lines.contains(&("Price".into(), "150.00 EUR".into())));
    let undo = receipt.undo.unwrap();
    let ended = bench.toolbox.undo(&undo, &Session { turn: "wgt_1".into(), ..session.clone() }).await;
    assert_eq!(ended.output["status"], "canceled");
    let listed = bench.call("list_my_payments", json!({}), &session).await;
    assert_eq!(
        (&listed.output["payments"][0]["status"], &listed.output["complete"]),
        (&json!("canceled"), &json!(true))
    );
}

#[tokio::test]
async fn a_refusal_says_what_to_do_instead() {
    let bench = Bench::new().await;
    let session = of(&PEOPLE[0]);
    let mut taken = sound(tool("book_meeting"));
    taken["start_time"] = json!(TAKEN);
    let mut sold = sound(tool("book_meeting"));
    sold["meeting"] = json!(SOLD);
    for (name, arguments, reason, part) in [
        ("book_meeting", taken, "SLOT_TAKEN", "2026-12-01T12:00:00+01:00"),
        ("book_meeting", sold, "PAYMENT_REQUIRED", "create_checkout_link"),
        ("cancel_meeting", json!({"booking_id": "bkg_nobodys"}), "BOOKING_UNKNOWN", "list_my_bookings"),
        ("create_checkout_link", json!({"offer": "launch"}), "ITEM_NOT_SOLD", "list_offers"),
        ("list_slots", json!({"meeting": "lunch"}), "EVENT_TYPE_UNKNOWN", "list_slots without a meeting"),
        ("list_files", json!({"action_id": "files:nobody"}), "ACTION_UNKNOWN", "list_quick_actions"),
    ] {
        let outcome = bench.call(name, arguments, &session).await;
        assert!(outcome.is_error && outcome.receipt.is_none(), "{name}");
        assert_eq!(outcome.output["reason"], reason, "{name}");
        assert!(outcome.output.to_string().contains(part), "{name}: {}", outcome.output);
    }
    assert!(effects(&bench.world).is_empty());
}

#[tokio::test]
async fn a_wrong_argument_is_named_before_anybody_is_asked() {
    let bench = Bench::new().await;
    let session = of(&PEOPLE[0]);
    let with = |name: &str, member: &str, value: Value| {
        let mut arguments = sound(tool(name));
        arguments[member] = value;
        (name.to_owned(), arguments, member.to_owned())
    };
    for (name, arguments, member) in [
        with("book_meeting", "start_time", json!("tomorrow at ten")),
        with("book_meeting", "time_zone", json!("Mars/Base")),
        with("book_meeting", "name", json!(" ")),
        with("book_meeting", "email", Value::Null),
        with("cancel_meeting", "booking_id", json!("../bkg_bob")),
        with("open_support_ticket", "subject", json!("x".repeat(201))),
        with("validate_license", "license_key", json!("")),
        with("hand_off_to_human", "reason", json!("")),
    ] {
        let outcome = bench.call(&name, arguments, &session).await;
        assert!(outcome.is_refused, "{name}: {}", outcome.output);
        assert!(outcome.output["error"].as_str().unwrap().contains(&member), "{name}: {}", outcome.output);
    }
    let operator = of_operator(session);
    assert!(bench.call("read_tab", json!({"tab": "secrets"}), &operator).await.is_refused);
    assert!(bench.call("list_contacts", json!({"limit": 1_000}), &operator).await.is_refused);
    assert!(bench.world.desk().asked.is_empty());
}

#[tokio::test]
async fn payments_that_cannot_be_told_are_said_to_be_missing() {
    let bench = Bench::new().await;
    let session = of(&PEOPLE[0]);
    let both = bench.call("list_my_payments", json!({}), &session).await.output;
    let sources: Vec<_> =
        both["payments"].as_array().unwrap().iter().map(|one| one["source"].clone()).collect();
    assert_eq!((sources, &both["complete"]), (vec![json!("link"), json!("membership")], &json!(true)));
    let link = link(&bench.world).await;
    let away = Links { whop_gateway: Some(dead()), booking_payments: Some(link), ..Links::to_books(dead()) };
    let toolbox = Toolbox::new(away, knowledge(), bench.called.clone());
    let part = toolbox.call("list_my_payments", json!({}), &session).await.output;
    assert_eq!((part["payments"].as_array().unwrap().len(), &part["complete"]), (1, &json!(false)));
    let none =
        Links { whop_gateway: Some(dead()), booking_payments: Some(dead()), ..Links::to_books(dead()) };
    let toolbox = Toolbox::new(none, knowledge(), bench.called.clone());
    let outcome = toolbox.call("list_my_payments", json!({}), &session).await;
    assert!(outcome.is_error, "{}", outcome.output);
}

/// A way to nobody.
fn dead() -> Link {
    Link::new(&"http://127.0.0.1:9".parse().unwrap()).unwrap()
}

#[tokio::test]
async fn rows_are_told_as_people_read_them() {
    let bench = Bench::new().await;
    let session = of_operator(of(&PEOPLE[0]));
    let output = bench.call("read_tab", sound(tool("read_tab")), &session).await.output;
    assert_eq!(output["columns"][3], "amount");
    let row = output["rows"][0].as_array().unwrap();
    assert_eq!((&row[0], &row[3], &row[5]), (&json!("pay_ann"), &json!("10.50 EUR"), &json!("")));
    assert_eq!(output["next_page_token"], "more");
}

#[tokio::test]
async fn a_person_is_called_with_reason_and_summary() {
    let bench = Bench::new().await;
    bench.call("hand_off_to_human", sound(tool("hand_off_to_human")), &of(&PEOPLE[0])).await;
    let called = bench.called.0.lock().unwrap().clone();
    assert_eq!(called[0].2, "thr_1: wants a person\n\nIt is urgent.");
}

#[tokio::test]
async fn who_calls_a_person_learns_where_they_answer() {
    let bench = Bench::new().await;
    let call = |session: Session| {
        let bench = &bench;
        async move { bench.call("hand_off_to_human", sound(tool("hand_off_to_human")), &session).await.output }
    };
    let chat = call(of(&PEOPLE[0])).await;
    assert_eq!(chat, json!({"handed_off": true, "answers_here": true, "advice": null}));
    let outside = call(Session { thread_id: String::new(), ..of(&PEOPLE[0]) }).await;
    assert_eq!(outside["answers_here"], false, "nobody of the team sees another agent's conversation");
    assert!(outside["advice"].as_str().unwrap().contains("call save_lead"), "{outside}");
}

#[tokio::test]
async fn what_a_service_says_within_stays_there() {
    let bench = Bench::new().await;
    let own = status(&Fault::new(Kind::Internal, Reason::Internal, "row 7 of bob"));
    for failure in [Status::internal("row 7 of bob"), Status::not_found("row 7 of bob"), own] {
        bench.world.desk().refuse = vec![failure];
        let outcome = bench.call("list_my_bookings", json!({}), &of(&PEOPLE[0])).await;
        assert_eq!(outcome.output["error"], "the tool has failed");
        assert!(!seen(&outcome).contains("bob"), "{}", outcome.output);
    }
}

#[tokio::test]
async fn a_secret_is_not_kept() {
    let kept = tool("validate_license").without_secrets(json!({"license_key": "KEY-1"}));
    assert_eq!(kept, json!({"license_key": "(not kept)"}));
}

#[tokio::test]
async fn only_what_a_caller_may_do_is_undone() {
    let bench = Bench::new().await;
    let theirs = json!({"booking_id": "bkg_bob", "reason": null});
    let undo = Undo { label: String::new(), tool: "cancel_meeting".into(), arguments: theirs };
    let outcome = bench.toolbox.undo(&undo, &of(&PEOPLE[0])).await;
    assert_eq!(outcome.output["reason"], "BOOKING_UNKNOWN");
    let nobody = Session { caller: Caller::default(), ..of(&PEOPLE[1]) };
    assert!(bench.toolbox.undo(&undo, &nobody).await.is_error);
    assert!(effects(&bench.world).is_empty());
}
