//! The service on the wire: decodes, calls, encodes.

mod threads;
mod tools;

use std::pin::Pin;

use domain::id::VisitorId;
use futures_util::{Stream, StreamExt as _, stream};
use proto::{
    chat::v1::{ProcessRequest, ProcessResponse, chat_service_server::ChatService, process_response::Frame},
    common::v1::{Caller, Person},
};
use store::erasing::{Erased, Eraser};
use tonic::{Request, Response, Status};

use crate::{
    error::{Error, fault},
    requests::{Desk, Reply},
    turn::Session,
};

pub(crate) use self::{threads::Threads, tools::Tools};

/// Longest language that is believed.
const LOCALE: usize = 35;

/// `ChatService`.
pub(crate) struct Service {
    /// Where requests are worked on.
    pub(crate) desk: Desk,
}

#[tonic::async_trait]
impl ChatService for Service {
    type ProcessStream = Pin<Box<dyn Stream<Item = Result<ProcessResponse, Status>> + Send>>;

    async fn process(
        &self,
        request: Request<ProcessRequest>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        let ProcessRequest { caller, body, locale, .. } = request.into_inner();
        let session = self.session(caller, locale).map_err(refuse)?;
        let reply = self.desk.answer(session, &body).await.map_err(refuse)?;
        Ok(Response::new(encode(reply)))
    }
}

impl Service {
    fn session(&self, caller: Option<Caller>, locale: String) -> Result<Session, Error> {
        let caller = caller.unwrap_or_default();
        let visitor_id = visitor(&caller)?;
        let workflow = self.desk.workflow(&caller.workflow).ok_or(Error::WorkflowUnknown)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let known = locale.len() <= LOCALE && locale.bytes().all(plain);
        let locale = if known { locale } else { String::new() };
        Ok(Session { visitor_id, workflow, session_id: caller.session_id.clone(), locale, caller })
    }
}

fn visitor(caller: &Caller) -> Result<VisitorId, Error> {
    let caller = domain::Caller::read(&caller.visitor_id, &caller.verified_whop_user_id);
    Ok(caller.map_err(Error::Refused)?.visitor)
}

fn encode(reply: Reply) -> <Service as ChatService>::ProcessStream {
    let frame = |frame| Ok(ProcessResponse { frame: Some(frame) });
    match reply {
        Reply::Whole(document) => Box::pin(stream::iter([frame(Frame::Result(document.into()))])),
        Reply::Stream(hearing) => Box::pin(hearing.map(move |event| {
            let json = serde_json::to_vec(&event).expect("an event serializes to JSON");
            frame(Frame::Event(json.into()))
        })),
    }
}

#[tonic::async_trait]
impl Eraser for Desk {
    /// A thread belongs to a visitor; nothing here is kept by any other name.
    async fn erase_person(&self, erasure_id: &str, person: Person) -> Result<Erased, Status> {
        self.erase(erasure_id, &person.visitor_ids).await.map_err(refuse)
    }
}

fn refuse(error: Error) -> Status {
    chassis::status::status(&fault(error))
}
