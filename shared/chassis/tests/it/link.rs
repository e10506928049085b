//! How a link behaves when the other side is away, slow, or back again.

use std::time::Duration;

use chassis::{Context, Drain, Grpc, Link};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::stage::{Act, PATIENCE, Stage, call, in_time, ok, until};

async fn open_at(port: u16) -> Stage {
    let act = Act::new(|_| async { ok() });
    let grpc = Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).add(act);
    Stage::open_at(port, grpc, PATIENCE, Context::new("callee", false)).await
}

#[tokio::test]
async fn a_link_finds_a_server_that_came_back_on_its_port() {
    let first = open_at(0).await;
    let addr = first.addr;
    let mut client = HealthClient::new(Link::new(&first.url()).unwrap());
    in_time(client.check(HealthCheckRequest::default())).await.unwrap();
    first.leave();
    assert_eq!(first.drained().await, Drain::Clean);
    let away = in_time(client.check(HealthCheckRequest::default())).await.unwrap_err();
    assert_eq!((away.code(), away.message()), (Code::Unavailable, "the service cannot be reached"));

    let _second = open_at(addr.port()).await;
    until(|| {
        let mut client = client.clone();
        async move { client.check(HealthCheckRequest::default()).await.is_ok() }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_deadline_exceeded() {
    // takes the connection, and that is all
    let deaf = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap()).parse().unwrap();
    let link = Link::new(&url).unwrap();
    let quick = link.clone().with_default_deadline(Duration::from_millis(30));
    assert_eq!(call(quick, &[]).await.unwrap_err().code(), Code::DeadlineExceeded);
    // the caller's own time-out counts, and the deadline around it all the more
    let own = call(link.clone(), &[("grpc-timeout", "30m")]).await;
    assert_eq!(own.unwrap_err().code(), Code::DeadlineExceeded);
    let passed = chassis::deadline::within(Duration::ZERO, call(link, &[])).await;
    assert_eq!(passed.unwrap_err().message(), "the deadline has passed");
}

#[tokio::test]
async fn only_the_address_of_a_service_makes_a_link() {
    assert!(Link::new(&"mailto:someone@example.com".parse().unwrap()).is_err());
    assert!(Link::new(&"https://callee.example".parse().unwrap()).is_ok());
}
