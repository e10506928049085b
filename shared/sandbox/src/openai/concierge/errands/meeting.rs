//! Errands around meetings and links to pay: free times are listed, one is chosen, then it is booked, moved or paid.
//!
//! The invariant: only a time that was listed is asked for, and only once for each list.

use serde_json::{Value, json};

use super::{Scene, Step};
use crate::openai::concierge::{talk::Call, wish::has};

const MEETINGS: [&str; 10] = [
    "book a call",
    "book a meeting",
    "a meeting",
    "an appointment",
    "free times",
    "a demo",
    "einen termin",
    "termin buchen",
    "schedule a call",
    "book it",
];
const CANCEL: [&str; 4] = ["cancel my meeting", "cancel the meeting", "cancel my booking", "termin absagen"];
const MOVE: [&str; 5] =
    ["move my meeting", "reschedule", "another time", "termin verschieben", "move the meeting"];
const MINE: [&str; 4] = ["my bookings", "my meetings", "my meeting", "meine termine"];
const PAY: [&str; 5] = ["pay", "payment link", "checkout", "bezahlen", "zahlen"];
const ORDINALS: [(&str, usize); 9] = [
    ("first", 0),
    ("1", 0),
    ("ersten", 0),
    ("second", 1),
    ("2", 1),
    ("zweiten", 1),
    ("third", 2),
    ("3", 2),
    ("dritten", 2),
];
/// Most times that are named.
const NAMED: usize = 3;

/// What comes next.
pub(super) fn next(scene: &Scene<'_>) -> Option<Step> {
    let said = scene.talk.last();
    told(scene)
        .or_else(|| choose(scene))
        .or_else(|| has(said, &CANCEL).then(|| cancel(scene)).flatten())
        .or_else(|| has(said, &MOVE).then(|| shift(scene)).flatten())
        .or_else(|| has(said, &MINE).then(|| mine(scene)).flatten())
        .or_else(|| has(said, &PAY).then(|| pay(scene)).flatten())
        .or_else(|| has(said, &MEETINGS).then(|| list(scene, None)).flatten())
}

/// What came of an effect of this turn.
fn told(scene: &Scene<'_>) -> Option<Step> {
    let effects = ["book_meeting", "reschedule_meeting", "cancel_meeting", "create_checkout_link"];
    let made = scene.talk.calls().rev().find(|call| effects.contains(&call.name.as_str()))?;
    let answer = made.answer();
    if let Some(why) = made.failure() {
        // An offer with a meeting needs a time.
        let offer = made.arguments["offer"].as_str().filter(|_| why.contains("start_time"));
        if let Some(step) = offer.and_then(|offer| list(scene, Some(offer))) {
            return Some(step);
        }
        return Some(Step::Words(format!("I am sorry, that did not work: {why}.")));
    }
    let meeting = &answer["meeting"];
    let when = meeting["start"].as_str().unwrap_or_default();
    Some(Step::Words(match made.name.as_str() {
        "book_meeting" => format!("Your meeting is booked for {when}."),
        "reschedule_meeting" => format!("Your meeting was moved to {when}."),
        "cancel_meeting" => "Your meeting was cancelled.".to_owned(),
        _ => {
            let (item, url) = (answer["item"].as_str(), answer["url"].as_str());
            format!("Here is your link to pay for {}: {}", item.unwrap_or_default(), url.unwrap_or_default())
        }
    }))
}

/// A time of the newest list is chosen: books, moves, or makes a link.
fn choose(scene: &Scene<'_>) -> Option<Step> {
    let listed = open_list(scene)?;
    let answer = listed.answer();
    let slots: Vec<&str> = answer["slots"].as_array()?.iter().filter_map(Value::as_str).collect();
    let start = scene.talk.said_after(listed).find_map(|said| chosen(said, &slots))?;
    let slug = answer["meeting"].as_str().unwrap_or_default();
    if let Some(booking) = listed.arguments["booking_id"].as_str() {
        let own = [("booking_id", json!(booking)), ("start_time", json!(start)), ("reason", Value::Null)];
        return scene.one("reschedule_meeting", &own);
    }
    let attendee = match scene.attendee() {
        Ok(attendee) => attendee,
        Err(question) => return Some(Step::Words(question)),
    };
    let is_sold = answer["meetings"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one["slug"] == slug && one["sold"] == true));
    let [name, email] = attendee;
    let start = ("start_time", json!(start));
    let last = if is_sold {
        scene.call("create_checkout_link", &[("offer", json!(slug)), start, name, email])
    } else {
        scene.call("book_meeting", &[("meeting", json!(slug)), start, name, email])
    };
    let lead =
        scene.call("save_lead", &[]).filter(|_| !scene.talk.past.iter().any(|call| call.name == "save_lead"));
    let outcome = scene.call("log_outcome", &[]).filter(|_| !is_sold);
    Some(Step::Calls(lead.into_iter().chain(last).chain(outcome).collect()))
}

/// The newest list of times from which nothing was taken yet.
fn open_list<'a>(scene: &'a Scene<'_>) -> Option<&'a Call> {
    let takes = ["book_meeting", "reschedule_meeting"];
    let took = |call: &&Call| {
        let with_time = call.name == "create_checkout_link" && call.arguments["start_time"].is_string();
        takes.contains(&call.name.as_str()) || with_time
    };
    let newest = scene.talk.past.iter().rev();
    let listed = newest.take_while(|call| !took(call)).find(|call| call.name == "list_slots")?;
    (listed.failure().is_none() && listed.answer()["slots"].get(0).is_some()).then_some(listed)
}

/// The time that somebody means: by itself, by its hour, or by its place in the list.
fn chosen<'s>(said: &str, slots: &[&'s str]) -> Option<&'s str> {
    let written = slots.iter().find(|slot| said.contains(slot.get(..16).unwrap_or(slot)));
    let by_hour = || {
        let hours = said.split(|char: char| !(char.is_ascii_digit() || char == ':'));
        let hours: Vec<&str> = hours.filter(|word| word.len() == 5 && word.contains(':')).collect();
        slots.iter().find(|slot| hours.iter().any(|hour| slot.contains(&format!("T{hour}"))))
    };
    let by_place =
        || ORDINALS.iter().find(|(word, _)| has(said, &[word])).and_then(|(_, place)| slots.get(*place));
    written.or_else(by_hour).or_else(by_place).copied()
}

/// Lists free times: of `meeting`, else of the first one that costs nothing.
fn list(scene: &Scene<'_>, meeting: Option<&str>) -> Option<Step> {
    let mut made = scene.talk.calls().filter(|call| call.name == "list_slots");
    let Some(first) = made.next() else {
        return scene.one("list_slots", &[("meeting", json!(meeting)), ("booking_id", Value::Null)]);
    };
    let newest = made.next_back();
    let answer = newest.unwrap_or(first).answer();
    if let Some(why) = newest.unwrap_or(first).failure() {
        return Some(Step::Words(format!("I could not look up free times: {why}.")));
    }
    if answer["slots"].get(0).is_none() && newest.is_none() {
        let free = answer["meetings"].as_array()?.iter().find(|one| one["sold"] == false);
        if let Some(slug) =
            free.and_then(|one| one["slug"].as_str()).filter(|slug| answer["meeting"] != *slug)
        {
            return scene.one("list_slots", &[("meeting", json!(slug)), ("booking_id", Value::Null)]);
        }
    }
    Some(Step::Words(times(&answer)))
}

fn times(answer: &Value) -> String {
    let slots = answer["slots"].as_array().map_or(&[][..], Vec::as_slice);
    if slots.is_empty() {
        return "There are no free times in the next days.".to_owned();
    }
    let named = slots.iter().filter_map(Value::as_str).take(NAMED).zip(1..);
    let named: Vec<String> = named.map(|(slot, place)| format!("{place}. {slot}")).collect();
    format!("These times are free:\n{}\nWhich one suits you?", named.join("\n"))
}

/// The visitor's own meetings; asked for first where one of them is to be changed.
fn own_meeting(scene: &Scene<'_>) -> Result<String, Option<Step>> {
    let Some(listed) = scene.talk.call("list_my_bookings") else {
        return Err(scene.one("list_my_bookings", &[]));
    };
    let answer = listed.answer();
    let all = answer["meetings"].as_array().map_or(&[][..], Vec::as_slice);
    let alive = all.iter().find(|one| one["status"] == "booked" || one["status"] == "requested");
    match alive.and_then(|one| one["booking_id"].as_str()) {
        Some(id) => Ok(id.to_owned()),
        None => Err(Some(Step::Words("I see no meeting of yours.".to_owned()))),
    }
}

fn cancel(scene: &Scene<'_>) -> Option<Step> {
    match own_meeting(scene) {
        Ok(id) => scene.one("cancel_meeting", &[("booking_id", json!(id)), ("reason", Value::Null)]),
        Err(step) => step,
    }
}

fn shift(scene: &Scene<'_>) -> Option<Step> {
    let id = match own_meeting(scene) {
        Ok(id) => id,
        Err(step) => return step,
    };
    match scene.talk.call("list_slots") {
        Some(listed) => Some(Step::Words(times(&listed.answer()))),
        None => scene.one("list_slots", &[("meeting", Value::Null), ("booking_id", json!(id))]),
    }
}

fn mine(scene: &Scene<'_>) -> Option<Step> {
    let Some(listed) = scene.talk.call("list_my_bookings") else {
        return scene.one("list_my_bookings", &[]);
    };
    let answer = listed.answer();
    let all = answer["meetings"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |one: &Value| {
        let part = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        format!("- {}, {}: {}", part("title"), part("start"), part("status"))
    };
    let lines: Vec<String> = all.iter().map(line).collect();
    Some(Step::Words(if lines.is_empty() {
        "I see no meeting of yours.".to_owned()
    } else {
        lines.join("\n")
    }))
}

/// Makes a link for the offer that is named, else asks which one.
fn pay(scene: &Scene<'_>) -> Option<Step> {
    let tool = scene.tool("create_checkout_link")?;
    let offers = tool.parameters["properties"]["offer"]["enum"].as_array()?;
    let said = scene.talk.last();
    let names = |offer: &str| offer.split('-').filter(|word| has(said, &[word])).count();
    let offers: Vec<&str> = offers.iter().filter_map(Value::as_str).collect();
    let best = offers.iter().rev().max_by_key(|offer| names(offer)).filter(|offer| names(offer) > 0);
    match best {
        Some(offer) => {
            let own = [("offer", json!(offer)), ("start_time", Value::Null)];
            scene.one("create_checkout_link", &own)
        }
        None => Some(Step::Words(format!("What would you like to pay for: {}?", offers.join(", ")))),
    }
}
