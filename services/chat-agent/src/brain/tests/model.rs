//! A model that answers from a script.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// One piece of an answer.
pub(super) enum Piece {
    /// An event.
    Event(Value),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Nothing, until the test says so.
    Gate(Arc<Notify>),
    /// The connection breaks.
    Break,
    /// Nothing, ever.
    Hang,
}

/// An answer.
pub(super) enum Reply {
    Stream(Vec<Piece>),
    Whole(u16, &'static str, String),
}

#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    moderations: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<(String, HeaderMap, Value)>>,
    dropped: AtomicBool,
}

/// The model's side of the wire.
pub(super) struct Model {
    pub(super) url: String,
    script: Arc<Script>,
}

/// Tells when a stream is dropped before its end.
struct Guard(Arc<Script>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::SeqCst);
    }
}

impl Model {
    pub(super) async fn start() -> Self {
        let script = Arc::<Script>::default();
        let router = Router::new().fallback(answer).with_state(script.clone());
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(chassis::serve(listener, router.into(), chassis::Context::new("model", false)));
        Self { url, script }
    }

    pub(super) fn reply(&self, reply: Reply) -> &Self {
        self.script.replies.lock().unwrap().push_back(reply);
        self
    }

    pub(super) fn events(&self, events: Vec<Value>) -> &Self {
        self.reply(Reply::Stream(events.into_iter().map(Piece::Event).collect()))
    }

    pub(super) fn says(&self, text: &str) -> &Self {
        self.events(saying(0, &[text]).into_iter().chain([completed()]).collect())
    }

    /// Calls, `(call_id, name, arguments)`.
    pub(super) fn calls(&self, calls: &[(&str, &str, &str)]) -> &Self {
        let calls =
            calls.iter().enumerate().map(|(i, (id, name, arguments))| calling(i, id, name, arguments));
        self.events(calls.flatten().chain([completed()]).collect())
    }

    pub(super) fn moderates(&self, reply: Reply) {
        self.script.moderations.lock().unwrap().push_back(reply);
    }

    /// Bodies of the requests to the model itself.
    pub(super) fn requests(&self) -> Vec<Value> {
        let requests = self.script.requests.lock().unwrap();
        let asked = requests.iter().filter(|(path, _, _)| path == "/v1/responses");
        asked.map(|(_, _, body)| body.clone()).collect()
    }

    /// Path, headers and body of every request.
    pub(super) fn all_requests(&self) -> Vec<(String, HeaderMap, Value)> {
        self.script.requests.lock().unwrap().clone()
    }

    pub(super) fn was_dropped(&self) -> bool {
        self.script.dropped.load(Ordering::SeqCst)
    }
}

async fn answer(State(script): State<Arc<Script>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let queue = if path == "/v1/moderations" { &script.moderations } else { &script.replies };
    script.requests.lock().unwrap().push((path, headers, body));
    let reply = queue.lock().unwrap().pop_front();
    match reply.unwrap_or(Reply::Whole(418, "", "nothing is left of the script".into())) {
        Reply::Whole(status, retry_after, body) => {
            let mut response = Response::builder().status(status);
            if !retry_after.is_empty() {
                response = response.header("retry-after", retry_after);
            }
            response.body(Body::from(body)).unwrap()
        }
        Reply::Stream(pieces) => {
            let body = Body::from_stream(frames(pieces, Guard(script.clone())));
            Response::builder().header("content-type", "text/event-stream; charset=utf-8").body(body).unwrap()
        }
    }
}

fn frames(
    pieces: Vec<Piece>,
    guard: Guard,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::iter(pieces).then(move |piece| {
        let _held = &guard;
        async move {
            match piece {
                Piece::Event(event) => {
                    let kind = event["type"].as_str().unwrap_or_default();
                    Ok(format!("event: {kind}\ndata: {event}\n\n").into())
                }
                Piece::Raw(bytes) => Ok(bytes.into()),
                Piece::Gate(gate) => {
                    gate.notified().await;
                    Ok(Bytes::from_static(b": go on\n\n"))
                }
                Piece::Break => {
                    // what came before it is on its way once the body was not ready
                    tokio::task::yield_now().await;
                    Err(std::io::Error::other("cut"))
                }
                Piece::Hang => {
                    std::future::pending::<Infallible>().await;
                    Ok(Bytes::new())
                }
            }
        }
    })
}

/// A whole message in these deltas.
pub(super) fn saying(index: usize, deltas: &[&str]) -> Vec<Value> {
    let id = format!("msg_up_{index}");
    let text = deltas.concat();
    let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
    let mut events = vec![
        json!({"type": "response.output_item.added", "output_index": index, "sequence_number": 1,
            "item": {"id": id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}}),
        json!({"type": "response.content_part.added", "item_id": id, "output_index": index, "content_index": 0,
            "part": part, "sequence_number": 2}),
    ];
    events.extend(deltas.iter().map(|delta| said(index, delta)));
    let whole = json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    events.extend([
        json!({"type": "response.output_text.done", "item_id": id, "output_index": index, "content_index": 0,
            "text": text, "logprobs": [], "sequence_number": 8}),
        json!({"type": "response.content_part.done", "item_id": id, "output_index": index, "content_index": 0,
            "part": whole, "sequence_number": 9}),
        json!({"type": "response.output_item.done", "output_index": index, "sequence_number": 10,
            "item": {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": [whole]}}),
    ]);
    events
}

/// One delta of it.
pub(super) fn said(index: usize, delta: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": format!("msg_up_{index}"), "output_index": index,
        "content_index": 0, "delta": delta, "logprobs": [], "sequence_number": 3})
}

/// A call.
pub(super) fn calling(index: usize, id: &str, name: &str, arguments: &str) -> Vec<Value> {
    let item = |arguments: &str, status: &str| {
        json!({"type": "function_call", "id": format!("fc_{index}"), "call_id": id, "name": name,
            "arguments": arguments, "status": status})
    };
    vec![
        json!({"type": "response.output_item.added", "output_index": index, "sequence_number": 1,
            "item": item("", "in_progress")}),
        json!({"type": "response.function_call_arguments.delta", "output_index": index, "item_id": "fc",
            "delta": arguments, "sequence_number": 2}),
        json!({"type": "response.function_call_arguments.done", "output_index": index, "item_id": "fc",
            "name": name, "arguments": arguments, "sequence_number": 3}),
        json!({"type": "response.output_item.done", "output_index": index, "sequence_number": 4,
            "item": item(arguments, "completed")}),
    ]
}

/// The end, at 20 tokens in and 10 out.
pub(super) fn completed() -> Value {
    let usage = json!({"input_tokens": 20, "output_tokens": 10, "total_tokens": 30,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}});
    json!({"type": "response.completed", "sequence_number": 99,
        "response": {"id": "resp_1", "object": "response", "status": "completed", "error": null, "usage": usage}})
}
