//! Actions: something on a widget was pressed.

use futures_util::StreamExt as _;
use serde::Serialize;

use super::{Desk, Opening, Reply, Session, busy, invalid, stream_options, whole};
use crate::{
    error::Error,
    protocol::{Event, Item, event, request::Action},
    turn::{Hearing, Input},
};

/// The answer to `threads.sync_custom_action`.
#[derive(Serialize)]
struct Updated {
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_item: Option<Item>,
}

impl Desk {
    /// `threads.custom_action`
    pub(super) async fn act(&self, session: Session, action: Action) -> Result<Reply, Error> {
        match self.action(session, action, vec![stream_options()]).await? {
            Some(opening) => Ok(self.start(opening)),
            None => Ok(busy()),
        }
    }

    /// `threads.sync_custom_action`
    pub(super) async fn act_now(&self, session: Session, action: Action) -> Result<Reply, Error> {
        let sender = action.item_id.clone();
        let Some(opening) = self.action(session, action, Vec::new()).await? else {
            return Err(Error::Action { message: Some("still answering".to_owned()), allow_retry: true });
        };
        let (run, hearing) = self.open(opening);
        let ((), updated) = tokio::join!(run.live(), updated(hearing, sender.as_deref()));
        Ok(whole(&Updated { updated_item: updated? }))
    }

    async fn action(
        &self,
        session: Session,
        action: Action,
        events: Vec<Event>,
    ) -> Result<Option<Opening>, Error> {
        let Action { thread_id, item_id, kind, payload } = action;
        let Some((slot, record)) = self.take(&session, &thread_id).await? else { return Ok(None) };
        if let Some(item) = &item_id {
            let placed = self.0.threads.item(&thread_id, item).await?;
            let placed = placed.filter(|placed| !placed.item.is_hidden());
            let Item::Widget(_) = placed.ok_or(Error::ItemUnknown("params.item_id"))?.item else {
                return Err(invalid("params.item_id", "must be a widget"));
            };
        }
        let record = self.begin(&record, Vec::new()).await?;
        let input = Input::Action { item_id, kind, payload };
        Ok(Some(Opening { session, record, input, events, title: None, slot }))
    }
}

/// The last state of the widget that a turn leaves.
async fn updated(mut hearing: Hearing, widget: Option<&str>) -> Result<Option<Item>, Error> {
    let mut updated = None;
    while let Some(event) = hearing.next().await {
        match event {
            Event::ItemDone { item } | Event::ItemReplaced { item } if Some(item.id()) == widget => {
                updated = Some(item);
            }
            Event::Error(error) => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(updated)
}

fn failed(error: event::Error) -> Error {
    match error {
        event::Error::Stream { allow_retry } => Error::Action { message: None, allow_retry },
        event::Error::Custom { message, allow_retry } => {
            Error::Action { message: Some(message), allow_retry }
        }
    }
}
