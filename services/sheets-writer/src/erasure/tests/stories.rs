//! Any story: somebody is forgotten in the middle of it, dying on the way, and everything is told again.
//!
//! Held against the same story without the person: nothing of theirs from before is left, and what the books keep of
//! everybody else is the same to the letter, ids aside.

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;

/// People of a story; the first is forgotten.
const NAMES: [&str; 3] = ["canary", "ben", "cat"];

/// One event, in words that a story can shrink.
#[derive(Clone, Debug)]
struct Told {
    who: usize,
    kind: u8,
    /// By the first address, the second, or both, which makes two contacts one.
    by: u8,
    word: u8,
    minute: u8,
}

#[derive(Clone, Debug)]
struct Story {
    events: Vec<Told>,
    /// After how many events the person is forgotten.
    at: usize,
    /// After how many commits whoever does it dies.
    commits: usize,
    /// Events from before that come once more.
    again: Vec<usize>,
}

fn story() -> impl Strategy<Value = Story> {
    let told = (0..3_usize, 0..3_u8, 0..3_u8, 0..3_u8, 0..50_u8)
        .prop_map(|(who, kind, by, word, minute)| Told { who, kind, by, word, minute });
    let again = prop::collection::vec(0..100_usize, 0..5);
    (prop::collection::vec(told, 4..14), 2..10_usize, 1..25_usize, again)
        .prop_map(|(events, at, commits, again)| Story { at: at.min(events.len()), events, commits, again })
}

impl Told {
    fn event(&self, index: usize) -> Value {
        let name = NAMES[self.who];
        let (mail, number) =
            (format!("{name}@story.example"), format!("+49309018{}{}", self.who, 20 + self.who));
        let mut event = json!({"id": format!("ev{index}"), "first_name": format!("First{name}"),
            "occurred_at": format!("2026-01-05T09:{:02}:{index:02}Z", self.minute)});
        if self.kind == 0 {
            event["type"] = json!("chat.turn");
            event["session_id"] = json!(format!("ses_{name}{}", self.by));
            event["visitor_id"] = json!(format!("vis_{name}{}", self.word));
            event["message"] = json!(format!("a wish of {name}"));
            event["intent"] = json!(["buy", "none", ""][usize::from(self.word)]);
            event["score"] = json!(0.9);
            return event;
        }
        event["type"] = json!(["calendar.booked", "calendar.rescheduled"][usize::from(self.kind - 1)]);
        event["event_start"] = json!(format!("2026-02-0{}T18:00:00Z", self.word + 1));
        event["meeting_type"] = json!(format!("Talk with First{name}"));
        if self.kind == 2 {
            event["uid"] = json!(format!("uid{}{}", self.who, self.word));
        }
        if self.by != 1 {
            event["email"] = json!(mail);
        }
        if self.by != 0 {
            event["phone"] = json!(number);
        }
        event
    }
}

impl Desk {
    /// The contacts that a person is known by.
    async fn contacts(&self, who: usize) -> std::collections::BTreeSet<String> {
        let named = |word: u8, by: u8| Told { who, kind: 2, by, word, minute: 0 }.event(0);
        let both = named(0, 2);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut identities = vec![people::Identity {
            email: text(&both["email"]),
            phone: text(&both["phone"]),
            ..Default::default()
        }];
        for n in 0..3 {
            let name = NAMES[who];
            identities.push(people::Identity {
                visitor: format!("vis_{name}{n}"),
                session: format!("ses_{name}{n}"),
                ..Default::default()
            });
        }
        let mut found = std::collections::BTreeSet::new();
        for identity in identities {
            let contacts = people::find_all(&*self.store, &identity).await.unwrap();
            found.extend(contacts.into_iter().map(|contact| contact.id));
        }
        found
    }

    /// What the books keep of somebody, without the ids that are chance.
    async fn kept(&self, who: usize) -> Vec<String> {
        let mut kept = Vec::new();
        for id in self.contacts(who).await {
            let export = people::export(&*self.store, &id).await.unwrap();
            let mut text = export.to_string();
            let of = |field: &Value| field.as_str().unwrap_or_default().to_owned();
            let contacts = export["contact_ids"].as_array().unwrap().iter().map(of);
            let rows = ["leads", "bookings"].into_iter().flat_map(|tab| export[tab].as_array().unwrap());
            for chance in contacts.chain(rows.map(|row| of(&row["id"]))).collect::<Vec<_>>() {
                text = text.replace(&chance, "");
            }
            kept.push(text);
        }
        kept.sort();
        kept
    }
}

async fn hold(story: &Story) -> Result<bool, String> {
    let (with, without) = (tempfile::tempdir_in(memory()).unwrap(), tempfile::tempdir_in(memory()).unwrap());
    let (desk, reference) = (Desk::open(with.path()), Desk::open(without.path()));
    let events: Vec<Value> = story.events.iter().enumerate().map(|(index, told)| told.event(index)).collect();
    let mut forgotten = false;
    for (index, event) in events.iter().enumerate() {
        if index == story.at {
            forgotten = forget(&desk, story.commits).await;
            for again in story.again.iter().map(|again| again % story.at) {
                desk.tell(events[again].clone()).await;
            }
        }
        let is_theirs = story.events[index].who == 0;
        if !is_theirs {
            reference.tell(event.clone()).await;
        }
        if !is_theirs || index < story.at {
            desk.tell(event.clone()).await;
        }
    }
    if story.at == events.len() {
        forgotten = forget(&desk, story.commits).await;
    }
    desk.store.scrub().await.unwrap();
    for canary in ["canary", "493090180"] {
        if forgotten && found(with.path(), canary) > 0 {
            return Err(format!("{canary} is left of {story:#?}"));
        }
    }
    for who in [1, 2] {
        let (kept, expected) = (desk.kept(who).await, reference.kept(who).await);
        if kept != expected {
            return Err(format!("{story:#?}\n  keeps {kept:#?}\n  not {expected:#?}"));
        }
    }
    Ok(forgotten)
}

/// Forgets the first person under every contact that they have; false if nobody has met them.
async fn forget(desk: &Desk, commits: usize) -> bool {
    let contacts = desk.contacts(0).await;
    for id in &contacts {
        let erasure = begin(&*desk.store, id, Timestamp::now()).await.unwrap();
        let mortal = Arc::new(Mortal {
            inner: desk.store.clone(),
            left: commits.into(),
            done: commits.is_multiple_of(2),
        });
        let _ = desk.erase_over(mortal, &erasure.id).await;
        finish(desk, &erasure.id).await;
    }
    !contacts.is_empty()
}

fn memory() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}

#[test]
fn nothing_is_left_of_one_and_everything_of_the_others() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // A story is costly; more of them with a larger `PROPTEST_CASES`.
    let cases = ProptestConfig::default().cases / 10;
    let config = ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() };
    let forgotten = std::cell::Cell::new(0);
    let tried = TestRunner::new(config).run(&story(), |story| {
        let held = runtime.block_on(hold(&story)).map_err(TestCaseError::fail)?;
        forgotten.set(forgotten.get() + u32::from(held));
        Ok(())
    });
    tried.unwrap();
    assert!(forgotten.get() > cases / 3, "few stories forget anybody: {}", forgotten.get());
}
