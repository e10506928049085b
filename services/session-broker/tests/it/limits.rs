//! How often sessions may be asked for.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use domain::{Kind, Reason};
use proto::common::v1::Caller;

use crate::{
    broker::{Broker, Setup, named, on_page, refused, visitor},
    shared::Shared,
};

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

/// How many of so many calls go through, each at the other instance than the one before.
async fn passed(instances: &[Broker; 2], calls: usize, caller: impl Fn(usize) -> Caller) -> usize {
    let mut passed = 0;
    for n in 0..calls {
        passed += usize::from(instances[n % 2].create(caller(n), on_page("/")).await.is_ok());
    }
    passed
}

#[tokio::test]
async fn instances_keep_each_limit_together() {
    type By = fn(usize) -> Caller;
    let by: [(&'static str, By); 3] = [
        ("LIMIT_VISITOR", |n| from(1, &format!("ip{n}"), &format!("site{n}"))),
        ("LIMIT_IP", |n| from(u8::try_from(n).unwrap(), "a", &format!("site{n}"))),
        ("LIMIT_SITE", |n| from(u8::try_from(n).unwrap(), &format!("ip{n}"), "x")),
    ];
    for (setting, caller) in by {
        let instances = Shared::new().instances([(setting, "40/h:20")]).await;
        assert_eq!(passed(&instances, 60, caller).await, 20, "{setting}");
    }
}

#[tokio::test]
async fn a_call_that_one_limit_refuses_uses_up_no_other() {
    let settings = [("LIMIT_VISITOR", "3/h"), ("LIMIT_IP", "off"), ("LIMIT_SITE", "9/h")];
    for instances in [
        Shared::new().instances(settings).await,
        // The same holds of instances that do not share.
        [Setup::with(settings).start().await, Setup::with(settings).start().await],
    ] {
        let first = &instances[0];
        for n in 0..30 {
            assert_eq!(first.create(from(1, "a", "x"), on_page("/")).await.is_ok(), n < 3);
        }
        for n in 0..6 {
            first.create(from(2 + n / 3, "a", "x"), on_page("/")).await.unwrap();
        }
        let answer = first.create(from(9, "a", "x"), on_page("/")).await;
        refused(answer, Kind::RateLimited, Reason::RateLimited);
    }
}

#[tokio::test]
async fn trouble_with_the_store_refuses_nobody() {
    let store = Shared::new();
    let instances = store.instances([("LIMIT_VISITOR", "4/h")]).await;
    assert_eq!(passed(&instances, 2, |_| visitor(1)).await, 2);
    store.is_down.store(true, SeqCst);
    // Each instance knows of one call that it has let through itself.
    assert_eq!(passed(&instances, 40, |_| visitor(1)).await, 6);
    assert_eq!(passed(&instances, 40, |_| visitor(2)).await, 8);
}

#[tokio::test]
async fn a_flood_of_one_visitor_is_no_flood_of_the_store() {
    let store = Shared::new();
    let instances = store.instances([("LIMIT_VISITOR", "20/m:10")]).await;
    assert_eq!(passed(&instances, 400, |_| visitor(1)).await, 10);
    // Three limits and a record a call; the instances take turns, so that half of their guesses are wrong.
    let commits = store.commits.load(SeqCst);
    assert!(commits <= 10 * 7 + 6, "{commits}");
}
