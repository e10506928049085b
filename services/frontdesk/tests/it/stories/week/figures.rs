//! The figures of a week, as the report tells them and as SQL finds them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proto::{common::v1::Money, ops::v1::WeeklySummary};
use rusqlite::{Row, named_params};

use super::tables::{Tables, seconds};

/// Sessions, leads, bookings, payments.
type Funnel = [i64; 4];

/// All that is told of a week.
#[derive(Debug, PartialEq)]
pub(super) struct Figures {
    total: Funnel,
    funnels: BTreeMap<(String, String), Funnel>,
    revenue: BTreeMap<String, i64>,
    refunded: BTreeMap<String, i64>,
    mrr: BTreeMap<String, i64>,
    cost: BTreeMap<String, i64>,
    started: i64,
    ended: i64,
    failed: i64,
    messages: i64,
    outcomes: BTreeMap<String, i64>,
    handoffs: i64,
    handoff_median: Option<i64>,
    unanswered: BTreeMap<String, i64>,
    unanswered_total: i64,
    answers: i64,
    answer_median: Option<i64>,
    answer_p95: Option<i64>,
}

/// What is no visit: the operator's own.
const VISITS: &str = "
    visits AS (
        SELECT *, json_extract(payload_json, '$.traits.utm_source') AS source,
            json_extract(payload_json, '$.traits.utm_campaign') AS campaign
        FROM chat_events
        WHERE unixepoch(occurred_at, 'subsec') >= :start AND unixepoch(occurred_at, 'subsec') < :end
            AND coalesce(json_extract(payload_json, '$.workflow_id'), '') <> 'ops-copilot'
            AND coalesce(json_extract(payload_json, '$.workflow'), '') <> 'ops-copilot'),
    talks AS (
        SELECT *, coalesce(session_id, id) AS conversation FROM engagements
        WHERE unixepoch(occurred_at, 'subsec') >= :start AND unixepoch(occurred_at, 'subsec') < :end
            AND coalesce(workflow_id, '') <> 'ops-copilot'),
    came AS (
        SELECT * FROM payments
        WHERE unixepoch(paid_at, 'subsec') >= :start AND unixepoch(paid_at, 'subsec') < :end
            AND status IN ('paid', 'partially_refunded', 'refunded', 'disputed', 'lost')
            AND json_extract(amount, '$.minor') > 0),
    answered AS (
        SELECT * FROM chat_events
        WHERE type = 'chat.answered'
            AND unixepoch(occurred_at, 'subsec') >= :start AND unixepoch(occurred_at, 'subsec') < :end)";

/// Whoever did something, with their first touch.
const FUNNELS: &str = "
    , owners AS (
        SELECT session_id, contact_id, row_number() OVER (PARTITION BY session_id ORDER BY occurs DESC, place DESC) AS nth
        FROM talks WHERE session_id IS NOT NULL AND contact_id IS NOT NULL),
    touches AS (
        SELECT session_id, source, campaign, row_number() OVER (PARTITION BY session_id ORDER BY occurs, place) AS nth
        FROM visits WHERE session_id IS NOT NULL AND (source IS NOT NULL OR campaign IS NOT NULL)),
    steps AS (
        SELECT 0 AS step, contacts.utm_source IS NOT NULL OR contacts.utm_campaign IS NOT NULL AS is_known,
            contacts.utm_source AS first_source, contacts.utm_campaign AS first_campaign, touches.source, touches.campaign
        FROM (SELECT DISTINCT session_id FROM visits WHERE session_id IS NOT NULL) AS sessions
            LEFT JOIN owners ON owners.session_id = sessions.session_id AND owners.nth = 1
            LEFT JOIN contacts ON contacts.id = owners.contact_id
            LEFT JOIN touches ON touches.session_id = sessions.session_id AND touches.nth = 1
        UNION ALL
        SELECT 1, 1, contacts.utm_source, contacts.utm_campaign, NULL, NULL
        FROM leads LEFT JOIN contacts ON contacts.id = leads.contact_id
        WHERE unixepoch(leads.created_at, 'subsec') >= :start AND unixepoch(leads.created_at, 'subsec') < :end
        UNION ALL
        SELECT 2, 1, contacts.utm_source, contacts.utm_campaign, NULL, NULL
        FROM bookings LEFT JOIN contacts ON contacts.id = bookings.contact_id
        WHERE unixepoch(bookings.created_at, 'subsec') >= :start AND unixepoch(bookings.created_at, 'subsec') < :end
            AND bookings.status NOT IN ('requested', 'rejected')
        UNION ALL
        SELECT 3, 1, contacts.utm_source, contacts.utm_campaign, NULL, NULL
        FROM came LEFT JOIN contacts ON contacts.id = came.contact_id)
    SELECT coalesce(iif(is_known, first_source, source), ''), coalesce(iif(is_known, first_campaign, campaign), ''),
        sum(step = 0), sum(step = 1), sum(step = 2), sum(step = 3)
    FROM steps GROUP BY 1, 2";

const OUTCOMES: &str = "
    , last AS (
        SELECT outcome, row_number() OVER (PARTITION BY conversation ORDER BY occurs DESC, place DESC) AS nth
        FROM talks WHERE outcome IS NOT NULL)
    SELECT outcome, count(*) FROM last WHERE nth = 1 GROUP BY outcome";

const UNANSWERED: &str = "
    , questions AS (
        SELECT replace(replace(trim(json_extract(payload_json, '$.question')), '   ', ' '), '  ', ' ') AS question, occurs, place
        FROM visits WHERE type = 'knowledge.unanswered')
    SELECT (SELECT question FROM questions AS first WHERE lower(first.question) = lower(all_of.question)
            ORDER BY occurs, place LIMIT 1), count(*)
    FROM questions AS all_of GROUP BY lower(question)";

const RUNS: &str = "
    unixepoch(coalesce(started_at, datetime(occurs, 'unixepoch')), 'subsec') < :end
    AND NOT (status IN ('canceled', 'completed', 'expired', 'incomplete_expired', 'unpaid')
        AND (coalesce(ended_at, canceled_at) IS NULL OR unixepoch(coalesce(ended_at, canceled_at), 'subsec') < :end))";

// === impl Tables ===

impl Tables {
    /// What SQL finds of the week between these moments.
    pub(super) fn figures(&self, from: Timestamp, to: Timestamp) -> Figures {
        let week = (seconds(from), seconds(to));
        let one = |sql: &str| self.all(week, sql, |row| row.get(0)).remove(0);
        let map = |sql: &str| -> BTreeMap<String, i64> {
            self.all(week, sql, |row| Ok((row.get(0)?, row.get(1)?))).into_iter().collect()
        };
        let funnels: BTreeMap<(String, String), Funnel> = self
            .all(week, FUNNELS, |row| {
                Ok(((row.get(0)?, row.get(1)?), [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]))
            })
            .into_iter()
            .collect();
        let total =
            funnels.values().fold([0; 4], |sum, funnel| std::array::from_fn(|step| sum[step] + funnel[step]));
        let within = |column: &str| {
            format!("unixepoch({column}, 'subsec') >= :start AND unixepoch({column}, 'subsec') < :end")
        };
        let unanswered = map(UNANSWERED);
        Figures {
            total,
            funnels,
            revenue: map("SELECT json_extract(amount, '$.currency'), sum(json_extract(amount, '$.minor')) FROM came GROUP BY 1"),
            refunded: map("SELECT json_extract(metadata, '$.refunded.currency'), sum(json_extract(metadata, '$.refunded.minor'))
                FROM came WHERE json_extract(metadata, '$.refunded') IS NOT NULL GROUP BY 1"),
            mrr: map(&format!("SELECT json_extract(mrr, '$.currency'), sum(json_extract(mrr, '$.minor')) FROM subscriptions
                WHERE json_extract(mrr, '$.minor') > 0 AND {RUNS} GROUP BY 1")),
            // billionths of a dollar are ten millions a cent
            cost: map("SELECT json_extract(payload_json, '$.cost.currency'),
                (sum(json_extract(payload_json, '$.cost.billionths')) + 5000000) / 10000000
                FROM answered WHERE json_extract(payload_json, '$.cost.billionths') IS NOT NULL GROUP BY 1"),
            started: one(&format!("SELECT count(*) FROM subscriptions WHERE {}", within("started_at"))),
            ended: one(&format!("SELECT count(*) FROM subscriptions WHERE {}
                AND status IN ('canceled', 'completed', 'expired', 'incomplete_expired', 'unpaid')", within("coalesce(ended_at, canceled_at)"))),
            failed: one("SELECT count(*) FROM payments WHERE status = 'failed' AND occurs >= :start AND occurs < :end"),
            messages: one("SELECT count(*) FROM visits WHERE type = 'chat.turn'"),
            outcomes: map(OUTCOMES),
            handoffs: one("SELECT count(DISTINCT conversation) FROM talks WHERE outcome = 'needs_human'"),
            handoff_median: self.median(week, "SELECT json_extract(payload_json, '$.waited_seconds') AS value FROM visits
                WHERE type = 'chat.person_answered'"),
            unanswered_total: unanswered.values().sum(),
            unanswered,
            answers: one("SELECT count(*) FROM answered"),
            answer_median: self.median(week, "SELECT json_extract(payload_json, '$.duration_ms') AS value FROM answered"),
            answer_p95: self.value(week, "SELECT (SELECT json_extract(payload_json, '$.duration_ms') FROM answered ORDER BY 1
                LIMIT 1 OFFSET max(0, (SELECT (count(*) * 95 + 99) / 100 - 1 FROM answered)))"),
        }
    }

    /// The median of what `values` selects: the mean of the two in the middle where their number is even.
    fn median(&self, week: (f64, f64), values: &str) -> Option<i64> {
        let sql = format!(
            "SELECT CAST(avg(value) AS INTEGER) FROM (SELECT value, row_number() OVER (ORDER BY value) AS nth, \
             count(*) OVER () AS many FROM ({values})) WHERE nth IN ((many + 1) / 2, (many + 2) / 2)"
        );
        self.value(week, &sql)
    }

    fn value(&self, week: (f64, f64), sql: &str) -> Option<i64> {
        self.all(week, sql, |row| row.get(0)).remove(0)
    }

    fn all<T>(
        &self,
        (start, end): (f64, f64),
        sql: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let sql = format!("WITH {VISITS} {sql}");
        let mut statement = self.0.prepare(&sql).unwrap_or_else(|why| panic!("{why}: {sql}"));
        let rows =
            statement.query_map(named_params! {":start": start, ":end": end}, |row| read(row)).unwrap();
        rows.collect::<Result<_, _>>().unwrap_or_else(|why| panic!("{why}: {sql}"))
    }
}

// === impl Figures ===

impl Figures {
    /// What the report tells.
    pub(super) fn told(summary: &WeeklySummary) -> Self {
        let steps = |funnel: &proto::ops::v1::Funnel| {
            [funnel.sessions, funnel.leads, funnel.bookings, funnel.payments]
        };
        let sums = |all: &[Money]| {
            all.iter().map(|money| (money.currency_code.clone(), money.minor_units)).collect()
        };
        let figures =
            |all: &[proto::ops::v1::Figure]| all.iter().map(|one| (one.name.clone(), one.count)).collect();
        let funnel = |funnel: &proto::ops::v1::Funnel| {
            ((funnel.source.clone(), funnel.campaign.clone()), steps(funnel))
        };
        Self {
            total: steps(&summary.total.clone().unwrap()),
            funnels: summary.funnels.iter().map(funnel).collect(),
            revenue: sums(&summary.revenue),
            refunded: sums(&summary.refunded),
            mrr: sums(&summary.mrr),
            cost: sums(&summary.cost),
            started: summary.subscriptions_started,
            ended: summary.subscriptions_ended,
            failed: summary.payments_failed,
            messages: summary.messages,
            outcomes: figures(&summary.outcomes),
            handoffs: summary.handoffs,
            handoff_median: summary.handoff_median_seconds,
            unanswered: figures(&summary.unanswered),
            unanswered_total: summary.unanswered_total,
            answers: summary.answers,
            answer_median: summary.answer_median_ms,
            answer_p95: summary.answer_p95_ms,
        }
    }
}
