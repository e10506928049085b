//! Events: the README's two, what they become in the spreadsheet, and that nothing is ever there twice.

use proto::sheets::v1::Tab;
use sandbox::{Asked, Provider};
use serde_json::{Value, json};

use super::answer::{Answer, EVENTS};
use crate::world::{World, booked, turn, until};

/// The tabs and their headers, as the owner was promised them.
const HEADERS: [(&str, &str); 7] = [
    (
        "contacts",
        "id, created_at, email, phone, first_name, last_name, company, source, utm_source, utm_medium, \
         utm_campaign, tags",
    ),
    (
        "leads",
        "id, contact_id, created_at, intent, budget_range, timeframe, notes, score, owner, status, last_touch",
    ),
    ("engagements", "id, contact_id, occurred_at, channel, page, message, outcome, workflow_id, session_id"),
    (
        "bookings",
        "id, contact_id, created_at, event_start, event_end, cal_provider, cal_event_id, meeting_type, status",
    ),
    (
        "subscriptions",
        "id, contact_id, provider, product, plan, status, started_at, renews_at, canceled_at, mrr",
    ),
    ("payments", "id, contact_id, provider, amount, currency, paid_at, method, status, invoice_id, metadata"),
    ("chat_events", "id, session_id, occurred_at, type, payload_json"),
];
/// The empty tab of every new spreadsheet; it is not ours to delete.
const GOOGLES_OWN: &str = "Sheet1";
/// 2025-10-28T16:20:00Z and 2025-11-01T18:00:00Z as a spreadsheet counts days.
const TURN_AT: f64 = 45_958.0 + 980.0 / 1_440.0;
const BOOKED_FOR: f64 = 45_962.75;

/// The line's cells that hold something and that are not made up at the moment of the test.
fn told(line: &Value) -> Value {
    let cells = line.as_object().unwrap().iter();
    let kept = cells.filter(|(name, cell)| !cell.is_null() && !["id", "created_at"].contains(&name.as_str()));
    Value::Object(kept.map(|(name, cell)| (name.clone(), cell.clone())).collect())
}

#[track_caller]
fn find<'a>(lines: &'a [Value], column: &str, value: &Value) -> &'a Value {
    let mut found = lines.iter().filter(|line| line[column] == *value);
    match (found.next(), found.next()) {
        (Some(line), None) => line,
        _ => panic!("not exactly one line with {column} {value} in {lines:?}"),
    }
}

/// Lines of each tab.
fn counts(world: &World) -> [usize; 7] {
    HEADERS.map(|(tab, _)| world.lines(tab).len())
}

fn batches(world: &World) -> Vec<Asked> {
    let mut asked = world.sandbox().requests();
    asked.retain(|asked| asked.provider == Provider::Sheets && asked.path.contains(":batchUpdate"));
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_events_become_rows_in_the_right_tabs() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for event in [turn(), booked()] {
        let answer = Answer::of(world.send(EVENTS, event.to_string())).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let id = answer.json()["ids"][0].clone();
        assert_eq!(answer.json(), json!({"accepted": 1, "duplicates": 0, "ids": [id]}));
        ids.push(id);
    }
    until("all rows", || counts(&world) == [2, 1, 1, 1, 0, 0, 2]).await;
    for (tab, header) in HEADERS {
        let first = &world.sandbox().tab(tab).unwrap()[0];
        let names: Vec<&str> = first.iter().map(|cell| cell.as_str().unwrap()).collect();
        assert_eq!(names.join(", "), header, "{tab}");
    }
    let mut tabs = world.sandbox().tabs();
    tabs.retain(|tab| tab != GOOGLES_OWN);
    assert_eq!(tabs, HEADERS.map(|(tab, _)| tab), "these tabs and no other, in this order");
    let contact = has_the_people(&world);
    has_the_turn(&world, &contact);
    let expected = json!({
        "contact_id": "c_456", "event_start": BOOKED_FOR, "cal_provider": "cal.com", "meeting_type": "Consult 30",
        "status": "booked",
    });
    assert_eq!(told(&world.lines("bookings")[0]), expected);
    for (id, event) in ids.iter().zip([turn(), booked()]) {
        let lines = world.lines("chat_events");
        let line = find(&lines, "id", id);
        assert_eq!((&line["type"], &line["session_id"]), (&event["type"], &event["session_id"]));
        assert_eq!(line["payload_json"].as_str().unwrap().parse::<Value>().unwrap(), event);
    }
    has_the_page(&world).await;
    world.stop().await;
}

/// Answers the id of the visitor's contact.
fn has_the_people(world: &World) -> Value {
    let contacts = world.lines("contacts");
    let visitor = find(&contacts, "source", &json!("chat"));
    let expected = json!({"source": "chat", "utm_source": "yt", "utm_campaign": "oct_launch"});
    assert_eq!(told(visitor), expected);
    assert!(visitor["id"].as_str().unwrap().starts_with("con_"));
    assert!(visitor["created_at"].as_f64().unwrap() >= TURN_AT, "a date-time: {visitor}");
    assert_eq!(told(find(&contacts, "id", &json!("c_456"))), json!({"source": "calendar"}));
    visitor["id"].clone()
}

fn has_the_turn(world: &World, contact_id: &Value) {
    let lead = &world.lines("leads")[0];
    assert!(lead["id"].as_str().unwrap().starts_with("led_"));
    let expected = json!({
        "contact_id": contact_id, "intent": "buy_inquiry", "score": 0.72, "status": "new", "last_touch": TURN_AT,
    });
    assert_eq!(told(lead), expected);
    let engagement = &world.lines("engagements")[0];
    assert!(engagement["id"].as_str().unwrap().starts_with("eng_"));
    let expected = json!({
        "contact_id": contact_id, "occurred_at": TURN_AT, "channel": "chat", "page": "/services",
        "message": "I need a marketing automation package", "session_id": "ck_123",
    });
    assert_eq!(told(engagement), expected);
}

async fn has_the_page(world: &World) {
    let page = world.get("/sandbox/sheet").await.text().await.unwrap();
    let tables = page.split("data-tab=\"").skip(1).filter_map(|rest| rest.split('"').next());
    assert_eq!(tables.collect::<Vec<_>>(), HEADERS.map(|(tab, _)| tab), "seven tables in the first HTML");
    for text in ["I need a marketing automation package", "buy_inquiry", "Consult 30", "c_456", "oct_launch"]
    {
        assert!(page.contains(text), "{text} in the first HTML");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_adds_nothing() {
    let world = World::start().await;
    let first = world.deliver(&json!([turn(), booked()])).await;
    until("all rows", || counts(&world) == [2, 1, 1, 1, 0, 0, 2]).await;
    let before = HEADERS.map(|(tab, _)| world.sandbox().tab(tab));

    let spaced = format!(" {}\n", serde_json::to_string_pretty(&turn()).unwrap());
    for body in [turn().to_string(), spaced, booked().to_string()] {
        let answer = Answer::of(world.send(EVENTS, body)).await;
        assert_eq!(answer.status, 202);
        assert_eq!((&answer.json()["accepted"], &answer.json()["duplicates"]), (&json!(0), &json!(1)));
    }
    let again = world.deliver(&json!([turn(), booked(), turn()])).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(3)));
    assert_eq!(again["ids"], json!([first["ids"][0], first["ids"][1], first["ids"][0]]));

    // What waits goes out before or with what comes last.
    world.deliver(&json!({"type": "test.marker"})).await;
    world.lines_when("chat_events", 3).await;
    assert_eq!(counts(&world), [2, 1, 1, 1, 0, 0, 3]);
    assert_eq!(world.stored_counts().await, [2, 1, 1, 1, 0, 0, 3]);
    for ((tab, _), before) in HEADERS.into_iter().zip(before).take(6) {
        assert_eq!(world.sandbox().tab(tab), before, "{tab}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_looks_like_a_formula_arrives_as_text() {
    let world = World::start().await;
    let formula = "=HYPERLINK(\"http://x.test\",\"A1\")";
    let mut event = turn();
    event["first_name"] = json!(formula);
    event["message"] = json!(formula);
    world.deliver(&event).await;
    until("all rows", || counts(&world) == [1, 1, 1, 0, 0, 0, 1]).await;
    assert_eq!(world.lines("contacts")[0]["first_name"], formula);
    assert_eq!(world.lines("engagements")[0]["message"], formula);
    let as_text = json!({"stringValue": formula}).to_string();
    let written = || batches(&world).iter().map(|batch| batch.body.to_string()).collect::<String>();
    // A request is logged once it is answered, a little after its rows are there.
    until("the batch in the log", || written().contains(&as_text)).await;
    assert_eq!(written().matches(&as_text).count(), 2, "{}", written());
    assert!(!written().contains("formulaValue"), "{}", written());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_of_a_hundred_is_taken_and_one_more_is_not() {
    let world = World::start().await;
    let event = |number: usize| {
        let session = format!("s_{}", number % 7);
        json!({"type": "chat.turn", "session_id": session, "message": format!("line {number}")})
    };
    let events: Vec<Value> = (0..100).map(event).collect();
    let answer = world.deliver(&json!(events)).await;
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(100), &json!(0)));
    world.lines_when("chat_events", 100).await;
    let lines = world.lines_when("engagements", 100).await;
    for number in 0..100 {
        find(&lines, "message", &json!(format!("line {number}")));
    }
    assert!(batches(&world).len() < 12, "rows go out in batches, not one by one");

    let over: Vec<Value> = (200..301).map(event).collect();
    let refused = Answer::of(world.send(EVENTS, json!(over).to_string())).await;
    assert!(refused.problem(400, "MALFORMED").contains("at most 100"));
    assert_eq!(world.stored(Tab::ChatEvents).await.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_type_is_kept_as_a_chat_event() {
    let world = World::start().await;
    let event =
        json!({"type": "quiz.finished", "session_id": "ck_9", "points": [1, {"two": null}], "score": "A"});
    world.deliver(&event).await;
    let line = world.lines_when("chat_events", 1).await.remove(0);
    assert_eq!((&line["type"], &line["session_id"]), (&json!("quiz.finished"), &json!("ck_9")));
    assert_eq!(line["payload_json"].as_str().unwrap().parse::<Value>().unwrap(), event);
    assert_eq!(counts(&world), [0, 0, 0, 0, 0, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_survives_a_stop() {
    let world = World::start().await;
    world.deliver(&turn()).await;
    let world = World::open(world.stop().await, &[]).await;
    until("all rows", || counts(&world) == [1, 1, 1, 0, 0, 0, 1]).await;
    assert_eq!(world.deliver(&turn()).await["duplicates"], 1);
    world.deliver(&json!({"type": "test.marker"})).await;
    world.lines_when("chat_events", 2).await;
    assert_eq!(counts(&world), [1, 1, 1, 0, 0, 0, 2]);
    world.stop().await;
}
