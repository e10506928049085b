//! The provider fails, in each of its ways.

use std::time::Duration;

use domain::{Kind, Reason};
use tonic::{Code, Status};

use crate::{
    broker::{Broker, Setup, hold, on_page, refused, visitor, workflows},
    log,
    upstream::{Reply, secret},
};

/// What only the provider says.
const THEIR_WORDS: &str = "words of the provider";

fn error(status: u16, kind: &str, headers: Vec<(&'static str, &'static str)>) -> Reply {
    let body = format!(
        r#"{{"error":{{"message":"{THEIR_WORDS}: sk-shown-key","type":"{kind}","param":null,"code":"c1"}}}}"#
    );
    Reply::Plain(status, headers, body)
}

async fn create(broker: &Broker) -> Result<String, Status> {
    broker.create(visitor(1), on_page("/")).await.map(|session| session.client_secret)
}

fn assert_silent(status: &Status) {
    let told = [status.message().as_bytes(), status.details()].concat();
    for word in [THEIR_WORDS, "sk-", "c1", "openai", "OpenAI"] {
        assert!(!hold(&told, word), "{word:?} reached the caller: {status:?}");
    }
}

#[tokio::test]
async fn what_the_operator_must_mend_is_internal_and_loud() {
    let text = "title = 'L'\ninstructions = 'Help.'\naudience = 'anyone'\nhosted = 'wf_loud'\n\
                pages = ['/']\nsites = ['www.example.com']";
    let (_files, dir) = workflows([("loudly-logged", text)]);
    let broker = Setup::with([("WORKFLOWS_DIR", &dir)]).start().await;
    for (status, hint) in [
        (401, "check OPENAI_API_KEY"),
        (403, "the project of OPENAI_API_KEY may not do this"),
        (404, "workflow not found: the key must be of the same project"),
        (400, "check the workflow's version"),
        (302, "check OPENAI_BASE_URL"),
    ] {
        broker.upstream.script([error(status, "kind_of_test", vec![("location", "/elsewhere")])]);
        let before = broker.asked();
        let refusal = create(&broker).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Internal, "{status}");
        assert_silent(&refusal);
        refused(Err::<(), _>(refusal), Kind::Internal, Reason::ProviderRefused);
        assert_eq!(broker.asked(), before + 1, "{status} is not tried again");

        let lines = log::lines_with("loudly-logged");
        let line = lines.iter().find(|line| line.contains(hint)).expect("the log knows");
        assert!(line.contains("ERROR") && line.contains(&status.to_string()), "{line}");
        assert!(line.contains("type kind_of_test") && line.contains("code c1"), "{line}");
    }
    assert_eq!(log::lines_with(THEIR_WORDS), Vec::<String>::new());
}

#[tokio::test]
async fn a_limit_of_the_provider_is_passed_on() {
    let broker = Broker::start().await;
    for (headers, wait) in
        [(vec![("retry-after", "17")], 17), (vec![], 5), (vec![("retry-after", "soon")], 5)]
    {
        broker.upstream.script([error(429, "rate_limit_error", headers)]);
        let refusal = create(&broker).await.unwrap_err();
        assert_silent(&refusal);
        let fault = refused(Err::<(), _>(refusal), Kind::RateLimited, Reason::ProviderRateLimited);
        assert_eq!(fault.retry_after, Some(Duration::from_secs(wait)));
        assert_eq!(fault.quota, None, "it is not a limit of ours");
    }
    assert_eq!(broker.asked(), 3);
}

#[tokio::test]
async fn a_passing_failure_costs_the_visitor_nothing() {
    let broker = Broker::start().await;
    for (number, status) in [(1, 503), (2, 500)] {
        broker.upstream.script([error(status, "server_error", vec![])]);
        let session = broker.create(visitor(number), on_page("/")).await.unwrap();
        assert_eq!(session.client_secret, secret(number.into()));
        assert_eq!(broker.asked(), usize::from(number) * 2);
    }
}

#[tokio::test]
async fn a_lasting_failure_is_unavailable_after_one_retry() {
    let broker = Broker::start().await;
    broker.upstream.script([error(503, "server_error", vec![]), error(502, "server_error", vec![])]);
    let refusal = create(&broker).await.unwrap_err();
    assert_silent(&refusal);
    refused(Err::<(), _>(refusal), Kind::Unavailable, Reason::ProviderUnavailable);
    assert_eq!(broker.asked(), 2);
    assert_eq!(create(&broker).await.unwrap(), secret(1), "the next call tries again");
}

#[tokio::test]
async fn no_answer_in_time_is_unavailable_after_one_retry() {
    let setup = Setup { attempt: Duration::from_millis(100), ..Setup::default() };
    let broker = setup.start().await;
    broker.upstream.script([Reply::Never, Reply::Never]);
    refused(create(&broker).await, Kind::Unavailable, Reason::ProviderUnavailable);
    assert_eq!(broker.asked(), 2);
}

#[tokio::test]
async fn no_attempt_outlasts_the_callers_deadline() {
    let patient = Duration::from_secs(3_600);
    let setup = Setup { attempt: patient, deadline: Duration::from_millis(500), ..Setup::default() };
    let broker = setup.start().await;
    broker.upstream.script([Reply::Never]);
    let code = create(&broker).await.unwrap_err().code();
    assert!(matches!(code, Code::DeadlineExceeded | Code::Unavailable | Code::Cancelled), "{code:?}");
    // A mint that went on waiting for an hour would be cut off here.
    broker.stop().await;
}

#[tokio::test]
async fn no_connection_is_unavailable() {
    // Nothing listens on TCP port 1.
    let broker = Setup::with([("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")]).start().await;
    refused(create(&broker).await, Kind::Unavailable, Reason::ProviderUnavailable);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_unavailable() {
    let broker = Broker::start().await;
    let late = format!(r#"{{"client_secret":"ek_1","expires_at":{}}}"#, broker.time.seconds());
    let long = format!(r#"{{"client_secret":"{}","expires_at":9999999999}}"#, "x".repeat(512 * 1024));
    for body in ["<html>", "{}", r#"{"client_secret":"ek_1"}"#, &late, &long] {
        broker.upstream.script([Reply::Plain(200, vec![], body.to_owned())]);
        let before = broker.asked();
        refused(create(&broker).await, Kind::Unavailable, Reason::ProviderUnavailable);
        assert_eq!(broker.asked(), before + 1, "a session may have been made; it is not made twice");
    }
}
