//! The same figures, computed by SQL over the exported rows, without a line of the service's.

use proto::{ops::v1::WeeklySummary, sheets::v1::Tab};
use rusqlite::{Connection, params};

use crate::books::Books;

const TABS: [(Tab, &str); 7] = [
    (Tab::Contacts, "contacts"),
    (Tab::Leads, "leads"),
    (Tab::Engagements, "engagements"),
    (Tab::Bookings, "bookings"),
    (Tab::Subscriptions, "subscriptions"),
    (Tab::Payments, "payments"),
    (Tab::ChatEvents, "chat_events"),
];

/// Views of what counts: no row that a person deleted, no word of the operator's own workflow, times in microseconds.
const VIEWS: &str = "
CREATE VIEW events AS SELECT at, id, c->>'session_id' AS session, c->>'type' AS type, c->>'payload_json' AS said
    FROM chat_events WHERE NOT deleted;
CREATE VIEW visits AS SELECT * FROM events WHERE session <> '' AND coalesce(said->>'workflow_id', '') <> 'ops-copilot';
CREATE VIEW talks AS SELECT at, id, c->>'contact_id' AS contact, c->>'session_id' AS session, c->>'outcome' AS outcome
    FROM engagements WHERE NOT deleted AND coalesce(c->>'workflow_id', '') <> 'ops-copilot';
CREATE VIEW people AS SELECT id, coalesce(c->>'utm_source', '') AS source, coalesce(c->>'utm_campaign', '') AS campaign FROM contacts;
CREATE VIEW money AS SELECT at, id, c->>'contact_id' AS contact, c->>'status' AS status, c->'amount'->>'minor' AS minor,
    c->'amount'->>'currency' AS currency, micros(c->>'paid_at') AS paid,
    CASE WHEN c->>'metadata' <> '' THEN c->>'metadata' ELSE '{}' END AS more FROM payments WHERE NOT deleted;
CREATE VIEW subs AS SELECT id, micros(c->>'started_at') AS started, coalesce(micros(f->>'ended_at'), micros(c->>'canceled_at')) AS ended, c->>'status' AS status,
    CASE WHEN c->'mrr'->>'minor' > 0 THEN c->'mrr'->>'minor' ELSE f->'mrr'->>'minor' END AS minor, c->'mrr'->>'currency' AS currency
    FROM subscriptions;
";

/// Where a session came from: the first touch of whose it is, else what its first event says that says anything.
const ORIGINS: &str = "
WITH s AS (SELECT DISTINCT session FROM visits WHERE at >= ?1 AND at < ?2),
owner AS (SELECT s.session, (SELECT t.contact FROM talks t WHERE t.session = s.session AND t.contact <> '' AND t.at >= ?1 AND t.at < ?2
    ORDER BY t.at DESC LIMIT 1) AS contact FROM s),
origin AS (SELECT o.session,
    (SELECT p.source || '|' || p.campaign FROM people p WHERE p.id = o.contact AND p.source || p.campaign <> '') AS theirs,
    (SELECT coalesce(v.said->'traits'->>'utm_source', '') || '|' || coalesce(v.said->'traits'->>'utm_campaign', '') FROM visits v
        WHERE v.session = o.session AND v.at >= ?1 AND v.at < ?2 AND coalesce(v.said->'traits'->>'utm_source', '') || coalesce(v.said->'traits'->>'utm_campaign', '') <> ''
        ORDER BY v.at LIMIT 1) AS own FROM owner o)
SELECT coalesce(theirs, own, '|') AS name, count(*) FROM origin GROUP BY name";

/// The rows as SQL sees them.
pub(crate) struct Tables(Connection);

/// One week in figures, as text, so that a difference shows.
pub(crate) type Figures = Vec<(String, String)>;

impl Tables {
    pub(crate) fn export(books: &Books) -> Self {
        let sql = Connection::open_in_memory().unwrap();
        sql.create_scalar_function(
            "micros",
            1,
            rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC,
            |ctx| {
                let text: Option<String> = ctx.get(0)?;
                Ok(text.map(|text| text.parse::<jiff::Timestamp>().unwrap().as_microsecond()))
            },
        )
        .unwrap();
        for (tab, name) in TABS {
            sql.execute_batch(&format!(
                "CREATE TABLE {name} (id TEXT PRIMARY KEY, at INTEGER, c TEXT, f TEXT, deleted INTEGER);
                CREATE INDEX {name}_at ON {name} (at);"
            ))
            .unwrap();
            let mut insert = sql.prepare(&format!("INSERT INTO {name} VALUES (?1, ?2, ?3, ?4, ?5)")).unwrap();
            for row in books.rows(tab) {
                insert
                    .execute(params![
                        row.id,
                        row.at.as_microsecond(),
                        row.cells.to_string(),
                        row.former.to_string(),
                        row.deleted
                    ])
                    .unwrap();
            }
        }
        // Sessions are looked up by name; what is looked up often is kept.
        sql.execute_batch(VIEWS).unwrap();
        sql.execute_batch(
            "CREATE TABLE v AS SELECT * FROM visits; DROP VIEW visits; ALTER TABLE v RENAME TO visits;
             CREATE INDEX visits_at ON visits (at); CREATE INDEX visits_session ON visits (session, at);
             CREATE TABLE t AS SELECT * FROM talks; DROP VIEW talks; ALTER TABLE t RENAME TO talks;
             CREATE INDEX talks_at ON talks (at); CREATE INDEX talks_session ON talks (session, at);",
        )
        .unwrap();
        Self(sql)
    }

    fn one(&self, query: &str, from: i64, to: i64) -> i64 {
        self.0
            .query_row(query, params![from, to], |row| row.get::<_, Option<i64>>(0))
            .unwrap()
            .unwrap_or_default()
    }

    fn list(&self, query: &str, from: i64, to: i64) -> Vec<(String, i64)> {
        let mut statement = self.0.prepare(query).unwrap();
        let rows = statement.query_map(params![from, to], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// What stands at a place of an ordered list; none of an empty one.
    fn place(&self, of: &str, place: &str, from: i64, to: i64) -> Option<i64> {
        let query = format!(
            "WITH o AS ({of}), n AS (SELECT count(*) AS n FROM o) SELECT x FROM o, n ORDER BY x LIMIT 1 OFFSET {place}"
        );
        self.0.query_row(&query, params![from, to], |row| row.get(0)).ok()
    }

    fn median(&self, of: &str, from: i64, to: i64) -> Option<i64> {
        let lower = self.place(of, "(SELECT (n - 1) / 2 FROM n)", from, to)?;
        let upper = self.place(of, "(SELECT n / 2 FROM n)", from, to)?;
        Some((lower + upper) / 2)
    }

    /// All figures of the week from `from` to `to`, in microseconds.
    pub(crate) fn figures(&self, from: i64, to: i64) -> Figures {
        const IN: &str = "at >= ?1 AND at < ?2";
        const CAME: &str = "paid >= ?1 AND paid < ?2 AND minor > 0 AND status IN ('paid', 'partially_refunded', 'refunded', 'disputed', 'lost')";
        let one = |query: &str| self.one(query, from, to).to_string();
        let list = |query: &str| joined(self.list(query, from, to));
        let by_origin = |of: &str| {
            list(&format!("SELECT coalesce((SELECT source || '|' || campaign FROM people p WHERE p.id = x.contact), '|') AS name, count(*)
                FROM ({of}) x GROUP BY name ORDER BY name"))
        };
        let leads = format!("SELECT c->>'contact_id' AS contact FROM leads WHERE NOT deleted AND {IN}");
        let bookings = format!(
            "SELECT c->>'contact_id' AS contact FROM bookings WHERE c->>'status' NOT IN ('requested', 'rejected') AND {IN}"
        );
        let payments = format!("SELECT contact FROM money WHERE {CAME}");
        let durations =
            format!("SELECT said->>'duration_ms' AS x FROM events WHERE type = 'chat.answered' AND {IN}");
        let waited = format!(
            "SELECT said->>'waited_seconds' AS x FROM visits WHERE type = 'chat.person_answered' AND {IN}"
        );
        let ends = "status IN ('canceled', 'completed', 'expired', 'incomplete_expired', 'unpaid')";
        let optional = |value: Option<i64>| value.map_or("none".to_owned(), |value| value.to_string());
        let mut origins = self.list(ORIGINS, from, to);
        origins.sort();
        let figures = [
            ("sessions", one(&format!("SELECT count(DISTINCT session) FROM visits WHERE {IN}"))),
            ("sessions by origin", joined(origins)),
            ("leads by origin", by_origin(&leads)),
            ("bookings by origin", by_origin(&bookings)),
            ("payments by origin", by_origin(&payments)),
            ("leads", one(&format!("SELECT count(*) FROM ({leads})"))),
            ("bookings", one(&format!("SELECT count(*) FROM ({bookings})"))),
            ("payments", one(&format!("SELECT count(*) FROM ({payments})"))),
            ("revenue", list(&format!("SELECT currency, sum(minor) FROM money WHERE {CAME} GROUP BY currency ORDER BY currency"))),
            ("refunded", list(&format!("SELECT more->'refunded'->>'currency' AS code, sum(more->'refunded'->>'minor') FROM money
                WHERE {CAME} AND more->'refunded' IS NOT NULL GROUP BY code ORDER BY code"))),
            ("failed", one(&format!("SELECT count(*) FROM money WHERE status = 'failed' AND {IN}"))),
            ("mrr", list(&format!("SELECT currency, sum(minor) FROM subs WHERE ?1 < ?2 AND started < ?2 AND minor > 0
                AND NOT ({ends} AND (ended IS NULL OR ended < ?2)) GROUP BY currency ORDER BY currency"))),
            ("started", one("SELECT count(*) FROM subs WHERE started >= ?1 AND started < ?2")),
            ("ended", one(&format!("SELECT count(*) FROM subs WHERE {ends} AND ended >= ?1 AND ended < ?2"))),
            ("messages", one(&format!("SELECT count(*) FROM visits WHERE type = 'chat.turn' AND {IN}"))),
            ("outcomes", list(&format!("SELECT outcome, count(*) AS n FROM talks t WHERE outcome <> '' AND {IN} AND at = (SELECT max(l.at) FROM talks l
                WHERE l.session = t.session AND l.outcome <> '' AND l.at >= ?1 AND l.at < ?2) GROUP BY outcome ORDER BY n DESC, outcome"))),
            ("handoffs", one(&format!("SELECT count(DISTINCT session) FROM talks WHERE outcome = 'needs_human' AND {IN}"))),
            ("waited", optional(self.median(&waited, from, to))),
            ("unanswered", one(&format!("SELECT count(*) FROM visits WHERE type = 'knowledge.unanswered' AND {IN}"))),
            ("questions", one(&format!("SELECT count(DISTINCT lower(replace(said->>'question', '  ', ' '))) FROM visits
                WHERE type = 'knowledge.unanswered' AND {IN}"))),
            ("cost", list(&format!("SELECT said->'cost'->>'currency' AS code, (sum(said->'cost'->>'billionths') + 5000000) / 10000000 FROM events
                WHERE type = 'chat.answered' AND {IN} GROUP BY code"))),
            ("answers", one(&format!("SELECT count(*) FROM events WHERE type = 'chat.answered' AND {IN}"))),
            ("median", optional(self.median(&durations, from, to))),
            ("p95", optional(self.place(&durations, "(SELECT max((n * 95 + 99) / 100 - 1, 0) FROM n)", from, to))),
        ];
        figures.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

fn joined(list: Vec<(String, i64)>) -> String {
    list.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// The service's figures in the same words.
pub(crate) fn figures(summary: &WeeklySummary) -> Figures {
    let total = summary.total.clone().unwrap();
    let by = |count: fn(&proto::ops::v1::Funnel) -> i64| {
        let mut by: Vec<_> =
            summary.funnels.iter().map(|of| (format!("{}|{}", of.source, of.campaign), count(of))).collect();
        by.retain(|(_, count)| *count > 0);
        by.sort();
        joined(by)
    };
    let money = |sums: &[proto::common::v1::Money]| {
        joined(sums.iter().map(|sum| (sum.currency_code.clone(), sum.minor_units)).collect())
    };
    let optional = |value: Option<i64>| value.map_or("none".to_owned(), |value| value.to_string());
    let figures = [
        ("sessions", total.sessions.to_string()),
        ("sessions by origin", by(|of| of.sessions)),
        ("leads by origin", by(|of| of.leads)),
        ("bookings by origin", by(|of| of.bookings)),
        ("payments by origin", by(|of| of.payments)),
        ("leads", total.leads.to_string()),
        ("bookings", total.bookings.to_string()),
        ("payments", total.payments.to_string()),
        ("revenue", money(&summary.revenue)),
        ("refunded", money(&summary.refunded)),
        ("failed", summary.payments_failed.to_string()),
        ("mrr", money(&summary.mrr)),
        ("started", summary.subscriptions_started.to_string()),
        ("ended", summary.subscriptions_ended.to_string()),
        ("messages", summary.messages.to_string()),
        ("outcomes", joined(summary.outcomes.iter().map(|one| (one.name.clone(), one.count)).collect())),
        ("handoffs", summary.handoffs.to_string()),
        ("waited", optional(summary.handoff_median_seconds)),
        ("unanswered", summary.unanswered_total.to_string()),
        ("questions", summary.unanswered.len().to_string()),
        ("cost", money(&summary.cost)),
        ("answers", summary.answers.to_string()),
        ("median", optional(summary.answer_median_ms)),
        ("p95", optional(summary.answer_p95_ms)),
    ];
    figures.map(|(name, value)| (name.to_owned(), value)).into()
}
