//! `frontdesk threads`: conversations that wait for a person, what was said in them, and a person's reply.
//!
//! The invariant: a reply is one message, however often it has to be sent.

use std::io::Read as _;

use chassis::request_id;
use serde_json::{Value, json};

use super::{
    Answer, Desk, Failure,
    say::{described, listed, said},
    table,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk threads list                     those that wait for a person or are with one
  frontdesk threads list --all --visitor vis_0123456789abcdef0123456789abcdef
  frontdesk threads show thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM
  frontdesk threads reply thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM 'Hello, how can I help?' --author Anna
  pbpaste | frontdesk threads reply thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM -
  frontdesk threads release thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM   the assistant answers again
  frontdesk threads list --json | jq -r '.threads[] | select(.state == \"waiting_human\") | .thread_id'";

/// What a list shows of a thread.
const COLUMNS: [&str; 7] =
    ["thread_id", "state", "hand_off_time", "update_time", "workflow", "title", "hand_off_reason"];
/// Instead of a text: it comes by the standard input.
const STDIN: &str = "-";
/// Most bytes of a reply that are read.
const LONGEST: u64 = 64 << 10;
/// Threads of a page.
const PAGE: usize = 100;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Shows the threads that wait for a person or are with one, those that wait longest first
    List {
        /// Also those that the assistant answers, those that were touched last first
        #[arg(long)]
        all: bool,

        /// Only this visitor's
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        visitor: String,

        /// At most so many; 0 shows all
        #[arg(long, default_value = "100")]
        limit: usize,
    },
    /// Shows a thread and the newest 200 messages of it
    Show {
        /// The thread
        thread_id: String,
    },
    /// Says something to the visitor; from then on the assistant is silent in the thread
    Reply {
        /// The thread
        thread_id: String,

        /// What, at most 4000 characters, or - to read it from the standard input
        text: String,

        /// Your name, as the visitor reads it; the workflow's title if absent
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        author: String,
    },
    /// Gives a thread back to the assistant
    Release {
        /// The thread
        thread_id: String,
    },
}

pub(super) async fn run(desk: &Desk, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::List { all, visitor, limit } => list(desk, all, &visitor, limit).await,
        Command::Show { thread_id } => show(desk, &thread_id).await,
        Command::Reply { thread_id, text, author } => {
            let text = if text == STDIN { read(std::io::stdin())? } else { text };
            reply(desk, &thread_id, &text, &author).await
        }
        Command::Release { thread_id } => {
            let request = json!({"thread_id": thread_id, "request_id": request_id::make()});
            let released = desk.talk("ReleaseThread", request).await?;
            let text = described(&released["thread"]);
            Ok(Answer::new(released, text))
        }
    }
}

async fn list(desk: &Desk, all: bool, visitor: &str, limit: usize) -> Result<Answer, Failure> {
    let most = if limit == 0 { usize::MAX } else { limit };
    let (mut threads, mut token, mut more) = (Vec::new(), String::new(), true);
    while more && threads.len() < most {
        let request = json!({
            "handed_off_only": !all,
            "visitor_id": visitor,
            "page_size": PAGE.min(most),
            "page_token": token,
        });
        let mut page = desk.talk("ListThreads", request).await?;
        threads.extend(page["threads"].as_array_mut().map(std::mem::take).unwrap_or_default());
        token = said(&page["next_page_token"]);
        more = !token.is_empty();
    }
    more |= threads.len() > most;
    threads.truncate(most);
    let mut text = listed(&threads, &COLUMNS);
    if more {
        text.push_str("\nthere are more; --limit 0 shows all");
    }
    Ok(Answer::new(json!({"threads": threads, "more": more}), text))
}

async fn show(desk: &Desk, thread_id: &str) -> Result<Answer, Failure> {
    let found = desk.talk("GetThread", json!({"thread_id": thread_id})).await?;
    let messages = found["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines = messages.iter().map(line).collect::<Vec<_>>().join("\n");
    let text = format!("{}\n\n{lines}", described(&found["thread"]));
    Ok(Answer::new(found, text))
}

async fn reply(desk: &Desk, thread_id: &str, text: &str, author: &str) -> Result<Answer, Failure> {
    let request = json!({
        "thread_id": thread_id,
        "request_id": request_id::make(),
        "text": text,
        "author": author,
    });
    let posted = desk.talk("PostMessage", request).await?;
    let text = format!("{}\n\n{}", described(&posted["thread"]), line(&posted["message"]));
    Ok(Answer::new(posted, text))
}

/// A message on a line of its own.
fn line(message: &Value) -> String {
    let [time, author, text] = ["create_time", "author", "text"].map(|name| said(&message[name]));
    format!("{time}  {author:<9}  {}", table::plain(&text))
}

/// A reply as it was piped, without the line's end.
fn read(from: impl std::io::Read) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(LONGEST).read_to_string(&mut text);
    read.map_err(|why| Failure::Failed(format!("the reply cannot be read: {why}")))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_that_no_terminal_obeys() {
        let evil =
            json!({"create_time": "2026-01-01T00:00:00Z", "author": "visitor", "text": "a\n\u{1b}[2Jb"});
        assert_eq!(line(&evil), "2026-01-01T00:00:00Z  visitor    a \u{fffd}[2Jb");
        assert_eq!(read(&b"Hello\r\n"[..]), Ok("Hello".to_owned()));
        assert!(matches!(read(&b"\xff"[..]), Err(Failure::Failed(_))));
    }
}
