//! A week in words, as it is sent.

use jiff::civil::Date;

use super::{
    summary::{Funnel, Origin, Summary, Sums, monies},
    week::{Week, zone_name},
};
use crate::notices::masked;

/// Origins that are named.
const ORIGINS: usize = 5;
/// Outcomes that are named.
const OUTCOMES: usize = 8;
/// Longest name of an origin or outcome, in characters.
const NAME: usize = 40;

/// What it is about, in one line.
pub(super) fn title(week: &Week) -> String {
    let day = |date: Date| date.strftime("%a %-d %b %Y").to_string();
    format!("The week from {} to {}", day(week.monday), day(week.sunday()))
}

/// The week beside the one before.
pub(super) fn text(now: &Summary, before: &Summary) -> String {
    let mut lines = vec![format!("In brackets: the week before. Days of {}.", zone_name(&now.week.zone))];
    lines.push(format!("Visits: {}", funnel(now.total, Some(before.total))));
    for (origin, of) in now.funnels.iter().take(ORIGINS) {
        lines.push(format!("  {}: {}", name(origin), funnel(*of, None)));
    }
    if now.funnels.len() > ORIGINS {
        lines.push(format!("  and {} other origins", now.funnels.len() - ORIGINS));
    }
    lines.push(format!(
        "Money: {} came ({}), {} of it was paid back; {} ({}) payments failed",
        amounts(&now.revenue),
        amounts(&before.revenue),
        amounts(&now.refunded),
        now.payments_failed,
        before.payments_failed,
    ));
    lines.push(format!(
        "Subscriptions: {} ({}) began, {} ({}) ended; {} a month at the end of the week",
        now.subscriptions_started,
        before.subscriptions_started,
        now.subscriptions_ended,
        before.subscriptions_ended,
        amounts(&now.mrr),
    ));
    lines.push(conversations(now, before));
    lines
        .push(format!("Questions without an answer: {} ({})", now.unanswered_total, before.unanswered_total));
    lines.push(model(now, before));
    lines.join("\n")
}

fn funnel(of: Funnel, before: Option<Funnel>) -> String {
    let step = |name: &str, count: fn(&Funnel) -> i64| match &before {
        Some(before) => format!("{} ({}) {name}", count(&of), count(before)),
        None => format!("{} {name}", count(&of)),
    };
    [
        step("sessions", |funnel| funnel.sessions),
        step("leads", |funnel| funnel.leads),
        step("bookings", |funnel| funnel.bookings),
        step("payments", |funnel| funnel.payments),
    ]
    .join(", ")
}

fn conversations(now: &Summary, before: &Summary) -> String {
    let ended = now.outcomes.iter().take(OUTCOMES);
    let ended: Vec<_> = ended.map(|(outcome, count)| format!("{} {count}", clipped(outcome))).collect();
    let ended = if ended.is_empty() { "no outcome".to_owned() } else { ended.join(", ") };
    let waited =
        now.handoff_median_seconds.map(|seconds| format!(", who answered after {}", waited(seconds)));
    format!(
        "Conversations: {} ({}) messages; ended with {ended}; a person was called {} ({}) times{}",
        now.messages,
        before.messages,
        now.handoffs,
        before.handoffs,
        waited.unwrap_or_default(),
    )
}

fn model(now: &Summary, before: &Summary) -> String {
    let seconds = |ms: i64| format!("{:.1} s", ms as f64 / 1_000.0);
    let speed = match (now.answer_median_ms, now.answer_p95_ms) {
        (Some(median), Some(p95)) => {
            format!(", half within {}, 95 of 100 within {}", seconds(median), seconds(p95))
        }
        _ => String::new(),
    };
    format!(
        "Model: {} ({}) answers{speed}; {} ({}) spent",
        now.answers,
        before.answers,
        amounts(&now.cost),
        amounts(&before.cost)
    )
}

fn amounts(sums: &Sums) -> String {
    let all: Vec<_> = monies(sums).iter().map(ToString::to_string).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(" + ") }
}

fn name(Origin { source, campaign }: &Origin) -> String {
    match (source.as_str(), campaign.as_str()) {
        ("", "") => "origin unknown".to_owned(),
        (source, "") => clipped(source),
        ("", campaign) => clipped(campaign),
        (source, campaign) => format!("{} / {}", clipped(source), clipped(campaign)),
    }
}

/// A word from outside, on one line and without what looks personal: a browser says where it comes from.
fn clipped(text: &str) -> String {
    masked(text).chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME).collect()
}

fn waited(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200.. => format!("{} h", seconds / 3_600),
    }
}
