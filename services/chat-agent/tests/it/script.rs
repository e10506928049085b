//! A responder that does what the message says, step by step, as the test lets it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use chat_agent::{
    Input, Responder, Turn, TurnError,
    protocol::{
        Annotation, AssistantContent, AssistantMessage, CallStatus, ClientToolCall, Event, FormStatus, Item,
        Level, Question, QuestionKind, QuestionOption, Source, SourceKind, StructuredInput, Update, Widget,
    },
};
use domain::workflow::Workflow;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// What a test shares with the responder.
#[derive(Clone)]
pub(crate) struct Script(Arc<State>);

pub(crate) struct State {
    /// Steps that may be taken by turns that wait for leave.
    pub(crate) steps: Semaphore,
    /// Effects that were begun.
    pub(crate) begun: AtomicUsize,
    /// Effects that were finished.
    pub(crate) finished: AtomicUsize,
    /// Turns that came to their end.
    pub(crate) ended: AtomicUsize,
    /// What each turn was asked, and how many items it saw.
    pub(crate) seen: Mutex<Vec<(Input, Vec<Item>)>>,
    /// What the next turns do, in place of what their message says.
    pub(crate) next: Mutex<Vec<Vec<Step>>>,
    /// The tools of the service.
    pub(crate) toolbox: Mutex<Option<tools::Toolbox>>,
}

/// One step of a turn that was drawn by lot.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Say(Vec<String>),
    SayHalf(String),
    Progress(String),
    Notice(String),
    Effect(String),
    Widget(String),
    Form,
    Hide(String),
    Title(String),
    Call(String),
    Fail,
    Refuse(String),
}

impl std::ops::Deref for Script {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Default for Script {
    fn default() -> Self {
        Self(Arc::new(State {
            steps: Semaphore::new(0),
            begun: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            seen: Mutex::default(),
            next: Mutex::default(),
            toolbox: Mutex::default(),
        }))
    }
}

#[async_trait::async_trait]
impl Responder for Script {
    async fn respond(&self, turn: &Turn) -> Result<(), TurnError> {
        let history = turn.history().await?;
        self.seen.lock().unwrap().push((turn.input.clone(), history));
        let steps = {
            let mut next = self.next.lock().unwrap();
            if next.is_empty() { None } else { Some(next.remove(0)) }
        };
        let outcome = match steps {
            Some(steps) => play(turn, steps).await,
            None => self.act(turn).await,
        };
        self.ended.fetch_add(1, SeqCst);
        outcome
    }

    fn title(&self, first_message: &str) -> Option<String> {
        first_message.starts_with("hi").then(|| "Greeting".to_owned())
    }
}

impl Script {
    async fn act(&self, turn: &Turn) -> Result<(), TurnError> {
        let text = match &turn.input {
            Input::Message(message) => message.text(),
            Input::ToolOutput(_) | Input::Answers(_) | Input::Retry => "plain".to_owned(),
            Input::Action { kind, .. } => kind.clone(),
        };
        match text.as_str() {
            "hi" | "again" => greet(turn).await,
            "tool" => call(turn, "call_1").await,
            "ask" => ask(turn).await,
            "widget" => widget(turn, "Book a call").await,
            "booking.open" => {
                let data = json!({"url": "https://example.com/pay"}).as_object().unwrap().clone();
                turn.emit(Event::ClientEffect { name: "open_checkout".into(), data }).await;
                Ok(())
            }
            "booking.confirm" => confirm(turn).await,
            "boom" => Err(TurnError::Failed),
            "panic" => panic!("the script says so"),
            "custom" => Err(TurnError::Custom { message: "Too many messages.".into(), allow_retry: false }),
            "half" => {
                begin(turn, "msg_half").await;
                turn.emit(Event::text_delta("msg_half", 0, "Half")).await;
                Err(TurnError::Failed)
            }
            "empty" => {
                begin(turn, "msg_empty").await;
                Err(TurnError::Failed)
            }
            "hidden" => {
                turn.hide("the visitor is tired".into()).await?;
                say(turn, &["Noted"]).await
            }
            "facts" => {
                turn.set_metadata(json!({"plan": "pro"}).as_object().unwrap().clone()).await?;
                say(turn, &["Noted"]).await
            }
            "steps" => self.by_steps(turn).await,
            "person" => self.call_a_person(turn).await,
            "flood" => flood(turn).await,
            "stuck" => stuck(turn).await,
            _ => say(turn, &["Hel", "lo"]).await,
        }
    }

    /// An effect with its receipt, then text; each event waits for the test's leave.
    async fn by_steps(&self, turn: &Turn) -> Result<(), TurnError> {
        if !self.step(turn).await {
            return Ok(());
        }
        self.begun.fetch_add(1, SeqCst);
        turn.emit(Event::progress("Saving…")).await;
        // the effect is under way: it is finished whoever listens
        self.step(turn).await;
        self.finished.fetch_add(1, SeqCst);
        let id = turn.new_id("msg_");
        turn.done(card(turn, id, "Saved")).await?;
        let id = turn.new_id("msg_");
        if !self.step(turn).await {
            return Ok(());
        }
        turn.emit(Event::ItemAdded { item: message(turn, &id, None) }).await;
        if !self.step(turn).await {
            return Ok(());
        }
        turn.emit(part_added(&id)).await;
        for delta in DELTAS {
            if !self.step(turn).await {
                return Ok(());
            }
            turn.emit(Event::text_delta(&*id, 0, delta)).await;
        }
        if !self.step(turn).await {
            return Ok(());
        }
        turn.emit(part_done(&id, &DELTAS.concat())).await;
        if !self.step(turn).await {
            return Ok(());
        }
        turn.done(message(turn, &id, Some(&DELTAS.concat()))).await?;
        Ok(())
    }

    /// Calls a person, then speaks all the same.
    async fn call_a_person(&self, turn: &Turn) -> Result<(), TurnError> {
        let toolbox = self.toolbox.lock().unwrap().clone().unwrap();
        let workflow =
            Workflow { tools: vec!["hand_off_to_human".into()], ..(*turn.session.workflow).clone() };
        let session = tools::Session {
            caller: turn.session.caller.clone(),
            thread_id: turn.thread.id.clone(),
            turn: "msg_1".into(),
            workflow: Arc::new(workflow),
            traits: [("page".to_owned(), "/pricing".to_owned())].into(),
            now: turn.now(),
        };
        let arguments = json!({"reason": "they ask for one", "summary": null});
        let outcome = toolbox.call("hand_off_to_human", arguments, &session).await;
        assert!(!outcome.is_error, "{outcome:?}");
        self.begun.fetch_add(1, SeqCst);
        self.step(turn).await;
        say(turn, &["I speak", " anyway"]).await
    }

    /// Waits for leave; false if nobody listens any more.
    async fn step(&self, turn: &Turn) -> bool {
        tokio::select! {
            biased;
            permit = self.steps.acquire() => {
                permit.unwrap().forget();
                true
            }
            () = turn.listener_lost() => false,
        }
    }

    /// What the last turn was asked, and what it saw of the thread.
    pub(crate) fn last_seen(&self) -> (Input, Vec<Item>) {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

/// The text of the turn that goes by steps.
pub(crate) const DELTAS: [&str; 3] = ["One, ", "two, ", "three."];

async fn play(turn: &Turn, steps: Vec<Step>) -> Result<(), TurnError> {
    for step in steps {
        match step {
            Step::Say(deltas) => {
                say(turn, &deltas.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            }
            Step::SayHalf(text) => {
                let id = turn.new_id("msg_");
                begin(turn, &id).await;
                turn.emit(Event::text_delta(id, 0, text)).await;
            }
            Step::Progress(text) => turn.emit(Event::progress(text)).await,
            Step::Notice(message) => {
                turn.emit(Event::Notice { level: Level::Warning, message, title: None }).await;
            }
            Step::Effect(name) => {
                turn.emit(Event::ClientEffect { name, data: serde_json::Map::new() }).await;
            }
            Step::Widget(text) => widget(turn, &text).await?,
            Step::Form => ask(turn).await?,
            Step::Hide(text) => turn.hide(text).await?,
            Step::Title(title) => turn.set_title(title).await?,
            Step::Call(id) => return call(turn, &id).await,
            Step::Fail => return Err(TurnError::Failed),
            Step::Refuse(message) => return Err(TurnError::Custom { message, allow_retry: true }),
        }
    }
    Ok(())
}

async fn greet(turn: &Turn) -> Result<(), TurnError> {
    turn.emit(Event::ProgressUpdate { icon: Some("search".into()), text: "Looking that up...".into() }).await;
    let id = turn.new_id("msg_");
    begin(turn, &id).await;
    for delta in ["Hel", "lo"] {
        turn.emit(Event::text_delta(&*id, 0, delta)).await;
    }
    turn.emit(part_done(&id, "Hello")).await;
    let source = Source {
        title: "Docs".into(),
        description: None,
        kind: SourceKind::Url { url: "https://example.com".into() },
    };
    let annotations = vec![Annotation { source, index: Some(5) }];
    let content = vec![AssistantContent::OutputText { annotations, text: "Hello".into() }];
    turn.done(Item::AssistantMessage(AssistantMessage { head: turn.head(id), content })).await?;
    let (message, title) = ("Demo *notice*".into(), Some("Heads up".into()));
    turn.emit(Event::Notice { level: Level::Info, message, title }).await;
    Ok(())
}

async fn say(turn: &Turn, deltas: &[&str]) -> Result<(), TurnError> {
    let id = turn.new_id("msg_");
    begin(turn, &id).await;
    for delta in deltas {
        turn.emit(Event::text_delta(&*id, 0, *delta)).await;
    }
    let text = deltas.concat();
    turn.emit(part_done(&id, &text)).await;
    turn.done(message(turn, &id, Some(&text))).await?;
    Ok(())
}

async fn begin(turn: &Turn, id: &str) {
    turn.emit(Event::ItemAdded { item: message(turn, id, None) }).await;
    turn.emit(part_added(id)).await;
}

/// Keeps a receipt, begins a text, and never comes to its end, whoever listens.
async fn stuck(turn: &Turn) -> Result<(), TurnError> {
    let id = turn.new_id("msg_");
    turn.done(card(turn, id, "Saved")).await?;
    begin(turn, "msg_stuck").await;
    turn.emit(Event::text_delta("msg_stuck", 0, "One, ")).await;
    std::future::pending().await
}

async fn flood(turn: &Turn) -> Result<(), TurnError> {
    begin(turn, "msg_flood").await;
    let delta = "x".repeat(1_000);
    // no more than an item holds
    for _ in 0..200 {
        if !turn.is_listened() {
            return Ok(());
        }
        turn.emit(Event::text_delta("msg_flood", 0, &*delta)).await;
        turn.emit(Event::progress("y".repeat(100_000))).await;
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn call(turn: &Turn, call_id: &str) -> Result<(), TurnError> {
    let call = ClientToolCall {
        head: turn.head(turn.new_id("tc_")),
        status: CallStatus::Pending,
        call_id: call_id.into(),
        name: "get_page_context".into(),
        arguments: json!({"fields": ["url", "utm"]}).as_object().unwrap().clone(),
        output: None,
    };
    turn.done(Item::ClientToolCall(call)).await?;
    Ok(())
}

async fn ask(turn: &Turn) -> Result<(), TurnError> {
    let options = ["Basic", "Pro"].map(|value| QuestionOption { value: value.into() }).into();
    let question = |id: &str, question: &str, kind| Question {
        id: id.into(),
        question: question.into(),
        answer: None,
        kind,
    };
    let inputs = vec![
        question("q1", "Which plan?", QuestionKind::MultipleChoice { options, multiple: false }),
        question("q2", "Your email?", QuestionKind::Freeform { description: Some("For the booking".into()) }),
    ];
    let head = turn.head(turn.new_id("si_"));
    turn.done(Item::StructuredInput(StructuredInput { head, status: FormStatus::Pending, inputs })).await?;
    Ok(())
}

async fn widget(turn: &Turn, text: &str) -> Result<(), TurnError> {
    let id = turn.new_id("msg_");
    let action = json!({
        "type": "booking.open", "payload": {"slot": "2026-11-23T10:00:00Z"}, "handler": "server",
        "loadingBehavior": "auto", "streaming": true,
    });
    let button = json!({"type": "Button", "label": "Book", "onClickAction": action});
    let widget = json!({"type": "Card", "children": [{"type": "Text", "value": text}, button]});
    turn.done(Item::Widget(Widget { head: turn.head(id), widget, copy_text: None })).await?;
    Ok(())
}

/// The widget that was pressed becomes another.
async fn confirm(turn: &Turn) -> Result<(), TurnError> {
    let Input::Action { item_id: Some(id), .. } = &turn.input else { return Err(TurnError::Failed) };
    turn.replace(card(turn, id.clone(), "Booked")).await?;
    Ok(())
}

fn card(turn: &Turn, id: String, text: &str) -> Item {
    let widget = json!({"type": "Card", "children": [{"type": "Text", "value": text}]});
    Item::Widget(Widget { head: turn.head(id), widget, copy_text: None })
}

fn message(turn: &Turn, id: &str, text: Option<&str>) -> Item {
    let content = text.map(AssistantContent::text).into_iter().collect();
    Item::AssistantMessage(AssistantMessage { head: turn.head(id.to_owned()), content })
}

fn part_added(id: &str) -> Event {
    let update = Update::PartAdded { content_index: 0, content: AssistantContent::text("") };
    Event::ItemUpdated { item_id: id.into(), update }
}

fn part_done(id: &str, text: &str) -> Event {
    let update = Update::PartDone { content_index: 0, content: AssistantContent::text(text) };
    Event::ItemUpdated { item_id: id.into(), update }
}

/// The text of an assistant's message, or of a card.
pub(crate) fn text_of(item: &Value) -> String {
    match item["type"].as_str() {
        Some("assistant_message") => item["content"][0]["text"].as_str().unwrap_or_default().to_owned(),
        Some("widget") => item["widget"]["children"][0]["value"].as_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}
