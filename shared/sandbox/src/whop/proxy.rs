//! Whop's proxy before an app: an app is shown from a host of Whop's, which forwards every request to the app's own
//! address and says who looks, by a fresh user token.
//!
//! Here the host's first label names the user: `http://mara.localhost:PORT` is `user_mara`; a host without a label is
//! somebody who is not known. The invariant: a token in a request that goes on was made here.

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header, uri::Authority},
    response::{IntoResponse as _, Response},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

use crate::Sandbox;

/// The header that says who looks.
const TOKEN: &str = "x-whop-user-token";
/// What concerns one connection only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[derive(Clone)]
struct Front {
    sandbox: Sandbox,
    /// Host and port of the app.
    app: Authority,
}

/// Serves the proxy before the app at this base URL, e.g. `http://127.0.0.1:8080`, until `shutdown`. Bodies stream both
/// ways.
///
/// # Errors
/// The base URL is not `http` with a host.
pub async fn serve_app(
    listener: TcpListener,
    sandbox: &Sandbox,
    app: &str,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let uri: Uri = app.parse()?;
    anyhow::ensure!(uri.scheme_str() == Some("http"), "the app's base URL is not http");
    let app = uri.authority().cloned().ok_or_else(|| anyhow::anyhow!("the app's base URL has no host"))?;
    sandbox.0.whop.set_proxy_port(listener.local_addr()?.port());
    let front = Front { sandbox: sandbox.clone(), app };
    crate::serve(listener, Router::new().fallback(forward).with_state(front), shutdown).await;
    sandbox.0.whop.set_proxy_port(0);
    Ok(())
}

/// The user that a host names.
fn user(host: &str) -> Option<String> {
    let host = host.parse::<Authority>().ok()?;
    let (label, _) = host
        .host()
        .strip_suffix(".localhost")?
        .split_once('.')
        .unwrap_or((host.host().strip_suffix(".localhost")?, ""));
    Some(format!("user_{}", label.to_ascii_lowercase()))
}

async fn forward(State(front): State<Front>, request: Request) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let token = match user(&host) {
        None => None,
        Some(user) => match front.token(user).await {
            Ok(token) => Some(token),
            Err(response) => return response,
        },
    };
    match front.pass(request, &host, token).await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(%error, "the app does not answer");
            (StatusCode::BAD_GATEWAY, "the app does not answer").into_response()
        }
    }
}

impl Front {
    async fn token(&self, user: String) -> Result<HeaderValue, Response> {
        let sandbox = self.sandbox.clone();
        let token = tokio::task::spawn_blocking(move || sandbox.user_token(&user)).await;
        let token = token.ok().and_then(Result::ok).and_then(|token| HeaderValue::try_from(token).ok());
        token.ok_or_else(|| (StatusCode::NOT_FOUND, "no such user").into_response())
    }

    async fn pass(
        &self,
        request: Request,
        host: &str,
        token: Option<HeaderValue>,
    ) -> anyhow::Result<Response> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let (mut parts, body) = request.into_parts();
        strip(&mut parts.headers);
        parts.headers.remove(TOKEN);
        if let Some(token) = token {
            parts.headers.insert(TOKEN, token);
        }
        parts.headers.insert("x-forwarded-host", HeaderValue::try_from(host)?);
        parts.headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
        if let Some(peer) = peer {
            parts.headers.insert("x-forwarded-for", HeaderValue::try_from(peer.to_string())?);
        }
        parts.headers.insert(header::HOST, HeaderValue::try_from(self.app.as_str())?);
        parts.uri = parts.uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        parts.version = Version::HTTP_11;
        let stream = TcpStream::connect((self.app.host(), self.app.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the answer, or with whoever leaves first.
        tokio::spawn(async move { connection.await.ok() });
        let (mut parts, body) = sender.send_request(Request::from_parts(parts, body)).await?.into_parts();
        strip(&mut parts.headers);
        parts.version = Version::HTTP_11;
        Ok(Response::from_parts(parts, Body::new(body)))
    }
}

/// Takes away what concerns one connection only, and what `Connection` names besides.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_label_names_the_user() {
        assert_eq!(user("mara.localhost:8090").as_deref(), Some("user_mara"));
        assert_eq!(user("Mara.localhost").as_deref(), Some("user_mara"));
        assert_eq!(user("mara.app.localhost:1").as_deref(), Some("user_mara"));
        for host in ["localhost:8090", "127.0.0.1:8090", "mara.example.com", "mara.localhost.example.com", ""]
        {
            assert_eq!(user(host), None, "{host}");
        }
    }
}
