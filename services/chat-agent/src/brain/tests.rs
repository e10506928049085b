//! The agent against a scripted model and scripted books, over real HTTP and gRPC.

mod answering;
mod books;
mod cutting;
mod failing;
mod forms;
mod hands;
mod members;
mod model;
mod people;
mod remembering;
mod truth;
#[path = "../../../../shared/tools/src/tests/world.rs"]
mod world;

use std::{sync::Arc, time::Duration};

use chassis::{Context, Vars, client::Link};
use domain::workflow::{Registry, Workflow};
use serde_json::{Value, json};
use store::Store;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::{books::Books, model::Model};
use super::{Agent, Deps, Patience};
use crate::{
    config::Config,
    hand_off::{self, HandOffs},
    protocol::{
        AssistantContent, AssistantMessage, Event, Head, HiddenContext, InferenceOptions, Item, UserContent,
        UserMessage,
    },
    threads::{Edit, Owner, Threads},
    turn::{Hearing, Input, Listener, Responder as _, Slots, Turn, TurnError, testing::Scene},
};

const QUICK: Patience = Patience {
    first: Duration::from_millis(300),
    next: Duration::from_millis(300),
    turn: Duration::from_secs(20),
    retry: Duration::from_millis(1),
    longest_retry: Duration::from_millis(50),
    members: Duration::from_millis(300),
};

/// An agent, the model that it asks, the books that it writes.
struct Bench {
    agent: Arc<Agent>,
    model: Model,
    books: Books,
    store: Arc<dyn Store>,
    _dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let (model, books) = (Model::start().await, Books::start().await);
        let mut vars: Vars =
            [("OPENAI_API_KEY", "sk-test"), ("OPENAI_MODEL", "gpt-5-mini"), ("OPENAI_BASE_URL", &model.url)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect();
        for (name, value) in settings {
            vars.set(*name, *value);
        }
        let config: Config = chassis::config::load(&vars, []).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = store::Config::at(store::Location::Sqlite(dir.path().to_owned()));
        let store = store.open(crate::NAME, crate::SCHEMA, store::system_clock()).unwrap();
        let sheets_writer = Link::new(&books.url.parse().unwrap()).unwrap();
        let ctx = Context::new(crate::NAME, false);
        let threads = Threads::new(store.clone(), store::system_clock());
        let people =
            HandOffs::new(threads, hand_off::Books::new(sheets_writer.clone(), None), Slots::default(), &[]);
        let links = tools::Links { sheets_writer, ..config.links().unwrap() };
        let toolbox = super::toolbox(&config, links.clone(), Arc::new(people)).unwrap();
        let deps = Deps { store: store.clone(), links, toolbox, ctx, patience: QUICK };
        let agent = Arc::new(Agent::new(&config, deps).unwrap());
        Self { agent, model, books, store, _dir: dir }
    }

    /// Answers the turn of a scene, within a limit of time.
    async fn answer(&self, scene: &Scene) -> Result<(), TurnError> {
        let answer = self.agent.respond(&scene.turn);
        tokio::time::timeout(Duration::from_secs(30), answer).await.expect("an end")
    }
}

/// The workflow of most tests.
fn concierge() -> Workflow {
    let registry = Registry::built_in();
    let found = registry.iter().find(|workflow| workflow.slug == "lead-concierge").cloned();
    Workflow { moderation: false, ..found.unwrap() }
}

/// A turn of it that answers a message.
async fn scene(text: &str) -> Scene {
    scene_after(Vec::new(), text).await
}

/// A turn of it that answers a message after others.
async fn scene_after(mut history: Vec<Item>, text: &str) -> Scene {
    let message = user("msg_1", text);
    history.push(Item::UserMessage(message.clone()));
    Scene::of(concierge(), Input::Message(message), history).await
}

/// A turn of it whose listener is in the test's hands.
async fn listened(message: UserMessage) -> (Turn, Hearing, TempDir) {
    let Scene { turn, .. } = scene(&message.text()).await;
    let dir = tempfile::tempdir().unwrap();
    let store = store::Config::at(store::Location::Sqlite(dir.path().to_owned()));
    let store = store.open(crate::NAME, crate::SCHEMA, store::system_clock()).unwrap();
    let threads = Threads::new(store, store::system_clock());
    let owner =
        Owner { visitor: turn.session.visitor_id.clone(), workflow: turn.session.workflow.slug.clone() };
    let edits = vec![Edit::Put(Item::UserMessage(message.clone()))];
    let record = threads.create(&owner, turn.thread.clone(), edits).await.unwrap();
    let (listener, hearing) = Listener::pair(100);
    let input = Input::Message(message);
    let leaving = CancellationToken::new();
    let session = turn.session.clone();
    (Turn::new(input, record.thread, session, (threads, Slots::default()), listener, leaving), hearing, dir)
}

fn head(id: &str) -> Head {
    Head { id: id.into(), thread_id: "thr_test".into(), created_at: jiff::Timestamp::UNIX_EPOCH }
}

fn user(id: &str, text: &str) -> UserMessage {
    UserMessage {
        head: head(id),
        content: vec![UserContent::InputText { text: text.into() }],
        attachments: Vec::new(),
        quoted_text: None,
        inference_options: InferenceOptions::default(),
    }
}

fn assistant(id: &str, text: &str) -> Item {
    let content = vec![AssistantContent::text(text)];
    Item::AssistantMessage(AssistantMessage { head: head(id), content })
}

fn hidden(id: &str, text: String) -> Item {
    Item::HiddenContextItem(HiddenContext { head: head(id), content: text })
}

/// The texts that the assistant has left in the thread.
async fn said(turn: &Turn) -> Vec<String> {
    let items = turn.history().await.unwrap();
    let text = |item: &Item| match item {
        Item::AssistantMessage(message) => Some(
            message.content.iter().map(|AssistantContent::OutputText { text, .. }| text.as_str()).collect(),
        ),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

/// The types of the thread's items.
async fn kinds(turn: &Turn) -> Vec<String> {
    let items = turn.history().await.unwrap();
    items.iter().map(|item| json!(item)["type"].as_str().unwrap().to_owned()).collect()
}

/// The types of events, updates by the name of the update.
fn names(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| {
        let event = json!(event);
        let name = event["update"]["type"].as_str().or(event["type"].as_str()).unwrap();
        name.rsplit_once("message.").map_or(name, |(_, name)| name).to_owned()
    };
    events.iter().map(name).collect()
}

/// Waits until `what` answers something.
async fn until<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = what() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it happens in time")
}

/// Listens until there is an event of this name.
async fn hear(hearing: &mut Hearing, name: &str) {
    use futures_util::StreamExt as _;
    while let Some(event) = hearing.next().await {
        if names(&[event]) == [name] {
            return;
        }
    }
    panic!("{name} was never heard");
}

/// The parts of a request's input of this type.
fn inputs<'a>(request: &'a Value, kind: &str) -> Vec<&'a Value> {
    request["input"].as_array().unwrap().iter().filter(|item| item["type"] == kind).collect()
}
