//! Counting a week: every figure by the rule that stands beside it.
//!
//! Rows are counted as the ledger lists them now, without those that a person deleted from the spreadsheet. A row belongs to
//! the week in which what it tells happened. What is said with the operator's own workflow is no visit. The invariant: each
//! row is looked at once, whatever the number of weeks, and counts in one of them at most.

mod conversations;
mod money;
mod origins;

use std::ops::ControlFlow::Continue;

use jiff::Timestamp;
use proto::sheets::v1::Tab;
use tonic::Status;

use super::{summary::Summary, week::Week};
use crate::books::{Books, Cells, Span};
use conversations::Conversations;
pub(crate) use conversations::visit;
use money::Money;
pub(crate) use money::{ended_at, runs_at};
use origins::Origins;

/// What is counted of one week.
struct Bucket {
    week: Week,
    from: Timestamp,
    to: Timestamp,
    conversations: Conversations,
    money: Money,
    /// Whose each lead, booking and payment is.
    leads: Vec<String>,
    bookings: Vec<String>,
}

// === impl Bucket ===

impl Bucket {
    fn new(week: Week) -> Self {
        let (from, to) = (week.from(), week.to());
        Self {
            week,
            from,
            to,
            conversations: Conversations::default(),
            money: Money::default(),
            leads: Vec::new(),
            bookings: Vec::new(),
        }
    }

    fn has(&self, at: Timestamp) -> bool {
        (self.from..self.to).contains(&at)
    }

    /// Everybody whose origin matters.
    fn contacts(&self) -> impl Iterator<Item = &String> {
        let talked = self.conversations.contacts();
        self.leads.iter().chain(&self.bookings).chain(&self.money.payers).chain(talked)
    }

    fn summary(self, origins: &Origins) -> Summary {
        let Self { week, conversations, money, leads, bookings, .. } = self;
        let sessions = conversations.origins(origins);
        let (total, funnels) = origins.funnels(&sessions, &leads, &bookings, &money.payers);
        let told = conversations.told();
        Summary {
            week,
            total,
            funnels,
            revenue: money.revenue,
            refunded: money.refunded,
            mrr: money.mrr,
            subscriptions_started: money.started,
            subscriptions_ended: money.ended,
            payments_failed: money.failed,
            messages: told.messages,
            outcomes: told.outcomes,
            handoffs: told.handoffs,
            handoff_median_seconds: told.handoff_median,
            unanswered: told.unanswered,
            unanswered_total: told.unanswered_total,
            cost: told.cost,
            answers: told.answers,
            answer_median_ms: told.answer_median,
            answer_p95_ms: told.answer_p95,
        }
    }
}

/// The figures of `weeks`, which follow one another.
pub(crate) async fn count<const N: usize>(books: &Books, weeks: [Week; N]) -> Result<[Summary; N], Status> {
    let mut buckets = weeks.map(Bucket::new);
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
        return Ok(buckets.map(|bucket| bucket.summary(&Origins::default())));
    };
    let span = Span::of(first.from, last.to);
    let within = |buckets: &mut [Bucket; N], at: Timestamp, count: &mut dyn FnMut(&mut Bucket)| {
        buckets.iter_mut().filter(|bucket| bucket.has(at)).for_each(count);
    };
    let count_event = |cells: Cells| {
        within(&mut buckets, cells.at, &mut |bucket| bucket.conversations.event(&cells));
        Continue(())
    };
    books.walk(Tab::ChatEvents, span, count_event).await?;
    let count_engagement = |cells: Cells| {
        within(&mut buckets, cells.at, &mut |bucket| bucket.conversations.engagement(&cells));
        Continue(())
    };
    books.walk(Tab::Engagements, span, count_engagement).await?;
    // Leads opened in the week: rows of `leads` by `created_at`.
    let count_lead = |cells: Cells| {
        within(&mut buckets, cells.at, &mut |bucket| bucket.leads.push(cells.text("contact_id").to_owned()));
        Continue(())
    };
    books.walk(Tab::Leads, span, count_lead).await?;
    // Meetings booked in the week: rows of `bookings` by `created_at`, whatever became of the meeting; what was only asked
    // for, or refused, is none.
    let count_booking = |cells: Cells| {
        if is_booked(&cells) {
            let contact = || cells.text("contact_id").to_owned();
            within(&mut buckets, cells.at, &mut |bucket| bucket.bookings.push(contact()));
        }
        Continue(())
    };
    books.walk(Tab::Bookings, span, count_booking).await?;
    // Money may come long after a payment was begun, so that all of them are looked at.
    let count_payment = |cells: Cells| {
        buckets.iter_mut().for_each(|bucket| bucket.money.payment(&cells, bucket.from, bucket.to));
        Continue(())
    };
    books.walk(Tab::Payments, Span::default(), count_payment).await?;
    let count_subscription = |cells: Cells| {
        buckets.iter_mut().for_each(|bucket| bucket.money.subscription(&cells, bucket.from, bucket.to));
        Continue(())
    };
    books.walk(Tab::Subscriptions, Span::default(), count_subscription).await?;
    let origins = Origins::of(books, buckets.iter().flat_map(Bucket::contacts)).await?;
    Ok(buckets.map(|bucket| bucket.summary(&origins)))
}

/// Whether a row of `bookings` is a meeting that was booked.
pub(crate) fn is_booked(cells: &Cells) -> bool {
    !matches!(cells.text("status"), "requested" | "rejected")
}
