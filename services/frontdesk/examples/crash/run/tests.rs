//! The verdict can be a bad one.

use std::{collections::BTreeMap, time::Instant};

use sandbox::Applied;
use serde_json::{Value, json};

use super::{
    books::{Books, Line},
    lives::{Death, Life},
    story,
    verdict::Evidence,
};

type Tabs = BTreeMap<String, Vec<Line>>;

/// Two people, one turn and lead of each, under ids made on arrival, and a meeting.
fn tabs(ids: [&str; 2]) -> Tabs {
    let mut tabs = Tabs::new();
    let mut add = |tab: &str, line: Value| {
        tabs.entry(tab.to_owned()).or_default().push(line.as_object().unwrap().clone());
    };
    for (number, id) in ids.into_iter().enumerate() {
        add("chat_events", json!({"id": format!("ev-{number}"), "type": "chat.turn"}));
        add("engagements", json!({"id": format!("eng_{number}"), "contact_id": id, "message": "hello"}));
        add("contacts", json!({"id": id, "utm_source": format!("ad-{number}")}));
        add("leads", json!({"id": format!("led_{id}"), "contact_id": id, "score": 0.5}));
    }
    add("bookings", json!({"id": ids[0], "contact_id": "c_1", "cal_event_id": "late-3", "status": "booked"}));
    tabs
}

fn appended(tabs: &Tabs) -> Vec<Applied> {
    let ids = tabs.iter().flat_map(|(tab, lines)| {
        lines.iter().map(move |line| (tab.clone(), line["id"].as_str().unwrap().to_owned()))
    });
    vec![Applied { at: Instant::now(), appended: ids.collect(), changed: 0, marks: Vec::new() }]
}

fn evidence() -> Evidence {
    let (ours, theirs) = (tabs(["con_A", "con_B"]), tabs(["con_Y", "con_X"]));
    Evidence {
        applied: appended(&ours),
        books: Books::of(ours),
        reference: Books::of(theirs),
        sent: 2,
        acknowledged: ["ev-0", "ev-1"].map(str::to_owned).into(),
        lives: vec![
            Life { number: 1, death: Death::Moment, flushed: 3, as_planned: true },
            Life { number: 2, death: Death::Starting, flushed: 0, as_planned: true },
        ],
    }
}

/// What is said once `spoil` had its way with the spreadsheet.
fn spoilt(spoil: impl FnOnce(&mut Tabs)) -> String {
    let mut spoilt = tabs(["con_A", "con_B"]);
    spoil(&mut spoilt);
    Evidence { books: Books::of(spoilt), ..evidence() }.judge().join("\n")
}

#[test]
fn books_that_differ_in_names_made_on_arrival_alone_are_the_same() {
    assert_eq!(evidence().judge(), [""; 0]);
}

#[test]
fn a_row_that_is_lost_is_told() {
    let wrong = spoilt(|tabs| drop(tabs.get_mut("chat_events").unwrap().remove(0)));
    assert_eq!(wrong, "ev-0 was acknowledged and has no row\nchat_events: ev-0 is missing");
    for tab in ["contacts", "leads", "engagements", "bookings"] {
        let wrong = spoilt(|tabs| drop(tabs.get_mut(tab).unwrap().pop()));
        assert!(wrong.contains(&format!("{tab}: ")) && wrong.contains("is missing"), "{tab}: {wrong}");
    }
}

#[test]
fn a_row_that_stands_twice_is_told() {
    for tab in ["chat_events", "contacts", "leads", "engagements", "bookings"] {
        let wrong = spoilt(|tabs| {
            let lines = tabs.get_mut(tab).unwrap();
            lines.push(lines[0].clone());
        });
        assert!(wrong.contains("stands 2 times"), "{tab}: {wrong}");
    }
    // one person's second lead has an id of its own
    let wrong = spoilt(|tabs| {
        let lines = tabs.get_mut("leads").unwrap();
        let mut other = lines[0].clone();
        other.insert("id".into(), "led_other".into());
        lines.push(other);
    });
    assert_eq!(wrong, "leads: 2 rows are about eng_0");
}

#[test]
fn a_row_that_was_written_twice_is_told_even_if_one_is_gone() {
    let mut evidence = evidence();
    let again = evidence.applied[0].clone();
    evidence.applied.push(Applied { appended: again.appended[..1].to_vec(), ..again });
    assert_eq!(evidence.judge(), ["bookings: con_A was appended 2 times"]);
}

#[test]
fn a_cell_that_differs_is_told() {
    let wrong = spoilt(|tabs| drop(tabs.get_mut("leads").unwrap()[1].insert("score".into(), json!(0.9))));
    assert_eq!(wrong, "leads: eng_1 differs: score is 0.9 and should be 0.5");
    let wrong = spoilt(|tabs| {
        drop(tabs.get_mut("engagements").unwrap()[1].insert("contact_id".into(), "con_A".into()))
    });
    assert!(
        wrong.contains("engagements: eng_1 differs: contact_id is \"eng_0\" and should be \"eng_1\""),
        "{wrong}"
    );
    let wrong = spoilt(|tabs| {
        drop(tabs.insert("payments".into(), vec![json!({"id": "pi_1"}).as_object().unwrap().clone()]))
    });
    assert_eq!(wrong, "payments: pi_1 is too much");
}

#[test]
fn a_run_that_proves_nothing_is_told() {
    let mut evidence = evidence();
    evidence.sent = 3;
    assert_eq!(evidence.judge(), ["only 2 of 3 events were acknowledged"]);
    evidence.sent = 2;
    evidence.lives[0].flushed = 0;
    evidence.lives[1].as_planned = false;
    assert_eq!(evidence.judge(), ["life 1 wrote no row: Moment", "life 2 did not end as planned: Starting"]);
}

#[test]
fn a_story_is_the_same_for_the_same_seed_and_has_everything_in_it() {
    let events = story::write(7, 2_000);
    assert_eq!(events, story::write(7, 2_000));
    assert_ne!(events, story::write(8, 2_000));
    let has = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    for kind in
        ["chat.turn", "calendar.booked", "calendar.rescheduled", "calendar.cancelled", "calendar.confirmed"]
    {
        assert!(has(kind) > 20, "{kind}: {}", has(kind));
    }
    assert!(events.iter().filter(|event| event["id"].is_null()).count() > 100);
}
