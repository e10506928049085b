//! The scripted concierge: plays the model by a few rules, and really calls the functions that a request offers.
//!
//! What it may be asked for depends on the functions: it books, moves and cancels meetings, makes links to pay, calls a
//! person, looks after members and reads the books for the operator. The invariant: the same items and functions give the
//! same answer, and it claims no effect that no output confirms, except when it is asked to lie.

mod arguments;
mod errands;
mod facts;
mod findings;
mod talk;
mod wish;

use serde_json::Value;

use self::{
    arguments::Known,
    talk::{Call, Talk},
    wish::Wish,
};
use super::{responses::Offered, script::Output};

const HELLO: &str = "Hello! What can I help you with: our services, our prices, or a project of yours?";
const ASK_EMAIL: &str = "Good to hear. Which e-mail address may we write to?";
const BYE: &str = "You are welcome. I am here if anything else comes up.";
const LIE: &str = "Done! I have saved your details, and our team will write to you today.";
const UNKNOWN: &str = "I do not know that, and I would rather not guess. Leave me your e-mail address and a person will answer.";
const NO_LOOKUP: &str = "I could not look that up just now. Please ask me again in a moment.";
const NO_SAVING: &str = "I cannot save contact details in this chat.";

/// What the concierge puts out next.
pub(super) fn answer(items: &[Value], tools: &[Offered], forced: bool, parallel: bool) -> Vec<Output> {
    let talk = Talk::new(items);
    let offered = |name: &str| tools.iter().any(|tool| tool.name == name);
    if !forced && let Some(step) = errands::next(&talk, tools) {
        return step;
    }
    let wish = Wish::of(&talk, offered("get_page_context"));
    let failed = talk.calls().any(|call| call.failure().is_some());
    let mut due: Vec<&Offered> = wish
        .functions()
        .iter()
        .filter(|name| !failed && !talk.called(name))
        .filter_map(|name| tools.iter().find(|tool| tool.name == *name))
        .collect();
    if due.is_empty() && forced {
        due.extend(tools.iter().find(|tool| !talk.called(&tool.name)).or(tools.first()));
    }
    due.truncate(if parallel { due.len() } else { 1 });
    if !due.is_empty() {
        return due.into_iter().map(|tool| call(&talk, tool)).collect();
    }
    vec![Output::words(&reply(wish, &talk))]
}

fn call(talk: &Talk, tool: &Offered) -> Output {
    Output::call(&tool.name, &filled(talk, tool, "qualified"))
}

/// The arguments of a function, as far as they follow from what was said.
fn filled(talk: &Talk, tool: &Offered, outcome: &str) -> Value {
    let known = Known {
        facts: &talk.facts,
        said: talk.last(),
        outcome,
        summary: "left an e-mail address",
        searches: matches!(tool.name.as_str(), "search_knowledge" | "get_page_context"),
    };
    arguments::fill(&tool.parameters, &known)
}

fn reply(wish: Wish, talk: &Talk) -> String {
    match wish {
        Wish::Greet => HELLO.to_owned(),
        Wish::Interest => ASK_EMAIL.to_owned(),
        Wish::Leave => BYE.to_owned(),
        Wish::Lie => LIE.to_owned(),
        Wish::Save => thank(talk),
        Wish::Page => match talk.call("get_page_context") {
            Some(call) if call.failure().is_none() => {
                format!("You are looking at this page: {}.", findings::gist(&call.output))
            }
            _ => NO_LOOKUP.to_owned(),
        },
        Wish::Price | Wish::Ask => found(talk),
    }
}

fn thank(talk: &Talk) -> String {
    let Some(call) = talk.call("save_lead") else { return NO_SAVING.to_owned() };
    if let Some(reason) = call.failure() {
        return format!("I am sorry, that could not be saved: {reason}. Please try again in a moment.");
    }
    let name = talk.facts.name.as_deref().and_then(|name| name.split(' ').next());
    let name = name.map(|name| format!(", {name}")).unwrap_or_default();
    let reference = findings::reference(&call.output);
    let reference = reference.map(|reference| format!(" under {reference}")).unwrap_or_default();
    format!("Thank you{name}. Your details are saved{reference}, and somebody will get back to you.")
}

fn found(talk: &Talk) -> String {
    let fine = |call: &&Call| call.failure().is_none();
    let search = talk.call("search_knowledge");
    let passage = search.filter(fine).and_then(|call| findings::passage(&call.output));
    let offers = talk.call("list_offers").filter(fine).and_then(|call| findings::offers(&call.output));
    match (passage, offers) {
        (None, None) if search.is_some_and(|call| call.failure().is_some()) => NO_LOOKUP.to_owned(),
        (None, None) => UNKNOWN.to_owned(),
        (passage, offers) => passage.into_iter().chain(offers).collect::<Vec<_>>().join("\n\n"),
    }
}
