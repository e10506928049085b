//! Wishes in chats: streams are killed at any byte, services die, turns are answered again; the effect and its receipt are one
//! each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use jiff::Timestamp;
use sandbox::INTRO_CALL;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    desk::Desk,
    effects::Effects,
    line::{Break, once},
    people::Somebody,
    storm::kill,
    wish::Tally,
};
use crate::chat::talk::{Talk, add, create, request, retry, text, thread_of};

const CHATS: u64 = 80;
const ABREAST: usize = 8;
/// How long a chat may take, whatever befalls it.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a message that nobody knows of may still be on its way.
const LATE: Duration = Duration::from_secs(4);
/// So many streams of a chat may break; then it is let through.
const UNLUCKY: usize = 4;

/// A visitor in a thread.
struct Visitor {
    talk: Talk,
    thread: String,
    dice: Rng,
    streams: usize,
    /// How many messages may have come of what is being said: one that shows late is said again, and is two then.
    sent: usize,
    deadline: Instant,
}

// === impl Visitor ===

impl Visitor {
    /// Says hello, as often as it takes.
    async fn begin(talk: Talk, seed: u64) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = hear(talk.request(&create("Hello!"))).await;
            if let Some(first) = heard.0.first().filter(|_| heard.1) {
                return Self {
                    thread: thread_of(first),
                    talk,
                    dice: Rng::with_seed(seed),
                    streams: 0,
                    sent: 0,
                    deadline,
                };
            }
            assert!(Instant::now() < deadline, "seed {seed}: no hello");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Says something until it is heard out, as people do: what is not there is said again, what has no answer is asked for
    /// again. The thread then.
    async fn say(&mut self, desk: &Desk, tally: &Tally, said: &str) -> Vec<Value> {
        self.sent = 0;
        loop {
            let items = self.shown(said).await;
            let is_new = !items.iter().any(|item| is_said(item, said));
            let body = match items.iter().find(|item| is_said(item, said)) {
                None => add(&self.thread, said),
                Some(message) => {
                    tally.count("turns answered again");
                    retry(&self.thread, message["id"].as_str().unwrap())
                }
            };
            let (events, is_whole, is_cut) = self.stream(desk, &body).await;
            self.sent += usize::from(is_new && !is_cut);
            tally.count(if is_whole { "streams heard out" } else { "streams broken" });
            let failed = events.iter().any(|event| event["type"] == "error");
            if failed {
                tally.count("streams that say that they failed");
            }
            if is_whole && !failed {
                let items = self.items().await;
                if !items.iter().rev().find(|item| item["type"] == "assistant_message").is_some_and(is_sorry)
                {
                    return items;
                }
                tally.count("answers that are sorry");
            }
            assert!(Instant::now() < self.deadline, "{said} is never heard out: {events:?}");
            tokio::time::sleep(Duration::from_millis(self.dice.u64(0..150))).await;
        }
    }

    /// Takes back what a card offers to take back, by its button, until the card has none.
    async fn take_back(&mut self, desk: &Desk, tally: &Tally) -> Vec<Value> {
        loop {
            let items = self.items().await;
            let pressed = items.iter().find_map(|item| Some((&item["id"], undo(item)?)));
            let Some((item, action)) = pressed else { return items };
            let params = json!({"thread_id": self.thread, "item_id": item, "action": action});
            self.stream(desk, &request("threads.custom_action", params)).await;
            tally.count("buttons pressed");
            assert!(Instant::now() < self.deadline, "{item} is never taken back");
        }
    }

    /// The events of a stream as far as it is heard, whether it ended as it should, and whether its request never arrived.
    async fn stream(&mut self, desk: &Desk, body: &Value) -> (Vec<Value>, bool, bool) {
        self.streams += 1;
        let fate = match self.dice.u64(0..4) {
            0 => Break::Asking(self.dice.u64(1..1_200)),
            1 => Break::Answering(self.dice.u64(1..4_000)),
            2 => Break::Unheard(self.dice.u64(600..1_200), Duration::from_millis(self.dice.u64(1..300))),
            _ => Break::Moment(Duration::from_micros(self.dice.u64(500..250_000))),
        };
        let is_unlucky = self.streams <= UNLUCKY && self.dice.u64(..100) < 75;
        let at = if is_unlucky { once(desk.gateway(), fate).await } else { desk.gateway() };
        let (events, is_whole) = hear(self.talk.moved_to(&format!("http://{at}")).request(body)).await;
        // less than the body alone, and the headers come before it
        let is_short = matches!(fate, Break::Asking(bytes) if bytes < body.to_string().len() as u64);
        let is_cut = is_unlucky && is_short;
        (events, is_whole, is_cut)
    }

    /// The thread, once it shows what was said or nobody can think any more that it is on its way.
    async fn shown(&self, said: &str) -> Vec<Value> {
        let patience = Instant::now() + if self.sent > 0 { LATE } else { Duration::ZERO };
        loop {
            let items = self.items().await;
            if items.iter().any(|item| is_said(item, said)) || Instant::now() >= patience {
                return items;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn items(&self) -> Vec<Value> {
        let params = json!({"thread_id": self.thread, "limit": 100, "order": "asc"});
        loop {
            let asked = self.talk.request(&request("items.list", params.clone())).send().await;
            if let Ok(answer) = asked
                && answer.status().as_u16() == 200
                && let Ok(page) = answer.json::<Value>().await
            {
                return page["data"].as_array().unwrap().clone();
            }
            assert!(Instant::now() < self.deadline, "the thread is never shown");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The action of a card's button by which something is taken back.
fn undo(item: &Value) -> Option<&Value> {
    let children = item["widget"]["children"].as_array()?.iter();
    children.map(|child| &child["onClickAction"]).find(|action| action["type"] == "frontdesk.undo")
}

fn is_said(item: &Value, said: &str) -> bool {
    item["type"] == "user_message" && text(item) == said
}

/// Whether an answer says that something did not work, so that people ask once more.
fn is_sorry(answer: &Value) -> bool {
    ["I am sorry", "I could not", "I can't answer right now"].iter().any(|words| text(answer).contains(words))
}

/// The events of a stream as far as it is heard, and whether it ended as it should.
async fn hear(request: reqwest::RequestBuilder) -> (Vec<Value>, bool) {
    let Ok(mut response) = request.timeout(Duration::from_secs(40)).send().await else {
        return (Vec::new(), false);
    };
    let is_stream = response.status().as_u16() == 200;
    let mut heard = Vec::new();
    let is_whole = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => heard.extend_from_slice(&chunk),
            Ok(None) => break is_stream,
            Err(_) => break false,
        }
    };
    let heard = String::from_utf8_lossy(&heard);
    let frames = heard.split("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
    (frames.filter_map(|frame| serde_json::from_str(frame).ok()).collect(), is_whole)
}

/// What a chat has left.
struct Left {
    email: String,
    word: String,
    /// The receipts, as they are copied.
    receipts: Vec<String>,
    meeting: bool,
    link: bool,
    person: bool,
    /// It was taken back by its button.
    undone: bool,
    /// How many messages may have asked for it; each of them may have had an effect.
    sent: usize,
}

/// One visitor's chat.
async fn chat(desk: &Desk, talk: Talk, number: u64, tally: &Tally, start: Option<Timestamp>) -> Left {
    let somebody = Somebody::new(2_000_000 + number, 0);
    let mut visitor = Visitor::begin(talk, 99 + number).await;
    let (email, word) = (somebody.email(), somebody.word);
    let (link, person) = (start.is_none() && number % 3 == 1, start.is_none() && number % 3 == 2);
    let said = match start {
        Some(start) => {
            visitor.say(desk, tally, "I would like to book a meeting").await;
            format!("{}, my name is Ann Example, my e-mail is {email}", start.strftime("%Y-%m-%dT%H:%M"))
        }
        None if link => format!("I am Ann Example, {email}, give me a payment link for the automation audit"),
        None if person => format!("Let me talk to a real person about {word}"),
        None => format!("My name is Ann Example, my e-mail is {email}, I want to buy"),
    };
    let mut items = visitor.say(desk, tally, &said).await;
    let (shown, sent) = (items.iter().filter(|item| is_said(item, &said)).count(), visitor.sent);
    assert!((1..=sent).contains(&shown), "{number}: {sent} {items:#?}");
    let undone = (start.is_some() || link) && number / 8 % 2 == 1;
    if undone {
        items = visitor.take_back(desk, tally).await;
    }
    let receipts = items.iter().filter_map(|item| item["copy_text"].as_str()).map(str::to_owned).collect();
    Left { email, word, receipts, meeting: start.is_some(), link, person, undone, sent }
}

/// Whether what a chat has left is there once, and has one receipt.
fn check(left: &Left, effects: &Effects) {
    let Left { email, word, receipts, meeting, link, person, undone, .. } = left;
    let count = |tab: &str, column: &str, value: &str| {
        effects.rows[tab]
            .iter()
            .filter(|row| row[column].as_str().is_some_and(|cell| cell.contains(value)))
            .count()
    };
    let booked = effects.bookings.iter().filter(|booking| booking["attendees"][0]["email"] == **email);
    let booked: Vec<_> = booked.collect();
    let links: Vec<_> = effects.checkouts.iter().filter(|link| link["customer_email"] == **email).collect();
    let is_over = |one: &&Value| one["status"] == "cancelled" || one["status"] == "expired";
    let over = booked.iter().copied().chain(links.iter().copied()).filter(is_over).count();
    assert_eq!(over, usize::from(*undone), "{email} {booked:#?} {links:#?}");
    let letters = effects.letters.values().filter(|text| text.contains(word)).count();
    let is = usize::from;
    let is_lead = !link && !person;
    assert_eq!(
        (booked.len(), links.len(), letters),
        (is(*meeting), is(*link), is(*person)),
        "{email} {receipts:?} {booked:#?}"
    );
    assert_eq!(count("contacts", "email", email), is(!link && !person), "{email}");
    assert_eq!(receipts.len(), is(*meeting) + is(*link) + is(is_lead) + is(*undone), "{email} {receipts:?}");
    let has = |what: &str| receipts.iter().any(|receipt| receipt.contains(what));
    // what has ended has no address any more
    assert!(links.iter().all(|link| link["url"].as_str().is_none_or(has)), "{receipts:?}");
    let contact = effects.rows["contacts"].iter().find(|row| row["email"] == **email);
    if let Some(contact) = contact {
        let leads = effects.rows["leads"].iter().filter(|row| row["contact_id"] == contact["id"]);
        let leads: Vec<_> = leads.collect();
        assert!(leads.len() == 1 && has(leads[0]["id"].as_str().unwrap()), "{receipts:?} {leads:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_breaks_anywhere_has_one_effect_and_one_receipt() {
    let desk = Arc::new(Desk::start(77).await);
    let (tally, turn) = (Arc::new(Tally::default()), Arc::new(Semaphore::new(ABREAST)));
    let mut talks = Vec::new();
    for _ in 0..CHATS {
        talks.push(Talk::begin(&desk.line("gateway").url(), &json!({"modes": ["self_hosted"]})).await);
    }
    let over = Arc::new(AtomicBool::new(false));
    let victims = &["chat-agent", "booking-payments", "sheets-writer", "gateway"];
    let killing = tokio::spawn(kill(Arc::clone(&desk), 78, victims, Arc::clone(&over)));
    let mut starts = desk.sandbox.calendar().free(INTRO_CALL, 21).into_iter().skip(4);
    desk.set_wild(true);
    // sessions are not what this is about
    for service in ["gateway", "session-broker"] {
        desk.line(service).set_wild(false);
    }
    let mut chats = JoinSet::new();
    for (number, talk) in (0..).zip(talks) {
        let (desk, tally, turn) = (Arc::clone(&desk), Arc::clone(&tally), Arc::clone(&turn));
        let start = (number % 8 == 0).then(|| starts.next().unwrap());
        chats.spawn(async move {
            let _turn = turn.acquire_owned().await.unwrap();
            chat(&desk, talk, number, &tally, start).await
        });
    }
    let left = chats.join_all().await;
    over.store(true, Ordering::SeqCst);
    let killed = killing.await.unwrap();
    desk.set_wild(false);
    let meetings = desk.sandbox.calendar().bookings().len();
    let effects = desk.effects(&[], meetings).await;
    // whoever said it twice wanted it twice
    let (once, twice): (Vec<_>, Vec<_>) = left.iter().partition(|left| left.sent == 1);
    once.iter().for_each(|left| check(left, &effects));
    assert!(twice.len() * 2 < left.len(), "{} of {CHATS} said it twice", twice.len());
    println!("{killed} killed, {} said it twice, lines {:?}, {tally:?}", twice.len(), desk.broken());
    for (what, least) in [
        ("streams broken", 80),
        ("turns answered again", 100),
        ("streams that say that they failed", 40),
        ("buttons pressed", 12),
    ] {
        assert!(tally.of(what) >= least, "{what}: {tally:?}");
    }
    assert!(killed >= 5, "{killed}");
}
