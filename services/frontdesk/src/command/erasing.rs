//! `frontdesk contacts erase` and `erasures`: forgetting a person everywhere, and how far that is.
//!
//! The invariant: nobody is forgotten without having been shown and agreed to.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use chassis::{request_id, status::status};
use domain::Fault;
use gateway::erasure::{BOOKS, Eraser, Report};
use proto::common::v1::Caller;
use serde_json::{Value, json};

use super::{
    Answer, Desk, Failure,
    progress::Progress,
    say::{described, listed, said},
    table,
};

/// How often it is tried again.
const POLL: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The contact's id, an e-mail or a phone
    who: String,

    /// Does not ask once more
    #[arg(long)]
    yes: bool,

    /// How long to wait while nothing moves
    #[arg(long, default_value = "30", value_name = "SECONDS")]
    wait: u64,
}

pub(super) async fn run(desk: &Desk, args: Args) -> Result<Answer, Failure> {
    let Args { who, yes, wait } = args;
    let contact = find(desk, &who).await?;
    if !yes {
        confirm(&contact).await?;
    }
    let eraser = Eraser::over(desk.keys()?, |keeper| desk.link_to(keeper.name))?;
    let report = drive(&eraser, &said(&contact["contact_id"]), Duration::from_secs(wait)).await?;
    let done = report.is_done();
    let receipt = report.receipt();
    let text = words(&receipt);
    Ok(Answer::new(receipt, text).sound(done))
}

/// The one person who is meant.
async fn find(desk: &Desk, who: &str) -> Result<Value, Failure> {
    if !who.contains('@') {
        match desk.call("ContactService/GetContact", json!({"contact_id": who})).await {
            Ok(mut found) => return Ok(found["contact"].take()),
            Err(Failure::Absent(_) | Failure::Usage(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    let identity = if who.contains('@') { "email" } else { "phone" };
    let mut found = desk.call("ContactService/FindContacts", json!({identity: who})).await?;
    let mut people = found["contacts"].as_array_mut().map(std::mem::take).unwrap_or_default();
    match people.len() {
        0 => Err(Failure::Absent("nobody is known by this".into())),
        1 => Ok(people.remove(0)),
        _ => {
            let ids: Vec<_> = people.iter().map(|person| said(&person["contact_id"])).collect();
            Err(Failure::Usage(format!("these are several people, say which: {}", ids.join(", "))))
        }
    }
}

/// Shows who it is, and waits for a word.
async fn confirm(contact: &Value) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage("--yes is needed where nobody can be asked".into()));
    }
    let page = format!("{}\n\nForget this person everywhere, for good? Type yes: ", described(contact));
    let answer = tokio::task::spawn_blocking(move || {
        let mut err = io::stderr().lock();
        write!(err, "{page}").and_then(|()| err.flush())?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    match answer.await {
        Ok(Ok(line)) if agrees(&line) => Ok(()),
        _ => Err(Failure::Failed("nothing was done".into())),
    }
}

fn agrees(line: &str) -> bool {
    line.trim().eq_ignore_ascii_case("yes")
}

/// Goes on until it is done, or nothing has moved for `patience`.
async fn drive(eraser: &Eraser, contact_id: &str, patience: Duration) -> Result<Report, Failure> {
    let mut progress = Progress::of("erased");
    let request_id = request_id::make();
    let mut moved = (Vec::new(), Instant::now());
    loop {
        let erased = eraser.erase(Caller::default(), request_id.clone(), contact_id.to_owned()).await;
        let report = erased.map_err(|fault: Fault| Failure::of_call(BOOKS, &status(&fault)))?;
        let state: Vec<_> = report.answers.iter().map(|one| (one.done, one.erased.clone())).collect();
        if state != moved.0 {
            moved = (state, Instant::now());
        }
        if report.is_done() || moved.1.elapsed() >= patience {
            return Ok(report);
        }
        let waiting = report.answers.iter().find(|answer| !answer.done);
        progress
            .says(&waiting.map(|one| format!("{}: {}", one.service, one.waiting_for)).unwrap_or_default());
        tokio::time::sleep(POLL).await;
    }
}

/// A receipt for people.
fn words(receipt: &Value) -> String {
    let state = if receipt["done"] == true {
        format!("done: nothing that names the person is left since {}", said(&receipt["ended_at"]))
    } else {
        "it waits; call again to go on".to_owned()
    };
    let services = receipt["services"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |service: &Value| {
        let counts = service["erased"].as_object().into_iter().flatten();
        let erased: Vec<_> = counts.map(|(kind, number)| format!("{number} {kind}")).collect();
        let done = if service["done"] == true { "done" } else { "waits" };
        vec![said(&service["service"]), done.to_owned(), erased.join(", "), said(&service["waiting_for"])]
    };
    let table = table::rows(
        &["service", "state", "erased", "waiting_for"],
        &services.iter().map(line).collect::<Vec<_>>(),
    );
    format!("{} of {}\n{state}\n\n{table}", said(&receipt["id"]), said(&receipt["contact_id"]))
}

/// `frontdesk contacts erasures`
pub(super) async fn list(desk: &Desk, open: bool, limit: usize) -> Result<Answer, Failure> {
    let request = json!({"open_only": open});
    let progress = Progress::of("erasures");
    let rpc = "ContactService/ListErasures";
    let (mut erasures, more) = desk.first(limit, rpc, &request, "erasures", progress).await?;
    for erasure in &mut erasures {
        // a list is no place for whom it is about
        erasure.as_object_mut().map(|members| members.remove("person"));
        erasure["waiting_for"] = waiting(erasure).into();
    }
    let columns = ["erasure_id", "contact_id", "create_time", "end_time", "waiting_for"];
    let mut text = listed(&erasures, &columns);
    if more {
        text.push_str(&format!("\nthere are more than {limit}; --limit 0 shows all"));
    }
    Ok(Answer::new(json!({"erasures": erasures, "more": more}), text))
}

/// Who waits for what.
fn waiting(erasure: &Value) -> String {
    if erasure["end_time"].is_string() {
        return String::new();
    }
    let answers = erasure["answers"].as_array().into_iter().flatten();
    let waits = answers.filter(|answer| answer["done"] != true);
    let told = waits.map(|one| format!("{}: {}", said(&one["service"]), said(&one["waiting_for"])));
    let told: Vec<_> = told.collect();
    if told.is_empty() { "the next call".to_owned() } else { told.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_yes_agrees() {
        assert!(agrees("yes\n") && agrees(" YES \r\n"));
        for other in ["", "\n", "y\n", "yes please\n", "no\n"] {
            assert!(!agrees(other), "{other:?}");
        }
    }

    #[test]
    fn a_receipt_says_who_waits_for_what() {
        let receipt = json!({"id": "era_1", "contact_id": "con_1", "done": false, "ended_at": null, "services": [
            {"service": "chat-agent", "done": true, "erased": {"items": 4, "threads": 1}, "waiting_for": ""},
            {"service": "session-broker", "done": false, "erased": {}, "waiting_for": "openai"},
        ]});
        let page = words(&receipt);
        assert!(page.starts_with("era_1 of con_1\nit waits; call again to go on\n"), "{page}");
        let line = |of: &[&str]| page.lines().any(|line| line.split_whitespace().eq(of.iter().copied()));
        assert!(line(&["chat-agent", "done", "4", "items,", "1", "threads"]), "{page}");
        assert!(line(&["session-broker", "waits", "openai"]), "{page}");
    }

    #[test]
    fn an_open_erasure_says_what_it_waits_for() {
        let answers =
            json!([{"service": "a", "done": true}, {"service": "b", "done": false, "waiting_for": "x"}]);
        assert_eq!(waiting(&json!({"answers": answers, "end_time": null})), "b: x");
        assert_eq!(waiting(&json!({"answers": [], "end_time": null})), "the next call");
        assert_eq!(waiting(&json!({"answers": answers, "end_time": "2026-01-01T00:00:00Z"})), "");
    }
}
