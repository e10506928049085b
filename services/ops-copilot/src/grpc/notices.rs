//! `NotifyService` on the wire.

use domain::Fault;
use proto::{
    ops::v1::{
        ListNoticesRequest, ListNoticesResponse, Notice, NoticeState, NotifyEventRequest,
        NotifyEventResponse, NotifyRequest, NotifyResponse, notify_service_server::NotifyService,
    },
    time::wire,
};
use store::queue::State;
use tonic::{Request, Response, Status};

use super::{foreign, limit, request_id};
use crate::{
    config::Wanted,
    error::{Error, refuse},
    notices::{Listed, Notices, Words, notice_id},
};

/// The kind of a notice in somebody's own words.
const MESSAGE: &str = "message";
/// Longest title and text, in characters.
const TITLE: usize = 200;
const TEXT: usize = 4_000;

/// Takes notices.
pub(crate) struct Service {
    pub(crate) notices: Notices,
    pub(crate) words: Words,
    pub(crate) wanted: Wanted,
}

impl Service {
    async fn take_event(&self, event: &[u8]) -> Result<bool, Error> {
        let told = self.words.of_event(event)?;
        let wanted = self.wanted.has(&told.kind) && !self.notices.channels().is_empty();
        if wanted {
            self.notices.take(&told.notice_id, &told.kind, &told.letter, &told.about).await?;
        }
        Ok(wanted)
    }

    async fn take(&self, request: NotifyRequest) -> Result<NotifyResponse, Error> {
        let NotifyRequest { request_id: id, title, text, .. } = request;
        let notice_id = notice_id(&[MESSAGE, request_id(&id)?]);
        let (title, text) = (title.trim(), text.trim());
        if title.is_empty() || title.chars().count() > TITLE || title.chars().any(char::is_control) {
            return Err(Fault::invalid("title", "title must be one line of 1 to 200 characters").into());
        }
        if text.chars().count() > TEXT {
            return Err(Fault::invalid("text", "text must be at most 4000 characters").into());
        }
        let letter = self.words.of_message(title, text);
        self.notices.take(&notice_id, MESSAGE, &letter, &[]).await?;
        let channels = self.notices.channels().iter().map(|channel| channel.as_str().to_owned());
        Ok(NotifyResponse { notice_id, channels: channels.collect() })
    }

    async fn list(&self, request: ListNoticesRequest) -> Result<ListNoticesResponse, Error> {
        let page =
            self.notices.list(limit(request.page_size)?, &request.page_token).await.map_err(foreign)?;
        Ok(ListNoticesResponse {
            notices: page.notices.into_iter().map(notice).collect(),
            next_page_token: page.next.unwrap_or_default(),
        })
    }
}

fn notice(listed: Listed) -> Notice {
    let state = match listed.state() {
        State::Waiting => NoticeState::Waiting,
        State::Done => NoticeState::Sent,
        State::Parked => NoticeState::Parked,
    };
    let Listed { notice_id, channel, kind, created_at, sending } = listed;
    let (tries, problem, next_at) =
        sending.map(|sending| (sending.tries, sending.problem, sending.next_at)).unwrap_or_default();
    Notice {
        notice_id,
        channel: channel.as_str().to_owned(),
        kind,
        state: state.into(),
        create_time: Some(wire(created_at)),
        next_time: next_at.map(wire),
        tries: i32::try_from(tries).unwrap_or(i32::MAX),
        problem,
    }
}

#[tonic::async_trait]
impl NotifyService for Service {
    async fn notify_event(
        &self,
        request: Request<NotifyEventRequest>,
    ) -> Result<Response<NotifyEventResponse>, Status> {
        let wanted = self.take_event(&request.into_inner().event).await.map_err(refuse)?;
        Ok(Response::new(NotifyEventResponse { wanted }))
    }

    async fn notify(&self, request: Request<NotifyRequest>) -> Result<Response<NotifyResponse>, Status> {
        self.take(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn list_notices(
        &self,
        request: Request<ListNoticesRequest>,
    ) -> Result<Response<ListNoticesResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new).map_err(refuse)
    }
}
