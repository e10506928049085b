//! The form that stands in for the model when it is down or the day's budget is spent.
//!
//! The invariant: nobody is thanked before what they wrote is in the books.

use serde_json::{Value, json};

use super::{Agent, history::ToolCall, language::Language, receipts, say, takes_leads, tool_session};
use crate::{
    protocol::{FormStatus, Head, Item, Question, QuestionKind, StructuredInput},
    turn::{Turn, TurnError},
};

const NAME: &str = "contact_name";
const EMAIL: &str = "contact_email";
const NEED: &str = "contact_need";
const TOOL: &str = "save_lead";

/// Why the form is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The model does not answer.
    Down,
    /// The budget of the day is spent.
    Spent,
}

/// Whether a form is this one.
pub(crate) fn is_ours(form: &StructuredInput) -> bool {
    form.inputs.iter().any(|question| question.id == EMAIL)
}

/// Shows the form.
pub(crate) async fn ask(turn: &Turn, why: Why) -> Result<(), TurnError> {
    let language = Language::of_locale(&turn.session.locale);
    if !takes_leads(turn) {
        return Err(TurnError::Custom {
            message: language.unavailable().to_owned(),
            allow_retry: why == Why::Down,
        });
    }
    say(turn, if why == Why::Down { language.model_down() } else { language.budget_spent() }).await?;
    show(turn, language).await
}

async fn show(turn: &Turn, language: Language) -> Result<(), TurnError> {
    Ok(turn.done(form(turn.head(turn.new_id("inp_")), language)).await?)
}

/// The form as an item.
pub(super) fn form(head: Head, language: Language) -> Item {
    let questions = [NAME, EMAIL, NEED].into_iter().zip(language.questions());
    let inputs = questions.map(|(id, question)| Question {
        id: id.to_owned(),
        question: question.to_owned(),
        answer: None,
        kind: QuestionKind::Freeform { description: None },
    });
    Item::StructuredInput(StructuredInput { head, status: FormStatus::Pending, inputs: inputs.collect() })
}

/// Takes the answers.
pub(crate) async fn answered(agent: &Agent, turn: &Turn, form: &StructuredInput) -> Result<(), TurnError> {
    let language = Language::of_locale(&turn.session.locale);
    if form.status == FormStatus::Skipped {
        return Ok(say(turn, language.skipped()).await?);
    }
    let arguments = arguments(form);
    let call_id = form.head.id.clone();
    let session = tool_session(turn, &call_id);
    let outcome = agent.toolbox.save_lead(arguments.clone(), &session).await;
    let call = ToolCall {
        call_id,
        name: TOOL.to_owned(),
        arguments: arguments.to_string(),
        output: outcome.output,
        is_error: outcome.is_error,
    };
    turn.hide(call.write()).await?;
    if outcome.is_error {
        say(turn, if outcome.is_refused { language.address_needed() } else { language.not_saved() }).await?;
        return show(turn, language).await;
    }
    say(turn, language.thanks()).await?;
    if let Some(receipt) = outcome.receipt {
        receipts::keep(turn, &session, (TOOL, &arguments), &receipt).await?;
    }
    Ok(())
}

fn arguments(form: &StructuredInput) -> Value {
    let answer = |id: &str| {
        let question = form.inputs.iter().find(|question| question.id == id)?;
        let answer = question.answer.as_ref().filter(|answer| !answer.skipped)?;
        Some(answer.values.join(" ").trim().to_owned()).filter(|text| !text.is_empty())
    };
    let name = answer(NAME).unwrap_or_default();
    let (first_name, last_name) = name.split_once(' ').unwrap_or((&name, ""));
    json!({
        "email": answer(EMAIL),
        "first_name": first_name,
        "last_name": last_name.trim(),
        "intent": "contact_form",
        "notes": answer(NEED),
    })
}
