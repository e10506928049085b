//! Conversations for the operator: the service behind them, the routes, and the page.

use chassis::status::status;
use domain::{Fault, Kind, Reason};
use prost_types::Timestamp;
use proto::chat::v1::{
    AddNoticeRequest, AddNoticeResponse, GetThreadRequest, GetThreadResponse, ListThreadsRequest,
    ListThreadsResponse, PostMessageRequest, PostMessageResponse, ReleaseThreadRequest,
    ReleaseThreadResponse, Thread, ThreadMessage, ThreadState, thread_service_server::ThreadService,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tonic::{Request, Response, Status, async_trait};

use crate::{
    backend::Backend,
    world::{Answer, OPERATOR, World},
};

const THREADS: &str = "/api/operator/threads";
const MESSAGES: &str = "/api/operator/threads/thr_1/messages";
const RELEASE: &str = "/api/operator/threads/thr_1/release";

/// What was asked of the conversations.
#[derive(Default)]
pub(crate) struct People {
    listed: Vec<ListThreadsRequest>,
    shown: Vec<GetThreadRequest>,
    posted: Vec<PostMessageRequest>,
    released: Vec<ReleaseThreadRequest>,
}

fn thread(state: ThreadState) -> Thread {
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let called = state == ThreadState::WaitingHuman;
    Thread {
        thread_id: "thr_1".into(),
        title: "A question".into(),
        workflow: "lead-concierge".into(),
        visitor_id: "vis_1".into(),
        state: state.into(),
        create_time: time(1_761_667_800),
        update_time: time(1_761_667_860),
        hand_off_time: time(1_761_667_860).filter(|_| called),
        hand_off_reason: if called { "they ask for one".into() } else { String::new() },
        hand_off_problem: if called { "thread_id must be an id".into() } else { String::new() },
    }
}

fn said(text: &str) -> ThreadMessage {
    let create_time = Some(Timestamp { seconds: 1_761_667_800, nanos: 0 });
    ThreadMessage { item_id: "opr_1".into(), author: "person".into(), text: text.into(), create_time }
}

impl Backend {
    /// Notes a call, which may fail.
    fn ask<T>(&self, request: Request<T>, note: impl FnOnce(&mut People, T)) -> Result<(), Status> {
        let mut notes = self.note(&request);
        note(&mut notes.people, request.into_inner());
        notes.refusals.pop_front().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl ThreadService for Backend {
    async fn add_notice(&self, _: Request<AddNoticeRequest>) -> Result<Response<AddNoticeResponse>, Status> {
        Err(Status::unimplemented("the gateway tells nothing in threads"))
    }

    async fn list_threads(
        &self,
        request: Request<ListThreadsRequest>,
    ) -> Result<Response<ListThreadsResponse>, Status> {
        self.ask(request, |people, asked| people.listed.push(asked))?;
        let threads = vec![thread(ThreadState::WaitingHuman)];
        Ok(Response::new(ListThreadsResponse { threads, next_page_token: "page-2".into() }))
    }

    async fn get_thread(
        &self,
        request: Request<GetThreadRequest>,
    ) -> Result<Response<GetThreadResponse>, Status> {
        self.ask(request, |people, asked| people.shown.push(asked))?;
        let (thread, messages) = (Some(thread(ThreadState::Active)), vec![said("Hi")]);
        Ok(Response::new(GetThreadResponse { thread, messages }))
    }

    async fn post_message(
        &self,
        request: Request<PostMessageRequest>,
    ) -> Result<Response<PostMessageResponse>, Status> {
        let text = request.get_ref().text.clone();
        self.ask(request, |people, asked| people.posted.push(asked))?;
        let (thread, message) = (Some(thread(ThreadState::WithHuman)), Some(said(&text)));
        Ok(Response::new(PostMessageResponse { thread, message }))
    }

    async fn release_thread(
        &self,
        request: Request<ReleaseThreadRequest>,
    ) -> Result<Response<ReleaseThreadResponse>, Status> {
        self.ask(request, |people, asked| people.released.push(asked))?;
        Ok(Response::new(ReleaseThreadResponse { thread: Some(thread(ThreadState::Active)) }))
    }
}

impl World {
    fn person(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(OPERATOR)
    }

    async fn look(&self, path: &str) -> Answer {
        Answer::of(self.person(Method::GET, path)).await
    }

    async fn reply(&self, body: Value) -> Answer {
        Answer::of(self.person(Method::POST, MESSAGES).header("idempotency-key", "k1").json(&body)).await
    }
}

#[tokio::test]
async fn conversations_are_listed_and_shown() {
    let world = World::start().await;
    let page = world.look(&format!("{THREADS}?handed_off=true&visitor=vis_1&after=page-1&limit=7")).await;
    assert_eq!((page.status, page.header("cache-control").as_str()), (200, "no-store"));
    let waiting = json!({
        "id": "thr_1", "title": "A question", "workflow": "lead-concierge", "visitor_id": "vis_1",
        "state": "waiting_human", "created_at": "2025-10-28T16:10:00Z", "updated_at": "2025-10-28T16:11:00Z",
        "handed_off_at": "2025-10-28T16:11:00Z", "reason": "they ask for one",
        "problem": "thread_id must be an id",
    });
    assert_eq!(page.json(), json!({"threads": [waiting], "next": "page-2"}));
    world.look(&format!("{THREADS}?handed_off=false")).await;
    let listed = |at: usize| world.backend.notes().people.listed[at].clone();
    let asked = listed(0);
    assert_eq!(
        (asked.visitor_id.as_str(), asked.page_token.as_str(), asked.page_size),
        ("vis_1", "page-1", 7)
    );
    assert!(asked.handed_off_only && !listed(1).handed_off_only);

    let shown = world.look(&format!("{THREADS}/thr_1")).await.json();
    assert_eq!(
        (&shown["thread"]["state"], &shown["thread"]["handed_off_at"]),
        (&json!("active"), &Value::Null)
    );
    let message =
        json!({"id": "opr_1", "author": "person", "text": "Hi", "created_at": "2025-10-28T16:10:00Z"});
    assert_eq!(shown["messages"], json!([message]));
    assert_eq!(world.backend.notes().people.shown[0].thread_id, "thr_1");

    for (query, field) in [("handed_off=yes", "handed_off"), ("limit=101", "limit"), ("limit=x", "limit")] {
        let answer = world.look(&format!("{THREADS}?{query}")).await;
        answer.problem(400, "INVALID_VALUE");
        assert_eq!(answer.json()["field"], field);
    }
    let refuse = |field: &str| {
        let fault = Fault::invalid(field, format!("{field} is not right"));
        world.backend.notes().refusals.push_back(status(&fault));
    };
    for (inward, outward) in [("page_token", "after"), ("visitor_id", "visitor")] {
        refuse(inward);
        assert_eq!(world.look(THREADS).await.json()["field"], outward);
    }
    let unknown = Fault::new(Kind::NotFound, Reason::ThreadUnknown, "there is no such thread");
    world.backend.notes().refusals.push_back(status(&unknown));
    world.look(&format!("{THREADS}/thr_2")).await.problem(404, "THREAD_UNKNOWN");
}

#[tokio::test]
async fn a_reply_is_sent_once_per_key() {
    let world = World::start().await;
    let posted = world.reply(json!({"text": "Hello", "author": "Anna"})).await.json();
    assert_eq!(
        (&posted["thread"]["state"], &posted["message"]["text"]),
        (&json!("with_human"), &json!("Hello"))
    );
    world.reply(json!({"text": "Hello"})).await;
    Answer::of(world.person(Method::POST, MESSAGES).json(&json!({"text": "Hello"}))).await;
    let asked: Vec<PostMessageRequest> = world.backend.notes().people.posted.clone();
    assert_eq!((asked[0].thread_id.as_str(), asked[0].text.as_str()), ("thr_1", "Hello"));
    assert_eq!((asked[0].author.as_str(), asked[1].author.as_str()), ("Anna", ""));
    assert_eq!(asked[0].request_id, asked[1].request_id);
    assert!(asked[2].request_id != asked[0].request_id && !asked[2].request_id.is_empty());

    for (body, field) in [
        (json!({}), "text"),
        (json!({"text": ""}), "text"),
        (json!({"text": 7}), "text"),
        (json!({"text": "x", "author": []}), "author"),
    ] {
        let answer = world.reply(body.clone()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{body}");
    }
    world.reply(json!({"text": "x".repeat(40_000)})).await.problem(413, "TOO_LARGE");
    assert_eq!(world.backend.notes().people.posted.len(), 3, "what is refused is not asked inward");
    let used = Fault {
        field: Some("request_id".into()),
        ..Fault::new(Kind::Conflict, Reason::RequestIdReused, "x")
    };
    world.backend.notes().refusals.push_back(status(&used));
    assert_eq!(world.reply(json!({"text": "Hello"})).await.json()["field"], "Idempotency-Key");

    let released = Answer::of(world.person(Method::POST, RELEASE)).await.json();
    assert_eq!(released["state"], "active");
    let asked = world.backend.notes().people.released[0].clone();
    assert!(asked.thread_id == "thr_1" && !asked.request_id.is_empty());
}

#[tokio::test]
async fn the_page_holds_nothing_and_loads_nothing_of_others() {
    let world = World::start().await;
    let page = world.get("/operator?thread=thr_1").await;
    assert_eq!((page.status, page.header("cache-control").as_str()), (200, "no-store"));
    let policy = page.header("content-security-policy");
    for rule in ["default-src 'none';", "script-src 'self';", "style-src 'sha256-", "connect-src 'self';"] {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    for rule in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(!page.text.contains("thr_1") && !page.text.contains(OPERATOR));
    assert_eq!(page.text.matches("<script").count(), 1);
    for inline in [" style=\"", " onclick", "javascript:", "@import", "url("] {
        assert!(!page.text.contains(inline), "{inline}");
    }
    let (_, address) = page.text.split_once("<script src=\"").unwrap();
    let script = world.get(address.split('"').next().unwrap()).await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    for dangerous in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "localStorage",
    ] {
        assert!(!script.text.contains(dangerous), "{dangerous}");
    }
    assert!(script.text.contains("sessionStorage") && script.text.contains(THREADS));
}

#[tokio::test]
async fn in_the_cloud_there_is_no_page_without_a_token() {
    let cloud = [
        ("K_SERVICE", "gateway"),
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        ("MCP_TOKENS", ""),
        ("OPERATOR_TOKEN", ""),
    ];
    let world = World::with(&cloud).await;
    for path in ["/operator", "/operator.js"] {
        world.get(path).await.problem(404, "ROUTE_UNKNOWN");
    }
}
