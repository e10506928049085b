//! The life of the real `frontdesk` process: what it shows, what it leaves behind, what ends it.

mod secrecy;
mod settings;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{extract::Request, middleware::Next};
use reqwest::{Client, RequestBuilder};
use sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::{
    processes::child::{Process, host},
    story::answer::{Answer, DEVICE, EVENTS, SESSION},
    world::{HOSTED, turn, until},
};

/// The real binary in a directory of its own; `vars` and a free port are its whole environment.
struct Desk {
    process: Process,
    base: String,
    http: Client,
    dir: TempDir,
}

impl Desk {
    async fn start(vars: &[(&str, &str)]) -> Self {
        Self::open(tempfile::tempdir().unwrap(), vars).await
    }

    async fn open(dir: TempDir, vars: &[(&str, &str)]) -> Self {
        let mut process = frontdesk(dir.path(), vars, &[]);
        let base = format!("http://{}", process.address("gateway").await);
        Self { process, base, http: chassis::http::client(), dir }
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).json(body)
    }

    /// Asks it to leave, and checks that it does so in good order.
    async fn leave(mut self, signal: &str) -> (Process, TempDir) {
        self.process.signal(signal).await;
        assert_eq!(self.process.gone().await, 0, "{}", self.process.said());
        (self.process, self.dir)
    }
}

/// Starts the binary on a free port.
fn frontdesk(dir: &Path, vars: &[(&str, &str)], args: &[&str]) -> Process {
    Process::start("frontdesk", dir, &[&[("PORT", "0")], vars].concat(), args)
}

fn addresses(dir: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(dir.join(".frontdesk/addresses.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_where_everything_is_and_what_to_try() {
    let mut desk = Desk::start(&[]).await;
    desk.process.says("Ctrl-C stops it.").await;
    let table = desk.process.stdout();
    let named = addresses(desk.dir.path()).expect("written before the table is shown");
    assert_eq!(named["gateway"], desk.base);
    for service in [
        "gateway",
        "session-broker",
        "chat-agent",
        "booking-payments",
        "whop-gateway",
        "ops-copilot",
        "sheets-writer",
    ] {
        let address = named[service].as_str().unwrap();
        assert!(address.starts_with("http://127.0.0.1:"), "{named}");
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>() == [service, address];
        assert!(table.lines().any(line), "{service} {address} in {table}");
    }
    for (provider, setting) in [
        ("OpenAI", "OPENAI_API_KEY"),
        ("Google Sheets", "GOOGLE_SHEETS_ID"),
        ("Cal.com", "CALCOM_API_KEY"),
        ("Stripe", "STRIPE_SECRET_KEY"),
        ("Whop", "WHOP_API_KEY"),
    ] {
        let line = |line: &str| {
            line.trim().starts_with(provider) && line.contains("sandbox") && line.contains(setting)
        };
        assert!(table.lines().any(line), "{provider} in {table}");
    }
    assert!(table.contains("from this machine only until EVENTS_WEBHOOK_SECRET is set"), "{table}");
    assert!(table.contains("to nobody without SLACK_WEBHOOK_URL and SMTP_URL"), "{table}");
    let public = desk.base.replace("127.0.0.1", "localhost");
    let things = [format!("curl -X POST {public}{SESSION}"), format!("curl -X POST {public}{EVENTS}")];
    let page = format!("open {public}/sandbox/sheet");
    things.iter().chain([&page]).for_each(|thing| assert!(table.contains(thing), "{thing} in {table}"));

    // What it says to send works as it stands.
    let bodies: Vec<&str> = table.split("-d '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    for (path, body, status) in [(SESSION, bodies[0], 200), (EVENTS, bodies[1], 202)] {
        let answer = Answer::of(desk.post(path, &body.parse().unwrap())).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(Answer::of(desk.http.get(format!("{}/sandbox/sheet", desk.base))).await.status, 200);
    desk.leave("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_drains_and_leaves_only_the_books() {
    let desk = Desk::start(&[]).await;
    assert_eq!(Answer::of(desk.post(EVENTS, &turn())).await.status, 202);
    let (process, dir) = desk.leave("INT").await;
    assert!(process.stderr().contains("drained"), "{}", process.stderr());
    assert_eq!(addresses(dir.path()), None, "nobody listens there any more");
    let kept = |name: &str| dir.path().join(".frontdesk").join(name).is_file();
    for name in [
        "session-broker.db",
        "chat-agent.db",
        "booking-payments.db",
        "whop-gateway.db",
        "ops-copilot.db",
        "sandbox-ledger/sheets-writer.db",
        "sandbox.db",
        "token-keys",
    ] {
        assert!(kept(name), "{name}");
    }
    let desk = Desk::open(dir, &[]).await;
    assert_eq!(Answer::of(desk.post(EVENTS, &turn())).await.json()["duplicates"], 1, "the books are kept");
    desk.leave("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_in_the_same_directory_says_what_is_in_use() {
    let first = Desk::start(&[]).await;
    let named = addresses(first.dir.path()).unwrap();
    let mut second = frontdesk(first.dir.path(), &[], &[]);
    assert_eq!(second.gone().await, 64, "{}", second.said());
    let said = second.stderr();
    assert!(said.contains("session-broker.db is in use by another process"), "{said}");
    assert!(!second.stdout().contains("is running"), "{}", second.stdout());
    assert_eq!(addresses(first.dir.path()), Some(named), "the first one is still to be found");
    assert_eq!(Answer::of(first.post(EVENTS, &turn())).await.status, 202);
    first.leave("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_one_frees_its_files_at_once() {
    let mut desk = Desk::start(&[]).await;
    assert_eq!(Answer::of(desk.post(EVENTS, &turn())).await.status, 202);
    desk.process.kill().await;
    let stale = addresses(desk.dir.path()).expect("nobody was there to remove it");
    let desk = Desk::open(desk.dir, &[]).await;
    let named = addresses(desk.dir.path()).unwrap();
    assert_eq!(named["gateway"], desk.base);
    assert_ne!(named, stale);
    assert_eq!(Answer::of(desk.post(EVENTS, &turn())).await.json()["duplicates"], 1);
    desk.leave("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_before_it_leaves() {
    let gate = Gate::default();
    let sandbox = Sandbox::open(None).unwrap();
    let guard = gate.clone();
    let layer =
        axum::middleware::from_fn(move |request: Request, next: Next| guard.clone().pass(request, next));
    let openai = format!("{}/openai/v1", host(sandbox.providers().layer(layer)).await);
    let mut desk =
        Desk::start(&[("OPENAI_API_KEY", sandbox::API_KEY), ("OPENAI_BASE_URL", &openai), HOSTED]).await;
    let asked = tokio::spawn(Answer::of(desk.post(SESSION, &json!({"deviceId": DEVICE}))));
    until("openai is asked", || gate.is_reached()).await;
    desk.process.signal("TERM").await;
    desk.process.says("leaving").await;
    gate.open();
    let session = asked.await.unwrap().ok();
    assert!(session["client_secret"].as_str().unwrap().starts_with("ek_"));
    assert_eq!(desk.process.gone().await, 0, "{}", desk.process.said());
}

/// Holds requests until it is opened.
#[derive(Clone)]
struct Gate {
    reached: Arc<AtomicBool>,
    opened: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { reached: Arc::default(), opened: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    async fn pass(self, request: Request, next: Next) -> axum::response::Response {
        self.reached.store(true, Ordering::SeqCst);
        drop(self.opened.acquire().await);
        next.run(request).await
    }

    fn is_reached(&self) -> bool {
        self.reached.load(Ordering::SeqCst)
    }

    fn open(&self) {
        self.opened.add_permits(1_000);
    }
}
