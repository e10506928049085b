//! Making sessions and serving them again.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Kind, Reason};
use proto::{
    common::v1::Caller,
    session::v1::{Member, SessionMode, SessionTarget},
};
use serde_json::json;
use store::{Commit, Document, Error, Key, Page, Query, Store, Write};

use crate::{
    broker::{Broker, KEY, Setup, bytes_in, hold, named, on_page, refused, visitor, with_traits, workflows},
    log,
    upstream::{Reply, secret},
};

/// The members' workflow, as the gateway asks for it.
fn in_portal(has_access: bool) -> SessionTarget {
    let (plan, status) = ("Growth".to_owned(), "any".to_owned());
    SessionTarget { member: Some(Member { plan, status, has_access }), ..named("client-portal") }
}

#[tokio::test]
async fn a_visitor_gets_a_session_of_the_workflow_of_the_page() {
    let broker = Broker::start().await;
    let target = with_traits([("utm_source", "yt"), ("gclid", "g1"), ("is_admin", "true")]);
    let session = broker.create(visitor(7), target).await.unwrap();
    assert_eq!(session.session_id, "cksess_1");
    assert_eq!(session.client_secret, secret(1));
    assert_eq!(session.expire_time.unwrap().seconds, broker.time.seconds() + 600);
    assert_eq!(session.mode(), SessionMode::Hosted);
    assert_eq!(session.workflow, "lead-concierge");

    let asked = broker.upstream.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/v1/chatkit/sessions");
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked[0].headers["openai-beta"], "chatkit_beta=v1");
    assert_eq!(asked[0].headers["content-type"], "application/json");
    assert_eq!(
        asked[0].body,
        json!({
            "user": "vis_00000000000000000000000000000007",
            "workflow": {"id": "wf_lead", "state_variables": {"gclid": "g1", "utm_source": "yt"}},
            "expires_after": {"anchor": "created_at", "seconds": 600},
        })
    );
}

#[tokio::test]
async fn the_body_names_a_version_if_there_is_one_and_no_empty_state() {
    let text = "title = 'M'\ninstructions = 'Help.'\naudience = 'member'\nhosted = 'wf_m'\nversion = '3'";
    let (_files, dir) = workflows([("members", text)]);
    let broker = Setup::with([("WORKFLOWS_DIR", &dir)]).start().await;
    let caller = Caller { verified_whop_user_id: "user_9".into(), ..visitor(1) };
    let member = Some(Member { has_access: true, ..Member::default() });
    let target = SessionTarget { member, ..named("members") };
    let session = broker.create(caller, target).await.unwrap();
    assert_eq!(session.workflow, "members");
    assert_eq!(
        broker.upstream.asked()[0].body,
        json!({
            "user": "user_9",
            "workflow": {"id": "wf_m", "version": "3", "state_variables": {"whop_user_id": "user_9"}},
            "expires_after": {"anchor": "created_at", "seconds": 600},
        })
    );
    broker.create(visitor(2), on_page("/")).await.unwrap();
    let body = broker.upstream.asked()[1].body.clone();
    assert_eq!(body["workflow"], json!({"id": "wf_lead"}));
}

#[tokio::test]
async fn a_workflow_knows_what_the_member_has_and_no_browser_can_say_so() {
    let broker = Setup::with([("CHATKIT_WORKFLOW_ID", "client-portal=wf_portal,wf_lead")]).start().await;
    let member = Caller { verified_whop_user_id: "user_9".into(), ..visitor(1) };
    let has = |plan: &str, status: &str| {
        Some(Member { plan: plan.into(), status: status.into(), has_access: true })
    };
    let said =
        [("plan", "Scale"), ("membership_status", "active"), ("whop_user_id", "user_1"), ("gclid", "g")];
    let of = |member| SessionTarget { workflow: "client-portal".into(), member, ..with_traits(said) };
    let state = |at: usize| broker.upstream.asked()[at].body["workflow"]["state_variables"].clone();

    broker.create(member.clone(), of(has("Growth", "past_due"))).await.unwrap();
    let known =
        json!({"gclid": "g", "whop_user_id": "user_9", "plan": "Growth", "membership_status": "past_due"});
    assert_eq!(state(0), known);
    broker.create(member.clone(), of(has("Growth", "trialing"))).await.unwrap();
    assert_eq!(state(1)["membership_status"], "trialing", "another standing is another session");
    let elsewhere = SessionTarget { workflow: "wf_lead".into(), ..of(None) };
    broker.create(member, elsewhere).await.unwrap();
    assert_eq!(state(2), json!({"gclid": "g", "whop_user_id": "user_9"}));
    broker
        .create(visitor(2), SessionTarget { workflow: "wf_lead".into(), ..with_traits(said) })
        .await
        .unwrap();
    assert_eq!(state(3), json!({"gclid": "g"}));

    let unproved = SessionTarget { member: has("Scale", "active"), ..on_page("/") };
    let fault = refused(broker.create(visitor(3), unproved).await, Kind::Invalid, Reason::InvalidValue);
    assert_eq!(fault.field.as_deref(), Some("target.member"));
}

#[tokio::test]
async fn the_same_visit_gets_the_same_session() {
    let broker = Broker::start().await;
    let target = || with_traits([("utm_source", "yt")]);
    let first = broker.create(visitor(1), target()).await.unwrap();
    assert_eq!(broker.create(visitor(1), target()).await.unwrap(), first);
    assert_eq!(broker.asked(), 1);
}

#[tokio::test]
async fn another_visit_gets_another_session() {
    let broker = Setup::with([("CHATKIT_WORKFLOW_ID", "wf_lead,client-portal=wf_portal")]).start().await;
    let target = || with_traits([("utm_source", "yt")]);
    let member = Caller { verified_whop_user_id: "user_1".into(), ..visitor(1) };
    let member_elsewhere = Caller { verified_whop_user_id: "user_1".into(), ..visitor(2) };
    let visits = [
        (visitor(1), target()),
        (visitor(2), target()),
        (visitor(1), with_traits([("utm_source", "tv")])),
        (visitor(1), on_page("/")),
        (member.clone(), target()),
        (member_elsewhere, target()),
        (member, in_portal(true)),
    ];
    for (number, (caller, target)) in visits.into_iter().enumerate() {
        let session = broker.create(caller, target).await.unwrap();
        assert_eq!(session.client_secret, secret(number as u64 + 1));
    }
}

#[tokio::test]
async fn a_session_near_its_end_is_not_served_again() {
    let broker = Broker::start().await;
    broker.create(visitor(1), on_page("/")).await.unwrap();
    broker.time.advance(539);
    assert_eq!(broker.create(visitor(1), on_page("/")).await.unwrap().client_secret, secret(1));
    broker.time.advance(1);
    let fresh = broker.create(visitor(1), on_page("/")).await.unwrap();
    assert_eq!(fresh.client_secret, secret(2));
    assert_eq!(fresh.expire_time.unwrap().seconds, broker.time.seconds() + 600);
}

#[tokio::test]
async fn no_session_counts_as_longer_lived_than_was_asked() {
    let broker = Broker::start().await;
    broker.upstream.script([Reply::Session(86_400)]);
    let session = broker.create(visitor(1), on_page("/")).await.unwrap();
    assert_eq!(session.expire_time.unwrap().seconds, broker.time.seconds() + 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_calls_of_a_visitor_are_one_mint() {
    let off = [("LIMIT_VISITOR", "off"), ("LIMIT_IP", "off"), ("LIMIT_SITE", "off")];
    let broker = Arc::new(Setup::with(off).start().await);
    let release = broker.upstream.hold();
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let broker = broker.clone();
            tokio::spawn(async move { broker.create(visitor(1), on_page("/")).await })
        })
        .collect();
    broker.upstream.until_asked(1).await;
    release.send(()).unwrap();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().client_secret, secret(1));
    }
    assert_eq!(broker.asked(), 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_cancel_the_mint() {
    let broker = Broker::start().await;
    let release = broker.upstream.hold();
    {
        let call = broker.create(visitor(1), on_page("/"));
        tokio::pin!(call);
        tokio::select! {
            answer = &mut call => panic!("answered before the provider did: {answer:?}"),
            () = broker.upstream.until_asked(1) => {}
        }
    }
    // A round trip on the same connection: the service has read that the first call is over.
    assert_eq!(broker.create(visitor(2), on_page("/")).await.unwrap().client_secret, secret(1));
    release.send(()).unwrap();
    assert_eq!(broker.create(visitor(1), on_page("/")).await.unwrap().client_secret, secret(2));
    assert_eq!(broker.asked(), 2, "the mint that the first caller began is the one that is served");
}

#[tokio::test]
async fn a_call_needs_a_visitor() {
    let broker = Broker::start().await;
    let nobody = Caller { visitor_id: String::new(), ..visitor(1) };
    let answer = broker.create(nobody, on_page("/")).await;
    refused(answer, Kind::Unauthenticated, Reason::CallerMissing);
    for bad in ["anon", "con_1", "vis_/../1", "vis_ 1"] {
        let caller = Caller { visitor_id: bad.into(), ..visitor(1) };
        let answer = broker.create(caller, on_page("/")).await;
        let fault = refused(answer, Kind::Invalid, Reason::InvalidValue);
        assert_eq!(fault.field.as_deref(), Some("caller.visitor_id"));
    }
    assert_eq!(broker.asked(), 0);
}

#[tokio::test]
async fn only_workflows_of_the_registry_exist() {
    let broker = Broker::start().await;
    for unknown in ["nobody", "wf_other", "../lead-concierge"] {
        let answer = broker.create(visitor(1), named(unknown)).await;
        refused(answer, Kind::NotFound, Reason::WorkflowUnknown);
    }
    assert_eq!(broker.create(visitor(1), named("wf_lead")).await.unwrap().workflow, "lead-concierge");
    assert_eq!(broker.asked(), 1);
}

#[tokio::test]
async fn a_workflow_admits_its_audience_alone() {
    let setting = [("CHATKIT_WORKFLOW_ID", "client-portal=wf_portal,ops-copilot=wf_ops")];
    let broker = Setup::with(setting).start().await;
    let answer = broker.create(visitor(1), on_page("/portal/files")).await;
    refused(answer, Kind::Forbidden, Reason::WorkflowNotAllowed);
    let member = Caller { verified_whop_user_id: "user_1".into(), ..visitor(1) };
    let answer = broker.create(member.clone(), named("ops-copilot")).await;
    refused(answer, Kind::Forbidden, Reason::WorkflowNotAllowed);
    assert_eq!(broker.asked(), 0);
    // what the member has cannot be told: neither yes nor no
    let answer = broker.create(member.clone(), on_page("/portal/files")).await;
    refused(answer, Kind::Unavailable, Reason::ProviderUnavailable);
    for has in [Some(Member::default()), in_portal(false).member] {
        let target = SessionTarget { member: has, ..on_page("/portal/files") };
        let fault =
            refused(broker.create(member.clone(), target).await, Kind::Forbidden, Reason::WorkflowNotAllowed);
        assert!(fault.message.contains("active membership"), "{fault:?}");
    }
    assert_eq!(broker.asked(), 0);
    let target = SessionTarget { member: in_portal(true).member, ..on_page("/portal/files") };
    assert_eq!(broker.create(member.clone(), target).await.unwrap().workflow, "client-portal");
    let session = broker.create(member, on_page("/")).await.unwrap();
    assert_eq!(session.workflow, "lead-concierge", "what is for anybody is for a Whop user too");
}

#[tokio::test]
async fn neither_the_store_nor_the_log_holds_a_secret() {
    let broker = Broker::start().await;
    broker.create(visitor(1), on_page("/")).await.unwrap();
    let dir = broker.stop().await;
    let bytes = bytes_in(&dir);
    assert!(hold(&bytes, "cksess_1"), "the session is recorded");
    for held_back in [secret(1).as_str(), KEY] {
        assert!(!hold(&bytes, held_back));
        assert_eq!(log::lines_with(held_back), Vec::<String>::new());
    }
    assert!(!log::lines_with("session minted").is_empty());
}

/// A store whose disk is gone.
struct Gone;

fn gone<T>() -> Result<T, Error> {
    Err(Error::Unavailable("the disk is gone".into()))
}

#[async_trait]
impl Store for Gone {
    async fn get(&self, _: &Key) -> Result<Option<Document>, Error> {
        gone()
    }
    async fn get_many(&self, _: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        gone()
    }
    async fn commit(&self, _: Vec<Write>) -> Result<Commit, Error> {
        gone()
    }
    async fn query(&self, _: Query) -> Result<Page, Error> {
        gone()
    }
    fn is_shared(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_visitor_gets_the_chat_even_if_the_store_is_gone() {
    let broker = Setup { store: Some(Arc::new(Gone)), ..Setup::default() }.start().await;
    let session = broker.create(visitor(1), on_page("/")).await.unwrap();
    assert_eq!(session.client_secret, secret(1));
    assert!(!log::lines_with("session not recorded").is_empty());
    let answer = broker.cancel(visitor(1), &session.session_id).await;
    refused(answer, Kind::Unavailable, Reason::StoreUnavailable);
}
