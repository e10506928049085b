//! Turns of a thread that a person has: what the visitor wrote is recorded, and the model is not asked.
//!
//! The invariant: the visitor is told once who answers here, and asked once for an address if nobody does.

use jiff::Timestamp;
use serde_json::Value;

use super::{Agent, contact_form, history::ToolCall, language::Language, takes_leads};
use crate::{
    hand_off::{HandOff, Standing, head, words},
    protocol::Item,
    turn::{Input, Turn, TurnError},
};

/// The model calls a person by this tool.
pub(super) const CALLING: &str = "hand_off_to_human";
/// What a visitor tells of themselves through this tool.
const TELLING: &str = "save_lead";

/// Whether a person has the thread: the model says nothing.
pub(super) fn is_silent(turn: &Turn) -> bool {
    turn.is_silent()
}

/// Does what is done about a turn in place of the model.
pub(super) async fn attend(agent: &Agent, turn: &Turn) -> Result<(), TurnError> {
    let history = turn.history().await?;
    if matches!(turn.input, Input::Message(_) | Input::Retry) {
        agent.recorder.turn(turn, &history, false);
    }
    let useful = takes_leads(turn) && !is_reachable(&history);
    Ok(tell(turn, useful).await?)
}

/// Tells the visitor who answers here, unless they know.
pub(super) async fn announce(turn: &Turn) -> Result<(), store::Error> {
    tell(turn, false).await
}

async fn tell(turn: &Turn, useful: bool) -> Result<(), store::Error> {
    let (thread, now, times) = (&turn.thread.id, turn.now(), turn.hand_off_times());
    let locale = &turn.session.locale;
    let change = |standing: &mut Standing| {
        let told = standing.announce().map(|hand_off| {
            let text = Language::of_locale(locale).person_answers();
            words(head("announced", &hand_off, thread, now), text)
        });
        let asked = if useful { standing.ask(now, &times) } else { None };
        let form = asked.map(|hand_off| form(&hand_off, thread, locale, now));
        told.into_iter().chain(form.into_iter().flatten()).collect()
    };
    turn.stand(change).await
}

/// What asks the visitor of a thread to which nobody came for an address.
pub(crate) fn form(hand_off: &HandOff, thread: &str, locale: &str, now: Timestamp) -> [Item; 2] {
    let language = Language::of_locale(locale);
    let head = |kind| head(kind, hand_off, thread, now);
    [words(head("unattended"), language.nobody_came()), contact_form::form(head("form"), language)]
}

/// Whether the visitor has told an address or a number in this thread.
pub(crate) fn is_reachable(history: &[Item]) -> bool {
    let told = |call: ToolCall| {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let given = |name: &str| arguments[name].as_str().is_some_and(|given| !given.trim().is_empty());
        call.name == TELLING && !call.is_error && (given("email") || given("phone"))
    };
    history.iter().any(|item| match item {
        Item::HiddenContextItem(hidden) => ToolCall::read(&hidden.content).is_some_and(told),
        _ => false,
    })
}
