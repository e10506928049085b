//! The agent: how a turn is answered.
//!
//! It exists so that the three workflows run on OpenAI's Responses API with our own tools. The invariants: what is known
//! of a visitor reaches the model as quoted data only; a tool call that has begun is finished and recorded; and text
//! that claims what did not happen does not stand alone in the thread.

mod budget;
mod calls;
mod claims;
mod contact_form;
mod facts;
pub(crate) mod hand_off;
mod history;
mod knowledge;
mod language;
mod members;
mod moderation;
mod price;
mod receipts;
mod recording;
mod responses;
mod rounds;
mod speech;
#[cfg(test)]
mod tests;
mod undo;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{Context, Problem, deadline};
use domain::workflow::Audience;
use store::Store;
use tools::{HandOff, Links, Toolbox};

pub(crate) use self::{
    budget::forget as forget_usage, calls::arguments as read_arguments, facts::traits, recording::Recorder,
};
use self::{
    budget::{Budget, Reservation, Spent, Taken},
    claims::Claims,
    language::Language,
    members::Members,
    recording::Answered,
    responses::Client,
    rounds::{End, Rounds},
};
use crate::{
    card,
    config::Config,
    protocol::{AssistantContent, AssistantMessage, Item},
    turn::{Input, Responder, Turn, TurnError},
};

/// Longest title that is made of a first message, in characters.
const TITLE: usize = 48;

/// What the agent stands on.
pub(crate) struct Deps {
    /// Where usage is counted.
    pub(crate) store: Arc<dyn Store>,
    /// The ways to other services.
    pub(crate) links: Links,
    /// What the model may call.
    pub(crate) toolbox: Toolbox,
    /// Where records are sent from in the background.
    pub(crate) ctx: Context,
    /// How long the model may take.
    pub(crate) patience: Patience,
}

/// How long the model, and whoever is asked on its behalf, may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until its first word.
    pub(crate) first: Duration,
    /// Between two events.
    pub(crate) next: Duration,
    /// For the whole turn.
    pub(crate) turn: Duration,
    /// The step before the second attempt.
    pub(crate) retry: Duration,
    /// The longest wait before another attempt.
    pub(crate) longest_retry: Duration,
    /// How long a turn waits to know what its member has.
    pub(crate) members: Duration,
}

/// Answers turns.
pub(crate) struct Agent {
    client: Client,
    model: String,
    toolbox: Toolbox,
    budget: Budget,
    claims: &'static Claims,
    recorder: Recorder,
    members: Members,
    patience: Patience,
}

/// What is wrong with the settings that the agent needs, all at once: prices, tools that nobody knows or that are for
/// another audience, documents that cannot be read.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(why) = price::Prices::over_built_in(config.model_prices.as_deref()) {
        problems.push(Problem { setting: "MODEL_PRICES".into(), why: why.into() });
    }
    // what is wrong with the definitions themselves is told elsewhere
    let Ok(registry) = config.registry() else { return problems };
    let unsound = registry.check_tools(&tools::known());
    let of_workflows = |why: String| Problem { setting: "WORKFLOWS_DIR".into(), why };
    problems.extend(unsound.iter().map(|problem| of_workflows(problem.to_string())));
    problems.extend(knowledge::read(&registry, config.workflows_dir.as_ref()).err().unwrap_or_default());
    problems
}

/// The tools of the workflows of `config`, over these services.
///
/// # Errors
/// A definition or a document cannot be read.
pub(crate) fn toolbox(config: &Config, links: Links, hand_off: Arc<dyn HandOff>) -> anyhow::Result<Toolbox> {
    let listed = |problems: Vec<Problem>| anyhow::anyhow!("{}", chassis::config::listed(&problems));
    let registry = config.registry().map_err(listed)?;
    let documents = knowledge::read(&registry, config.workflows_dir.as_ref()).map_err(listed)?;
    Ok(Toolbox::new(links, Arc::new(knowledge::index(&documents)?), hand_off))
}

// === impl Patience ===

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(20),
            next: Duration::from_secs(30),
            turn: Duration::from_secs(120),
            retry: Duration::from_millis(300),
            longest_retry: Duration::from_secs(8),
            members: Duration::from_secs(2),
        }
    }
}

// === impl Agent ===

impl Agent {
    /// An agent for the workflows of `config`.
    ///
    /// # Errors
    /// What [`problems`] tells.
    pub(crate) fn new(config: &Config, deps: Deps) -> anyhow::Result<Self> {
        let Deps { store, links, toolbox, ctx, patience } = deps;
        let unsound = problems(config);
        anyhow::ensure!(unsound.is_empty(), "{}", chassis::config::listed(&unsound));
        Ok(Self {
            client: Client::new(&config.openai_base_url, config.openai_api_key.clone()),
            model: config.openai_model.clone(),
            toolbox,
            budget: Budget::new(config, store)?,
            claims: Claims::all(),
            recorder: Recorder::new(links.sheets_writer, ctx),
            members: Members::new(links.whop_gateway, patience.members),
            patience,
        })
    }

    async fn answer(&self, turn: &Turn) -> Result<(), TurnError> {
        match &turn.input {
            Input::Action { item_id: Some(item), kind, .. } if kind == card::UNDO => {
                return undo::pressed(self, turn, item).await;
            }
            Input::Answers(form) if contact_form::is_ours(form) => {
                return contact_form::answered(self, turn, form).await;
            }
            Input::Action { item_id, kind, payload } => {
                turn.hide(history::pressed(item_id.as_deref(), kind, payload)).await?;
            }
            _ => {}
        }
        if hand_off::is_silent(turn) {
            return hand_off::attend(self, turn).await;
        }
        let reservation = match self.budget.reserve(turn, self.model(turn)).await? {
            Ok(reservation) => reservation,
            Err(spent) => return self.spent(turn, spent).await,
        };
        if let Input::Message(message) = &turn.input
            && turn.session.workflow.moderation
            && moderation::is_flagged(&self.client, &turn.thread.id, &message.text()).await
        {
            self.budget.spend(turn, reservation, self.model(turn), Taken::default()).await;
            self.recorder.turn(turn, &turn.history().await?, true);
            return say(turn, Language::of_locale(&turn.session.locale).refusal()).await.map_err(Into::into);
        }
        self.converse(turn, reservation).await
    }

    /// The model that answers a turn.
    fn model<'a>(&'a self, turn: &'a Turn) -> &'a str {
        turn.session.workflow.model.as_deref().unwrap_or(&self.model)
    }

    async fn converse(&self, turn: &Turn, reservation: Reservation) -> Result<(), TurnError> {
        let begin = Instant::now();
        let (history, memberships) = tokio::join!(turn.history(), self.members.of(turn));
        let history = history?;
        self.recorder.turn(turn, &history, false);
        let mut rounds = Rounds::new(self, turn, &history, memberships.as_ref());
        let end = rounds.run().await;
        let (model, taken) = (rounds.model(), rounds.usage());
        self.budget.spend(turn, reservation, model, taken).await;
        if taken != Taken::default() {
            let cost = self.budget.cost(model, taken);
            let answer = Answered { model, taken, cost, took: begin.elapsed(), tools: rounds.called() };
            self.recorder.answered(turn, rounds.cause(), &answer);
        }
        match end? {
            End::Answered | End::Left => Ok(()),
            End::Failed => Err(TurnError::Failed),
            End::Down => contact_form::ask(turn, contact_form::Why::Down).await,
        }
    }

    async fn spent(&self, turn: &Turn, spent: Spent) -> Result<(), TurnError> {
        tracing::warn!(thread.id = turn.thread.id, limit = spent.setting(), "the budget of the day is spent");
        self.recorder.turn(turn, &turn.history().await?, false);
        contact_form::ask(turn, contact_form::Why::Spent).await
    }
}

#[async_trait::async_trait]
impl Responder for Agent {
    async fn respond(&self, turn: &Turn) -> Result<(), TurnError> {
        // what has begun when time is up is finished; the limit stops the model, not a tool
        deadline::within(self.patience.turn, self.answer(turn)).await
    }

    fn title(&self, first_message: &str) -> Option<String> {
        let words: Vec<&str> = first_message.split_whitespace().collect();
        let whole = words.join(" ");
        if whole.chars().count() <= TITLE {
            return (!whole.is_empty()).then_some(whole);
        }
        let mut title = String::new();
        for word in words {
            if !title.is_empty() && title.chars().count() + word.chars().count() + 2 > TITLE {
                break;
            }
            if !title.is_empty() {
                title.push(' ');
            }
            title.extend(word.chars().take(TITLE - 1));
        }
        Some(format!("{title}…"))
    }
}

/// Whether a form that makes a lead is any use to whoever talks to the workflow.
fn takes_leads(turn: &Turn) -> bool {
    turn.session.workflow.audience != Audience::Operator
}

/// Keeps a message of the assistant's in the server's own words.
async fn say(turn: &Turn, text: impl Into<String>) -> Result<(), store::Error> {
    let head = turn.head(turn.new_id("msg_"));
    let content = vec![AssistantContent::text(text)];
    turn.announce(Item::AssistantMessage(AssistantMessage { head, content })).await
}

/// For whom and where this turn calls tools. What is called belongs to `cause`, and so does a repetition of it.
fn tool_session(turn: &Turn, cause: &str) -> tools::Session {
    tools::Session {
        caller: turn.session.caller.clone(),
        thread_id: turn.thread.id.clone(),
        turn: cause.to_owned(),
        workflow: turn.session.workflow.clone(),
        traits: facts::traits(&turn.thread),
        now: turn.now(),
    }
}
