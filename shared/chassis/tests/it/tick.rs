//! The door of the clock: the same work over HTTP as in the process, one run at a time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use chassis::{Context, Grpc, Tick, Ticked, tick};
use domain::{Fault, Kind, Reason};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::Semaphore;

use crate::stage::{PATIENCE, Stage, in_time, until};

fn client() -> Client {
    Client::builder().http2_prior_knowledge().build().unwrap()
}

async fn knock(stage: &Stage) -> Response {
    let url = stage.url().join(tick::PATH).unwrap();
    in_time(client().post(url).send()).await.unwrap()
}

/// A stage whose ticks count up once they get leave, and how many have begun.
async fn counting() -> (Stage, Tick, Arc<Semaphore>, Arc<AtomicI64>) {
    let (leave, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicI64::new(0)));
    let ctx = Context::new("stage", false);
    let (permits, counter) = (leave.clone(), begun.clone());
    let tick = Tick::new(&ctx, move || {
        let (permits, number) = (permits.clone(), counter.fetch_add(1, SeqCst) + 1);
        async move {
            permits.acquire().await.unwrap().forget();
            let mut ticked = Ticked { more: true, ..Ticked::default() };
            ticked.count("rows", number);
            ticked.count("nothing", 0);
            Ok(ticked)
        }
    });
    let server = Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).tick(tick.clone());
    (Stage::open_at(0, server, PATIENCE, ctx).await, tick, leave, begun)
}

#[tokio::test]
async fn overlapping_ticks_are_one_and_the_next_is_another() {
    let (stage, tick, leave, begun) = counting().await;
    let inside = (0..3).map(|_| {
        tokio::spawn({
            let tick = tick.clone();
            async move { tick.run().await }
        })
    });
    let inside: Vec<_> = inside.collect();
    let outside = tokio::spawn({
        let (client, url) = (client(), stage.url().join(tick::PATH).unwrap());
        async move { client.post(url).send().await.unwrap().text().await.unwrap() }
    });
    until(async || begun.load(SeqCst) == 1).await;
    leave.add_permits(1);
    for answer in inside {
        assert_eq!(in_time(answer).await.unwrap().unwrap().done["rows"], 1);
    }
    // it came in time for the first run or after it
    leave.add_permits(1);
    let outside = in_time(outside).await.unwrap();
    assert!(
        outside.starts_with(r#"{"done":{"rows":"#) && outside.ends_with(r#"},"more":true}"#),
        "{outside}"
    );

    let before = begun.load(SeqCst);
    leave.add_permits(1);
    assert_eq!(in_time(tick.run()).await.unwrap().done["rows"], before + 1, "a tick after it is a new one");
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_end_it() {
    let (stage, tick, leave, begun) = counting().await;
    let hasty = tokio::spawn({
        let tick = tick.clone();
        async move { tick.run().await }
    });
    until(async || begun.load(SeqCst) == 1).await;
    hasty.abort();
    assert!(in_time(hasty).await.unwrap_err().is_cancelled());
    leave.add_permits(1);
    assert_eq!(in_time(tick.run()).await.unwrap().done["rows"], 1, "the run that was under way");
    drop(stage);
}

#[tokio::test]
async fn only_a_post_knocks_and_a_failure_has_its_status() {
    let ctx = Context::new("stage", false);
    let fault = Fault::new(Kind::Unavailable, Reason::StoreUnavailable, "the store is unavailable");
    let tick = Tick::new(&ctx, move || {
        let fault = fault.clone();
        async move { Err(fault) }
    });
    let server = Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).tick(tick);
    let stage = Stage::open_at(0, server, PATIENCE, ctx).await;
    let answer = knock(&stage).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text().await.unwrap(), r#"{"error":"the store is unavailable"}"#);
    let url = stage.url().join(tick::PATH).unwrap();
    let looked = in_time(client().get(url).send()).await.unwrap();
    assert_eq!(looked.status(), StatusCode::METHOD_NOT_ALLOWED);

    let without = Stage::open(Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET), PATIENCE).await;
    let answer = knock(&without).await;
    assert_eq!(answer.headers()["grpc-status"], "12", "a service without a tick has no door");
}

#[tokio::test]
async fn a_tick_that_panics_fails_and_the_next_one_runs() {
    let ctx = Context::new("stage", false);
    let runs = Arc::new(AtomicI64::new(0));
    let counter = runs.clone();
    let tick = Tick::new(&ctx, move || {
        let run = counter.fetch_add(1, SeqCst);
        async move {
            assert!(run > 0, "the first one panics");
            Ok(Ticked::default())
        }
    });
    assert_eq!(in_time(tick.run()).await.unwrap_err().kind, Kind::Internal);
    assert_eq!(in_time(tick.run()).await.unwrap(), Ticked::default());
}
