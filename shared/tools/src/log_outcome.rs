//! `log_outcome`: how a conversation ended, for the books.

use domain::{id::EventId, workflow::Audience};
use futures_util::FutureExt as _;
use proto::sheets::v1::RecordEventsRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    schema::{boolean, object, one_of, optional_text, text},
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

const LONGEST_NOTE: usize = 1_000;

pub(crate) static TOOL: Tool = Tool {
    name: "log_outcome",
    title: "Log the outcome",
    description: "Records how the conversation ended, for the owner's books. Call it once, as soon as the outcome is \
        clear, and do not mention it to the visitor.",
    input: |workflow| {
        object([
            ("outcome", one_of(&workflow.outcomes, "How the conversation ended.")),
            ("note", optional_text("Why, in one sentence; null if it needs no word.")),
        ])
    },
    output: || {
        object([
            ("logged", boolean("The outcome is recorded.")),
            ("outcome", text("The outcome that was recorded.")),
        ])
    },
    annotations: Annotations { read_only: false, destructive: false, idempotent: false, open_world: false },
    scope: Audience::Anyone,
    touches: Whom::Conversation,
    needs: &[],
    secrets: &[],
    claims: &[Claim::act(&[
        r"\b(?:i|we)(?:'ve| have)?(?: \S+){0,2} (?:logged|recorded|saved|noted|marked)(?: \S+){0,4} (?:outcome|result)\b",
        r"\b(?:outcome|result)(?: \S+){0,3} (?:has been|is|was|got)(?: \S+){0,2} (?:logged|recorded|saved|noted)\b",
        r"\b(?:ergebnis)\b[^.!?]{0,40}\b(?:vermerkt|festgehalten|protokolliert|gespeichert|notiert|eingetragen)\b",
    ])],
    correction: [
        "the outcome of this conversation has not been recorded",
        "das Ergebnis dieses Gesprächs wurde nicht festgehalten",
    ],
    on_failure: "It is NOT certain that the outcome is recorded. Call it once more with exactly the same arguments, which records \
        nothing twice. If that fails too, go on with the conversation and do not mention it.",
    progress: "One moment…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    outcome: String,
    note: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    logged: bool,
    outcome: String,
}

async fn run(call: Call<'_>) -> Result<Reply, Failure> {
    let Call { clients, session, request_id, arguments, .. } = call;
    let Input { outcome, note } = arguments::read(arguments)?;
    let note = arguments::text("note", note, LONGEST_NOTE)?;
    if !session.workflow.outcomes.contains(&outcome) {
        let known = session.workflow.outcomes.join(", ");
        return Err(Failure::Arguments(format!("outcome must be one of {known}")));
    }
    // the same outcome of the same conversation is one row, however often it is logged; the operator's own agent talks
    // in none, so each of its calls is
    let place = Some(session.place()).filter(|place| !place.is_empty()).unwrap_or(&request_id);
    let id = EventId::derive(&["chat.outcome", place, &outcome]);
    let event = json!({
        "id": id.as_str(),
        "type": "chat.outcome",
        "occurred_at": session.now.to_string(),
        "outcome": outcome,
        "message": note.unwrap_or_default(),
        "thread_id": session.thread_id,
        "session_id": session.caller.session_id,
        "workflow_id": session.workflow.slug,
        "page": session.traits.get("page"),
    });
    let request = RecordEventsRequest {
        caller: Some(session.caller.clone()),
        request_id,
        events: event.to_string().into(),
    };
    clients.record_events(request).await?;
    Ok(Reply::of(json!(Output { logged: true, outcome })))
}

#[cfg(test)]
mod tests {
    use domain::workflow::Registry;

    use super::*;
    use crate::schema::check::mismatch;

    #[test]
    fn types_and_schemas_agree() {
        let registry = Registry::built_in();
        let schema = (TOOL.input)(registry.choose("", "", "").unwrap());
        for note in [None, Some("n".to_owned())] {
            let input = Input { outcome: "qualified".into(), note };
            let value = serde_json::to_value(&input).unwrap();
            assert!(mismatch(&schema, &value, "input").is_empty());
            assert_eq!(serde_json::from_value::<Input>(value).unwrap(), input);
        }
        assert_eq!(mismatch(&schema, &json!({"outcome": "won", "note": null}), "input"), ["input.outcome"]);
        let output = json!(Output { logged: true, outcome: "qualified".into() });
        assert!(mismatch(&(TOOL.output)(), &output, "output").is_empty());
    }
}
