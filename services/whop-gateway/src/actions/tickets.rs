//! Tickets: a message in the member's one support channel at Whop.
//!
//! What was asked for is kept before Whop is; its text is not, Whop has it. It is posted with the account's key, as what the
//! team writes is. The invariants: one request posts one message, however often it is made and wherever it breaks off; and
//! whatever a member writes stands in it as a quotation of theirs.

use domain::{Fault, Kind, Reason, id::TicketId, id::digest};
use jiff::Timestamp;
use providers::{Error, traces};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Work};

use super::{Desk, Does};
use crate::{
    members::{Gone, owner},
    whop,
};

/// All tickets.
pub(crate) const TICKETS: Collection<Ticket> = Collection::new("tickets");

/// Longest subject and message, in characters.
const LONGEST_SUBJECT: usize = 200;
const LONGEST_MESSAGE: usize = 4_000;

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// Who opened it, `user_…`.
    user: String,
    /// Hash of what it says.
    fingerprint: String,
    /// When it was asked for.
    pub(crate) created_at: Timestamp,
    /// The support channel; empty until the message stands there.
    pub(crate) channel: String,
}

impl Desk {
    /// Opens a ticket; the same request again answers the same.
    pub(crate) async fn open_ticket(
        &self,
        user: &str,
        action: &str,
        request: &str,
        (subject, message): (&str, &str),
    ) -> Result<(TicketId, Ticket), Error> {
        let subject = text("subject", subject, LONGEST_SUBJECT)?;
        let message = text("message", message, LONGEST_MESSAGE)?;
        let (id, fingerprint) = (TicketId::derive(&[user, request]), digest(&[subject, message]));
        if let Some(known) = TICKETS.get(self.0.members.store(), id.as_str()).await? {
            let known = known.value.of_same(&fingerprint)?;
            if !known.channel.is_empty() {
                return Ok((id, known));
            }
        }
        self.one(user, action, |does| *does == Does::Support).await?;
        self.0.members.limits().act(user).await?;
        let ticket = self.intend(&id, user, &fingerprint).await?;
        let by = whop::Request { user, id: id.as_str() };
        let whop = self.0.members.whop();
        let channel = whop.support_channel(by).await?;
        whop.post_message(&channel.id, &quoted(user, subject, message), by).await?;
        let ticket = Ticket { channel: channel.id, ..ticket };
        self.note_posted(&id, &ticket).await?;
        Ok((id, ticket))
    }

    /// The ticket of a request, which is there from now on.
    async fn intend(&self, id: &TicketId, user: &str, fingerprint: &str) -> Result<Ticket, Error> {
        let members = &self.0.members;
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(members.store());
            if let Some(known) = work.get(&TICKETS, id.as_str()).await? {
                return known.of_same(fingerprint);
            }
            let ticket = Ticket {
                user: user.to_owned(),
                fingerprint: fingerprint.to_owned(),
                created_at: members.now(),
                channel: String::new(),
            };
            work.put(&TICKETS, id.as_str(), &ticket);
            traces::leave(&mut work, id.as_str(), &owner(user), "", "").await?;
            if attempts.commit(work).await? {
                return Ok(ticket);
            }
        }
    }

    async fn note_posted(&self, id: &TicketId, ticket: &Ticket) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.0.members.store());
            // Its member may have been forgotten meanwhile.
            if work.get(&TICKETS, id.as_str()).await?.is_none() {
                return Ok(());
            }
            work.put(&TICKETS, id.as_str(), ticket);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

// === impl Ticket ===

impl Ticket {
    /// The same, if it is of a request that said the same.
    fn of_same(self, fingerprint: &str) -> Result<Self, Error> {
        if self.fingerprint == fingerprint {
            return Ok(self);
        }
        let why = "the same request_id came before with another ticket";
        Err(Fault::new(Kind::Invalid, Reason::RequestIdReused, why).into())
    }
}

/// Deletes a ticket as part of `work`.
pub(crate) async fn delete(work: &mut Work<'_>, id: &str) -> Result<Option<Gone>, store::Error> {
    let Some(ticket) = work.get(&TICKETS, id).await? else { return Ok(None) };
    work.delete(&TICKETS, id);
    Ok(Some(("tickets", ticket.user, String::new())))
}

/// A ticket in Markdown: every line that is the member's own is marked as one, by whatever it is broken.
fn quoted(user: &str, subject: &str, message: &str) -> String {
    const BREAKS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = format!("Through the portal, from {user}:\n\n> {subject}");
    // A paragraph ends with one line without text, however many there are.
    for paragraph in
        message.split(BREAKS).map(str::trim_end).collect::<Vec<_>>().split(|line| line.is_empty())
    {
        if !paragraph.is_empty() {
            text.push_str("\n>");
            paragraph.iter().for_each(|line| text.extend(["\n> ", line]));
        }
    }
    text
}

fn text<'t>(field: &'static str, text: &'t str, most: usize) -> Result<&'t str, Error> {
    let text = text.trim();
    match text.chars().count() {
        count if (1..=most).contains(&count) => Ok(text),
        _ => Err(Fault::invalid(field, format!("{field} must have 1 to {most} characters")).into()),
    }
}
