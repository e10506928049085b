//! Queries and the indexes that answer them.
//!
//! A field stands in an index as an integer, a text, or for a boolean as a blob of one byte: three of SQLite's
//! storage classes, which it orders one after the other. So the invariant: values of two types never compare as equal
//! and, since every range ends where its class ends, never fall into one range.

use std::ops::Bound;

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{file, reader, unavailable};
use crate::{
    Document, Error, Index, Order,
    cursor::Position,
    rules::{Plan, Scalar},
};

/// What a query found.
pub(super) struct Found {
    pub(super) documents: Vec<Document>,
    /// Place of the last document, if others follow.
    pub(super) last: Option<Position>,
}

/// The name of an index in the file. Names hold no dot, so no two indexes share one.
pub(super) fn index_name(index: &Index) -> String {
    format!("index:{}.{}", index.collection, index.name)
}

/// The statement that makes an index, exactly as SQLite keeps it.
pub(super) fn create_index(index: &Index) -> String {
    let columns: Vec<_> = index.fields.iter().map(|field| column(field)).chain(["id".into()]).collect();
    let table = file::table(index.collection);
    format!("CREATE INDEX \"{}\" ON {table} ({})", index_name(index), columns.join(", "))
}

/// A field as it stands in an index; null when an index leaves the value out. An integer that does not fit into 64
/// bits would be a float here.
fn column(field: &str) -> String {
    let path = format!("body, '$.\"{field}\"'");
    format!(
        "CASE json_type({path}) WHEN 'text' THEN json_extract({path}) \
         WHEN 'integer' THEN iif(typeof(json_extract({path})) = 'integer', json_extract({path}), NULL) \
         WHEN 'true' THEN x'01' WHEN 'false' THEN x'00' END"
    )
}

/// One page of the documents that `plan` asks for and that are there at `now`.
pub(super) fn run(connection: &mut Connection, plan: &Plan, now: i64) -> Result<Found, Error> {
    let rows = rows(connection, plan, now).map_err(unavailable)?;
    let more = rows.len() > plan.limit;
    let documents: Vec<_> = rows
        .into_iter()
        .take(plan.limit)
        .map(|(id, version, body)| reader::document(plan.index.collection, id, version, &body))
        .collect::<Result<_, _>>()?;
    let last = documents.last().filter(|_| more).map(|document| place(document, plan)).transpose()?;
    Ok(Found { documents, last })
}

type Row = (String, u64, String);

/// One row more than the page holds tells whether another page follows.
fn rows(connection: &mut Connection, plan: &Plan, now: i64) -> rusqlite::Result<Vec<Row>> {
    let transaction = connection.transaction()?;
    let mut rows = Vec::new();
    for beyond in stretches(plan) {
        let Select { sql, values } = Select::new(plan, now, &beyond, plan.limit + 1 - rows.len());
        let mut statement = transaction.prepare_cached(&sql)?;
        for row in statement.query_map(params_from_iter(values), |row| row.try_into())? {
            rows.push(row?);
        }
        if rows.len() > plan.limit {
            break;
        }
    }
    Ok(rows)
}

/// What follows a position, in stretches that an index finds without reading what lies before: those that are equal in
/// all the position's values but the last, which is beyond; then in all but the last two; and so on.
fn stretches(plan: &Plan) -> Vec<Vec<Value>> {
    let Some(Position { at, id }) = &plan.after else { return vec![vec![]] };
    let place: Vec<_> = at.iter().map(value).chain([Value::Text(id.clone())]).collect();
    (1..=place.len()).rev().map(|length| place[..length].to_vec()).collect()
}

fn place(document: &Document, plan: &Plan) -> Result<Position, Error> {
    Position::of(document, plan.ordered()).ok_or_else(|| {
        let key = format!("{}/{}", plan.index.collection, document.id);
        Error::misshapen(key, "an indexed field stands twice in it")
    })
}

/// A statement and the values of its parameters.
struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    /// The documents of one stretch, at most `limit`.
    fn new(plan: &Plan, now: i64, stretch: &[Value], limit: usize) -> Self {
        let mut select = Self { sql: String::new(), values: Vec::new() };
        let (direction, beyond) = match plan.order {
            Order::Ascending => ("ASC", ">"),
            Order::Descending => ("DESC", "<"),
        };
        let ordered: Vec<_> = plan.ordered().iter().map(|field| column(field)).chain(["id".into()]).collect();
        let mut conditions = select.conditions(plan, now);
        for (at, (column, value)) in ordered.iter().zip(stretch).enumerate() {
            let operator = if at + 1 < stretch.len() { "=" } else { beyond };
            conditions.push(format!("{column} {operator} {}", select.bind(value.clone())));
        }
        let limit = select.bind(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let order = &ordered[stretch.len().saturating_sub(1)..];
        let order: Vec<_> = order.iter().map(|column| format!("{column} {direction}")).collect();
        select.sql = format!(
            "SELECT id, version, body FROM {} INDEXED BY \"{}\" WHERE {} ORDER BY {} LIMIT {limit}",
            file::table(plan.index.collection),
            index_name(plan.index),
            conditions.join(" AND "),
            order.join(", "),
        );
        select
    }

    fn conditions(&mut self, plan: &Plan, now: i64) -> Vec<String> {
        let now = self.bind(Value::Integer(now));
        let mut conditions = vec![format!("(expires_at IS NULL OR expires_at > {now})")];
        for (field, scalar) in plan.index.fields.iter().zip(&plan.equal) {
            conditions.push(format!("{} = {}", column(field), self.bind(value(scalar))));
        }
        let ordered = plan.ordered();
        conditions.extend(ordered.iter().map(|field| format!("{} IS NOT NULL", column(field))));
        if let Some(field) = ordered.first() {
            for (operator, bound) in ends(&plan.range) {
                conditions.push(format!("{} {operator} {}", column(field), self.bind(bound)));
            }
        }
        conditions
    }

    /// The name of a new parameter.
    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }
}

/// The comparisons that make a range. An open end is closed where the type of the other one ends.
fn ends((from, to): &(Bound<Scalar>, Bound<Scalar>)) -> Vec<(&'static str, Value)> {
    let mut ends = Vec::new();
    match from {
        Bound::Included(scalar) => ends.push((">=", value(scalar))),
        Bound::Excluded(scalar) => ends.push((">", value(scalar))),
        Bound::Unbounded => ends.extend(least(to).map(|least| (">=", least))),
    }
    match to {
        Bound::Included(scalar) => ends.push(("<=", value(scalar))),
        Bound::Excluded(scalar) => ends.push(("<", value(scalar))),
        Bound::Unbounded => ends.extend(beyond(from).map(|beyond| ("<", beyond))),
    }
    ends
}

/// The first value of the type of a bound, unless the type is the first.
fn least(bound: &Bound<Scalar>) -> Option<Value> {
    match bound {
        Bound::Included(Scalar::Text(_)) | Bound::Excluded(Scalar::Text(_)) => {
            Some(Value::Text(String::new()))
        }
        Bound::Included(Scalar::Flag(_)) | Bound::Excluded(Scalar::Flag(_)) => Some(Value::Blob(Vec::new())),
        _ => None,
    }
}

/// The first value of the type after that of a bound, unless the type is the last.
fn beyond(bound: &Bound<Scalar>) -> Option<Value> {
    match bound {
        Bound::Included(Scalar::Integer(_)) | Bound::Excluded(Scalar::Integer(_)) => {
            Some(Value::Text(String::new()))
        }
        Bound::Included(Scalar::Text(_)) | Bound::Excluded(Scalar::Text(_)) => Some(Value::Blob(Vec::new())),
        _ => None,
    }
}

fn value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Integer(number) => Value::Integer(*number),
        Scalar::Text(text) => Value::Text(text.clone()),
        Scalar::Flag(flag) => Value::Blob(vec![u8::from(*flag)]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Query, Range, Schema, sqlite::file::Lock};

    static INDEX: Index =
        Index { collection: "rows", name: "due", fields: &["tab", "at", "n"], orders: crate::BOTH };
    const SCHEMA: Schema = Schema { version: 1, indexes: &[&INDEX], expiring: &["people"] };

    #[test]
    fn an_index_answers_without_sorting_and_from_where_a_page_begins() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("it.db");
        let _lock = Lock::take(&path).unwrap();
        let (connection, _) = file::open(&path, &SCHEMA).unwrap();
        let range = Some(Range { from: Bound::Excluded(json!(5)), to: Bound::Unbounded });
        let leads = || Query::new(&INDEX, [json!("leads")]);
        let position = Position { at: vec![Scalar::Integer(7), Scalar::Integer(8)], id: "x".into() };
        let place = Some(&position);
        let (by, last) = ("<expr>=?", "<expr>=? AND <expr>=? AND <expr>=? AND id>?");
        let ranged = "<expr>=? AND <expr>>? AND <expr><?";
        let pages = [last, "<expr>=? AND <expr>=? AND <expr>>?", "<expr>=? AND <expr>>?"];
        let ranged_pages = [last, pages[1], ranged];
        for (query, after, searched) in [
            (leads(), None, &[by][..]),
            (leads(), place, &pages),
            (Query { range: range.clone(), ..leads() }, None, &[ranged]),
            (Query { range, ..leads() }, place, &ranged_pages),
        ] {
            let plan = Plan { after: after.cloned(), ..Plan::new(&query, &SCHEMA).unwrap() };
            assert_eq!(explain(&connection, &plan), searched);
            let back = Plan { order: Order::Descending, ..plan };
            assert_eq!(explain(&connection, &back).len(), searched.len());
        }
    }

    /// By what the index is searched, for every stretch.
    fn explain(connection: &Connection, plan: &Plan) -> Vec<String> {
        let explain = |stretch: Vec<Value>| {
            let Select { sql, values } = Select::new(plan, 0, &stretch, 10);
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.collect::<Result<Vec<_>, _>>().unwrap();
            // Another step would be the sorting.
            assert_eq!(steps.len(), 1, "{steps:?}");
            let by = steps[0].strip_prefix("SEARCH doc_rows USING INDEX index:rows.due (").unwrap();
            by.trim_end_matches(')').to_owned()
        };
        stretches(plan).into_iter().map(explain).collect()
    }
}
