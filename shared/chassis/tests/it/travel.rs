//! What travels from an inbound call through a link to the next server.

use std::time::Duration;

use chassis::{Grpc, Link, deadline, request_id};
use http::HeaderMap;
use tokio::sync::mpsc;
use tonic::{Code, Status};

use crate::stage::{Act, PATIENCE, Stage, call, code, in_time, ok, trace};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn grpc(act: Act) -> Grpc {
    Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).add(act)
}

/// A server that shows the headers of what it is called with.
async fn callee() -> (Stage, mpsc::UnboundedReceiver<HeaderMap>) {
    let (seen, calls) = mpsc::unbounded_channel();
    let act = Act::new(move |headers| {
        seen.send(headers).unwrap();
        async { ok() }
    });
    (Stage::open(grpc(act), PATIENCE).await, calls)
}

/// A server that passes every call on through `link`.
async fn relay(link: Link) -> Stage {
    let act = Act::new(move |_| {
        let link = link.clone();
        async move { call(link, &[]).await.unwrap_or_else(|status| status.into_http()) }
    });
    Stage::open(grpc(act), PATIENCE).await
}

#[tokio::test]
async fn deadline_trace_and_request_id_travel_on() {
    trace();
    let (callee, mut calls) = callee().await;
    let relay = relay(Link::new(&callee.url()).unwrap()).await;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let headers = [("traceparent", parent.as_str()), ("grpc-timeout", "4S"), ("x-request-id", "req_7")];
    assert_eq!(code(&call(relay.channel(), &headers).await.unwrap()), Code::Ok);

    let seen = in_time(calls.recv()).await.unwrap();
    let text = |name: &str| seen[name].to_str().unwrap();
    assert_eq!(text("x-request-id"), "req_7");
    let trace: Vec<&str> = text("traceparent").split('-').collect();
    assert_eq!((trace[1], trace[3]), (TRACE, "01"));
    assert_ne!(trace[2], "b7ad6b7169203331", "the parent is the relay's own span");
    let (count, unit) = text("grpc-timeout").split_at(text("grpc-timeout").len() - 1);
    assert_eq!(unit, "u");
    assert!((1..4_000_000).contains(&count.parse::<u32>().unwrap()), "{count} us");
    assert!(seen.get("authorization").is_none(), "no token goes out in the clear");
}

#[tokio::test]
async fn a_call_without_deadline_and_id_gets_both() {
    trace();
    let (callee, mut calls) = callee().await;
    let relay = relay(Link::new(&callee.url()).unwrap()).await;
    call(relay.channel(), &[("x-request-id", "not fit to print")]).await.unwrap();
    let seen = in_time(calls.recv()).await.unwrap();
    assert_eq!(seen["x-request-id"].len(), 32);
    let timeout = seen["grpc-timeout"].to_str().unwrap();
    assert_eq!(timeout, "10000000u", "the default of ten seconds");
}

#[tokio::test]
async fn a_handler_sees_its_surroundings_and_is_cut_at_the_deadline() {
    let (seen, mut calls) = mpsc::unbounded_channel();
    let act = Act::new(move |_| {
        let seen = seen.clone();
        async move {
            seen.send((deadline::remaining(), request_id::current())).unwrap();
            std::future::pending().await
        }
    });
    let stage = Stage::open(grpc(act), PATIENCE).await;
    // a plain client, because tonic's would cut the call by itself
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = client.post(stage.url().join("/stage.Act/Do").unwrap()).header("x-request-id", "r");
    let answer = in_time(request.header("grpc-timeout", "30m").send()).await.unwrap();
    assert_eq!(Status::from_header_map(answer.headers()).unwrap().code(), Code::DeadlineExceeded);
    let (remaining, id) = in_time(calls.recv()).await.unwrap();
    assert!(remaining.unwrap() <= Duration::from_millis(30));
    assert_eq!(id.as_deref(), Some("r"));
}
