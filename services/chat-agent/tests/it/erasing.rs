//! Forgetting a person: what goes, what stays, what happens to a turn that is under way.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use domain::{Kind, Reason};
use proto::common::v1::{
    Caller, ErasePersonRequest, ErasePersonResponse, ListInboxRequest, Person, ReplayInboxRequest,
};
use serde_json::{Value, json};
use store::{Collection, Precondition};
use tonic::Status;

use crate::{
    desk::{Desk, Setup, ada, add, create, get, refused, request, until, visitor},
    stores::{Frail, Time},
};

const ERASURE: &str = "era_1";

impl Desk {
    async fn erase(&self, callers: &[Caller]) -> Result<ErasePersonResponse, Status> {
        let visitor_ids = callers.iter().map(|caller| caller.visitor_id.clone()).collect();
        let person = Person { visitor_ids, emails: vec!["ann@example.com".into()], ..Person::default() };
        let request = ErasePersonRequest { erasure_id: ERASURE.into(), person: Some(person) };
        Ok(self.operations.clone().erase_person(request).await?.into_inner())
    }

    async fn threads_of(&self, caller: Caller) -> usize {
        let list = self.whole_as(caller, request("threads.list", json!({}))).await.unwrap();
        list["data"].as_array().unwrap().len()
    }
}

async fn over(store: &Arc<Frail>, time: &Time, wait: Duration) -> Desk {
    let setup = Setup { store: Some(store.clone()), clock: time.clock(), ..Setup::default() };
    Setup { pace: chat_agent::Pace { wait, ..setup.pace }, ..setup }.start().await
}

/// The counts of an answer, by kind.
fn erased(answer: &ErasePersonResponse) -> BTreeMap<&str, i64> {
    answer.erased.iter().map(|count| (&*count.kind, count.number)).collect()
}

fn is_done(answer: &ErasePersonResponse) -> bool {
    assert_eq!(answer.done, answer.waiting_for.is_empty(), "{answer:?}");
    answer.done
}

/// Puts a counter of what a visitor has used today.
async fn use_tokens(desk: &Desk, caller: &Caller, time: &Time) -> String {
    let day = time.now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let id = domain::id::digest(&[&day, "visitor", &caller.visitor_id]);
    let counter = json!({"day": day, "scope": "visitor", "subject": caller.visitor_id, "turns": 1,
        "input_tokens": 1, "output_tokens": 1, "cost_billionths": 1, "noticed": false});
    let write = Collection::<Value>::new("usage").put(&id, &counter, Precondition::Absent);
    assert!(matches!(desk.store.commit(vec![write]).await.unwrap(), store::Commit::Done(_)));
    id
}

#[tokio::test]
async fn everything_of_a_persons_visitors_goes_and_nothing_of_others() {
    let time = Time::start();
    let desk = over(&Frail::new(&time), &time, Duration::from_secs(30)).await;
    let (long, _) = desk.begin("plain").await;
    for _ in 0..100 {
        desk.events(add(&long, "plain")).await;
    }
    let judged = desk.kept(&long).await[1]["id"].as_str().unwrap().to_owned();
    let opinion = json!({"thread_id": long, "item_ids": [judged], "kind": "positive"});
    desk.whole(request("items.feedback", opinion)).await;
    let (phone, portal, bob) = (
        visitor(2, domain::workflow::DEFAULT),
        visitor(1, "client-portal"),
        visitor(3, domain::workflow::DEFAULT),
    );
    for caller in [&phone, &portal, &bob] {
        desk.send_as(caller.clone(), create("plain")).await.unwrap().rest().await;
    }
    let (used, bobs) = (use_tokens(&desk, &phone, &time).await, use_tokens(&desk, &bob, &time).await);

    let answer = desk.erase(&[ada(), phone.clone()]).await.unwrap();
    assert!(is_done(&answer));
    let all = BTreeMap::from([("threads", 3), ("items", 202 + 2 + 2), ("feedback", 1), ("usage", 1)]);
    assert_eq!(erased(&answer), all);
    refused(desk.send(get(&long)).await, Kind::NotFound, Reason::ThreadUnknown);
    assert!(desk.kept(&long).await.is_empty() && desk.record(&long).await.is_none());
    assert!(desk.document("feedback", &format!("{long} {judged}")).await.is_none());
    assert!(desk.document("usage", &used).await.is_none());
    for (caller, threads) in [(ada(), 0), (phone.clone(), 0), (portal, 0), (bob, 1)] {
        assert_eq!(desk.threads_of(caller).await, threads);
    }
    assert!(desk.document("usage", &bobs).await.is_some(), "what another has used still counts");

    let again = desk.erase(&[ada(), phone]).await.unwrap();
    assert!(is_done(&again) && erased(&again) == all, "{again:?}");
    let kept = desk.document("erasures", ERASURE).await.unwrap().to_string();
    assert!(!kept.contains("vis_") && !kept.contains("example"), "{kept}");
}

#[tokio::test]
async fn whatever_interrupts_it_the_next_call_goes_on_and_counts_once() {
    let time = Time::start();
    let store = Frail::new(&time);
    let desk = over(&store, &time, Duration::from_secs(30)).await;
    for _ in 0..5 {
        desk.begin("plain").await;
    }
    let (mut failed, mut last) = (0, 0);
    let answer = loop {
        store.left.store(2, SeqCst);
        match desk.erase(&[ada()]).await {
            Ok(answer) => break answer,
            Err(status) => refused(Err::<(), _>(status), Kind::Unavailable, Reason::StoreUnavailable),
        };
        failed += 1;
        store.left.store(i64::MAX, SeqCst);
        let threads =
            desk.document("erasures", ERASURE).await.unwrap()["erased"]["threads"].as_i64().unwrap();
        assert!(threads > last, "every call gets on: {last} {threads}");
        last = threads;
    };
    assert!(failed >= 2 && is_done(&answer), "{failed} {answer:?}");
    assert_eq!(erased(&answer), BTreeMap::from([("threads", 5), ("items", 10)]));
}

#[tokio::test]
async fn a_turn_that_is_under_way_ends_first() {
    let desk = Desk::start().await;
    let mut events = desk.send(create("steps")).await.unwrap();
    let thread = events.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    desk.script.steps.add_permits(5);
    while !events.next().await.unwrap()["update"]["delta"].is_string() {}

    let answer = desk.erase(&[ada()]).await.unwrap();
    assert!(is_done(&answer));
    assert_eq!(desk.script.ended.load(SeqCst), 1, "the turn was over when the answer came");
    assert_eq!(erased(&answer)["threads"], 1);
    events.rest().await;
    assert!(desk.record(&thread).await.is_none() && desk.kept(&thread).await.is_empty());
}

#[tokio::test]
async fn a_turn_that_does_not_end_writes_nothing_back() {
    let time = Time::start();
    let desk = over(&Frail::new(&time), &time, Duration::from_millis(20)).await;
    let mut events = desk.send(create("stuck")).await.unwrap();
    let thread = events.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    while !events.next().await.unwrap()["update"]["delta"].is_string() {}

    let answer = desk.erase(&[ada()]).await.unwrap();
    assert_eq!((is_done(&answer), erased(&answer)["threads"]), (false, 1), "{answer:?}");
    assert!(desk.record(&thread).await.is_none());
    time.advance_minutes(6);
    assert!(is_done(&desk.erase(&[ada()]).await.unwrap()));
    assert!(desk.kept(&thread).await.is_empty());
}

#[tokio::test]
async fn a_turn_of_another_instance_writes_nothing_back_and_is_waited_for() {
    let time = Time::start();
    let store = Frail::new(&time);
    store.shared.store(true, SeqCst);
    let [here, there] =
        [over(&store, &time, Duration::ZERO).await, over(&store, &time, Duration::ZERO).await];
    let mut events = there.send(create("steps")).await.unwrap();
    let thread = events.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    there.script.steps.add_permits(1);
    until(async || there.script.begun.load(SeqCst) == 1).await;

    let answer = here.erase(&[ada()]).await.unwrap();
    assert_eq!((is_done(&answer), erased(&answer)["threads"]), (false, 1), "{answer:?}");
    there.script.steps.add_permits(100);
    events.rest().await;
    until(async || there.script.ended.load(SeqCst) == 1).await;
    assert_eq!(there.script.finished.load(SeqCst), 1, "an effect that has begun is finished");
    assert!(here.record(&thread).await.is_none() && here.kept(&thread).await.is_empty());
    assert!(!is_done(&here.erase(&[ada()]).await.unwrap()), "it may still have to end");
    time.advance_minutes(6);
    assert!(is_done(&here.erase(&[ada()]).await.unwrap()));
}

/// How often bytes stand in the files of a service.
fn found(dir: &std::path::Path, what: &str) -> usize {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(what.len()).filter(|part| *part == what.as_bytes()).count()).sum()
}

#[tokio::test]
async fn done_means_gone_from_the_disk() {
    const WISH: &str = "a wish of ann@canary.example";
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let desk = Setup::default().start_in(dir.clone()).await;
    let (ann, bob) = (ada(), visitor(3, domain::workflow::DEFAULT));
    for round in 0..20 {
        let (thread, _) = desk.begin(&format!("{WISH}, {}", "w".repeat(round * 300))).await;
        desk.events(add(&thread, WISH)).await;
        desk.send_as(bob.clone(), create("bob's own wish")).await.unwrap().rest().await;
        if round % 7 == 0 {
            desk.whole(request("threads.delete", json!({"thread_id": thread}))).await;
        }
    }
    let walk = desk.store.scan().await.unwrap();
    let answer = desk.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert!(!is_done(&answer) && found(dir.path(), WISH) > 0, "{answer:?}");
    assert_eq!((&*answer.waiting_for, erased(&answer)["threads"]), ("the end of a backup", 17));
    drop(walk);
    assert!(is_done(&desk.erase(std::slice::from_ref(&ann)).await.unwrap()));
    for gone in [WISH, &ann.visitor_id] {
        assert_eq!(found(dir.path(), gone), 0, "{gone} is left");
    }
    assert!(found(dir.path(), "bob's own wish") > 0 && found(dir.path(), &bob.visitor_id) > 0);
    // What its visitor has deleted before is there no longer than what is erased.
    let (thread, _) = desk.begin(WISH).await;
    desk.whole(request("threads.delete", json!({"thread_id": thread}))).await;
    assert!(found(dir.path(), WISH) > 0);
    let person = Person { visitor_ids: vec![ann.visitor_id], ..Person::default() };
    let request = ErasePersonRequest { erasure_id: "era_2".into(), person: Some(person) };
    let answer = desk.operations.clone().erase_person(request).await.unwrap().into_inner();
    assert!(is_done(&answer) && answer.erased.is_empty(), "{answer:?}");
    assert_eq!(found(dir.path(), WISH), 0);
}

#[tokio::test]
async fn nothing_comes_in_from_outside() {
    let desk = Desk::start().await;
    let inbox = desk.operations.clone().list_inbox(ListInboxRequest::default()).await.unwrap().into_inner();
    assert!(inbox.messages.is_empty() && inbox.next_page_token.is_empty());
    let replay = ReplayInboxRequest { message_id: "msg_1".into() };
    let answer = desk.operations.clone().replay_inbox(replay).await;
    refused(answer, Kind::NotFound, Reason::MessageUnknown);
    let nameless = ErasePersonRequest { erasure_id: "a/b".into(), person: None };
    let answer = desk.operations.clone().erase_person(nameless).await;
    refused(answer, Kind::Invalid, Reason::InvalidValue);
    let nobody = desk.erase(&[]).await.unwrap();
    assert!(is_done(&nobody) && nobody.erased.is_empty(), "{nobody:?}");
}
