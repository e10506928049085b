//! Making the calls that the model wants.
//!
//! The invariants: calls of one answer run at the same time, but for the one that calls a person, which goes first and
//! alone; one that has begun is awaited, whoever listens; and each is kept with its outcome before the model hears of it.

use futures_util::future::join_all;
use serde_json::{Map, Value};
use tools::{Outcome, Session};

use super::{
    Agent, hand_off, history::ToolCall, receipts, responses::request::InputItem, speech::Wanted, tool_session,
};
use crate::{
    protocol::{CallStatus, ClientToolCall, Event},
    turn::Turn,
};

/// Longest arguments of a call, in bytes.
const LONGEST: usize = 64 * 1024;

/// What came of the calls of one answer.
pub(crate) struct Made {
    /// The calls with their outputs, for the model.
    pub(crate) input: Vec<InputItem>,
    /// Names of the tools that did their work.
    pub(crate) succeeded: Vec<String>,
    /// What the browser is asked; the turn goes on when it has answered.
    pub(crate) asked: Option<ClientToolCall>,
}

/// Makes all calls.
pub(crate) async fn make(
    agent: &Agent,
    turn: &Turn,
    cause: &str,
    wanted: Vec<Wanted>,
) -> Result<Made, store::Error> {
    let (mut browsers, mut ours): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|call| is_of_browser(turn, &call.name));
    ours.sort_by_key(|call| call.name != hand_off::CALLING);
    let calls_person = ours.first().is_some_and(|call| call.name == hand_off::CALLING);
    let (first, others) = ours.split_at(usize::from(calls_person));
    let session = tool_session(turn, cause);
    let mut outcomes = run_all(agent, turn, &session, first).await?;
    outcomes.extend(run_all(agent, turn, &session, others).await?);
    let mut made = Made { input: Vec::new(), succeeded: Vec::new(), asked: None };
    for (call, outcome) in ours.into_iter().zip(outcomes) {
        keep(agent, (turn, &session), call, outcome, &mut made).await?;
    }
    let first = (!browsers.is_empty()).then(|| browsers.remove(0));
    for call in browsers {
        let advice = "Call it again, alone, once the first has answered.";
        let outcome = Outcome::error("the browser answers one call at a time".to_owned(), advice);
        keep(agent, (turn, &session), call, outcome, &mut made).await?;
    }
    match first.map(|call| (arguments(&call.arguments), call)) {
        None => {}
        Some((Ok(arguments), call)) => made.asked = Some(pending(turn, call, arguments)),
        Some((Err(outcome), call)) => keep(agent, (turn, &session), call, *outcome, &mut made).await?,
    }
    Ok(made)
}

/// Runs calls, all at the same time. Once a person has the thread none is run, whether they took it or were called a moment
/// ago: they did not ask for what the model was about to do.
async fn run_all(
    agent: &Agent,
    turn: &Turn,
    session: &Session,
    calls: &[Wanted],
) -> Result<Vec<Outcome>, store::Error> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    if turn.is_taken_over().await? {
        return Ok(calls.iter().map(|_| taken_over()).collect());
    }
    tell(turn, calls).await;
    Ok(join_all(calls.iter().map(|call| run(agent, session, call))).await)
}

fn taken_over() -> Outcome {
    let advice = "Nothing was done. Say no more; the person goes on from here.";
    Outcome::error("a person has this conversation now".to_owned(), advice)
}

fn is_of_browser(turn: &Turn, name: &str) -> bool {
    let listed = turn.session.workflow.tools.iter().any(|tool| tool == name);
    listed && tools::find(name).is_some_and(tools::Tool::is_of_browser)
}

/// Says what is being done.
async fn tell(turn: &Turn, calls: &[Wanted]) {
    let mut told: Vec<&str> = Vec::new();
    for tool in calls.iter().filter_map(|call| tools::find(&call.name)) {
        if !told.contains(&tool.progress) {
            told.push(tool.progress);
            turn.emit(Event::progress(tool.progress)).await;
        }
    }
}

async fn run(agent: &Agent, session: &Session, call: &Wanted) -> Outcome {
    match arguments(&call.arguments) {
        Ok(arguments) => agent.toolbox.call(&call.name, Value::Object(arguments), session).await,
        Err(outcome) => *outcome,
    }
}

/// The arguments as an object, or what the model is told of them.
pub(crate) fn arguments(text: &str) -> Result<Map<String, Value>, Box<Outcome>> {
    const ADVICE: &str = "Nothing was done. Call again with one JSON object of the tool's schema.";
    if text.len() > LONGEST {
        return Err(Box::new(Outcome::error("the arguments are too long".to_owned(), ADVICE)));
    }
    match text.trim() {
        "" => Ok(Map::new()),
        text => serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let why = format!("the arguments are no JSON object (line {line}, column {column})");
            Box::new(Outcome::error(why, ADVICE))
        }),
    }
}

async fn keep(
    agent: &Agent,
    (turn, session): (&Turn, &Session),
    call: Wanted,
    outcome: Outcome,
    made: &mut Made,
) -> Result<(), store::Error> {
    let Wanted { call_id, name, arguments: given } = call;
    let Outcome { output, is_error, receipt, unanswered, .. } = outcome;
    let made_with = arguments(&given).map(Value::Object);
    let kept = ToolCall { call_id, arguments: kept_arguments(&name, given), name, output, is_error };
    turn.hide(kept.clone().write()).await?;
    if let (Some(receipt), Ok(arguments)) = (receipt, made_with) {
        receipts::keep(turn, session, (&kept.name, &arguments), &receipt).await?;
    }
    if let Some(question) = unanswered {
        agent.recorder.unanswered(turn, &kept.call_id, &question);
    }
    if kept.has_effect() {
        made.succeeded.push(kept.name.clone());
    }
    made.input.extend(kept.input());
    Ok(())
}

/// The arguments as they are kept: what is too long to be made is too long for that, and secrets are nobody's to keep.
fn kept_arguments(name: &str, arguments: String) -> String {
    if arguments.len() > LONGEST {
        return "{}".to_owned();
    }
    match tools::find(name).filter(|tool| !tool.secrets.is_empty()) {
        None => arguments,
        Some(tool) => match serde_json::from_str(&arguments) {
            Ok(arguments) => tool.without_secrets(arguments).to_string(),
            Err(_) => "{}".to_owned(),
        },
    }
}

fn pending(turn: &Turn, call: Wanted, arguments: Map<String, Value>) -> ClientToolCall {
    let Wanted { call_id, name, .. } = call;
    let head = turn.head(turn.new_id("tc_"));
    ClientToolCall { head, status: CallStatus::Pending, call_id, name, arguments, output: None }
}
