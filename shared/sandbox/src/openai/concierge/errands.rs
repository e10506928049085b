//! Errands: what a visitor, a member or the operator wants done, where a request offers the functions for it.
//!
//! Each is a few steps, and which one is next follows from the calls that were made. The invariant: a step is taken once a
//! turn, and what an output says is all that is told of it.

mod meeting;
mod simple;

use serde_json::{Value, json};

use super::{filled, talk::Talk};
use crate::openai::{responses::Offered, script::Output};

/// What comes next.
enum Step {
    /// Calls, all at once.
    Calls(Vec<Output>),
    /// Words that end the turn.
    Words(String),
}

/// The functions of a request, and what was said.
struct Scene<'a> {
    talk: &'a Talk,
    tools: &'a [Offered],
}

/// What the concierge puts out next for an errand; `None` if nobody sends it on one.
pub(super) fn next(talk: &Talk, tools: &[Offered]) -> Option<Vec<Output>> {
    let scene = Scene { talk, tools };
    let step = meeting::next(&scene).or_else(|| simple::next(&scene))?;
    Some(match step {
        Step::Calls(calls) => calls,
        Step::Words(words) => vec![Output::words(&words)],
    })
}

// === impl Scene ===

impl Scene<'_> {
    fn offers(&self, name: &str) -> bool {
        self.tool(name).is_some()
    }

    fn tool(&self, name: &str) -> Option<&Offered> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// A call of a function with these arguments over those that follow from what was said; what its schema does not know
    /// is left out.
    fn call(&self, name: &str, own: &[(&str, Value)]) -> Option<Output> {
        let tool = self.tool(name)?;
        let mut arguments = filled(self.talk, tool, "booked");
        for (member, value) in own {
            if tool.parameters["properties"].get(*member).is_some() {
                arguments[*member] = value.clone();
            }
        }
        Some(Output::call(name, &arguments))
    }

    /// One call, if the function is offered.
    fn one(&self, name: &str, own: &[(&str, Value)]) -> Option<Step> {
        Some(Step::Calls(vec![self.call(name, own)?]))
    }

    /// The name and the address of whoever comes, or what to ask for.
    fn attendee(&self) -> Result<[(&'static str, Value); 2], String> {
        let facts = &self.talk.facts;
        match (&facts.name, &facts.email) {
            (Some(name), Some(email)) => Ok([("name", json!(name)), ("email", json!(email))]),
            (None, Some(_)) => Err("Gladly. What is your name? Please say: my name is …".to_owned()),
            _ => Err(
                "Gladly. What are your name and e-mail address? Please say: my name is …, and the address."
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
