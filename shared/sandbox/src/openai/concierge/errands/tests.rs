//! Errands, played as an agent's loop plays them, over functions that answer what they would.

use serde_json::{Value, json};

use crate::openai::{concierge::answer, responses::Offered, script::Output};

const SLOTS: [&str; 3] = [
    "2026-11-24T09:00:00+01:00[Europe/Berlin]",
    "2026-11-24T09:30:00+01:00[Europe/Berlin]",
    "2026-11-25T14:00:00+01:00[Europe/Berlin]",
];

struct Play {
    items: Vec<Value>,
    tools: Vec<Offered>,
    answers: fn(&str, &Value) -> Value,
}

fn tool(name: &str, properties: Value) -> Offered {
    let names: Vec<_> = properties.as_object().unwrap().keys().cloned().collect();
    let parameters =
        json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false});
    Offered { name: name.to_owned(), parameters }
}

fn tools() -> Vec<Offered> {
    let text = json!({"type": ["string", "null"]});
    let must = json!({"type": "string"});
    vec![
        tool("save_lead", json!({"email": text, "first_name": text})),
        tool("log_outcome", json!({"outcome": {"type": "string", "enum": ["qualified", "booked"]}})),
        tool("list_slots", json!({"meeting": text, "from_time": text, "booking_id": text})),
        tool(
            "book_meeting",
            json!({"meeting": must, "start_time": must, "name": must, "email": text, "notes": text}),
        ),
        tool("reschedule_meeting", json!({"booking_id": must, "start_time": must, "reason": text})),
        tool("cancel_meeting", json!({"booking_id": must, "reason": text})),
        tool("list_my_bookings", json!({})),
        tool(
            "create_checkout_link",
            json!({"offer": {"type": "string", "enum": ["strategy-consult", "automation-audit"]}, "start_time": text, "name": text, "email": text}),
        ),
        tool("hand_off_to_human", json!({"reason": must, "summary": text})),
    ]
}

fn world(name: &str, arguments: &Value) -> Value {
    let meetings = json!([{"slug": "strategy-consult", "sold": true}, {"slug": "intro", "sold": false}]);
    let meeting =
        |start: &Value| json!({"meeting": {"booking_id": "bkg_1", "start": start, "status": "booked"}});
    match name {
        "list_slots" if arguments["meeting"].is_null() && arguments["booking_id"].is_null() => {
            json!({"meetings": meetings, "meeting": null, "slots": []})
        }
        "list_slots" => json!({"meetings": meetings, "meeting": arguments["meeting"], "slots": SLOTS}),
        "book_meeting" | "reschedule_meeting" => meeting(&arguments["start_time"]),
        "cancel_meeting" => meeting(&Value::Null),
        "list_my_bookings" => json!({"meetings": [
            {"booking_id": "bkg_0", "status": "canceled", "title": "Intro", "start": SLOTS[0]},
            {"booking_id": "bkg_1", "status": "booked", "title": "Intro", "start": SLOTS[1]},
        ]}),
        "create_checkout_link"
            if arguments["offer"] == "strategy-consult" && arguments["start_time"].is_null() =>
        {
            json!({"error": "start_time is required for a meeting", "advice": "Ask."})
        }
        "create_checkout_link" => json!({"item": arguments["offer"], "url": "https://pay.example/1"}),
        _ => json!({"ok": true}),
    }
}

impl Play {
    fn new() -> Self {
        Self { items: Vec::new(), tools: tools(), answers: world }
    }

    /// Says something; the calls that follow, and the words at the end.
    fn say(&mut self, text: &str) -> (Vec<(String, Value)>, String) {
        self.items.push(json!({"role": "user", "content": text}));
        let mut made = Vec::new();
        for round in 0..6 {
            for (place, output) in answer(&self.items, &self.tools, false, true).into_iter().enumerate() {
                match output {
                    Output::Text(words) => return (made, words.concat()),
                    Output::Refusal(why) => panic!("{why}"),
                    Output::Call { name, arguments } => {
                        let arguments: Value = serde_json::from_str(&arguments).unwrap();
                        let call_id = format!("call_{}_{round}_{place}", self.items.len());
                        let output = (self.answers)(&name, &arguments).to_string();
                        self.items.push(json!({"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments.to_string()}));
                        self.items.push(
                            json!({"type": "function_call_output", "call_id": call_id, "output": output}),
                        );
                        made.push((name, arguments));
                    }
                }
            }
        }
        panic!("no end: {made:?}");
    }
}

fn names(made: &[(String, Value)]) -> Vec<&str> {
    made.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_meeting_is_listed_chosen_and_booked() {
    let mut play = Play::new();
    let (made, words) = play.say("I'd like to book a call");
    assert_eq!(names(&made), ["list_slots", "list_slots"]);
    assert_eq!(made[1].1["meeting"], "intro", "what costs nothing");
    assert!(words.contains(SLOTS[0]) && words.contains("Which one"), "{words}");

    let (made, words) = play.say("The second one please");
    assert!(made.is_empty() && words.contains("name and e-mail"), "{words}");

    let (made, words) = play.say("My name is Ann Lee, ann@example.com");
    assert_eq!(names(&made), ["save_lead", "book_meeting", "log_outcome"]);
    let booked = json!({"meeting": "intro", "start_time": SLOTS[1], "name": "Ann Lee", "email": "ann@example.com", "notes": "I'd like to book a call"});
    assert_eq!(made[1].1, booked);
    assert_eq!(made[2].1["outcome"], "booked");
    assert_eq!(words, format!("Your meeting is booked for {}.", SLOTS[1]));

    let (made, _) = play.say("thanks, bye");
    assert!(made.is_empty(), "what was booked is not booked again: {made:?}");
}

#[test]
fn a_meeting_is_moved_and_cancelled() {
    let mut play = Play::new();
    let (made, words) = play.say("Please move my meeting");
    assert_eq!(names(&made), ["list_my_bookings", "list_slots"]);
    assert_eq!(made[1].1["booking_id"], "bkg_1", "the one that takes place");
    assert!(words.contains(SLOTS[2]), "{words}");
    let (made, words) = play.say("14:00 is fine");
    assert_eq!(names(&made), ["reschedule_meeting"]);
    assert_eq!(made[0].1["start_time"], SLOTS[2]);
    assert!(words.starts_with("Your meeting was moved"), "{words}");
    let (made, words) = play.say("Cancel my meeting after all");
    assert_eq!(names(&made), ["list_my_bookings", "cancel_meeting"]);
    assert_eq!(words, "Your meeting was cancelled.");
}

#[test]
fn a_link_to_pay_is_made_with_a_time_where_it_needs_one() {
    let mut play = Play::new();
    let (made, words) = play.say("I want to pay for the automation audit");
    assert_eq!(names(&made), ["create_checkout_link"]);
    assert_eq!(made[0].1["offer"], "automation-audit");
    assert!(words.contains("https://pay.example/1"), "{words}");

    let (made, _) = play.say("I am Ann Lee, ann@example.com, and I pay for the strategy consult");
    assert_eq!(names(&made), ["create_checkout_link", "list_slots"]);
    assert_eq!(made[1].1["meeting"], "strategy-consult");
    let (made, words) = play.say("the first");
    assert_eq!(names(&made), ["save_lead", "create_checkout_link"]);
    assert_eq!(made[1].1["start_time"], SLOTS[0]);
    assert!(words.contains("https://pay.example/1"), "{words}");
    let (_, words) = play.say("how do I pay");
    assert!(words.contains("strategy-consult, automation-audit"), "{words}");
}

#[test]
fn who_wants_a_person_gets_one_and_what_fails_is_said() {
    let mut play = Play::new();
    let (made, words) = play.say("Let me talk to a human");
    assert_eq!(
        made,
        [("hand_off_to_human".to_owned(), json!({"reason": "Let me talk to a human", "summary": null}))]
    );
    assert!(words.contains("a colleague"), "{words}");
    play.answers = |_, _| json!({"error": "the calendar rests", "advice": "later"});
    let (_, words) = play.say("Cancel my meeting");
    assert!(words.contains("I see no meeting") || words.contains("calendar rests"), "{words}");
    let (_, words) = play.say("I'd like to book a call");
    assert!(words.contains("the calendar rests"), "{words}");
}

#[test]
fn without_the_functions_nobody_runs_errands() {
    let mut play = Play::new();
    play.tools = Vec::new();
    let (made, words) = play.say("I'd like to book a call");
    assert!(made.is_empty() && words.contains("e-mail address"), "{words}");
}
