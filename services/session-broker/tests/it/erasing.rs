//! Forgetting a person: their sessions here, their sessions and threads at OpenAI.

use std::{collections::BTreeMap, sync::atomic::Ordering::SeqCst};

use domain::{Kind, Reason};
use proto::common::v1::{
    Caller, ErasePersonRequest, ErasePersonResponse, ListInboxRequest, Person, ReplayInboxRequest,
    TickRequest, TickResponse,
};
use reqwest::Method;
use tonic::Status;

use crate::{
    broker::{Broker, KEY, Setup, bytes_in, hold, named, refused, visitor},
    shared::Shared,
    upstream::{Reply, secret},
};

const WHOP: &str = "user_1";

impl Broker {
    async fn erase(&self, callers: &[Caller]) -> Result<ErasePersonResponse, Status> {
        let person = Person {
            visitor_ids: callers.iter().map(|caller| caller.visitor_id.clone()).collect(),
            whop_user_ids: vec![WHOP.into()],
            emails: vec!["ann@example.com".into()],
            ..Person::default()
        };
        let request = ErasePersonRequest { erasure_id: "era_1".into(), person: Some(person) };
        Ok(self.operations.clone().erase_person(request).await?.into_inner())
    }

    /// Methods and paths of what was asked from `from` on, without those that mint.
    fn asked_from(&self, from: usize) -> Vec<(Method, String)> {
        let asked = self.upstream.asked().into_iter().skip(from);
        asked.map(|asked| (asked.method, asked.path.trim_start_matches("/v1/chatkit/").to_owned())).collect()
    }
}

fn erased(answer: &ErasePersonResponse) -> BTreeMap<&str, i64> {
    answer.erased.iter().map(|count| (&*count.kind, count.number)).collect()
}

fn is_done(answer: &ErasePersonResponse) -> bool {
    assert_eq!(answer.done, answer.waiting_for.is_empty(), "{answer:?}");
    answer.done
}

fn plain(status: u16, headers: Vec<(&'static str, &'static str)>) -> Reply {
    Reply::Plain(status, headers, "{}".into())
}

#[tokio::test]
async fn sessions_end_and_threads_go_here_and_at_openai() {
    let broker = Broker::start().await;
    let (ann, phone, bob) = (visitor(1), visitor(2), visitor(3));
    broker.create(ann.clone(), Default::default()).await.unwrap();
    broker.create(ann.clone(), named("client-portal")).await.unwrap_err();
    broker.create(phone.clone(), Default::default()).await.unwrap();
    let theirs = broker.create(bob.clone(), Default::default()).await.unwrap();
    broker.upstream.talk(&ann.visitor_id, 101);
    broker.upstream.talk(WHOP, 1);
    broker.upstream.talk(&bob.visitor_id, 1);
    let before = broker.asked();

    let answer = broker.erase(&[ann.clone(), phone.clone()]).await.unwrap();
    assert!(is_done(&answer), "{answer:?}");
    let all = BTreeMap::from([("sessions", 2), ("openai_threads", 102)]);
    assert_eq!(erased(&answer), all);
    let of = |user: &str| broker.upstream.threads_of(user);
    assert_eq!((of(&ann.visitor_id), of(WHOP), of(&bob.visitor_id)), (0, 0, 1));
    let asked = broker.asked_from(before);
    let posts = asked.iter().filter(|(method, _)| *method == Method::POST).map(|(_, path)| path.as_str());
    assert_eq!(posts.collect::<Vec<_>>(), ["sessions/cksess_1/cancel", "sessions/cksess_2/cancel"]);
    assert_eq!(asked.iter().filter(|(method, _)| *method == Method::DELETE).count(), 102);
    let list = broker.upstream.asked().into_iter().find(|asked| asked.path == "/v1/chatkit/threads").unwrap();
    assert_eq!(list.query, format!("user={}&limit=100&order=asc", ann.visitor_id));
    assert_eq!(list.headers["openai-beta"], "chatkit_beta=v1");
    assert_eq!(list.headers["authorization"], format!("Bearer {KEY}"));

    let again = broker.erase(&[ann.clone(), phone]).await.unwrap();
    assert!(is_done(&again) && erased(&again) == all, "{again:?}");
    assert_eq!(broker.create(bob, Default::default()).await.unwrap().client_secret, theirs.client_secret);
    let anew = broker.create(ann, Default::default()).await.unwrap();
    // the cancels were answered with a session each
    assert_eq!(anew.client_secret, secret(6), "nothing is served again to who was forgotten");
}

#[tokio::test]
async fn a_failure_of_openai_loses_nothing_and_is_told() {
    let broker = Broker::start().await;
    let ann = visitor(1);
    broker.create(ann.clone(), Default::default()).await.unwrap();
    broker.upstream.talk(&ann.visitor_id, 3);
    let ends = || plain(200, vec![]);
    let page = || {
        let data = (0..3).map(|n| serde_json::json!({"id": format!("cthr_{n}")})).collect::<Vec<_>>();
        Reply::Plain(200, vec![], serde_json::json!({ "data": data }).to_string())
    };
    let gone = || Reply::Plain(200, vec![], r#"{"deleted":true}"#.into());
    // ended, listed, one deleted, then too many calls
    broker.upstream.script([ends(), page(), gone(), plain(429, vec![("retry-after", "40")])]);
    let answer = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert!(!is_done(&answer));
    assert_eq!(answer.waiting_for, "openai, which takes no calls for 40 s");
    assert_eq!(erased(&answer), BTreeMap::from([("sessions", 1), ("openai_threads", 1)]));

    let before = broker.asked();
    broker.time.advance(30);
    let early = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert_eq!(
        (early.waiting_for.as_str(), broker.asked()),
        ("openai, which takes no calls for 10 s", before)
    );
    assert_eq!(erased(&early), erased(&answer));

    broker.time.advance(11);
    broker.upstream.script([plain(503, vec![]), plain(503, vec![])]);
    let silent = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert_eq!(silent.waiting_for, "openai, which does not answer");
    broker.upstream.script([plain(401, vec![])]);
    let refused = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert!(refused.waiting_for.contains("status 401: check OPENAI_API_KEY"), "{}", refused.waiting_for);
    broker.upstream.script([Reply::Plain(200, vec![], r#"{"data":[{"id":"../x"}]}"#.into())]);
    let odd = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert_eq!(odd.waiting_for, "openai, whose answer makes no sense");
    broker.upstream.script([page(), gone(), gone(), gone(), page()]);
    let listed = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert_eq!(listed.waiting_for, "openai, which still lists threads that it has deleted");

    let last = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert!(is_done(&last), "{last:?}");
    assert_eq!(erased(&last), BTreeMap::from([("sessions", 1), ("openai_threads", 7)]));
    assert_eq!(broker.upstream.threads_of(&ann.visitor_id), 0);
}

#[tokio::test]
async fn openai_is_asked_of_nothing_where_it_runs_nothing() {
    let broker = Setup::with([("CHATKIT_WORKFLOW_ID", "")]).start().await;
    broker.upstream.talk(WHOP, 1);
    let own = broker.create(visitor(1), Default::default()).await.unwrap();
    assert!(own.client_secret.is_empty());
    let answer = broker.erase(&[visitor(1)]).await.unwrap();
    assert!(is_done(&answer));
    assert_eq!(erased(&answer), BTreeMap::from([("sessions", 1)]));
    assert_eq!((broker.asked(), broker.upstream.threads_of(WHOP)), (0, 1));
}

#[tokio::test]
async fn another_instance_serves_nothing_again_to_who_was_forgotten() {
    let [here, there] = Shared::new().instances([]).await;
    let held = there.create(visitor(1), Default::default()).await.unwrap();
    assert_eq!(there.create(visitor(1), Default::default()).await.unwrap().client_secret, held.client_secret);
    here.upstream.script([plain(200, vec![])]);
    assert!(is_done(&here.erase(&[visitor(1)]).await.unwrap()));
    let anew = there.create(visitor(1), Default::default()).await.unwrap();
    assert_ne!(anew.client_secret, held.client_secret);
}

#[tokio::test]
async fn a_store_that_fails_is_told_and_the_next_call_goes_on() {
    let shared = Shared::new();
    let [here, _] = shared.instances([("CHATKIT_WORKFLOW_ID", "")]).await;
    here.create(visitor(1), Default::default()).await.unwrap();
    shared.is_down.store(true, SeqCst);
    refused(here.erase(&[visitor(1)]).await, Kind::Unavailable, Reason::StoreUnavailable);
    shared.is_down.store(false, SeqCst);
    let answer = here.erase(&[visitor(1)]).await.unwrap();
    assert_eq!((is_done(&answer), erased(&answer)["sessions"]), (true, 1));
}

#[tokio::test]
async fn what_is_kept_of_an_erasure_names_nobody() {
    let broker = Broker::start().await;
    broker.upstream.talk(WHOP, 1);
    assert!(is_done(&broker.erase(&[visitor(1)]).await.unwrap()));
    let dir = broker.stop().await;
    let kept = bytes_in(&dir);
    assert!(hold(&kept, "era_1") && hold(&kept, "openai_threads"));
    for name in [WHOP, &visitor(1).visitor_id, "example.com", "cthr_"] {
        assert!(!hold(&kept, name), "{name}");
    }
}

#[tokio::test]
async fn done_means_gone_from_the_disk() {
    let broker = Setup::with([("CHATKIT_WORKFLOW_ID", "")]).start().await;
    for round in 0..9 {
        broker.create(visitor(1 + round % 3), Default::default()).await.unwrap();
    }
    let (ann, bob) = (visitor(1), visitor(2));
    let answer = broker.erase(std::slice::from_ref(&ann)).await.unwrap();
    assert!(is_done(&answer) && erased(&answer)["sessions"] > 0, "{answer:?}");
    // the service is still there, and its log with it
    let kept = bytes_in(&broker.dir);
    assert!(!hold(&kept, &ann.visitor_id) && hold(&kept, &bob.visitor_id));
}

#[tokio::test]
async fn nothing_is_due_and_nothing_comes_in() {
    let broker = Broker::start().await;
    broker.create(visitor(1), Default::default()).await.unwrap();
    let mut operations = broker.operations.clone();
    assert_eq!(operations.tick(TickRequest {}).await.unwrap().into_inner(), TickResponse::default());
    assert!(
        operations.list_inbox(ListInboxRequest::default()).await.unwrap().into_inner().messages.is_empty()
    );
    let replay = ReplayInboxRequest { message_id: "msg_1".into() };
    refused(operations.replay_inbox(replay).await, Kind::NotFound, Reason::MessageUnknown);
    let nameless = ErasePersonRequest { erasure_id: String::new(), person: None };
    refused(operations.erase_person(nameless).await, Kind::Invalid, Reason::InvalidValue);
    // a day after its end there is nothing left of a session
    broker.time.advance(600 + 24 * 3_600);
    let answer = broker.erase(&[visitor(1)]).await.unwrap();
    assert!(is_done(&answer) && answer.erased.is_empty(), "{answer:?}");
}
