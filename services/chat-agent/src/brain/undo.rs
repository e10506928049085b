//! The button of a receipt: what was done is taken back.
//!
//! It works without the model, and while a person has the thread. The invariants: what is done stands in the card as it is
//! kept; pressed twice it is done once; and the card loses its button only when it is done.

use super::{Agent, history::ToolCall, language::Language, receipts, say, tool_session};
use crate::{
    card,
    protocol::{Event, Item},
    turn::{Turn, TurnError},
};

/// Does what the button of a card offers.
pub(crate) async fn pressed(agent: &Agent, turn: &Turn, item_id: &str) -> Result<(), TurnError> {
    let Some(Item::Widget(shown)) = turn.item(item_id).await? else { return Ok(()) };
    let Some(undo) = card::undo(&shown.widget) else {
        // done already: whoever pressed it looks at an old card
        turn.replace(Item::Widget(shown)).await?;
        return Ok(());
    };
    if let Some(tool) = tools::find(&undo.tool) {
        turn.emit(Event::progress(tool.progress)).await;
    }
    let session = tool_session(turn, item_id);
    let outcome = agent.toolbox.undo(&undo, &session).await;
    let call = ToolCall {
        call_id: format!("call_{}", domain::id::digest(&["undo", item_id])),
        name: undo.tool.clone(),
        arguments: undo.arguments.to_string(),
        output: outcome.output,
        is_error: outcome.is_error,
    };
    turn.hide(call.write()).await?;
    if outcome.is_error {
        return Ok(say(turn, Language::of_locale(&turn.session.locale).not_undone()).await?);
    }
    // the button goes last: whoever dies before it is pressed again, and all of this is done once
    if let Some(receipt) = outcome.receipt {
        receipts::keep(turn, &session, (&undo.tool, &undo.arguments), &receipt).await?;
    }
    Ok(turn.replace(Item::Widget(card::without_undo(shown))).await?)
}
