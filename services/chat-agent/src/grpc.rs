//! The service on the wire: decodes, calls, encodes.

use std::pin::Pin;

use domain::{Fault, id::VisitorId};
use futures_util::{Stream, StreamExt as _, stream};
use proto::{
    chat::v1::{
        AddNoticeRequest, AddNoticeResponse, ProcessRequest, ProcessResponse,
        chat_service_server::ChatService, process_response::Frame, thread_service_server::ThreadService,
    },
    common::v1::{Caller, Person},
};
use store::erasing::{Erased, Eraser};
use tonic::{Request, Response, Status};

use crate::{
    error::{Error, fault},
    notices::{self, LINES, Notice},
    requests::{Desk, Reply},
    threads::{Owner, Threads},
    turn::Session,
};

/// Longest language that is believed.
const LOCALE: usize = 35;

/// Longest title or line of a notice, in bytes.
const NOTICE: usize = 1_000;

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

/// `ThreadService`.
pub(crate) struct Notices {
    /// Where notices are put.
    pub(crate) threads: Threads,
}

#[tonic::async_trait]
impl ThreadService for Notices {
    async fn add_notice(
        &self,
        request: Request<AddNoticeRequest>,
    ) -> Result<Response<AddNoticeResponse>, Status> {
        let AddNoticeRequest { caller, thread_id, notice_id, title, lines, .. } = request.into_inner();
        let caller = caller.unwrap_or_default();
        let owner = Owner { visitor: visitor(&caller).map_err(refuse)?, workflow: caller.workflow.clone() };
        for (field, given) in [("thread_id", &thread_id), ("notice_id", &notice_id)] {
            if domain::id::check(given).is_err() {
                return Err(refuse(Error::Refused(Fault::invalid(field, format!("{field} must be an id")))));
            }
        }
        let lines: Vec<_> = lines.into_iter().map(|line| (line.name, line.value)).collect();
        let texts = lines.iter().flat_map(|(name, value)| [name, value]).chain([&title]);
        if title.is_empty() || lines.len() > LINES || texts.into_iter().any(|text| text.len() > NOTICE) {
            let why = "a notice has a title and at most 20 lines, none of them over 1,000 bytes";
            return Err(refuse(Error::Refused(Fault::invalid("lines", why))));
        }
        let notice = Notice { id: notice_id, title, lines };
        let added = notices::add(&self.threads, &owner, &thread_id, &notice).await;
        Ok(Response::new(AddNoticeResponse { added: added.map_err(|error| refuse(Error::Store(error)))? }))
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
