//! What the tests share: a server on a free port, a gRPC service made of one closure, waiting for a condition.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Once},
    task::{Context as Poller, Poll},
    time::Duration,
};

use chassis::{Context, Drain, Server, Vars, bind, server::serve_within, telemetry};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::task::JoinHandle;
use tonic::{
    body::Body,
    server::NamedService,
    transport::{Channel, Endpoint},
};
use tower::{Service, ServiceExt as _};
use url::Url;

/// No test may take longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server under test.
pub(crate) struct Stage {
    pub(crate) addr: SocketAddr,
    pub(crate) context: Context,
    drain: JoinHandle<Drain>,
}

impl Stage {
    pub(crate) async fn open(server: impl Into<Server>, limit: Duration) -> Self {
        Self::open_at(0, server, limit, Context::new("stage", false)).await
    }

    pub(crate) async fn open_at(
        port: u16,
        server: impl Into<Server>,
        limit: Duration,
        context: Context,
    ) -> Self {
        let listener = bind(IpAddr::V4(Ipv4Addr::LOCALHOST), port).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let drain = tokio::spawn(serve_within(listener, server.into(), context.clone(), limit));
        Self { addr, context, drain }
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://{}", self.addr).parse().unwrap()
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url().to_string()).unwrap().connect_lazy()
    }

    pub(crate) fn leave(&self) {
        self.context.shutdown.cancel();
    }

    pub(crate) async fn drained(self) -> Drain {
        in_time(self.drain).await.unwrap()
    }
}

/// Waits for `future`, but not forever.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

/// Asks `probe` again and again until it says yes.
pub(crate) async fn until<F: Future<Output = bool>>(mut probe: impl FnMut() -> F) {
    in_time(async {
        while !probe().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Spans get trace ids, as in a process; nothing is logged.
pub(crate) fn trace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let quiet = Vars::from_iter([("RUST_LOG".to_owned(), "off".to_owned())]);
        drop(telemetry::init("it", false, &quiet));
    });
}

type Answer = Response<Body>;

/// A gRPC service whose every method is one closure.
#[derive(Clone)]
pub(crate) struct Act(Arc<dyn Fn(HeaderMap) -> BoxFuture<'static, Answer> + Send + Sync>);

impl Act {
    pub(crate) fn new<F>(act: impl Fn(HeaderMap) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self(Arc::new(move |headers| Box::pin(act(headers))))
    }
}

impl NamedService for Act {
    const NAME: &'static str = "stage.Act";
}

impl Service<Request<Body>> for Act {
    type Response = Answer;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Answer, Infallible>>;

    fn poll_ready(&mut self, _: &mut Poller<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = (self.0)(request.headers().clone());
        Box::pin(async { Ok(answer.await) })
    }
}

/// An answer of status OK and nothing else.
pub(crate) fn ok() -> Answer {
    tonic::Status::ok("").into_http()
}

/// Calls a method of [`Act`] with `headers`.
pub(crate) async fn call<S>(service: S, headers: &[(&'static str, &str)]) -> Result<Answer, S::Error>
where
    S: Service<Request<Body>, Response = Answer>,
{
    let mut request = Request::post("http://stage/stage.Act/Do").body(Body::empty()).unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    in_time(service.oneshot(request)).await
}

/// The gRPC code of an answer without a body.
pub(crate) fn code(answer: &Answer) -> tonic::Code {
    tonic::Status::from_header_map(answer.headers()).unwrap().code()
}
