//! How often sessions may be asked for.

use std::time::Duration;

use domain::{Kind, Reason};
use proto::common::v1::Caller;

use crate::broker::{Setup, named, on_page, refused, visitor};

/// Asserts that `over` is refused once `allowed` have used up a limit of two an hour, and that `other` is not.
async fn assert_limit(setting: &'static str, allowed: [Caller; 2], over: Caller, other: Caller) {
    let broker = Setup::with([(setting, "2/h")]).start().await;
    for caller in allowed {
        broker.create(caller, on_page("/")).await.unwrap();
    }
    let asked = broker.asked();
    let answer = broker.create(over.clone(), on_page("/")).await;
    let fault = refused(answer, Kind::RateLimited, Reason::RateLimited);
    let quota = fault.quota.expect("the limit's state");
    assert_eq!((quota.limit, quota.remaining), (2, 0), "{setting}");
    let wait = fault.retry_after.expect("how long to wait");
    assert!(wait > Duration::from_secs(1_700) && wait <= Duration::from_secs(1_800), "{setting}: {wait:?}");
    refused(broker.refresh(over, "").await, Kind::RateLimited, Reason::RateLimited);
    assert_eq!(broker.asked(), asked, "a refused call costs the provider nothing");
    broker.create(other, on_page("/")).await.unwrap();
}

fn from(number: u8, ip_key: &str, site: &str) -> Caller {
    Caller { ip_key: ip_key.into(), site: site.into(), ..visitor(number) }
}

#[tokio::test]
async fn a_visitor_has_a_limit() {
    let allowed = [from(1, "a", "x"), from(1, "b", "y")];
    assert_limit("LIMIT_VISITOR", allowed, from(1, "c", "z"), from(2, "a", "x")).await;
}

#[tokio::test]
async fn an_address_has_a_limit() {
    let allowed = [from(1, "a", "x"), from(2, "a", "y")];
    assert_limit("LIMIT_IP", allowed, from(3, "a", "z"), from(1, "b", "x")).await;
}

#[tokio::test]
async fn callers_without_an_address_share_none() {
    let broker = Setup::with([("LIMIT_IP", "1/h")]).start().await;
    for number in 1..=3 {
        broker.create(from(number, "", "x"), on_page("/")).await.unwrap();
    }
}

#[tokio::test]
async fn a_site_has_a_limit() {
    let allowed = [from(1, "a", "x"), from(2, "b", "x")];
    assert_limit("LIMIT_SITE", allowed, from(3, "c", "x"), from(1, "a", "y")).await;
}

#[tokio::test]
async fn no_site_is_a_site() {
    let allowed = [from(1, "a", ""), from(2, "b", "")];
    assert_limit("LIMIT_SITE", allowed, from(3, "c", ""), from(1, "a", "y")).await;
}

#[tokio::test]
async fn a_call_that_is_refused_otherwise_counts_too() {
    let broker = Setup::with([("LIMIT_VISITOR", "1/h")]).start().await;
    let answer = broker.create(visitor(1), named("guess")).await;
    refused(answer, Kind::NotFound, Reason::WorkflowUnknown);
    let answer = broker.create(visitor(1), named("guess")).await;
    refused(answer, Kind::RateLimited, Reason::RateLimited);
}

#[tokio::test]
async fn off_is_no_limit() {
    let off = [("LIMIT_VISITOR", "off"), ("LIMIT_IP", "off"), ("LIMIT_SITE", "off")];
    let broker = Setup::with(off).start().await;
    for _ in 0..150 {
        broker.create(visitor(1), on_page("/")).await.unwrap();
    }
    assert_eq!(broker.asked(), 1);
}
