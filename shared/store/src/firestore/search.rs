//! Queries.
//!
//! The invariant: an index means here what it means in SQLite: its fields, then the id, and nothing that has expired
//! or lacks a field.

use std::ops::Bound;

use firestore::gcloud_sdk::google::firestore::v1::{
    Cursor, RunQueryRequest, StructuredQuery, Value,
    run_query_request::QueryType,
    structured_query::{
        CollectionSelector, CompositeFilter, Direction, FieldFilter, FieldReference, Filter, Order as By,
        composite_filter::Operator as Together, field_filter::Operator, filter::FilterType,
    },
};

use super::{
    Firestore, connection,
    record::{ID, Record, path, scalar, text_field},
};
use crate::{
    Document, Error, Order,
    cursor::Position,
    rules::{Plan, Scalar},
};

/// Fewest documents to ask for at a time: what has expired may stand between those that are looked for.
const FEWEST: usize = 16;

/// What a query found.
pub(super) struct Found {
    pub(super) documents: Vec<Document>,
    /// Where the page ended, when something follows it.
    pub(super) last: Option<Position>,
}

/// Fills one page.
pub(super) async fn run(store: &Firestore, plan: &Plan) -> Result<Found, Error> {
    let now = store.now();
    let mut documents = Vec::new();
    let mut after = plan.after.clone();
    loop {
        let wanted = (plan.limit + 1 - documents.len()).max(FEWEST);
        let records = fetch(store, plan, after.as_ref(), wanted).await?;
        let is_end = records.len() < wanted;
        if let Some(last) = records.last() {
            after = Position::of(&last.document()?, plan.ordered());
        }
        for record in records.iter().filter(|record| record.is_live(now)) {
            documents.push(record.document()?);
        }
        if documents.len() > plan.limit {
            documents.truncate(plan.limit);
            let last = documents.last().and_then(|last| Position::of(last, plan.ordered()));
            return Ok(Found { documents, last });
        }
        if is_end {
            return Ok(Found { documents, last: None });
        }
    }
}

async fn fetch(
    store: &Firestore,
    plan: &Plan,
    after: Option<&Position>,
    wanted: usize,
) -> Result<Vec<Record>, Error> {
    let query = structured(plan, store.names.collection(plan.index.collection), after, wanted);
    let request = RunQueryRequest {
        parent: store.names.documents(),
        query_type: Some(QueryType::StructuredQuery(query)),
        ..Default::default()
    };
    let answers = store.connection.read(request, connection::run_query).await?;
    answers.into_iter().filter_map(|answer| answer.document).map(Record::read).collect()
}

fn structured(
    plan: &Plan,
    collection_id: String,
    after: Option<&Position>,
    wanted: usize,
) -> StructuredQuery {
    let direction = match plan.order {
        Order::Ascending => Direction::Ascending,
        Order::Descending => Direction::Descending,
    };
    let by = |path: String| By { field: reference(path), direction: direction.into() };
    let ordered = plan.ordered().iter().map(|field| path(field)).chain([ID.to_owned()]);
    StructuredQuery {
        from: vec![CollectionSelector { collection_id, all_descendants: false }],
        r#where: filter(plan),
        order_by: ordered.map(by).collect(),
        start_at: after.map(|after| Cursor {
            values: after.at.iter().map(scalar).chain([text_field(&*after.id)]).collect(),
            before: false,
        }),
        limit: i32::try_from(wanted).ok(),
        ..Default::default()
    }
}

fn filter(plan: &Plan) -> Option<Filter> {
    let equal = plan.equal.iter().zip(plan.index.fields);
    let mut filters: Vec<_> =
        equal.map(|(value, field)| compare(field, Operator::Equal, scalar(value))).collect();
    if let Some(field) = plan.ordered().first() {
        let (from, to) = &plan.range;
        filters.extend(bound(field, from, Operator::GreaterThanOrEqual, Operator::GreaterThan));
        filters.extend(bound(field, to, Operator::LessThanOrEqual, Operator::LessThan));
    }
    (!filters.is_empty()).then(|| Filter {
        filter_type: Some(FilterType::CompositeFilter(CompositeFilter { op: Together::And.into(), filters })),
    })
}

fn bound(field: &str, bound: &Bound<Scalar>, included: Operator, excluded: Operator) -> Option<Filter> {
    match bound {
        Bound::Included(value) => Some(compare(field, included, scalar(value))),
        Bound::Excluded(value) => Some(compare(field, excluded, scalar(value))),
        Bound::Unbounded => None,
    }
}

fn compare(field: &str, op: Operator, value: Value) -> Filter {
    let filter = FieldFilter { field: reference(path(field)), op: op.into(), value: Some(value) };
    Filter { filter_type: Some(FilterType::FieldFilter(filter)) }
}

fn reference(field_path: String) -> Option<FieldReference> {
    Some(FieldReference { field_path })
}
