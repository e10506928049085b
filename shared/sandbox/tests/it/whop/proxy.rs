//! The proxy before an app: who looks, by a token of its own, and bodies that stream both ways.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::harness::Town;

/// What the app saw of a request.
async fn tell(request: Request) -> String {
    let headers = request.headers().clone();
    let text = |name: &str| {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join("|")
    };
    let token = text("x-whop-user-token");
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    json!({"token": token, "host": text("host"), "for": text("x-forwarded-for"), "hop": text("x-hop"),
        "body": String::from_utf8_lossy(&body), "shown": text("x-forwarded-host")})
    .to_string()
}

/// Answers each line of the request as it comes.
async fn echo(request: Request) -> Response {
    let lines = request
        .into_body()
        .into_data_stream()
        .map(|chunk| Ok::<_, std::io::Error>(Bytes::from([b"> ", &chunk.unwrap()[..]].concat())));
    Response::builder().header("content-type", "text/event-stream").body(Body::from_stream(lines)).unwrap()
}

async fn app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/portal", get(tell).post(tell))
        .route("/echo", post(echo))
        .route("/gone", get(|| async { (StatusCode::GONE, HeaderMap::new(), "gone") }));
    tokio::spawn(sandbox::serve(listener, router, std::future::pending()));
    format!("http://{address}")
}

/// The proxy's address, with an app behind it.
async fn proxy(town: &Town, app: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sandbox, app) = (town.sandbox.clone(), app.to_owned());
    tokio::spawn(
        async move { sandbox::serve_whop_app(listener, &sandbox, &app, std::future::pending()).await },
    );
    address
}

async fn seen(town: &Town, proxy: SocketAddr, host: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request =
        town.client.post(format!("http://{proxy}/portal?x=1")).header("host", host).body("hello");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

/// The claims of a token, unchecked.
fn subject(token: &Value) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let claims = token.as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_host_says_who_looks_and_no_token_comes_from_outside() {
    let town = Town::new().await;
    let app = app().await;
    let proxy = proxy(&town, &app).await;
    let forged = [
        ("x-whop-user-token", "forged"),
        ("X-Whop-User-Token", "too"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
    ];
    let host = format!("jonas.localhost:{}", proxy.port());
    let (status, told) = seen(&town, proxy, &host, &forged).await;
    assert_eq!((status, subject(&told["token"]).as_str()), (200, "user_jonas"), "{told}");
    assert_eq!((&told["body"], &told["host"]), (&json!("hello"), &json!(app.trim_start_matches("http://"))));
    assert_eq!((&told["for"], &told["hop"], &told["shown"]), (&json!("127.0.0.1"), &json!(""), &json!(host)));
    let (_, nobody) = seen(&town, proxy, "localhost", &forged).await;
    assert_eq!(nobody["token"], "", "who is not known has no token");
    assert_eq!(seen(&town, proxy, "nobody.localhost", &[]).await.0, 404);
    let gone = town.client.get(format!("http://{proxy}/gone")).send().await.unwrap();
    assert_eq!((gone.status().as_u16(), gone.text().await.unwrap().as_str()), (410, "gone"));
}

#[tokio::test]
async fn bodies_stream_both_ways_while_they_are_written() {
    let town = Town::new().await;
    let proxy = proxy(&town, &app().await).await;
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nhost: mara.localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (lines, mut asked) = mpsc::unbounded_channel::<&str>();
    ["one", "two"].into_iter().for_each(|line| lines.send(line).unwrap());
    let mut heard = String::new();
    while let Ok(line) = asked.try_recv() {
        // The next line is written only when the last one has come back.
        stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await.unwrap();
        let read = async {
            while !heard.contains(&format!("> {line}")) {
                let mut chunk = [0; 1024];
                let count = stream.read(&mut chunk).await.unwrap();
                assert_ne!(count, 0, "it ended: {heard}");
                heard.push_str(&String::from_utf8_lossy(&chunk[..count]));
            }
        };
        tokio::time::timeout(Duration::from_secs(20), read).await.expect("the line comes back at once");
    }
    assert!(heard.starts_with("HTTP/1.1 200 OK"), "{heard}");
}

#[tokio::test]
async fn an_app_that_is_not_there_is_a_bad_gateway_and_a_page_shows_one_that_is() {
    let town = Town::new().await;
    let page = async |query: &str| {
        let response =
            town.client.get(format!("http://{}/sandbox/whop/app{query}", town.address)).send().await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        (policy, response.text().await.unwrap())
    };
    let (policy, text) = page("").await;
    assert!(text.contains("does not listen") && policy.contains("frame-src 'none'"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let proxy = proxy(&town, &format!("http://{nobody}")).await;
    let response = town.client.get(format!("http://{proxy}/portal")).send().await.unwrap();
    assert_eq!(response.status(), 502);
    let (policy, text) = page("?user=user_mara").await;
    assert!(
        policy.contains(&format!("frame-src http://localhost:{0} http://*.localhost:{0}", proxy.port())),
        "{policy}"
    );
    assert!(text.contains(&format!("src=\"http://mara.localhost:{}/portal\"", proxy.port())), "{text}");
    town.sandbox.club().add_person("user_evil\"><script>", "<b>", "x@example.com").unwrap();
    let (_, text) = page("?user=user_evil%22%3E%3Cscript%3E").await;
    assert!(!text.contains("<script>") && !text.contains("<b>"), "{text}");
}
