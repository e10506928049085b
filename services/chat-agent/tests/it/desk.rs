//! The service under test: served by the chassis on a port of its own, over SQLite in a directory of its own.

use std::{future::Future, sync::Arc, time::Duration};

use chassis::{Context, Drain, Link, Vars, server::serve_within};
use chat_agent::{Config, NAME, Pace, Parts, SCHEMA};
use domain::{Fault, Kind, Reason};
use proto::{
    chat::v1::{
        AddNoticeRequest, NoticeLine, ProcessRequest, ProcessResponse,
        chat_service_client::ChatServiceClient, process_response::Frame,
        thread_service_client::ThreadServiceClient, tool_service_client::ToolServiceClient,
    },
    common::v1::{Caller, operations_service_client::OperationsServiceClient},
};
use serde_json::{Value, json};
use store::{Clock, Key, Store};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::{Status, Streaming};

use crate::script::Script;

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// How a test wants the service.
pub(crate) struct Setup {
    /// Settings beside the usual ones, or over them.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// How long things may take.
    pub(crate) pace: Pace,
    /// What a drain may take.
    pub(crate) drain: Duration,
    /// A store in place of the directory's own.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// The time.
    pub(crate) clock: Clock,
}

impl Default for Setup {
    fn default() -> Self {
        let pace = Pace { silence: LONG, wait: LONG, drain: LONG, waiting: 1_000 };
        Self {
            settings: vec![("LIMIT_CHAT", "off")],
            pace,
            drain: LONG,
            store: None,
            clock: store::system_clock(),
        }
    }
}

/// A running service.
pub(crate) struct Desk {
    pub(crate) script: Script,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) operations: OperationsServiceClient<Link>,
    pub(crate) threads: ThreadServiceClient<Link>,
    pub(crate) tools: ToolServiceClient<Link>,
    client: ChatServiceClient<Link>,
    ctx: Context,
    serving: JoinHandle<Drain>,
    dir: Arc<TempDir>,
}

/// A stream of events.
pub(crate) struct Events(Streaming<ProcessResponse>);

impl Setup {
    pub(crate) async fn start(self) -> Desk {
        self.start_in(Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Starts over what is in the directory.
    pub(crate) async fn start_in(self, dir: Arc<TempDir>) -> Desk {
        let mut vars: Vars = [
            ("STORE", format!("sqlite:{}", dir.path().display())),
            ("OPENAI_API_KEY", "sk-key-of-the-tests".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        self.settings.into_iter().for_each(|(name, value)| vars.set(name, value));
        let config: Config = chassis::config::load(&vars, []).expect("sound settings");
        let clock = self.clock;
        let store = self.store.unwrap_or_else(|| config.store.open(NAME, SCHEMA, clock.clone()).unwrap());
        let script = Script::default();
        let ctx = Context::new(NAME, false);
        let played = script.clone();
        let responder: chat_agent::MakeResponder = Box::new(move |toolbox| {
            *played.toolbox.lock().unwrap() = Some(toolbox);
            Ok(Arc::new(played))
        });
        let parts =
            Parts { store: store.clone(), clock, responder, pace: self.pace, leaving: ctx.shutdown.clone() };
        let server = chat_agent::assemble(&config, ctx.clone(), parts).unwrap();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(serve_within(listener, server, ctx.clone(), self.drain));
        let link = Link::new(&url).unwrap().with_default_deadline(2 * LONG);
        let operations = OperationsServiceClient::new(link.clone());
        let threads = ThreadServiceClient::new(link.clone());
        let tools = ToolServiceClient::new(link.clone());
        Desk {
            script,
            store,
            operations,
            threads,
            tools,
            client: ChatServiceClient::new(link),
            ctx,
            serving,
            dir,
        }
    }
}

impl Desk {
    pub(crate) async fn start() -> Self {
        Setup::default().start().await
    }

    /// Sends a request of the usual visitor.
    pub(crate) async fn send(&self, body: Value) -> Result<Events, Status> {
        self.send_as(ada(), body).await
    }

    pub(crate) async fn send_as(&self, caller: Caller, body: Value) -> Result<Events, Status> {
        let request = ProcessRequest {
            caller: Some(caller),
            request_id: String::new(),
            body: body.to_string().into_bytes().into(),
            locale: "de-DE".into(),
        };
        Ok(Events(self.client.clone().process(request).await?.into_inner()))
    }

    /// All events of a request that streams.
    pub(crate) async fn events(&self, body: Value) -> Vec<Value> {
        self.send(body).await.unwrap().rest().await
    }

    /// The answer to a request that does not stream.
    pub(crate) async fn whole(&self, body: Value) -> Value {
        self.whole_as(ada(), body).await.unwrap()
    }

    pub(crate) async fn whole_as(&self, caller: Caller, body: Value) -> Result<Value, Status> {
        let mut answer = self.send_as(caller, body).await?.0;
        let Some(Frame::Result(json)) = answer.message().await?.unwrap().frame else {
            panic!("a stream where one answer was expected")
        };
        assert!(answer.message().await?.is_none(), "one answer is all");
        Ok(serde_json::from_slice(&json).unwrap())
    }

    /// Has another service tell something in a thread; whether the thread has it.
    pub(crate) async fn notify(&self, caller: Caller, thread: &str, notice: &str) -> Result<bool, Status> {
        let line = NoticeLine { name: "Start".into(), value: "Monday 9:00".into() };
        let request = AddNoticeRequest {
            caller: Some(caller),
            request_id: "req_1".into(),
            thread_id: thread.into(),
            notice_id: notice.into(),
            title: "Your meeting is booked".into(),
            lines: vec![line],
        };
        Ok(self.threads.clone().add_notice(request).await?.into_inner().added)
    }

    /// Begins a thread; its id and the events.
    pub(crate) async fn begin(&self, text: &str) -> (String, Vec<Value>) {
        let events = self.events(create(text)).await;
        (events[0]["thread"]["id"].as_str().unwrap().to_owned(), events)
    }

    /// The items that a reload shows.
    pub(crate) async fn reload(&self, thread: &str) -> Vec<Value> {
        let thread = self.whole(get(thread)).await;
        assert_eq!(thread["items"]["has_more"], false, "a page is enough for these tests");
        thread["items"]["data"].as_array().unwrap().clone()
    }

    /// What is kept of a thread, hidden items included, by place.
    pub(crate) async fn kept(&self, thread: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut documents = self.documents("items", "by_place", thread).await;
        documents.sort_by_key(|document| document["seq"].as_i64());
        items.extend(documents.into_iter().map(|document| document["item"].clone()));
        items
    }

    async fn documents(&self, collection: &str, index: &str, thread: &str) -> Vec<Value> {
        let index = SCHEMA.indexes.iter().find(|i| (i.collection, i.name) == (collection, index)).unwrap();
        let query = store::Query {
            order: store::Order::Descending,
            ..store::Query::new(index, [json!(thread)]).limit(1_000)
        };
        let page = self.store.query(query).await.unwrap();
        page.documents.into_iter().map(|document| document.body).collect()
    }

    /// The document of a thread.
    pub(crate) async fn record(&self, thread: &str) -> Option<Value> {
        self.document("threads", thread).await
    }

    pub(crate) async fn document(&self, collection: &'static str, id: &str) -> Option<Value> {
        let key = Key { collection, id: id.to_owned() };
        self.store.get(&key).await.unwrap().map(|document| document.body)
    }

    /// Waits until no turn is under way on a thread.
    pub(crate) async fn settled(&self, thread: &str) {
        until(async || self.record(thread).await.is_none_or(|record| record["running_since"].is_null()))
            .await;
    }

    /// Asks the process to leave.
    pub(crate) fn leave(&self) {
        self.ctx.shutdown.cancel();
    }

    /// Ends the service; how, and its directory.
    pub(crate) async fn stop(self) -> (Drain, Arc<TempDir>) {
        self.leave();
        let Self { store, client, operations, threads, tools, serving, dir, ctx, .. } = self;
        drop((store, client, operations, threads, tools));
        let drain = serving.await.unwrap();
        ctx.tasks.close();
        ctx.tasks.wait().await;
        (drain, dir)
    }
}

impl Events {
    /// The next event.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let message =
            tokio::time::timeout(LONG, self.0.message()).await.expect("an event in time").unwrap()?;
        let Some(Frame::Event(json)) = message.frame else { panic!("no event") };
        let event = serde_json::from_slice(&json).unwrap();
        crate::checker::check_event(&event);
        Some(event)
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.next().await.expect("another event"));
        }
        events
    }

    pub(crate) async fn rest(mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let holds = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, holds).await.expect("the condition holds in time");
}

/// A visitor by a digit, at a workflow.
pub(crate) fn visitor(number: u8, workflow: &str) -> Caller {
    Caller {
        visitor_id: format!("vis_{number:032x}"),
        workflow: workflow.into(),
        session_id: "ses_1".into(),
        ..Default::default()
    }
}

/// The usual visitor.
pub(crate) fn ada() -> Caller {
    visitor(1, domain::workflow::DEFAULT)
}

/// The fault of a refused call, which must be of this kind and reason.
pub(crate) fn refused<T>(answer: Result<T, Status>, kind: Kind, reason: Reason) -> Fault {
    let Err(status) = answer else { panic!("the call is refused") };
    let fault = chassis::status::fault(&status);
    assert_eq!((fault.kind, fault.reason), (kind, reason), "{fault:?}");
    fault
}

fn input(text: &str) -> Value {
    json!({
        "content": [{"type": "input_text", "text": text}], "attachments": [], "quoted_text": "",
        "inference_options": {},
    })
}

pub(crate) fn create(text: &str) -> Value {
    json!({"type": "threads.create", "metadata": {"k": "v"}, "params": {"input": input(text)}})
}

pub(crate) fn add(thread: &str, text: &str) -> Value {
    request("threads.add_user_message", json!({"thread_id": thread, "input": input(text)}))
}

pub(crate) fn get(thread: &str) -> Value {
    request("threads.get_by_id", json!({"thread_id": thread}))
}

pub(crate) fn request(kind: &str, params: Value) -> Value {
    json!({"type": kind, "params": params})
}
