//! What happens to work in flight when the process is asked to leave.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use chassis::{Drain, Grpc};
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc},
};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::Code;

use crate::stage::{Act, PATIENCE, Stage, call, code, in_time, ok, until};

const AT_ONCE: Duration = Duration::from_millis(50);

/// Tells when it is dropped.
struct Witness(Arc<Notify>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_no_new_connection_taken() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (entered.clone(), release.clone());
    let hold = || async move {
        enter.notify_one();
        wait.notified().await;
        "done"
    };
    let stage = Stage::open(Router::new().route("/", get(hold)), PATIENCE).await;
    let request = tokio::spawn(chassis::http::client().get(stage.url()).timeout(PATIENCE).send());
    in_time(entered.notified()).await;
    stage.leave();
    let addr = stage.addr;
    until(|| async move { TcpStream::connect(addr).await.is_err() }).await;
    release.notify_one();
    let answer = in_time(request).await.unwrap().unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "done"));
    assert_eq!(stage.drained().await, Drain::Clean);
}

#[tokio::test]
async fn a_body_in_flight_is_sent_to_its_end() {
    let (chunks, body) = mpsc::channel::<Bytes>(1);
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let stream = || async move {
        let body = body.lock().unwrap().take().unwrap();
        Body::from_stream(ReceiverStream::new(body).map(Ok::<_, std::io::Error>))
    };
    let stage = Stage::open(Router::new().route("/", get(stream)), PATIENCE).await;
    chunks.send(Bytes::from_static(b"before ")).await.unwrap();
    let answer = in_time(chassis::http::client().get(stage.url()).send()).await.unwrap();
    stage.leave();
    in_time(chunks.send(Bytes::from_static(b"after"))).await.unwrap();
    drop(chunks);
    assert_eq!(in_time(answer.text()).await.unwrap(), "before after");
    assert_eq!(stage.drained().await, Drain::Clean);
}

#[tokio::test]
async fn what_takes_too_long_is_cut_and_dropped() {
    let (entered, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, witness) = (entered.clone(), dropped.clone());
    let stuck = Act::new(move |_| {
        let witness = Witness(witness.clone());
        enter.notify_one();
        async move {
            let _witness = witness;
            std::future::pending().await
        }
    });
    let stage = Stage::open(Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).add(stuck), AT_ONCE).await;
    let request = tokio::spawn(call(stage.channel(), &[]));
    in_time(entered.notified()).await;
    stage.leave();
    assert_eq!(stage.drained().await, Drain::Cut);
    in_time(dropped.notified()).await;
    assert!(in_time(request).await.unwrap().is_err());
}

#[tokio::test]
async fn background_tasks_are_waited_for_up_to_the_limit() {
    let stage = Stage::open(Router::new(), PATIENCE).await;
    let (shutdown, release, finished) =
        (stage.context.shutdown.clone(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (wait, finish) = (release.clone(), finished.clone());
    stage.context.spawn(async move {
        shutdown.cancelled().await;
        wait.notified().await;
        finish.notify_one();
    });
    stage.leave();
    release.notify_one();
    assert_eq!(stage.drained().await, Drain::Clean);
    in_time(finished.notified()).await;

    let stage = Stage::open(Router::new(), AT_ONCE).await;
    let dropped = Arc::new(Notify::new());
    let witness = Witness(dropped.clone());
    stage.context.spawn(async move {
        let _witness = witness;
        std::future::pending().await
    });
    stage.leave();
    assert_eq!(stage.drained().await, Drain::Cut);
    in_time(dropped.notified()).await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_drain() {
    let router = Router::new().route("/", get(|| async { "hello" }));
    let stage = Stage::open(router, PATIENCE).await;
    let client = chassis::http::client();
    let silent = TcpStream::connect(stage.addr).await.unwrap();
    assert_eq!(in_time(client.get(stage.url()).send()).await.unwrap().status(), 200);
    stage.leave();
    assert_eq!(stage.drained().await, Drain::Clean);
    drop(silent);
}

#[tokio::test]
async fn a_call_in_flight_is_answered_and_a_panic_costs_only_its_own() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (entered.clone(), release.clone());
    let act = Act::new(move |headers| {
        let (enter, wait) = (enter.clone(), wait.clone());
        async move {
            assert!(!headers.contains_key("x-panic"), "as asked");
            enter.notify_one();
            wait.notified().await;
            ok()
        }
    });
    let stage = Stage::open(Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).add(act), PATIENCE).await;
    let channel = stage.channel();
    let request = tokio::spawn(call(channel.clone(), &[]));
    in_time(entered.notified()).await;
    // the same connection carries both
    assert_eq!(code(&call(channel, &[("x-panic", "1")]).await.unwrap()), Code::Internal);
    stage.leave();
    release.notify_one();
    assert_eq!(code(&in_time(request).await.unwrap().unwrap()), Code::Ok);
    assert_eq!(stage.drained().await, Drain::Clean);
}
