//! What people are told of an event.
//!
//! The invariant: unless the owner wishes otherwise, a notice has the kind of the event, ids, the page and the source of the
//! visit, and a link to where more is shown to whoever may see it; no name, no address, nothing that anybody wrote. Page
//! and source come from a browser, so they are told only where they are a path and plain words. In what the operator's own
//! agent has told, what looks personal is masked.

use domain::{Fault, Money, notice};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Letter, mask::masked, notice_id};

/// Longest thing that is quoted, in characters.
const QUOTED: usize = 500;
/// Longest other text.
const SHORT: usize = 120;

/// How much people are told, and where they may look.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// Where the public reaches the gateway.
    pub(crate) base: Url,
    /// Names, addresses and what a visitor wrote may be told.
    pub(crate) personal: bool,
}

/// What people are told of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Of the notice: the same for the same event.
    pub(crate) notice_id: String,
    /// The type of the event.
    pub(crate) kind: String,
    pub(crate) letter: Letter,
    /// Ids of whom it is about, by which an erasure finds it.
    pub(crate) about: Vec<String>,
}

/// An event as it goes out to other programs.
#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// It is a sample.
    #[serde(default)]
    test: bool,
    data: Value,
}

// === impl Words ===

impl Words {
    /// What is told of an event.
    ///
    /// # Errors
    /// It is no event.
    pub(crate) fn of_event(&self, event: &[u8]) -> Result<Told, Fault> {
        // The parser's own words would quote what stands there.
        let event: Event = serde_json::from_slice(event)
            .map_err(|_| Fault::invalid("event", "event must be one of the catalogue"))?;
        let Event { id, kind, test, data } = event;
        if domain::id::check(&id).is_err() {
            return Err(Fault::invalid("event", "event has no id"));
        }
        let title = match &*kind {
            notice::HANDOFF => "Somebody waits for a person",
            "lead.created" => "A new lead",
            "booking.created" => "A meeting was booked",
            "payment.succeeded" => "A payment came",
            "payment.failed" => "A payment failed",
            other => other,
        };
        let title = if test { format!("[test] {title}") } else { title.to_owned() };
        let mut lines = vec![line("Event", &kind), line("Reference", reference(&data).unwrap_or(&id))];
        lines.push(line("Workflow", text(&data, "/workflow_id")));
        lines.push(line("Page", path(text(&data, "/page"))));
        lines.push(line("Source", &source(&data)));
        if self.personal {
            lines.extend(personal(&data));
        }
        lines.retain(|line| !line.is_empty());
        let letter = Letter { title, text: lines.join("\n"), link: self.link(&data) };
        Ok(Told { notice_id: notice_id(&["event", &id]), kind, letter, about: about(&data) })
    }

    /// What somebody of the business, or their agent, has told in words of their own.
    pub(crate) fn of_message(&self, title: &str, text: &str) -> Letter {
        let shown = |text: &str| if self.personal { text.to_owned() } else { masked(text) };
        Letter { title: shown(title), text: shown(text), link: None }
    }

    /// Where the operator sees more.
    fn link(&self, data: &Value) -> Option<String> {
        let known = [("thread", text(data, "/thread_id")), ("visitor", text(data, "/visitor_id"))];
        let (name, id) = known.into_iter().find(|(_, id)| domain::id::check(id).is_ok())?;
        let mut link = self.base.clone();
        link.path_segments_mut().ok()?.pop_if_empty().push("operator");
        link.query_pairs_mut().append_pair(name, id);
        Some(link.into())
    }
}

fn text<'d>(data: &'d Value, at: &str) -> &'d str {
    data.pointer(at).and_then(Value::as_str).unwrap_or_default().trim()
}

/// The thing's own id: of a lead, a booking, a payment, or the event that calls for a person.
fn reference(data: &Value) -> Option<&str> {
    ["/id", "/event_id"].into_iter().map(|at| text(data, at)).find(|id| domain::id::check(id).is_ok())
}

/// Whom an event is about, as far as it says so.
fn about(data: &Value) -> Vec<String> {
    let named = ["/contact_id", "/contact/id", "/visitor_id"].into_iter().map(|at| text(data, at));
    let mut about: Vec<String> =
        named.filter(|id| domain::id::check(id).is_ok()).map(str::to_owned).collect();
    about.dedup();
    about
}

/// The path of a page, if it is one of plain words: what follows it may name somebody, and so may an address in it.
fn path(page: &str) -> &str {
    let path = page.split(['?', '#']).next().unwrap_or_default();
    let is_plain = path.starts_with('/') && !path.starts_with("//");
    if is_plain && path.chars().all(|c| c == '/' || is_plain_in_words(c)) { path } else { "" }
}

fn source(data: &Value) -> String {
    let known = [text(data, "/traits/utm_source"), text(data, "/traits/utm_campaign")];
    let plain = |part: &&str| !part.is_empty() && part.chars().all(is_plain_in_words);
    known.into_iter().filter(plain).collect::<Vec<_>>().join(" / ")
}

/// Neither an address nor a link can be made of these.
fn is_plain_in_words(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// What names somebody, or was written by them.
fn personal(data: &Value) -> Vec<String> {
    let name = format!("{} {}", text(data, "/contact/first_name"), text(data, "/contact/last_name"));
    let amount = data.get("amount").and_then(|amount| Money::deserialize(amount).ok());
    vec![
        line("Name", name.trim()),
        line("E-mail", text(data, "/contact/email")),
        line("Phone", text(data, "/contact/phone")),
        line("Company", text(data, "/contact/company")),
        line("Begins", text(data, "/event_start")),
        line("Amount", &amount.map(|amount| amount.to_string()).unwrap_or_default()),
        line("Wants", text(data, "/intent")),
        quote("Said", text(data, "/message")),
    ]
}

/// A line, or none where there is nothing to say. It stays one.
fn line(name: &str, value: &str) -> String {
    labelled(name, value, SHORT)
}

fn quote(name: &str, value: &str) -> String {
    labelled(name, value, QUOTED)
}

fn labelled(name: &str, value: &str, most: usize) -> String {
    if value.is_empty() {
        return String::new();
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = value.chars().map(plain).take(most).collect();
    let cut = if value.chars().nth(most).is_some() { "…" } else { "" };
    format!("{name}: {shown}{cut}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(personal: bool) -> Words {
        Words { base: "https://chat.example.com".parse().unwrap(), personal }
    }

    fn handoff() -> Value {
        json!({"id": "evt_1", "type": "handoff.requested", "version": 1, "occurred_at": "2026-10-01T10:00:00Z", "data": {
            "session_id": "ses_1", "workflow_id": "lead-concierge", "contact_id": "con_1", "visitor_id": "vis_1",
            "thread_id": "thr_1", "channel": "chat", "page": "/services?email=ann@canary.example", "outcome": "needs_human",
            "message": "Canary wants\r\na refund", "intent": "canary_intent", "score": null, "event_id": "evt_0",
            "traits": {"utm_source": "yt", "utm_campaign": "oct"},
            "contact": {"id": "con_1", "email": "ann@canary.example", "phone": "+4930canary", "first_name": "Ann Canary",
                "last_name": "C", "company": "Canary Ltd"},
        }})
    }

    #[test]
    fn a_notice_names_nobody_and_quotes_nothing() {
        let told = words(false).of_event(handoff().to_string().as_bytes()).unwrap();
        assert_eq!(
            told.letter,
            Letter {
                title: "Somebody waits for a person".into(),
                text: "Event: handoff.requested\nReference: evt_0\nWorkflow: lead-concierge\nPage: /services\nSource: yt / oct".into(),
                link: Some("https://chat.example.com/operator?thread=thr_1".into()),
            }
        );
        for kind in notice::TYPES {
            let mut event = handoff();
            event["type"] = kind.into();
            let told = words(false).of_event(event.to_string().as_bytes()).unwrap();
            let shown = format!("{told:?}").to_lowercase();
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn what_a_browser_says_is_told_only_as_plain_words() {
        let told = |page: &str, source: &str| {
            let mut event = handoff();
            event["data"]["page"] = page.into();
            event["data"]["traits"]["utm_source"] = source.into();
            words(false).of_event(event.to_string().as_bytes()).unwrap().letter.text
        };
        assert!(told("/a/b-c_d?x", "news-letter").contains("Page: /a/b-c_d\nSource: news-letter / oct"));
        for page in [
            "https://desk.canary.example/operator",
            "//canary.example",
            "/u/ann@canary.example",
            "canary",
            "/a canary",
        ] {
            assert!(!told(page, "yt").contains("Page:"), "{page}");
        }
        for source in ["ann@canary.example", "canary.example", "call canary", "<canary>"] {
            assert!(told("/", source).ends_with("Source: oct"), "{source}");
        }
    }

    #[test]
    fn what_the_owner_wishes_is_told_and_stays_one_line_each() {
        let letter = words(true).of_event(handoff().to_string().as_bytes()).unwrap().letter;
        assert!(
            letter.text.contains("\nName: Ann Canary C\nE-mail: ann@canary.example\n"),
            "{}",
            letter.text
        );
        assert!(letter.text.ends_with("\nSaid: Canary wants  a refund"), "{}", letter.text);
    }

    #[test]
    fn without_a_thread_the_link_leads_to_the_visitor() {
        let mut event = handoff();
        event["data"]["thread_id"] = Value::Null;
        let link = |event: &Value| words(false).of_event(event.to_string().as_bytes()).unwrap().letter.link;
        assert_eq!(link(&event).unwrap(), "https://chat.example.com/operator?visitor=vis_1");
        event["data"]["visitor_id"] = "javascript:alert(1)//".into();
        assert_eq!(link(&event), None, "what is no id leads nowhere");
    }

    #[test]
    fn what_is_no_event_is_refused_without_a_word_of_it() {
        for bad in ["", "[]", "{\"id\": \"canary\"}", "{\"id\": \"a/canary\", \"type\": \"x\", \"data\": {}}"]
        {
            let fault = words(false).of_event(bad.as_bytes()).unwrap_err();
            assert!(!fault.message.contains("canary"), "{}", fault.message);
        }
    }
}
