//! What was asked of us under a `request_id`, stored before Cal.com is asked.
//!
//! Cal.com knows no idempotency key. An intent is the memory that takes its place, and the proof whose a meeting is: its
//! token goes into the booking's metadata. Anybody can put metadata on a public page, so the token holds 128 random bits
//! that leave us only on that way. The invariants: one intent is bound to one booking at most and for ever; the same
//! `request_id` with another content is refused.

use domain::{
    Fault, Kind, Reason,
    id::{digest, hex},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Attempts, Collection, Work};
use subtle::ConstantTimeEq as _;

use super::{Calendar, holds::Hold};
use providers::{api::Failure, error::Error, forgotten, owner::Owner};

use crate::{
    calcom::{NAME, wire::Booking},
    grpc::check_request_id,
};

/// The intents, which expire.
pub(super) const INTENTS: Collection<Intent> = Collection::new("booking_intents");
/// How long a repetition is recognised.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How long what was asked for may still come about after an answer that was lost.
const LANDS: SignedDuration = SignedDuration::from_mins(5);
/// Where the token stands in a booking's metadata. Cal.com takes keys of 40 characters and values of 500.
const METADATA_KEY: &str = "frontdesk_intent";

/// What was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Intent {
    /// Who asked.
    pub(super) owner: Owner,
    /// Digest of what was asked.
    content: String,
    /// What nobody else knows.
    secret: String,
    /// The first uid of what came of it.
    #[serde(default)]
    pub(super) uid: Option<String>,
    /// The reservation that came of it.
    #[serde(default)]
    pub(super) hold: Option<Hold>,
    /// Whatever was asked of Cal.com for it was refused: nothing can come of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    refused: bool,
    /// When it was asked first.
    pub(super) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    visitor: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    whop_user: String,
}

/// An intent that was stored.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// Its document.
    pub(super) id: String,
    /// What it says.
    pub(super) intent: Intent,
    /// Cal.com was or may have been asked, and what came of it is not known.
    pub(super) doubt: bool,
}

/// The booking's intent, and who asked.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    /// The intent's document.
    pub(super) id: String,
    /// Who asked.
    pub(super) owner: Owner,
    /// When.
    pub(super) asked_at: Timestamp,
}

// === impl Begun ===

impl Begun {
    /// What proves that a booking came of it.
    pub(super) fn token(&self) -> String {
        format!("{}.{}", self.id, self.intent.secret)
    }

    /// The metadata of a booking that comes of it.
    pub(super) fn metadata(&self) -> Map<String, Value> {
        Map::from_iter([(METADATA_KEY.to_owned(), Value::String(self.token()))])
    }

    /// Why it is not over although Cal.com refuses it and shows nothing of it: an earlier call may be landing, and be what
    /// is in the way. `None` if that cannot be.
    pub(super) fn landing(&self, now: Timestamp) -> Option<Error> {
        let may_land = self.doubt && now.duration_since(self.intent.created_at) < LANDS;
        let why = || "what came of an earlier call does not show yet".to_owned();
        may_land.then(|| Failure::Unavailable { provider: NAME, why: why(), hint: None }.into())
    }
}

/// The token in a booking's metadata.
pub(super) fn token_of(booking: &Booking) -> Option<String> {
    booking.metadata.as_ref()?.get(METADATA_KEY)?.as_str().map(str::to_owned)
}

/// By what an intent is known that was forgotten with its person.
pub(super) fn forgotten_key(id: &str) -> Option<String> {
    forgotten::key_of_intent(id)
}

/// The id of the intent that a token names, if it can be one.
pub(super) fn id_of(token: &str) -> Option<&str> {
    let (id, _) = token.split_once('.')?;
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

/// Binds the intent behind a token to the booking with this first uid, as part of `work`: what it says. `None` if
/// there is no such intent, or if it is another booking's.
pub(super) async fn bind(
    work: &mut Work<'_>,
    token: &str,
    first_uid: &str,
) -> Result<Option<Bound>, store::Error> {
    let Some((id, secret)) = id_of(token).zip(token.get(33..)) else { return Ok(None) };
    let Some(mut intent) = work.get(&INTENTS, id).await? else { return Ok(None) };
    let is_ours = bool::from(intent.secret.as_bytes().ct_eq(secret.as_bytes()));
    match intent.uid.as_deref() {
        _ if !is_ours => return Ok(None),
        Some(uid) if uid != first_uid => return Ok(None),
        Some(_) => {}
        None => {
            intent.uid = Some(first_uid.to_owned());
            work.put_until(&INTENTS, id, &intent, Some(intent.expires_at()));
        }
    }
    Ok(Some(Bound { id: id.to_owned(), owner: intent.owner, asked_at: intent.created_at }))
}

// === impl Intent ===

impl Intent {
    /// When it is forgotten.
    fn expires_at(&self) -> Timestamp {
        self.created_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX)
    }

    fn new(owner: &Owner, content: String, now: Timestamp) -> Self {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).expect("the operating system gives random bits");
        Self {
            owner: owner.clone(),
            content,
            secret: hex(&secret),
            uid: None,
            hold: None,
            refused: false,
            created_at: now,
            visitor: owner.visitor.clone(),
            whop_user: owner.whop_user.clone(),
        }
    }
}

impl Calendar {
    /// Stores what is asked, or finds it stored.
    ///
    /// # Errors
    /// The `request_id` is none, or came before with another content.
    pub(super) async fn begin(
        &self,
        owner: &Owner,
        request_id: &str,
        content: &[&str],
    ) -> Result<Begun, Error> {
        check_request_id(request_id)?;
        let id = digest(&["intent", &owner.visitor, request_id]);
        let content = digest(content);
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let known: Option<Intent> = work.get(&INTENTS, &id).await?;
            if known.as_ref().is_some_and(|known| known.content != content) {
                let why = "request_id came before with another content";
                return Err(Fault::new(Kind::Conflict, Reason::RequestIdReused, why).into());
            }
            let doubt = known.as_ref().is_some_and(|known| !known.refused);
            let intent = known.unwrap_or_else(|| Intent::new(owner, content.clone(), (self.clock)()));
            let intent = Intent { refused: false, ..intent };
            if doubt {
                return Ok(Begun { id, intent, doubt });
            }
            work.put_until(&INTENTS, &id, &intent, Some(intent.expires_at()));
            if attempts.commit(work).await? {
                return Ok(Begun { id, intent, doubt });
            }
        }
    }

    /// Notes that nothing can come of an intent, unless that is in doubt.
    pub(super) async fn give_up(&self, begun: &Begun) -> Result<(), Error> {
        match begun.doubt {
            true => Ok(()),
            false => self.note(&begun.id, |intent| intent.refused = true).await,
        }
    }

    /// Notes what came of an intent.
    pub(super) async fn note(&self, id: &str, change: impl Fn(&mut Intent)) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let Some(mut intent) = work.get(&INTENTS, id).await? else { return Ok(()) };
            change(&mut intent);
            work.put_until(&INTENTS, id, &intent, Some(intent.expires_at()));
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}
