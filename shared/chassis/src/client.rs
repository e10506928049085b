//! The way to another service.
//!
//! A [`Link`] is what generated clients are built on. The invariant: every call through it has a deadline, and carries
//! the trace, the request's id and, on https, proof of who is calling.

use std::{
    error::Error as _,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tonic::{
    Status, TimeoutExpired,
    body::Body,
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tower::{Service, ServiceExt as _};
use url::Url;

use crate::{
    Vars, auth, auth::IdTokens, config::base_url, deadline, http::ensure_crypto, request_id, telemetry,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
const GRPC_TIMEOUT: &str = "grpc-timeout";
const TOO_LONG: &str = "the answer took too long";

/// A gRPC channel that connects when first used and again when the connection is lost, and adds to every call
/// `grpc-timeout`, trace context, `x-request-id` and, on https, an ID token.
#[derive(Clone, Debug)]
pub struct Link {
    channel: Channel,
    tokens: Option<IdTokens>,
    deadline: Duration,
}

// === impl Link ===

impl Link {
    /// A link to the service at `addr`. Call it within the runtime.
    ///
    /// # Errors
    /// `addr` is no address of a service.
    pub fn new(addr: &Url) -> anyhow::Result<Self> {
        let vars = Vars::from_process();
        Self::with_metadata_host(addr, vars.get("GCE_METADATA_HOST").unwrap_or(auth::METADATA_HOST))
    }

    /// [`Link::new`] with ID tokens from the metadata server at `host`.
    ///
    /// # Errors
    /// `addr` is no address of a service.
    pub fn with_metadata_host(addr: &Url, host: &str) -> anyhow::Result<Self> {
        ensure_crypto();
        let addr = base_url(addr.as_str()).map_err(anyhow::Error::msg)?;
        let mut endpoint = Endpoint::from_shared(addr.to_string())
            .context("not an address of a service")?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        let mut tokens = None;
        if addr.scheme() == "https" {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_webpki_roots()).context("no tls")?;
            tokens = Some(IdTokens::new(host, addr.origin().ascii_serialization()));
        }
        Ok(Self { channel: endpoint.connect_lazy(), tokens, deadline: DEFAULT_DEADLINE })
    }

    /// The same link with another deadline for calls that have none of their own. It cuts a call until its answer
    /// begins; what the callee does for a stream later on is still measured by it, so long streams need a long one.
    #[must_use]
    pub fn with_default_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn send(self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        let timeout = self.timeout(request.headers());
        if timeout.is_zero() {
            return Err(Status::deadline_exceeded("the deadline has passed"));
        }
        let headers = request.headers_mut();
        headers.insert(GRPC_TIMEOUT, plain(&deadline::format(timeout)));
        telemetry::inject(headers);
        if let Some(id) = request_id::current() {
            request_id::write(&id, headers);
        }
        // the channel's timer starts late: fetching a token and connecting count too
        let call = async {
            self.authorize(request.headers_mut()).await?;
            self.channel.oneshot(request).await.map_err(|failure| unreached(&failure))
        };
        let cut = tokio::time::timeout(timeout, call).await;
        cut.unwrap_or_else(|_| Err(Status::deadline_exceeded(TOO_LONG)))
    }

    /// The caller's own time-out if it set one, else the default; never more than what is left.
    fn timeout(&self, headers: &HeaderMap) -> Duration {
        let own = headers.get(GRPC_TIMEOUT).and_then(|value| deadline::parse(value.to_str().ok()?));
        deadline::clamp(own.unwrap_or(self.deadline))
    }

    async fn authorize(&self, headers: &mut HeaderMap) -> Result<(), Status> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let token = tokens.token(Timestamp::now()).await.map_err(|failure| {
            tracing::error!(error = %failure, "no id token for the call");
            Status::unavailable("no id token for the call")
        })?;
        let mut bearer = plain(&format!("Bearer {}", token.expose_secret()));
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
        Ok(())
    }
}

impl Service<Request<Body>> for Link {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// No answer came: the time was up on the way, or something broke and the caller may try again where that is safe.
fn unreached(failure: &tonic::transport::Error) -> Status {
    if failure.source().is_some_and(|cause| cause.is::<TimeoutExpired>()) {
        return Status::deadline_exceeded(TOO_LONG);
    }
    tracing::debug!(error = %failure, "no answer from the service");
    Status::unavailable("the service cannot be reached")
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use tonic::Code;

    use super::*;

    /// A metadata server that gives out `token`.
    async fn metadata(token: String) -> String {
        let listener = crate::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(get(|| async { token }));
        tokio::spawn(crate::serve(listener, router.into(), crate::Context::new("metadata", false)));
        host
    }

    #[tokio::test]
    async fn a_call_over_https_carries_an_id_token() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":9999999999}"#);
        let token = format!("e30.{claims}.c2ln");
        let callee = "https://callee.example/".parse().unwrap();
        let link = Link::with_metadata_host(&callee, &metadata(token.clone()).await).unwrap();
        let mut headers = HeaderMap::new();
        link.authorize(&mut headers).await.unwrap();
        assert_eq!(headers["authorization"], format!("Bearer {token}"));
        assert!(headers["authorization"].is_sensitive());

        let link = Link::with_metadata_host(&callee, &metadata("no token".into()).await).unwrap();
        let failure = link.authorize(&mut HeaderMap::new()).await.unwrap_err();
        assert_eq!(failure.code(), Code::Unavailable);
    }
}
