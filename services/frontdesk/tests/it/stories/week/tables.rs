//! The seven tabs as tables of SQLite in memory, as anybody would import them.

use jiff::Timestamp;
use prost_types::value::Kind;
use proto::sheets::v1::{RowState, Tab};
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::world::World;

/// The tabs.
pub(super) struct Tables(pub(super) Connection);

impl Tables {
    /// The books as the ledger lists them now, without what a person deleted.
    pub(super) async fn of(world: &World) -> Self {
        let connection = Connection::open_in_memory().unwrap();
        for tab in domain::Tab::ALL {
            let columns = tab.columns();
            // When a subscription was over is no column of the tab.
            let names: Vec<_> =
                columns.iter().chain([&"ended_at"]).map(|column| format!("\"{column}\"")).collect();
            let sql =
                format!("CREATE TABLE {} (occurs REAL, place INTEGER, {})", tab.as_str(), names.join(", "));
            connection.execute(&sql, params![]).unwrap();
            let marks = vec!["?"; columns.len() + 3].join(", ");
            let insert = format!("INSERT INTO {} VALUES ({marks})", tab.as_str());
            for (place, row) in (0_i64..).zip(world.rows(Tab::named(tab.as_str()).unwrap()).await) {
                if row.state() == RowState::Deleted {
                    continue;
                }
                let occurs = row.occur_time.unwrap();
                let fields = row.cells.unwrap_or_default().fields;
                let mut cells: Vec<rusqlite::types::Value> =
                    vec![(occurs.seconds as f64 + f64::from(occurs.nanos) / 1e9).into(), place.into()];
                cells.extend(
                    columns.iter().map(|column| cell(fields.get(*column).and_then(|cell| cell.kind.clone()))),
                );
                let former = row.former.unwrap_or_default().fields;
                cells.push(cell(former.get("ended_at").and_then(|cell| cell.kind.clone())));
                connection.execute(&insert, rusqlite::params_from_iter(cells)).unwrap();
            }
        }
        Self(connection)
    }

    /// How many engagements say that a week was summed up.
    pub(super) fn summaries(&self) -> i64 {
        let sql = "SELECT count(*) FROM engagements WHERE outcome = 'weekly_summary'";
        self.0.query_row(sql, params![], |row| row.get(0)).unwrap()
    }
}

/// A cell; money as JSON.
fn cell(kind: Option<Kind>) -> rusqlite::types::Value {
    match kind {
        Some(Kind::StringValue(text)) if !text.is_empty() => text.into(),
        Some(Kind::NumberValue(number)) => number.into(),
        Some(Kind::BoolValue(flag)) => i64::from(flag).into(),
        Some(Kind::StructValue(money)) => {
            let text = |name: &str| match money.fields.get(name).and_then(|value| value.kind.clone()) {
                Some(Kind::NumberValue(number)) => Value::from(number as i64),
                Some(Kind::StringValue(text)) => text.into(),
                _ => Value::Null,
            };
            serde_json::json!({"minor": text("minor"), "currency": text("currency")}).to_string().into()
        }
        _ => rusqlite::types::Value::Null,
    }
}

/// A moment as SQLite counts it.
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}
