//! `kill -9` between the acknowledgement and the spreadsheet, again and again, with the real binary.
//!
//! The spreadsheet lives in this process, so it survives every kill and tells the truth: each acknowledged event is
//! one line, and none is two.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use reqwest::Client;
use sandbox::{Fault, FaultKind, Provider, Sandbox};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::world::{lines, until};

/// Kills.
const LIVES: u64 = 24;
/// Events that every life is sent, besides those that earlier lives did not answer.
const EVENTS_A_LIFE: usize = 12;
/// Different people in them.
const SESSIONS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_row_is_lost_or_repeated_by_kills() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(None).unwrap();
    sandbox.set_quota(100_000, 100_000);
    let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
    let sheets = format!("http://{}/sheets", listener.local_addr().unwrap());
    tokio::spawn(sandbox::serve(listener, sandbox.providers(), std::future::pending::<()>()));

    let mut sender = Sender::default();
    let mut lives_with_new_rows = 0;
    for life in 0..LIVES {
        // The work of a slow call is done even if its caller is dead by then: a late delivery.
        let slow = FaultKind::Latency(Duration::from_millis(30 + 40 * (life % 4)));
        sandbox.clear_faults();
        sandbox.inject(Fault {
            provider: Provider::Sheets,
            path: Some(":batchUpdate".into()),
            count: 50,
            kind: slow,
        });
        let before = calls(&sandbox);
        let mut desk = Desk::start(dir.path(), &sheets).await;
        sender.make(EVENTS_A_LIFE);
        sender.send(&desk).await;
        match life % 3 {
            // The first acknowledgements are out and no batch can be back yet.
            0 => {}
            // Somewhere in the middle of whatever comes.
            1 => pause(Duration::from_millis(17 * life)).await,
            // A batch has landed; the next one is on its way or waits for its turn.
            _ => {
                until("a batch in this life", || calls(&sandbox) > before).await;
                sender.make(EVENTS_A_LIFE);
                sender.send(&desk).await;
            }
        }
        desk.kill().await;
        lives_with_new_rows += u32::from(calls(&sandbox) > before);
    }
    sandbox.clear_faults();
    let desk = Desk::start(dir.path(), &sheets).await;
    sender.send(&desk).await;
    sender.repeat_all(&desk).await;
    let acknowledged = sender.acknowledged.len();
    until("all events in the sheet", || lines(&sandbox, "chat_events").len() >= acknowledged).await;
    until("all turns in the sheet", || lines(&sandbox, "engagements").len() >= acknowledged).await;
    until("the last touch of every lead", || last_touches(&sandbox) == sender.last_touches()).await;

    let sent = sender.next;
    assert_eq!(acknowledged, sent, "the sender repeats until it is answered");
    assert_eq!(ids(&sandbox, "chat_events"), sender.acknowledged.iter().map(|id| (id.clone(), 1)).collect());
    assert!(ids(&sandbox, "engagements").values().all(|times| *times == 1));
    assert_eq!(lines(&sandbox, "engagements").len(), acknowledged);
    assert_eq!((lines(&sandbox, "contacts").len(), lines(&sandbox, "leads").len()), (SESSIONS, SESSIONS));
    assert!(lives_with_new_rows >= 8, "only {lives_with_new_rows} lives wrote anything");
    let settled = sandbox.requests().iter().filter(|asked| asked.body.to_string().contains(":void")).count();
    assert!(settled >= 3, "only {settled} batches had to be settled: the kills came at harmless moments");
}

/// Sends turns until each is answered, repeats some anyway, in an order of its own.
#[derive(Default)]
struct Sender {
    next: usize,
    unanswered: Vec<Value>,
    answered: Vec<Value>,
    acknowledged: std::collections::BTreeSet<String>,
}

impl Sender {
    fn make(&mut self, count: usize) {
        for number in self.next..self.next + count {
            let second = number % 60;
            let minute = number / 60;
            self.unanswered.push(json!({
                "id": format!("ev-{number}"), "type": "chat.turn", "session_id": format!("s-{}", number % SESSIONS),
                "message": format!("message {number}"), "score": 0.9,
                "occurred_at": format!("2025-10-28T16:{minute:02}:{second:02}Z"),
            }));
        }
        self.next += count;
        self.unanswered.reverse();
    }

    /// One try for everything that is unanswered, and a repetition of something that was answered.
    async fn send(&mut self, desk: &Desk) {
        let mut left = Vec::new();
        for (index, event) in std::mem::take(&mut self.unanswered).into_iter().enumerate() {
            match desk.deliver(&event).await {
                Some(ids) => {
                    self.acknowledged.extend(ids);
                    self.answered.push(event);
                }
                None => left.push(event),
            }
            if let Some(old) = self.answered.get(index * 3) {
                desk.deliver(old).await;
            }
        }
        self.unanswered = left;
    }

    async fn repeat_all(&self, desk: &Desk) {
        for events in self.answered.chunks(100) {
            desk.deliver(&json!(events)).await.unwrap();
        }
    }

    /// Of each session, the time of its newest turn.
    fn last_touches(&self) -> Vec<String> {
        let mut newest = BTreeMap::<&str, &str>::new();
        for event in &self.answered {
            let [session, at] = ["session_id", "occurred_at"].map(|name| event[name].as_str().unwrap());
            let entry = newest.entry(session).or_insert(at);
            *entry = at.max(entry);
        }
        let mut times: Vec<String> = newest.values().map(|at| (*at).to_owned()).collect();
        times.sort();
        times
    }
}

/// The real binary, on the same directory in every life.
struct Desk {
    child: Child,
    url: String,
    http: Client,
}

impl Desk {
    async fn start(dir: &Path, sheets: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_frontdesk"))
            .env_clear()
            .envs([
                ("PORT", "0"),
                ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
                ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
                ("SHEETS_BASE_URL", sheets),
                ("RUST_LOG", "warn"),
            ])
            .env("FRONTDESK_DIR", dir)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut table = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = table.next_line().await.unwrap().expect("frontdesk shows its table");
            if let Some(address) = line.trim().strip_prefix("gateway") {
                break address.trim().to_owned();
            }
        };
        // The rest of the table is read too, or the process would wait for us.
        tokio::spawn(async move { while let Ok(Some(_)) = table.next_line().await {} });
        Self { child, url, http: chassis::http::client() }
    }

    /// Ids of the events, if the delivery was acknowledged.
    async fn deliver(&self, events: &Value) -> Option<Vec<String>> {
        let request = self.http.post(format!("{}/webhooks/ajd/chat-events", self.url)).json(events);
        let answer = request.timeout(Duration::from_secs(20)).send().await.ok()?;
        let answer: Value = (answer.status() == 202).then_some(answer)?.json().await.ok()?;
        Some(answer["ids"].as_array()?.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
    }

    async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Batches that Sheets has worked on.
fn calls(sandbox: &Sandbox) -> usize {
    sandbox
        .requests()
        .iter()
        .filter(|asked| asked.path.contains(":batchUpdate") && asked.status == Some(200))
        .count()
}

fn ids(sandbox: &Sandbox, tab: &str) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for line in lines(sandbox, tab) {
        *times.entry(line["id"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    times
}

/// The leads' last touches as RFC 3339, sorted.
pub(crate) fn last_touches(sandbox: &Sandbox) -> Vec<String> {
    let mut times: Vec<String> =
        lines(sandbox, "leads").iter().filter_map(|lead| moment(&lead["last_touch"])).collect();
    times.sort();
    times
}

/// A spreadsheet's date-time as RFC 3339.
fn moment(serial: &Value) -> Option<String> {
    let seconds = (serial.as_f64()? - 25_569.0) * 86_400.0;
    jiff::Timestamp::from_second(seconds.round() as i64).ok().map(|time| time.to_string())
}

async fn pause(time: Duration) {
    tokio::time::sleep_until((Instant::now() + time).into()).await;
}
