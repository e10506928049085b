//! Errands of one call: what it answers is told as it is.

use serde_json::{Value, json};

use super::{Scene, Step};
use crate::openai::concierge::{findings, wish::has};

/// Words that send for a function, and how its answer is told.
struct Errand {
    words: &'static [&'static str],
    tool: &'static str,
    tell: fn(&Value, &str) -> String,
}

/// The first that fits counts.
const ERRANDS: &[Errand] = &[
    Errand {
        words: &[
            "a human",
            "a person",
            "real person",
            "a colleague",
            "somebody human",
            "menschen",
            "mitarbeiter",
        ],
        tool: "hand_off_to_human",
        tell: |_, _| {
            "I have asked a colleague of mine to take over. They answer here, in this chat.".to_owned()
        },
    },
    Errand {
        words: &["my payments", "my invoices", "what i paid"],
        tool: "list_my_payments",
        tell: payments,
    },
    Errand { words: &["files", "deliverables", "dateien"], tool: "list_files", tell: files },
    Errand {
        words: &["ticket", "does not work", "doesn't work", "broken"],
        tool: "open_support_ticket",
        tell: |answer, _| {
            format!(
                "Your ticket {} is open. The team answers in your support chat.",
                text(&answer["reference"])
            )
        },
    },
    Errand {
        words: &["upgrade"],
        tool: "get_upgrade_link",
        tell: |answer, _| format!("Here is your link to upgrade: {}", text(&answer["url"])),
    },
    Errand { words: &["my plan", "my membership", "mein plan"], tool: "get_membership", tell: membership },
    Errand { words: &["contract", "quick actions", "vertrag"], tool: "list_quick_actions", tell: gist },
    Errand {
        words: &["summary", "this week"],
        tool: "weekly_summary",
        tell: |answer, _| text(&answer["text"]).to_owned(),
    },
    Errand {
        words: &["unusual", "anomalies", "anomaly", "looks wrong"],
        tool: "find_anomalies",
        tell: anomalies,
    },
    Errand { words: &["notify", "tell the team"], tool: "notify", tell: gist },
    Errand { words: &["contacts"], tool: "list_contacts", tell: |answer, _| counted(answer, "contacts") },
    Errand {
        words: &["leads", "bookings", "engagements", "subscriptions", "payments"],
        tool: "read_tab",
        tell: |answer, _| counted(answer, "rows"),
    },
];

/// The call, or what came of it.
pub(super) fn next(scene: &Scene<'_>) -> Option<Step> {
    let said = scene.talk.last();
    let errand = ERRANDS.iter().find(|errand| scene.offers(errand.tool) && has(said, errand.words))?;
    let Some(made) = scene.talk.call(errand.tool) else {
        return scene.one(errand.tool, &own(errand.tool, said));
    };
    Some(Step::Words(match made.failure() {
        Some(why) => format!("I am sorry, that did not work: {why}."),
        None => (errand.tell)(&made.answer(), &made.output),
    }))
}

/// Arguments that are not to be guessed from names.
fn own(tool: &str, said: &str) -> Vec<(&'static str, Value)> {
    let short = |most: usize| json!(said.chars().take(most).collect::<String>());
    match tool {
        "hand_off_to_human" => vec![("reason", short(300)), ("summary", Value::Null)],
        "open_support_ticket" => {
            vec![("subject", short(80)), ("message", short(1_000)), ("action_id", Value::Null)]
        }
        "notify" => vec![("title", short(120)), ("text", Value::Null)],
        "read_tab" => {
            let tabs = ["leads", "bookings", "engagements", "subscriptions", "payments"];
            let tab = tabs.into_iter().find(|tab| has(said, &[tab])).unwrap_or("leads");
            vec![("tab", json!(tab))]
        }
        "weekly_summary" => vec![("week_of", Value::Null), ("publish", Value::Null)],
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn gist(_: &Value, output: &str) -> String {
    findings::gist(output)
}

fn lines(list: &Value, line: impl Fn(&Value) -> String, none: &str) -> String {
    match list.as_array().filter(|list| !list.is_empty()) {
        Some(list) => list.iter().map(line).collect::<Vec<_>>().join("\n"),
        None => none.to_owned(),
    }
}

fn payments(answer: &Value, _: &str) -> String {
    let line =
        |one: &Value| format!("- {} {}: {}", text(&one["item"]), text(&one["amount"]), text(&one["status"]));
    lines(&answer["payments"], line, "I see no payments of yours.")
}

fn files(answer: &Value, _: &str) -> String {
    let line = |one: &Value| format!("- [{}]({})", text(&one["name"]), text(&one["url"]));
    lines(&answer["files"], line, "There are no files for you yet.")
}

fn membership(answer: &Value, _: &str) -> String {
    let line = |one: &Value| {
        format!("- {}, {}: {}", text(&one["product"]), text(&one["plan"]), text(&one["status"]))
    };
    lines(&answer["memberships"], line, "I see no membership of yours.")
}

fn anomalies(answer: &Value, _: &str) -> String {
    lines(&answer["anomalies"], |one| format!("- {}", text(&one["title"])), "Nothing is unusual.")
}

fn counted(answer: &Value, member: &str) -> String {
    let count = answer[member].as_array().map_or(0, Vec::len);
    format!("The books answered {count} {member}.")
}
