//! Any order: events that come reordered and again leave the books as in-order events do.
//!
//! What is promised in any order is what rests on proofs: trusted events by e-mail and phone, chats by session and
//! visitor. A claim finds whoever is known when it comes, so here it names people who are known by it alone.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use domain::{Tab, id::EngagementId};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::{
    leads,
    rows::{ROWS, RowKey},
};

/// Schedules of one case, which run at one time over one store: 1,024 in all, 10,000 with `PROPTEST_CASES=2500`.
const AT_ONCE: usize = 4;

/// One event, in words that a schedule can shrink.
#[derive(Clone, Debug)]
struct Told {
    chat: bool,
    /// Which of its two identities are named: the first, the second, both.
    names: u8,
    first: u8,
    second: u8,
    uid: u8,
    word: u8,
    minute: u8,
}

fn told() -> impl Strategy<Value = Told> {
    let fields = (any::<bool>(), 0..3_u8, 0..3_u8, 0..3_u8, 0..4_u8, 0..4_u8, 0..6_u8);
    fields.prop_map(|(chat, names, first, second, uid, word, minute)| Told {
        chat,
        names,
        first,
        second,
        uid,
        word,
        minute,
    })
}

/// Events, and the order in which they come: each at least once, some again.
fn schedule() -> impl Strategy<Value = (Vec<Told>, Vec<usize>)> {
    prop::collection::vec(told(), 2..8).prop_flat_map(|events| {
        let indexes: Vec<usize> = (0..events.len()).collect();
        let again = prop::collection::vec(0..events.len(), 0..4);
        let order = again.prop_flat_map(move |again| {
            let coming: Vec<usize> = indexes.iter().copied().chain(again).collect();
            Just(coming).prop_shuffle()
        });
        (Just(events), order)
    })
}

impl Told {
    /// The event; `run` keeps schedules of one store apart.
    fn event(&self, run: &str, index: usize) -> Value {
        // A meeting that two people are told to have at one moment is whose it may be; chats may fall together.
        let second = if self.chat { 0 } else { index };
        let at = format!("2025-10-01T10:{:02}:{second:02}Z", self.minute);
        let first_name = ["", "Ann", "Ben", ""][usize::from(self.word)];
        let mut event = json!({"id": format!("{run}.{index}"), "occurred_at": at, "first_name": first_name});
        if self.word > 0 {
            event["traits"] = json!({"utm_source": format!("utm{}", self.word)});
        }
        let (first, second) = (self.names != 1, self.names != 0);
        if self.chat {
            event["type"] = json!("chat.turn");
            event["score"] = json!(0.5 + f64::from(self.uid) / 10.0);
            event["intent"] = json!(["", "buy", "browse", "none"][usize::from(self.word)]);
            event["outcome"] = json!(["", "qualified", "booked", "learn_more"][usize::from(self.uid)]);
            if self.first == 2 && self.second == 2 {
                event["email"] = json!(format!("{run}claimed@example.com"));
                return event;
            }
            if first {
                event["session_id"] = json!(format!("{run}s{}", self.first));
            }
            if second {
                event["visitor_id"] = json!(format!("{run}v{}", self.second));
            }
        } else {
            event["type"] = json!(
                ["calendar.booked", "calendar.rescheduled", "calendar.cancelled", "calendar.confirmed"]
                    [usize::from(self.word)]
            );
            event["uid"] = json!(format!("{run}u{}", self.uid));
            event["event_start"] = json!(format!("2025-11-01T{:02}:00:00Z", self.minute));
            if first {
                event["email"] = json!(format!("{run}e{}@example.com", self.first));
            }
            if second {
                event["phone"] = json!(number(run, self.second));
            }
        }
        event
    }
}

/// The identities of a run: a word for each, and what it is in the books.
fn identities(run: &str) -> Vec<(String, Identity)> {
    let mut all = vec![("claimed".to_owned(), email(&format!("{run}claimed@example.com")))];
    for n in 0..3 {
        all.push((format!("e{n}"), email(&format!("{run}e{n}@example.com"))));
        all.push((format!("p{n}"), phone(&number(run, n))));
        all.push((format!("v{n}"), visitor(&format!("{run}v{n}"))));
        let session = format!("{run}s{n}");
        all.push((format!("s{n}"), Identity { session, ..Default::default() }));
    }
    all
}

/// A number that no other run has.
fn number(run: &str, n: u8) -> String {
    format!("+99{:0>8}{n}", run.trim_matches(char::is_alphabetic))
}

fn word_of(identity: &Identity) -> &str {
    let words = [&identity.email, &identity.phone, &identity.visitor, &identity.session];
    words.into_iter().find(|word| !word.is_empty()).unwrap()
}

fn ids(doc: &ContactDoc) -> Vec<String> {
    [doc.contact.id.clone()].into_iter().chain(doc.aliases.clone()).collect()
}

/// What the books say of a run, with contacts and leads named by the identities that lead to them, since ids are
/// random. The keys are tab and id.
async fn read(desk: &Desk, run: &str, events: &[Told]) -> BTreeMap<String, Value> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let spoken: String =
        events.iter().enumerate().map(|(index, told)| told.event(run, index).to_string()).collect();
    let named = identities(run).into_iter().filter(|(_, identity)| spoken.contains(word_of(identity)));
    for (word, identity) in named {
        if let Some(owner) = desk.whose(identity).await {
            names.entry(owner).or_default().insert(word);
        }
    }
    let mut keys = BTreeMap::new();
    for (id, name) in &names {
        let name = format!("{name:?}");
        keys.insert(format!("contact {name}"), (Tab::Contacts, id.clone()));
        if let Some(lead) = leads::only_open(&*desk.store, &ids(&desk.doc(id).await)).await {
            keys.insert(format!("lead {name}"), (Tab::Leads, lead));
        }
    }
    for (index, told) in events.iter().enumerate() {
        let key = if told.chat {
            (Tab::Engagements, EngagementId::derive(&[&format!("{run}.{index}")]).to_string())
        } else {
            (Tab::Bookings, format!("bkg_{}", id::digest(&["uid", "", &format!("{run}u{}", told.uid)])))
        };
        let name = if told.chat { index } else { usize::from(told.uid) };
        keys.insert(format!("{} {name}", key.0), key);
    }
    let mut books = BTreeMap::new();
    for (name, (tab, id)) in keys {
        let key = RowKey { tab, id };
        let doc = ROWS.get(&*desk.store, &key.doc_id()).await.unwrap().expect(&name).value;
        let mut doc = [doc];
        show_survivors(&*desk.store, doc.iter_mut()).await.unwrap();
        let [doc] = doc;
        let mut cells = crate::wire::cells_json(doc.cells);
        cells.remove("id");
        if let Some(owner) = cells.get("contact_id").and_then(Value::as_str).map(str::to_owned) {
            cells.insert("contact_id".to_owned(), json!(names[&owner]));
        }
        let text = Value::Object(cells).to_string().replace(run, "").replace(&number(run, 0)[..11], "+");
        books.insert(name, serde_json::from_str(&text).unwrap());
    }
    books
}

/// Tells the events in order and as `order` says, and holds the two ends against each other; answers whether anybody
/// was merged.
async fn hold(desk: Arc<Desk>, run: usize, (events, order): (Vec<Told>, Vec<usize>)) -> Result<bool, String> {
    let (calm, storm) = (format!("r{run}x"), format!("r{}x", run + 1));
    let mut in_order: Vec<usize> = (0..events.len()).collect();
    in_order.sort_by_key(|index| events[*index].minute);
    desk.tell(in_order.iter().map(|index| events[*index].event(&calm, *index)).collect()).await;
    for several in order.chunks(2) {
        desk.tell(several.iter().map(|index| events[*index].event(&storm, *index)).collect()).await;
    }
    let expected = read(&desk, &calm, &events).await;
    let found = read(&desk, &storm, &events).await;
    if found != expected {
        return Err(format!("{order:?} of {events:#?}\n  found {found:#?}\n  not {expected:#?}"));
    }
    Ok(expected.keys().any(|key| key.matches('"').count() > 4))
}

#[test]
fn any_order_ends_as_in_order() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let tries = config.cases * AT_ONCE as u32;
    let (desk, runs, merged) = (Arc::new(Desk::open()), Cell::new(0), Cell::new(0));
    let schedules = prop::collection::vec(schedule(), AT_ONCE);
    let tried = TestRunner::new(config).run(&schedules, |schedules| {
        let held = runtime.block_on(async {
            let mut holding = tokio::task::JoinSet::new();
            for schedule in schedules {
                runs.set(runs.get() + 2);
                holding.spawn(hold(desk.clone(), runs.get(), schedule));
            }
            holding.join_all().await
        });
        for held in held {
            merged.set(merged.get() + u32::from(held.map_err(TestCaseError::fail)?));
        }
        Ok(())
    });
    tried.unwrap();
    assert!(merged.get() > tries / 10, "few schedules merged anybody: {}", merged.get());
}
