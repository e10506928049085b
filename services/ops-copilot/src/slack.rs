//! Slack's incoming webhook.
//!
//! It takes one message a second and answers `ok`, or a word that says why not
//! (docs.slack.dev, "Sending messages using incoming webhooks", "Rate limits"). The invariant: nothing of an answer goes
//! any further but its status and such a word, and text from outside cannot mention anybody.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chassis::{http::RequestExt as _, telemetry};
use reqwest::StatusCode;
use serde_json::json;
use store::queue::Trouble;

use crate::{config::Webhook, notices::Letter};

/// Longest wait for an answer.
const ATTEMPT: Duration = Duration::from_secs(8);
/// Longest answer that is read.
const ANSWER: usize = 4 << 10;
/// Longest word of an answer that is kept.
const WORD: usize = 64;
/// The wait when a 429 names none.
const UNSAID: Duration = Duration::from_secs(30);

/// The way to one webhook. Clones share its pace.
#[derive(Clone)]
pub(crate) struct Client {
    webhook: Webhook,
    http: reqwest::Client,
    pace: Duration,
    turns: Arc<Mutex<Turns>>,
}

/// Whose turn is when.
struct Turns {
    /// When the next message may go.
    next: Instant,
    /// Slack wants none before.
    rests_until: Instant,
}

// === impl Client ===

impl Client {
    /// The webhook, with `pace` between two messages.
    pub(crate) fn new(webhook: Webhook, pace: Duration) -> Self {
        let now = Instant::now();
        let turns = Arc::new(Mutex::new(Turns { next: now, rests_until: now }));
        Self { webhook, http: chassis::http::client(), pace, turns }
    }

    /// Sends one message.
    pub(crate) async fn send(&self, letter: &Letter) -> Result<(), Trouble> {
        tokio::time::sleep_until(self.turn()?.into()).await;
        let body = json!({"text": text(letter), "unfurl_links": false, "unfurl_media": false});
        let (status, word, wait) = self.post(&body).await.map_err(Trouble::new)?;
        let told = || format!("slack answered {} ({word})", status.as_u16());
        if status.is_success() {
            return Ok(());
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wait = wait.unwrap_or(UNSAID);
            self.rest(wait);
            return Err(Trouble { retry_after: Some(wait), ..Trouble::new(told()) });
        }
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            return Err(Trouble { retry_after: wait, ..Trouble::new(told()) });
        }
        Err(Trouble::hopeless(told()))
    }

    /// Asks whether the webhook is there, by a message without a text, which Slack refuses with `no_text` and shows nobody.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        match self.post(&json!({"text": ""})).await? {
            (_, word, _)
                if matches!(
                    &*word,
                    "no_text" | "missing_text_or_fallback_or_attachments" | "invalid_payload"
                ) =>
            {
                Ok(())
            }
            (status, word, _) => {
                Err(format!("Slack answered {} ({word}): look at SLACK_WEBHOOK_URL", status.as_u16()))
            }
        }
    }

    async fn post(&self, body: &serde_json::Value) -> Result<(StatusCode, String, Option<Duration>), String> {
        let request = self.http.post(self.webhook.expose()).json(body).outbound(ATTEMPT);
        // the error's own text holds the address
        let mut answer = telemetry::send(request).await.map_err(|error| match error {
            error if error.is_timeout() => "slack did not answer in time".to_owned(),
            error if error.is_connect() => "no connection to slack".to_owned(),
            _ => "the connection to slack broke".to_owned(),
        })?;
        let (status, wait) = (answer.status(), chassis::http::retry_after(answer.headers()));
        let body = chassis::http::read_within(&mut answer, ANSWER).await.ok().flatten().unwrap_or_default();
        Ok((status, word(&body), wait))
    }

    /// When this message may go; the one after it waits for it.
    fn turn(&self) -> Result<Instant, Trouble> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(left) = turns.rests_until.checked_duration_since(now).filter(|left| !left.is_zero()) {
            return Err(Trouble {
                retry_after: Some(left),
                ..Trouble::new("slack takes no messages for a while")
            });
        }
        let turn = turns.next.max(now);
        turns.next = turn + self.pace;
        Ok(turn)
    }

    /// Slack wants no message for so long.
    fn rest(&self, wait: Duration) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.rests_until = turns.rests_until.max(Instant::now() + wait);
    }
}

/// A letter in Slack's mrkdwn.
fn text(letter: &Letter) -> String {
    let mut text = format!("*{}*", escape(&letter.title));
    for line in letter.text.lines().chain(letter.link.as_deref()) {
        text.push('\n');
        text.push_str(&escape(line));
    }
    text
}

/// What would be a mention or a link otherwise (docs.slack.dev, "Formatting message text", "Escaping text").
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What Slack calls it, or `none`.
fn word(body: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
    match std::str::from_utf8(body).map(str::trim) {
        Ok(word) if !word.is_empty() && word.len() <= WORD && word.as_bytes().iter().all(plain) => {
            word.to_owned()
        }
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_mentioned_by_what_came_from_outside() {
        let letter = Letter {
            title: "<!channel> & co".into(),
            text: "one\n<https://evil.example|click>".into(),
            link: Some("https://chat.example.com/operator?thread=thr_1".into()),
        };
        assert_eq!(
            text(&letter),
            "*&lt;!channel&gt; &amp; co*\none\n&lt;https://evil.example|click&gt;\nhttps://chat.example.com/operator?thread=thr_1"
        );
    }

    #[test]
    fn nothing_of_an_answer_is_kept_but_words() {
        assert_eq!(word(b"no_service\n"), "no_service");
        for other in [&b""[..], b"<html>", b"ann@example.com", b"Two words", &[b'a'; 65]] {
            assert_eq!(word(other), "none");
        }
    }
}
