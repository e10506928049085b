//! Looking at notices.

use store::{Error, Found, Order, Query, queue::State};

use super::{Channel, NEWEST, NOTICES, Notice, Notices, Sending, sending_id};

/// A notice on one of its ways, without its text.
pub(crate) struct Listed {
    pub(crate) notice_id: String,
    pub(crate) channel: Channel,
    pub(crate) kind: String,
    pub(crate) created_at: jiff::Timestamp,
    /// How far it is; none if that is not known any more.
    pub(crate) sending: Option<store::queue::Listed<Sending>>,
}

/// A page of notices.
pub(crate) struct Page {
    pub(crate) notices: Vec<Listed>,
    pub(crate) next: Option<String>,
}

// === impl Listed ===

impl Listed {
    pub(crate) fn state(&self) -> State {
        self.sending.as_ref().map_or(State::Done, |sending| sending.state)
    }
}

// === impl Notices ===

impl Notices {
    /// The newest notices first, each on all of its ways; `limit` of them at most.
    ///
    /// # Errors
    /// The store's; [`Error::Invalid`] for a token that is none.
    pub(crate) async fn list(&self, limit: u32, token: &str) -> Result<Page, Error> {
        let alien = || Error::Invalid("the token is not from this list".into());
        let (skip, after) =
            if token.is_empty() { ("0", "") } else { token.split_once('.').ok_or_else(alien)? };
        let skip: usize = skip.parse().map_err(|_| alien())?;
        let query = Query { order: Order::Descending, ..Query::new(&NEWEST, []) };
        let cursor = (!after.is_empty()).then(|| after.to_owned());
        let page = self.store.query(query.limit(limit).after(cursor)).await?;
        let mut found = Vec::new();
        for document in page.documents {
            let notice = NOTICES.read(document)?;
            found.extend(notice.value.channels.clone().into_iter().map(|channel| (notice.clone(), channel)));
        }
        let most = limit as usize;
        let is_left = found.len() > skip.saturating_add(most);
        let next = match page.next {
            _ if is_left => Some(format!("{}.{after}", skip + most)),
            next => next.map(|cursor| format!("0.{cursor}")),
        };
        let mut notices = Vec::new();
        for (Found { id, value, .. }, channel) in found.into_iter().skip(skip).take(most) {
            let sending = self.worker.get(&sending_id(&id, channel)).await?;
            let Notice { kind, created_at, .. } = value;
            notices.push(Listed { notice_id: id, channel, kind, created_at, sending });
        }
        Ok(Page { notices, next })
    }
}
