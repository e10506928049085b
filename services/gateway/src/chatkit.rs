//! The chat itself: `POST /chatkit`, the ChatKit server protocol.
//!
//! The body goes inward as it is and what comes back goes out as it is; only its frame is put around it here. The
//! invariant: whom a conversation belongs to follows from the client secret, which we signed, and from nothing else; where
//! the token of another Whop user stands beside it, nobody is answered.

pub(crate) mod bearer;
mod frames;
pub(crate) mod told;
mod wire;

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use domain::{Fault, Kind, Reason};
use jiff::Timestamp;
use proto::{
    chat::v1::{ProcessRequest, ProcessResponse, process_response::Frame},
    common::v1::Caller,
};
use tonic::Streaming;

use crate::{body, caller::Client, door::Door, error, member, openapi::ChatProblems, problem::Problem};

/// Where chats are held.
pub(crate) const PATH: &str = "/chatkit";
/// Longest body: a message, or what a tool of the page found out.
const BODY_MAX: usize = 256 << 10;
const SERVICE: &str = "chat-agent";
/// Longest language tag that travels.
const LOCALE_MAX: usize = 35;

/// Talk
///
/// Takes one request of the ChatKit server protocol. One that streams is answered with server-sent events, each
/// `data: {json}` and an empty line, any other with JSON. A failure before the first event is a problem with its
/// status; a later one is an `error` event. Whoever hangs up stops the text, never an effect that has begun.
#[utoipa::path(
    post,
    path = "/chatkit",
    tag = "chat",
    operation_id = "process_chat",
    security(("client_secret" = [])),
    request_body(
        content = wire::ChatRequest,
        example = json!({"type": "threads.list", "params": {"limit": 20, "order": "desc"}}),
    ),
    responses(
        (
            status = 200,
            description = "The answer, or a stream of events.",
            content(
                (Object = "application/json"),
                (told::ChatFrame = "text/event-stream"),
            ),
            headers(("Cache-Control" = String, description = "Always `no-store`.")),
        ),
        ChatProblems,
    ),
)]
pub(crate) async fn process_chat(
    State(door): State<Door>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let talker = bearer::open(&door.keys, &headers, Timestamp::now()).ok_or_else(unauthenticated)?;
    member::agree(&headers, talker.whop_user.as_deref())?;
    let body = body::read_json(&headers, body, BODY_MAX).await?;
    let request = ProcessRequest {
        caller: Some(Caller {
            visitor_id: talker.visitor.to_string(),
            workflow: talker.workflow,
            session_id: talker.session_id,
            verified_whop_user_id: talker.whop_user.unwrap_or_default(),
            ..client.caller(None)
        }),
        request_id: chassis::request_id::current().unwrap_or_default(),
        body,
        locale: locale(&headers),
    };
    // Never repeated: what a visitor says must not be said twice.
    let stream = door.chats().process(request).await.map_err(|status| error::fault(SERVICE, &status))?;
    answer(stream.into_inner(), frames::cut(door.shutdown.clone())).await
}

/// The first frame decides what the answer is.
async fn answer(
    mut stream: Streaming<ProcessResponse>,
    cut: impl Future<Output = ()> + Send + 'static,
) -> Result<Response, Problem> {
    let first = stream.message().await.map_err(|status| error::fault(SERVICE, &status))?;
    match first.and_then(|response| response.frame) {
        Some(Frame::Result(json)) => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            Ok((headers, json).into_response())
        }
        Some(Frame::Event(json)) => {
            let headers = [
                (header::CONTENT_TYPE, "text/event-stream"),
                (header::CACHE_CONTROL, "no-store"),
                (frames::ACCEL_BUFFERING, "no"),
            ];
            let frames = frames::of(json, stream, cut);
            let body = Body::from_stream(futures_util::StreamExt::map(frames, Ok::<_, Infallible>));
            Ok((headers, body).into_response())
        }
        None => Err(error::nothing(SERVICE).into()),
    }
}

fn unauthenticated() -> Fault {
    let message = "send a client secret that has not ended as `Authorization: Bearer`";
    Fault::new(Kind::Unauthenticated, Reason::CallerMissing, message)
}

/// The language that the visitor likes best; empty if none is told.
fn locale(headers: &HeaderMap) -> String {
    let told = headers.get(header::ACCEPT_LANGUAGE).and_then(|told| told.to_str().ok()).unwrap_or_default();
    let best = told.split([',', ';']).next().unwrap_or_default().trim();
    let is_tag = best.len() <= LOCALE_MAX && best.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_tag { best.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_is_the_first_language() {
        for (told, taken) in [
            ("de-DE", "de-DE"),
            ("fr;q=0.9, en", "fr"),
            (" pt-BR , pt", "pt-BR"),
            ("*", ""),
            ("", ""),
            ("<script>", ""),
            (&"x".repeat(36), ""),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, told.parse().unwrap())]);
            assert_eq!(locale(&headers), taken, "{told:?}");
        }
        assert_eq!(locale(&HeaderMap::new()), "");
    }
}
