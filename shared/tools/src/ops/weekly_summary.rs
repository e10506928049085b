//! `weekly_summary`: a week in figures, read or published.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use jiff::{Timestamp, civil::Date};
use proto::{
    common::v1::Money,
    ops::v1::{Figure, Funnel, GetWeeklySummaryRequest, PublishWeeklySummaryRequest, WeeklySummary},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Receipt, Tool, arguments,
    failure::Failure,
    links::Service,
    payments::amount,
    schema::{boolean, integer, list, object, optional_boolean, optional_text, text, texts},
    times,
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// Most origins, outcomes and questions of one answer.
const MOST: usize = 20;

pub(crate) static TOOL: Tool = Tool {
    name: "weekly_summary",
    title: "Weekly summary",
    description: "Answers the figures of one week, computed from the books, and the same in words. With publish it also writes the \
        summary to the books and sends it to the team, once for each week; publish only if the operator has asked for it. \
        Never change or add a figure.",
    input: |_| {
        object([
            (
                "week_of",
                optional_text(
                    "A day of the week that is meant, e.g. 2026-11-18; null for the last week that has ended.",
                ),
            ),
            (
                "publish",
                optional_boolean("Write it to the books and send it to the team; else null or false."),
            ),
        ])
    },
    output: || {
        let figure = object([("name", text("What is counted.")), ("count", integer("How many."))]);
        let origin = object([
            ("source", text("Where visits came from; empty if it is not known.")),
            ("campaign", text("Their campaign; empty if it is not known.")),
            ("sessions", integer("Chat sessions.")),
            ("leads", integer("Leads opened.")),
            ("bookings", integer("Meetings booked.")),
            ("payments", integer("Payments that came.")),
        ]);
        object([
            ("from", optional_text("Beginning of the week, RFC 3339.")),
            ("to", optional_text("End of the week, RFC 3339.")),
            ("sessions", integer("Chat sessions.")),
            ("leads", integer("Leads opened.")),
            ("bookings", integer("Meetings booked.")),
            ("payments", integer("Payments that came.")),
            ("origins", list(&origin)),
            ("revenue", texts("Money that came, by currency.")),
            ("refunded", texts("Money that was paid back, by currency.")),
            ("mrr", texts("Monthly recurring revenue at the end, by currency.")),
            ("subscriptions_started", integer("Subscriptions that began.")),
            ("subscriptions_ended", integer("Subscriptions that ended.")),
            ("payments_failed", integer("Payments that failed.")),
            ("messages", integer("Messages of visitors.")),
            ("answers", integer("Answers of the model.")),
            ("cost", texts("What the model cost, by currency.")),
            ("handoffs", integer("Conversations that a person was called to.")),
            ("outcomes", list(&figure)),
            ("unanswered", list(&figure)),
            ("text", text("The summary in words, as it is sent.")),
            ("published", boolean("This call wrote and sent it.")),
        ])
    },
    annotations: Annotations { read_only: false, destructive: false, idempotent: true, open_world: true },
    scope: Audience::Operator,
    touches: Whom::Nobody,
    needs: &[Service::OpsCopilot],
    secrets: &[],
    claims: &[Claim::act(&[
        r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:published|sent|posted)(?: \S+){0,4} summary\b",
        r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:zusammenfassung|wochenbericht)\b[^.!?]{0,40}\b(?:veröffentlicht|verschickt|gesendet|geschickt)\b",
    ])],
    correction: ["no summary has been sent", "es wurde keine Zusammenfassung verschickt"],
    on_failure: "It is NOT certain whether the summary was sent, if it was to be. Call it once more with exactly the same \
        arguments, which sends nothing twice. If that fails too, say so; do not estimate any figure.",
    progress: "Adding up the week…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    week_of: Option<String>,
    publish: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    from: Option<String>,
    to: Option<String>,
    sessions: i64,
    leads: i64,
    bookings: i64,
    payments: i64,
    origins: Vec<Origin>,
    revenue: Vec<String>,
    refunded: Vec<String>,
    mrr: Vec<String>,
    subscriptions_started: i64,
    subscriptions_ended: i64,
    payments_failed: i64,
    messages: i64,
    answers: i64,
    cost: Vec<String>,
    handoffs: i64,
    outcomes: Vec<Counted>,
    unanswered: Vec<Counted>,
    text: String,
    published: bool,
}

#[derive(Debug, Serialize)]
struct Origin {
    source: String,
    campaign: String,
    sessions: i64,
    leads: i64,
    bookings: i64,
    payments: i64,
}

#[derive(Debug, Serialize)]
struct Counted {
    name: String,
    count: i64,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input { week_of, publish } = arguments::read(call.arguments.take())?;
    let (at_time, day) = meant(week_of.as_deref().unwrap_or_default())?;
    let mut is_told = false;
    let (summary, text, published) = if publish.unwrap_or(false) {
        let request = PublishWeeklySummaryRequest {
            caller: call.caller(),
            request_id: call.request_id.clone(),
            at_time,
            day,
            again: false,
        };
        let answer = call.clients.publish_weekly_summary(request).await?;
        is_told = !answer.channels.is_empty();
        (answer.summary, answer.text, answer.published)
    } else {
        let request = GetWeeklySummaryRequest { caller: call.caller(), at_time, day };
        let answer = call.clients.get_weekly_summary(request).await?;
        (answer.summary, answer.text, false)
    };
    let output = output(summary.ok_or(Failure::Odd("the summary"))?, text, published);
    let receipt = (published && is_told).then(|| {
        let week = [output.from.clone(), output.to.clone()].map(Option::unwrap_or_default).join(" to ");
        Receipt::new("The weekly summary is sent", [("Week", week)])
    });
    Ok(Reply { output: json!(output), receipt, unanswered: None })
}

/// The moment that is meant, or the day as it stands: whoever reports knows where days begin, which is not where the
/// operator sits.
fn meant(week_of: &str) -> Result<(Option<prost_types::Timestamp>, String), Failure> {
    let week_of = week_of.trim();
    if week_of.is_empty() {
        return Ok((None, String::new()));
    }
    if let Ok(at) = week_of.parse::<Timestamp>() {
        return Ok((Some(proto::time::wire(at)), String::new()));
    }
    let wrong = |_| Failure::Arguments("week_of must be a day, e.g. 2026-11-18".into());
    week_of.parse::<Date>().map(|day| (None, day.to_string())).map_err(wrong)
}

fn output(summary: WeeklySummary, text: String, published: bool) -> Output {
    // a week begins where the report's days begin
    let zone = times::zone(Some(summary.time_zone.clone()), jiff::tz::TimeZone::UTC)
        .unwrap_or(jiff::tz::TimeZone::UTC);
    let Funnel { sessions, leads, bookings, payments, .. } = summary.total.clone().unwrap_or_default();
    Output {
        from: times::told(summary.from_time, &zone),
        to: times::told(summary.to_time, &zone),
        sessions,
        leads,
        bookings,
        payments,
        origins: summary.funnels.into_iter().take(MOST).map(origin).collect(),
        revenue: amounts(&summary.revenue),
        refunded: amounts(&summary.refunded),
        mrr: amounts(&summary.mrr),
        subscriptions_started: summary.subscriptions_started,
        subscriptions_ended: summary.subscriptions_ended,
        payments_failed: summary.payments_failed,
        messages: summary.messages,
        answers: summary.answers,
        cost: amounts(&summary.cost),
        handoffs: summary.handoffs,
        outcomes: summary.outcomes.into_iter().take(MOST).map(counted).collect(),
        unanswered: summary.unanswered.into_iter().take(MOST).map(counted).collect(),
        text,
        published,
    }
}

fn origin(funnel: Funnel) -> Origin {
    let Funnel { source, campaign, sessions, leads, bookings, payments } = funnel;
    Origin { source, campaign, sessions, leads, bookings, payments }
}

fn counted(figure: Figure) -> Counted {
    Counted { name: figure.name, count: figure.count }
}

fn amounts(money: &[Money]) -> Vec<String> {
    money.iter().filter_map(|money| amount(Some(money))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_stays_a_day_and_a_time_is_a_moment() {
        let day = |text: &str| meant(text).map(|(at, day)| (at.map(|at| at.seconds), day)).ok();
        assert_eq!(day("2026-11-16"), Some((None, "2026-11-16".to_owned())));
        assert_eq!(day(" 2026-11-16T09:00:00 "), Some((None, "2026-11-16".to_owned())), "in no zone");
        assert_eq!(day("2026-11-16T00:30:00+01:00"), Some((Some(1_794_785_400), String::new())));
        assert_eq!((day(""), day("monday")), (Some((None, String::new())), None));
    }
}
