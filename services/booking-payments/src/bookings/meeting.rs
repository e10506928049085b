//! A meeting as we have it: what Cal.com's booking says, whose it is, and every uid that it ever had.
//!
//! Cal.com gives a booking another uid whenever it is moved; a meeting is known by the first one. The invariant: what
//! a document says is a function of what Cal.com answers and of who asked us for the meeting, whatever told us to look
//! and in which order. Of a meeting whose person was forgotten only times and status are taken.

use domain::id::{BookingId, digest};
use jiff::Timestamp;
use providers::owner::Owner;
use serde::{Deserialize, Serialize};
use store::Collection;

use super::guests;
use crate::calcom::wire;

/// The calendar, as the books know it.
pub(crate) const PROVIDER: &str = "cal.com";
/// The meetings, by their ids on the wire.
pub(super) const MEETINGS: Collection<Meeting> = Collection::new("meetings");
/// Which meeting a uid belongs to.
pub(super) const UIDS: Collection<Lead> = Collection::new("uids");

/// Where a uid leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lead {
    /// The meeting.
    pub(super) meeting: String,
}

/// How a meeting stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It waits for the host's word.
    #[default]
    Requested,
    /// It takes place.
    Booked,
    /// It was cancelled.
    Canceled,
    /// The host refused it.
    Rejected,
}

/// Who comes, as Cal.com has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attendee {
    /// Full name.
    pub(crate) name: String,
    /// E-mail as it is compared; empty where Cal.com has made one of a phone.
    pub(crate) email: String,
    /// Phone as it is compared.
    pub(crate) phone: String,
    /// IANA time zone.
    pub(crate) time_zone: String,
    /// Language of Cal.com's messages.
    pub(crate) language: String,
}

/// A meeting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meeting {
    /// Counted up with every change.
    pub(crate) version: u64,
    /// All uids, the first one first; the last one is the current one.
    pub(crate) uids: Vec<String>,
    /// Cal.com's id of what was booked; 0 if it does not say.
    pub(crate) event_type: i64,
    /// Its name in addresses.
    pub(crate) event_type_slug: String,
    /// What people call the meeting.
    pub(crate) title: String,
    /// How it stands.
    pub(crate) status: Status,
    /// It was booked at some time, and not only asked for.
    pub(crate) was_booked: bool,
    /// Who had booked did not come.
    pub(crate) no_show: bool,
    /// Start.
    pub(crate) start: Timestamp,
    /// End.
    pub(crate) end: Timestamp,
    /// Who comes.
    pub(crate) attendee: Attendee,
    /// Address, phone number or link.
    pub(crate) location: String,
    /// Who asked us for it; nobody if it came about at Cal.com.
    pub(crate) owner: Owner,
    /// The intent by which we know that.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) intent: String,
    /// When it was first booked.
    pub(crate) created_at: Timestamp,
    /// When Cal.com's booking changed last, as of our last change.
    pub(crate) updated_at: Timestamp,
    /// A caller of ours is moving or cancelling it, until then at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acting: Option<Timestamp>,
    /// Cal.com was no stand-in when it was first heard of.
    pub(crate) live: bool,
    /// Its person was forgotten.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) erased: bool,
    /// What it is found by, where there is one.
    #[serde(flatten)]
    found_by: FoundBy,
}

/// The fields of the indexes: top-level, and left out where they are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct FoundBy {
    #[serde(skip_serializing_if = "String::is_empty")]
    visitor: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    whop_user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    email: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    phone: String,
}

/// The meeting whose first uid this is: its document's id, its id on the wire, and the id of its row in the books, which
/// sheets-writer derives in the same way.
pub(crate) fn id_of(first_uid: &str) -> String {
    format!("{}{}", BookingId::PREFIX, digest(&["uid", PROVIDER, first_uid]))
}

/// Id of the document that leads from a uid to its meeting.
pub(super) fn lead_id(uid: &str) -> String {
    digest(&["uid", PROVIDER, uid])
}

// === impl Meeting ===

impl Meeting {
    /// A meeting of which nothing is known but when it was first booked.
    pub(super) fn booked_at(created_at: Timestamp, live: bool) -> Self {
        Self { created_at, live, ..Self::default() }
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        id_of(self.uids.first().map_or("", String::as_str))
    }

    /// The uid that it has now.
    pub(crate) fn uid(&self) -> &str {
        self.uids.last().map_or("", String::as_str)
    }

    /// How often it was moved.
    pub(crate) fn reschedules(&self) -> usize {
        self.uids.len().saturating_sub(1)
    }

    /// It takes place or may yet.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.status, Status::Requested | Status::Booked)
    }

    /// Takes what Cal.com says of the booking that stands for it now.
    pub(super) fn take(&mut self, uids: Vec<String>, booking: &wire::Booking) {
        self.uids = uids;
        self.status = match booking.status {
            wire::Status::Accepted => Status::Booked,
            wire::Status::Pending => Status::Requested,
            wire::Status::Cancelled => Status::Canceled,
            wire::Status::Rejected => Status::Rejected,
        };
        self.was_booked |= self.status == Status::Booked;
        let attendee = booking.attendees.first();
        self.no_show = attendee.is_some_and(|attendee| attendee.absent);
        (self.start, self.end) = (booking.start, booking.end);
        self.updated_at = booking.touched_at();
        if self.erased {
            return;
        }
        if let Some(event_type) = &booking.event_type {
            (self.event_type, self.event_type_slug) = (event_type.id, event_type.slug.clone());
        }
        self.title = booking.title.clone();
        self.location = booking.location.clone().unwrap_or_default();
        self.attendee = attendee.map(guests::read).unwrap_or_default();
        self.file();
    }

    /// Gives it to who asked us for it.
    pub(super) fn give(&mut self, owner: Owner, intent: &str) {
        if !self.erased {
            (self.owner, self.intent) = (owner, intent.to_owned());
            self.file();
        }
    }

    /// Whether a document that says `other` would say anything else.
    pub(super) fn says(&self, other: &Self) -> bool {
        let timeless = |meeting: &Self| Self { updated_at: Timestamp::default(), ..meeting.clone() };
        timeless(self) == timeless(other)
    }

    /// Blanks what names anybody. Times, status and what was booked stay, and so do the uids, by which it is recognised
    /// when Cal.com tells of it again.
    pub(super) fn blank(&mut self) {
        (self.title, self.location, self.intent) = (String::new(), String::new(), String::new());
        (self.attendee, self.owner) = (Attendee::default(), Owner::default());
        self.erased = true;
        self.file();
    }

    fn file(&mut self) {
        self.found_by = FoundBy {
            visitor: self.owner.visitor.clone(),
            whop_user: self.owner.whop_user.clone(),
            email: self.attendee.email.clone(),
            phone: self.attendee.phone.clone(),
        };
    }
}
