//! Slack's webhook and the mail server: strict, with faults, and what they took can be looked at.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use sandbox::{Fault, FaultKind, LONGEST_LETTER, Provider, SLACK_WEBHOOK, Sandbox, serve_mail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::harness::Town;

async fn post(town: &Town, body: &Value) -> (u16, String) {
    let answer = town.ask(Method::POST, &format!("/slack{SLACK_WEBHOOK}")).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn slack_takes_a_text_and_says_in_a_word_what_it_does_not_take() {
    let town = Town::new().await;
    assert_eq!(post(&town, &json!({"text": "Hello", "unfurl_links": false})).await, (200, "ok".into()));
    let told = town.sandbox.told().unwrap();
    assert_eq!((told.len(), told[0].way.as_str(), told[0].text.as_str()), (1, "slack", "Hello"));
    assert_eq!(post(&town, &json!({"text": " "})).await, (400, "no_text".into()));
    assert_eq!(post(&town, &json!({"text": "x", "txt": 1})).await, (400, "invalid_payload".into()));
    for (path, status, word) in [
        ("/slack/services/T0SANDBOX/B0SANDBOX/other", 403, "invalid_token"),
        ("/slack/services/T0SANDBOX/B1/other", 404, "no_service"),
        ("/slack/services/T1/B1/other", 404, "no_team"),
    ] {
        let answer = town.ask(Method::POST, path).json(&json!({"text": "x"})).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, word));
    }
    assert_eq!(town.sandbox.told().unwrap().len(), 1);
}

#[tokio::test]
async fn slack_takes_one_message_a_second_and_short_bursts() {
    let town = Town::new().await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        let request = town.ask(Method::POST, &format!("/slack{SLACK_WEBHOOK}")).json(&json!({"text": "x"}));
        let answer = request.send().await.unwrap();
        answers.push((answer.status(), answer.headers().get("retry-after").cloned()));
    }
    assert!(answers[..4].iter().all(|(status, _)| *status == StatusCode::OK), "{answers:?}");
    let (status, wait) = answers.last().unwrap();
    assert_eq!((status.as_u16(), wait.as_ref().unwrap().to_str().unwrap()), (429, "1"));
}

#[tokio::test]
async fn slack_fails_as_it_is_asked_to() {
    let town = Town::new().await;
    let fault = |kind| Fault { provider: Provider::Slack, path: None, count: 1, kind };
    town.sandbox.inject(fault(FaultKind::Status(500)));
    assert_eq!(post(&town, &json!({"text": "x"})).await.0, 500);
    town.sandbox.inject(fault(FaultKind::Status(410)));
    assert_eq!(post(&town, &json!({"text": "x"})).await, (410, "channel_is_archived".into()));
    assert_eq!(town.sandbox.told().unwrap().len(), 0);
    town.sandbox.inject(fault(FaultKind::AppliedNoAnswer));
    let request = town.ask(Method::POST, &format!("/slack{SLACK_WEBHOOK}")).json(&json!({"text": "x"}));
    assert!(request.send().await.is_err());
    assert_eq!(town.sandbox.told().unwrap().len(), 1, "it was taken all the same");
}

struct Talk(BufReader<OwnedReadHalf>, OwnedWriteHalf);

impl Talk {
    async fn with(sandbox: &Sandbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tokio::spawn(serve_mail(listener, sandbox.clone(), std::future::pending()));
        let (read, write) = stream.into_split();
        Self(BufReader::new(read), write)
    }

    /// The code of the next reply; 0 where the talk has ended.
    async fn reply(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.unwrap_or(0) == 0 {
                return 0;
            }
            if line.as_bytes()[3] == b' ' {
                return line[..3].parse().unwrap();
            }
        }
    }

    async fn say(&mut self, line: &str) -> u16 {
        // Who has gone hears nothing.
        let _ = self.1.write_all(format!("{line}\r\n").as_bytes()).await;
        self.reply().await
    }

    async fn all(&mut self, lines: &[&str]) -> Vec<u16> {
        let mut codes = Vec::new();
        for line in lines {
            codes.push(self.say(line).await);
        }
        codes
    }
}

const ENVELOPE: [&str; 4] =
    ["EHLO me", "MAIL FROM:<desk@example.com> BODY=8BITMIME", "RCPT TO:<owner@example.com>", "DATA"];
const LETTER: &str = "From: desk@example.com\r\nTo: owner@example.com\r\nSubject: Hello\r\nDate: Mon, 05 Oct 2026 09:00:00 +0000\r\nMessage-ID: <ntf_1@example.com>\r\n\r\nfirst\r\n..second\r\n.";

#[tokio::test]
async fn a_letter_is_taken_as_it_was_meant() {
    let sandbox = Sandbox::open(None).unwrap();
    let mut talk = Talk::with(&sandbox).await;
    assert_eq!(talk.reply().await, 220);
    assert_eq!(talk.all(&ENVELOPE).await, [250, 250, 250, 354]);
    assert_eq!(talk.all(&[LETTER, "QUIT"]).await, [250, 221]);
    let told = sandbox.told().unwrap().remove(0);
    let letter = told.letter.unwrap();
    assert_eq!(
        (told.text.as_str(), letter.subject.as_str()),
        ("first\n.second\n", "Hello"),
        "a dot is a dot again"
    );
    assert_eq!((letter.from.as_str(), letter.to), ("desk@example.com", vec!["owner@example.com".to_owned()]));
    assert_eq!(letter.message_id, "<ntf_1@example.com>");
}

#[tokio::test]
async fn what_is_out_of_order_or_too_large_is_refused() {
    let sandbox = Sandbox::open(None).unwrap();
    let mut talk = Talk::with(&sandbox).await;
    talk.reply().await;
    let lines = [
        "MAIL FROM:<a@b.example>",
        "EHLO",
        "EHLO me",
        "RCPT TO:<a@b.example>",
        "DATA",
        "MAIL FROM:a@b.example",
        "MAIL FROM:<a>",
        "MAIL FROM:<a@b.example> SIZE=9999999",
        "MAIL FROM:<a@b.example> X=1",
        "TURN",
    ];
    assert_eq!(talk.all(&lines).await, [503, 501, 250, 503, 503, 501, 501, 552, 555, 502]);
    assert_eq!(talk.all(&ENVELOPE[1..]).await, [250, 250, 354]);
    assert_eq!(talk.say("Subject: nothing else\r\n\r\nx\r\n.").await, 554);
    assert_eq!(talk.all(&ENVELOPE[1..]).await, [250, 250, 354]);
    let line = format!("{}\r\n", "x".repeat(900));
    let long = format!("{}{}.", LETTER.trim_end_matches('.'), line.repeat(LONGEST_LETTER / 900));
    assert_eq!(talk.say(&long).await, 552);
    assert_eq!(talk.all(&ENVELOPE[1..]).await, [250, 250, 354], "and the talk goes on");
    talk.1.write_all(b"a bare line feed\n").await.unwrap();
    assert_eq!(talk.reply().await, 500);
    assert!(sandbox.told().unwrap().is_empty());
}

#[tokio::test]
async fn mail_fails_as_it_is_asked_to() {
    let sandbox = Sandbox::open(None).unwrap();
    let fault =
        |path: &str, kind| Fault { provider: Provider::Smtp, path: Some(path.into()), count: 1, kind };
    let try_it = async || {
        let mut talk = Talk::with(&sandbox).await;
        let mut codes = vec![talk.reply().await];
        for line in ENVELOPE.into_iter().chain([LETTER]) {
            if *codes.last().unwrap() < 200 || *codes.last().unwrap() >= 400 {
                break;
            }
            codes.push(talk.say(line).await);
        }
        *codes.last().unwrap()
    };
    for (path, kind, code, taken) in [
        ("CONNECT", FaultKind::Status(503), 421, 0),
        ("CONNECT", FaultKind::Reset, 0, 0),
        ("RCPT", FaultKind::Status(550), 550, 0),
        ("LETTER", FaultKind::Status(451), 451, 0),
        ("LETTER", FaultKind::Hang(Duration::from_millis(1)), 0, 0),
        ("LETTER", FaultKind::AppliedNoAnswer, 0, 1),
        ("LETTER", FaultKind::Latency(Duration::from_millis(1)), 250, 2),
    ] {
        sandbox.inject(fault(path, kind.clone()));
        assert_eq!((try_it().await, sandbox.told().unwrap().len()), (code, taken), "{path} {kind:?}");
    }
}

#[tokio::test]
async fn what_was_told_is_shown_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let town = Town::at(&path).await;
    post(&town, &json!({"text": "<script>alert(1)</script>"})).await;
    let town = Town::at(&path).await;
    let get = async |path: &str| town.ask(Method::GET, path).send().await.unwrap().text().await.unwrap();
    let page = get("/sandbox/notices").await;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script>"), "{page}");
    let told: Value = serde_json::from_str(&get("/sandbox/notices.json").await).unwrap();
    assert_eq!(told[0]["text"], "<script>alert(1)</script>");
}
