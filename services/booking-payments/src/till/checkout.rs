//! A link as it is kept.
//!
//! The invariant: what was asked for never changes after the document was made; how it stands follows from what Stripe
//! last said.

use std::ops::Bound;

use domain::{Money, id::digest};
use jiff::{SignedDuration, Timestamp};
use providers::owner::Owner;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Collection, Index, Order as Direction, Query, Range, Store};

use super::{catalogue::Item, meeting::Hold};
use crate::{
    bookings::Asked,
    calcom::Guest,
    stripe::{Session, amount},
};

/// All links.
pub(crate) const CHECKOUTS: Collection<Checkout> = Collection::new("checkouts");
/// The links of somebody, by when they were made.
pub(crate) static BY_HOLDER: Index = Index {
    collection: CHECKOUTS.name(),
    name: "by_holder",
    fields: &["holder", "place"],
    orders: store::DESCENDING,
};
/// The links of a visitor that they made while they were logged in, by when they were made.
pub(crate) static BY_GUEST: Index = Index {
    collection: CHECKOUTS.name(),
    name: "by_guest",
    fields: &["guest", "place"],
    orders: store::DESCENDING,
};
/// Stripe takes no link that lives shorter than 30 minutes by its own clock.
const SHORTEST_SECONDS: i64 = 31 * 60;

/// The slot of a meeting is held for this long beyond the link's life.
const BEYOND: SignedDuration = SignedDuration::from_mins(5);
/// A slot is held anew so long before it lapses: longer than tasks wait for the tick.
const EARLY: SignedDuration = SignedDuration::from_mins(3);
/// A hold that ends so little too soon is long enough: clocks differ, and holding anew leaves a gap.
const SLACK: SignedDuration = SignedDuration::from_mins(2);

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkout {
    /// `chk_…`
    pub(crate) id: String,
    /// Whose it is, for the list: the verified Whop user, else the visitor.
    pub(crate) holder: String,
    /// The visitor, where the holder is a Whop user: without their login it is theirs all the same.
    #[serde(default)]
    pub(crate) guest: Option<String>,
    /// Where it stands in that list: time and id.
    pub(crate) place: String,
    /// Who asked for it.
    pub(crate) owner: Owner,
    /// What was asked for, hashed.
    pub(crate) fingerprint: String,
    /// What is paid.
    pub(crate) item: Item,
    /// The slot of the meeting.
    pub(crate) start: Option<Timestamp>,
    /// Who comes.
    pub(crate) attendee: Attendee,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
    /// How it stands.
    pub(crate) status: Status,
    /// The visitor or the agency wants it ended.
    pub(crate) called_off: bool,
    /// `cs_…`; empty until Stripe's answer.
    pub(crate) session: String,
    /// Where to pay.
    pub(crate) url: String,
    /// What Stripe asks for in all; absent until its answer.
    #[serde(default)]
    pub(crate) charged: Option<Money>,
    /// The row in the books, `pi_…` or `in_…`.
    pub(crate) payment: String,
    /// What became of the meeting.
    pub(crate) meeting: Meeting,
    /// Since when somebody asks the calendar to hold the slot and has not noted its answer.
    #[serde(default)]
    pub(crate) asked_at: Option<Timestamp>,
    /// What is held of the slot.
    pub(crate) hold: Option<Hold>,
    /// Since when the meeting is being booked.
    pub(crate) booking_since: Option<Timestamp>,
    /// The meeting, `bkg_…`.
    pub(crate) booking: String,
    /// Starts that are offered in place of a lost one.
    pub(crate) next_starts: Vec<Timestamp>,
    /// It is real money.
    pub(crate) live: bool,
    /// Whoever asked for it is forgotten, and nothing brings them back.
    pub(crate) erased: bool,
}

/// Who comes, or pays: as this visitor said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attendee {
    /// Full name.
    pub(crate) name: String,
    /// E-mail.
    pub(crate) email: String,
    /// Phone.
    pub(crate) phone: String,
    /// IANA time zone.
    pub(crate) time_zone: String,
    /// Language.
    pub(crate) language: String,
}

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Stripe has not answered yet.
    Preparing,
    /// It waits to be paid.
    Open,
    /// It was completed, and the money is on its way.
    Pending,
    /// The money came.
    Paid,
    /// It ended and nobody paid.
    Expired,
    /// It was called off.
    Canceled,
    /// It was completed, and the money did not come.
    Failed,
}

/// What became of the meeting of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Meeting {
    /// The item has none.
    None,
    /// The slot is held.
    Held,
    /// It is paid and being booked.
    Booking,
    /// It is booked.
    Booked,
    /// It is paid and somebody else has the slot.
    SlotLost,
    /// The slot was let go.
    Released,
}

/// What a caller asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    /// Makes a repetition recognisable.
    pub(crate) request_id: String,
    /// The item.
    pub(crate) item: String,
    /// The slot of the meeting.
    pub(crate) start: Option<Timestamp>,
    /// Who comes.
    pub(crate) attendee: Attendee,
}

// === impl Attendee ===

impl Attendee {
    /// Who comes, after the calendar's terms.
    pub(crate) fn of(guest: Guest) -> Self {
        let Guest { name, email, phone, time_zone, language } = guest;
        Self { name, email, phone, time_zone, language }
    }

    /// The same for the calendar's terms.
    pub(crate) fn asked(&self) -> Asked {
        let Self { name, email, phone, time_zone, language } = self.clone();
        Asked { name, email, phone, time_zone, language }
    }

    /// The same as a guest of the calendar.
    pub(crate) fn guest(&self) -> Guest {
        let Self { name, email, phone, time_zone, language } = self.clone();
        Guest { name, email, phone, time_zone, language }
    }
}

// === impl Order ===

impl Order {
    /// The same for the same content.
    pub(crate) fn fingerprint(&self, owner: &Owner) -> String {
        let start = self.start.map(|start| start.to_string()).unwrap_or_default();
        let Attendee { name, email, phone, time_zone, language } = &self.attendee;
        digest(&[
            &self.item,
            &start,
            name,
            email,
            phone,
            time_zone,
            language,
            &owner.thread,
            &owner.page,
            &owner.workflow,
        ])
    }
}

// === impl Checkout ===

impl Checkout {
    /// A link that nobody has asked Stripe for yet.
    pub(crate) fn begin(
        id: &str,
        owner: Owner,
        order: Order,
        item: Item,
        minutes: u16,
        now: Timestamp,
    ) -> Self {
        let until = now + SignedDuration::from_secs((i64::from(minutes) * 60).max(SHORTEST_SECONDS));
        Self {
            id: id.to_owned(),
            holder: if owner.whop_user.is_empty() { &owner.visitor } else { &owner.whop_user }.clone(),
            guest: (!owner.whop_user.is_empty()).then(|| owner.visitor.clone()),
            place: format!("{:020}-{id}", now.as_microsecond()),
            fingerprint: order.fingerprint(&owner),
            owner,
            meeting: if item.meeting.is_some() { Meeting::Held } else { Meeting::None },
            item,
            start: order.start,
            attendee: order.attendee,
            created_at: now,
            // Nobody pays for a meeting that has begun.
            expires_at: order.start.map_or(until, |start| until.min(start)),
            status: Status::Preparing,
            called_off: false,
            session: String::new(),
            url: String::new(),
            charged: None,
            payment: String::new(),
            asked_at: None,
            hold: None,
            booking_since: None,
            booking: String::new(),
            next_starts: Vec::new(),
            live: false,
            erased: false,
        }
    }

    /// What a repetition of its request is known by; a link that is begun anew is another one.
    pub(crate) fn idempotency_key(&self) -> String {
        format!("frontdesk-{}-{}", self.id, self.created_at.as_microsecond())
    }

    /// What an attempt to end it is known by. Stripe answers a key as it did at first, also that it had failed: so each
    /// minute is another attempt.
    pub(crate) fn expiry_key(&self, now: Timestamp) -> String {
        format!("{}-expire-{}", self.idempotency_key(), now.as_second() / 60)
    }

    /// It can still be paid, or is to be, and keeps a slot from others.
    pub(crate) fn keeps_slot(&self, now: Timestamp) -> bool {
        let is_open = matches!(self.status, Status::Preparing | Status::Open);
        is_open && self.meeting == Meeting::Held && now < self.expires_at
    }

    /// How it stands after what Stripe says of its session, and whether the attempt to pay has failed for good.
    pub(crate) fn advance(&mut self, session: &Session, has_failed: bool) {
        let is_paid = session.payment_status != "unpaid";
        self.status = match session.status.as_deref() {
            Some("complete") if is_paid => Status::Paid,
            Some("complete") if has_failed => Status::Failed,
            Some("complete") => Status::Pending,
            Some("expired") if self.called_off => Status::Canceled,
            Some("expired") => Status::Expired,
            _ => Status::Open,
        };
        let is_open = self.status == Status::Open;
        self.url = session.url.clone().filter(|url| is_open && url.starts_with("http")).unwrap_or_default();
        self.charged = charged(session).or(self.charged);
        let payment = session.invoice.as_ref().or(session.payment_intent.as_ref());
        self.payment = payment.map(ToString::to_string).unwrap_or_default();
    }

    /// What is paid: what Stripe asks for, which knows of nothing but its own price.
    pub(crate) fn amount(&self) -> Money {
        self.charged.unwrap_or(self.item.price)
    }

    /// Until when the slot is held: who pays last is not too late.
    pub(crate) fn held_until(&self) -> Timestamp {
        self.expires_at + BEYOND
    }

    /// When the slot must be held anew, if the calendar holds it for less than the link lives.
    pub(crate) fn renewal(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.hold.as_ref()?.until;
        let soon = now + SignedDuration::from_secs(10);
        (until + SLACK < self.held_until()).then(|| (until - EARLY).max(soon))
    }

    /// Where to pay now, if it can be paid.
    pub(crate) fn pay_url(&self, now: Timestamp) -> &str {
        if self.status == Status::Open && now < self.expires_at { &self.url } else { "" }
    }
}

/// The first start for which there can be a link: it ends then, at the latest.
pub(super) fn first_start(now: Timestamp) -> Timestamp {
    now + SignedDuration::from_secs(SHORTEST_SECONDS)
}

/// What a session asks for in all, if it says so.
pub(super) fn charged(session: &Session) -> Option<Money> {
    amount::read(session.amount_total?, session.currency.as_deref()?).ok()
}

// === impl Status ===

impl Status {
    /// It ended and no money will come.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Expired | Self::Canceled | Self::Failed)
    }
}

/// The links of these holders before a place, the newest first.
pub(crate) async fn list(
    store: &dyn Store,
    owner: &Owner,
    before: &str,
    size: u32,
) -> Result<Vec<Checkout>, store::Error> {
    let mut found = Vec::new();
    let ways = [(&BY_HOLDER, &owner.whop_user), (&BY_HOLDER, &owner.visitor), (&BY_GUEST, &owner.visitor)];
    for (index, holder) in ways.into_iter().filter(|(_, holder)| !holder.is_empty()) {
        let mut query = Query::new(index, [Value::from(holder.as_str())]).limit(size);
        query.order = Direction::Descending;
        if !before.is_empty() {
            query.range = Some(Range { from: Bound::Unbounded, to: Bound::Excluded(before.into()) });
        }
        for document in store.query(query).await?.documents {
            found.push(CHECKOUTS.read(document)?.value);
        }
    }
    found.sort_by(|one: &Checkout, other| other.place.cmp(&one.place));
    // A member's own links are found as theirs and as their visitor's.
    found.dedup_by(|one, other| one.id == other.id);
    found.truncate(size as usize);
    Ok(found)
}
