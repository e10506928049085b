//! Which way a chat is run, and sessions of our own.

use domain::{Kind, Reason};
use proto::session::v1::{
    Session,
    SessionMode::{Hosted, SelfHosted, Unspecified},
    SessionTarget,
};

use crate::{
    broker::{Broker, Setup, announcing, bytes_in, hold, on_page, refused, visitor},
    upstream::secret,
};

/// A broker whose workflows are all our own.
async fn unhosted() -> Broker {
    Setup::with([("CHATKIT_WORKFLOW_ID", "")]).start().await
}

#[track_caller]
fn assert_own(session: &Session, broker: &Broker) {
    assert_eq!(session.mode(), SelfHosted);
    assert_eq!(session.client_secret, "", "the gateway signs it");
    assert!(session.session_id.starts_with("ses_") && session.session_id.len() == 30, "{session:?}");
    assert_eq!(session.expire_time.unwrap().seconds, broker.time.seconds() + 600);
}

#[tokio::test]
async fn the_clients_first_choice_wins() {
    let broker = Broker::start().await;
    let own = broker.create(visitor(1), announcing(&[SelfHosted, Hosted])).await.unwrap();
    assert_own(&own, &broker);
    assert_eq!(own.workflow, "lead-concierge");
    assert_eq!(broker.asked(), 0, "nobody asks OpenAI for a session of our own");
    let hosted = broker.create(visitor(1), announcing(&[Hosted, SelfHosted])).await.unwrap();
    assert_eq!((hosted.mode(), hosted.client_secret), (Hosted, secret(1)));
}

#[tokio::test]
async fn every_session_brings_its_start_screen() {
    let broker = Broker::start().await;
    let registry = domain::workflow::Registry::built_in();
    let workflow = registry.choose("lead-concierge", "", "").unwrap();
    for mode in [SelfHosted, Hosted] {
        let session = broker.create(visitor(1), announcing(&[mode])).await.unwrap();
        let screen = session.start_screen.unwrap();
        assert_eq!(screen.greeting, workflow.greeting);
        let prompts = screen.prompts.iter().map(|one| (&one.label, &one.prompt));
        assert!(prompts.eq(workflow.prompts.iter().map(|one| (&one.label, &one.prompt))));
        assert!(!screen.prompts.is_empty());
    }
}

#[tokio::test]
async fn an_old_client_gets_what_there_is() {
    let broker = Broker::start().await;
    assert_eq!(broker.create(visitor(1), on_page("/")).await.unwrap().mode(), Hosted);
    let broker = unhosted().await;
    assert_own(&broker.create(visitor(1), on_page("/")).await.unwrap(), &broker);
    assert_eq!(broker.asked(), 0);
}

#[tokio::test]
async fn a_client_that_takes_hosted_chats_alone_is_told_what_to_set() {
    let broker = unhosted().await;
    let answer = broker.create(visitor(1), announcing(&[Hosted])).await;
    let fault = refused(answer, Kind::Precondition, Reason::WorkflowNotHosted);
    assert!(fault.message.contains("`hosted`") && fault.message.contains("CHATKIT_WORKFLOW_ID"), "{fault}");
    let answer = broker.create(visitor(1), announcing(&[Unspecified])).await;
    let fault = refused(answer, Kind::Invalid, Reason::InvalidValue);
    assert_eq!(fault.field.as_deref(), Some("target.modes"));
    assert_eq!(broker.asked(), 0);
}

#[tokio::test]
async fn the_audience_holds_for_our_own_chats_too() {
    let broker = unhosted().await;
    let target = SessionTarget { workflow: "ops-copilot".into(), ..announcing(&[SelfHosted]) };
    refused(broker.create(visitor(1), target).await, Kind::Forbidden, Reason::WorkflowNotAllowed);
}

#[tokio::test]
async fn every_session_of_our_own_is_a_new_one() {
    let broker = unhosted().await;
    let target = || announcing(&[SelfHosted]);
    let first = broker.create(visitor(1), target()).await.unwrap();
    broker.time.advance(500);
    let second = broker.refresh_for(visitor(1), target(), "fd1.c.k1.e30.AAAA").await.unwrap();
    assert_own(&second, &broker);
    assert_ne!(first.session_id, second.session_id);
    assert_eq!(broker.asked(), 0);
}

#[tokio::test]
async fn our_own_sessions_count_against_the_limits() {
    let broker = Setup::with([("LIMIT_VISITOR", "1/m:1")]).start().await;
    let target = || announcing(&[SelfHosted]);
    broker.create(visitor(1), target()).await.unwrap();
    refused(broker.create(visitor(1), target()).await, Kind::RateLimited, Reason::RateLimited);
    let again = broker.refresh_for(visitor(1), target(), "").await;
    refused(again, Kind::RateLimited, Reason::RateLimited);
    broker.create(visitor(2), target()).await.unwrap();
}

#[tokio::test]
async fn ending_a_session_of_our_own_asks_nobody() {
    let broker = Broker::start().await;
    let session = broker.create(visitor(1), announcing(&[SelfHosted])).await.unwrap();
    let answer = broker.cancel(visitor(2), &session.session_id).await;
    refused(answer, Kind::NotFound, Reason::SessionUnknown);
    broker.cancel(visitor(1), &session.session_id).await.unwrap();
    broker.cancel(visitor(1), &session.session_id).await.expect("twice is fine");
    assert_eq!(broker.asked(), 0);
    let bytes = bytes_in(&broker.stop().await);
    assert!(hold(&bytes, &session.session_id) && hold(&bytes, "cancelled"), "it is recorded");
}
