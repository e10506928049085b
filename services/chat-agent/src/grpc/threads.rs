//! Threads as others than their visitor see them: services that report what happened, and the operator.
//!
//! The invariant: what is for the model alone is shown to nobody.

mod wire;

use domain::Fault;
use proto::chat::v1::{
    AddNoticeRequest, AddNoticeResponse, GetThreadRequest, GetThreadResponse, ListThreadsRequest,
    ListThreadsResponse, PostMessageRequest, PostMessageResponse, ReleaseThreadRequest,
    ReleaseThreadResponse, thread_service_server::ThreadService,
};
use tonic::{Request, Response, Status};

use super::{refuse, visitor};
use crate::{
    error::Error,
    hand_off::{Answer, HandOffs, Wanted},
    notices::{self, LINES, Notice},
    threads::{Direction, Owner, Paging, Record, Threads as Kept},
};

/// Longest title or line of a notice, in bytes.
const NOTICE: usize = 1_000;
/// How many messages of a thread are shown.
const MESSAGES: u32 = 200;
/// How many threads a page has if nobody says, and at most.
const PAGE: (u32, u32) = (20, 100);

/// `ThreadService`.
pub(crate) struct Threads {
    /// Where they are kept.
    pub(crate) threads: Kept,
    /// What people do with them.
    pub(crate) hand_offs: HandOffs,
}

#[tonic::async_trait]
impl ThreadService for Threads {
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

    async fn list_threads(
        &self,
        request: Request<ListThreadsRequest>,
    ) -> Result<Response<ListThreadsResponse>, Status> {
        let ListThreadsRequest { page_size, page_token, handed_off_only, visitor_id, .. } =
            request.into_inner();
        let limit = match u32::try_from(page_size) {
            Ok(0) => PAGE.0,
            Ok(size) if size <= PAGE.1 => size,
            _ => return Err(refuse(wrong("page_size", "must be a number from 1 to 100"))),
        };
        if !visitor_id.is_empty() && domain::id::check(&visitor_id).is_err() {
            return Err(refuse(wrong("visitor_id", "must be an id")));
        }
        let visitor = Some(visitor_id).filter(|visitor| !visitor.is_empty());
        let token = Some(page_token).filter(|token| !token.is_empty());
        let wanted = Wanted { handed_off: handed_off_only, visitor, limit, token };
        let (found, next) = self.hand_offs.list(wanted).await.map_err(|error| match error {
            store::Error::Invalid(_) => refuse(wrong("page_token", "is not from this list")),
            error => refuse(Error::Store(error)),
        })?;
        let threads = found.iter().map(|record| self.thread(record)).collect();
        Ok(Response::new(ListThreadsResponse { threads, next_page_token: next.unwrap_or_default() }))
    }

    async fn get_thread(
        &self,
        request: Request<GetThreadRequest>,
    ) -> Result<Response<GetThreadResponse>, Status> {
        let id = request.into_inner().thread_id;
        let record = self.threads.any(&id).await.map_err(|error| refuse(Error::Store(error)))?;
        let record = record.ok_or_else(|| refuse(unknown()))?;
        let newest = Paging { limit: MESSAGES, direction: Direction::Descending, after: None };
        let items = self.threads.items(&id, &newest).await.map_err(|error| refuse(Error::Store(error)))?;
        let messages = items.unwrap_or_default().data.iter().rev().filter_map(wire::message).collect();
        Ok(Response::new(GetThreadResponse { thread: Some(self.thread(&record)), messages }))
    }

    async fn post_message(
        &self,
        request: Request<PostMessageRequest>,
    ) -> Result<Response<PostMessageResponse>, Status> {
        let PostMessageRequest { request_id, thread_id, text, author, .. } = request.into_inner();
        if domain::id::check(&request_id).is_err() {
            return Err(refuse(wrong("request_id", "must be an id")));
        }
        let answer = Answer { request_id, text, author };
        let (record, item) = self.hand_offs.answer(&thread_id, answer).await.map_err(named)?;
        Ok(Response::new(PostMessageResponse {
            thread: Some(self.thread(&record)),
            message: wire::message(&item),
        }))
    }

    async fn release_thread(
        &self,
        request: Request<ReleaseThreadRequest>,
    ) -> Result<Response<ReleaseThreadResponse>, Status> {
        let id = request.into_inner().thread_id;
        let record = self.hand_offs.release(&id).await.map_err(named)?;
        Ok(Response::new(ReleaseThreadResponse { thread: Some(self.thread(&record)) }))
    }
}

impl Threads {
    fn thread(&self, record: &Record) -> proto::chat::v1::Thread {
        wire::thread(record, self.threads.now(), &self.threads.times())
    }
}

/// A refusal in the names of this service.
fn named(error: Error) -> Status {
    refuse(if matches!(error, Error::ThreadUnknown) { unknown() } else { error })
}

fn unknown() -> Error {
    let fault = Fault::new(domain::Kind::NotFound, domain::Reason::ThreadUnknown, "there is no such thread");
    Error::Refused(Fault { field: Some("thread_id".to_owned()), ..fault })
}

fn wrong(field: &str, why: &str) -> Error {
    Error::Refused(Fault::invalid(field, format!("{field} {why}")))
}
