//! A walk through all collections of a service, at a read time that is fixed when it begins.
//!
//! Collections are in the order of their names, documents in that of theirs, which every database keeps without a
//! declared index. The invariant: all pages are read at one moment; Firestore keeps what was an hour ago, so a walk
//! that takes longer fails.

use std::sync::Arc;

use firestore::gcloud_sdk::{
    google::firestore::v1::{
        BatchGetDocumentsRequest, Cursor, ListCollectionIdsRequest, RunQueryRequest, StructuredQuery, Value,
        run_query_request::{ConsistencySelector, QueryType},
        structured_query::{CollectionSelector, Direction, FieldReference, Order},
        value::ValueType,
    },
    prost_types,
};

use super::{
    connection::{self, Connection},
    names::{self, Names},
    record::Record,
};
use crate::{
    Error,
    scan::{self, PAGE_BYTES, Scan},
};

/// Documents of the first read; the next ones go by how long documents are.
const FIRST: usize = 20;
/// Most documents of one read, and fewest.
const MOST: usize = 200;
const FEWEST: usize = 4;

/// A walk under way.
pub(super) struct Walk {
    connection: Arc<Connection>,
    names: Names,
    /// Those still to come, the last one first.
    collections: Vec<String>,
    /// Full name of the last document of the collection at the end of the list.
    after: Option<String>,
    moment: prost_types::Timestamp,
    limit: usize,
    now: i64,
}

impl Walk {
    /// Begins at the moment of the database; what has expired at `now` is left out.
    pub(super) async fn begin(connection: Arc<Connection>, names: Names, now: i64) -> Result<Self, Error> {
        let moment = moment(&connection, &names).await?;
        let collections = collections(&connection, &names).await?;
        Ok(Self { connection, names, collections, after: None, moment, limit: FIRST, now })
    }

    async fn fetch(&self, collection: &str) -> Result<Vec<Record>, Error> {
        let query = structured(self.names.collection(collection), self.after.as_deref(), self.limit);
        let request = RunQueryRequest {
            parent: self.names.documents(),
            query_type: Some(QueryType::StructuredQuery(query)),
            consistency_selector: Some(ConsistencySelector::ReadTime(self.moment)),
            ..Default::default()
        };
        let answers = self.connection.read(request, connection::run_query).await?;
        answers.into_iter().filter_map(|answer| answer.document).map(Record::read).collect()
    }

    /// One read; documents that expired or are none of ours are left out.
    async fn advance(&mut self, collection: &str) -> Result<Vec<scan::Record>, Error> {
        let found = self.fetch(collection).await?;
        let is_end = found.len() < self.limit;
        self.after = found.last().map(|record| record.name().to_owned());
        let (mut records, mut bytes) = (Vec::new(), 1);
        for record in found {
            bytes += record.size();
            if record.is_live(self.now) && record.name() != connection::shape_name(&self.names) {
                records.push(record.scanned(collection)?);
            }
        }
        self.limit = (self.limit * PAGE_BYTES / bytes).clamp(FEWEST, MOST);
        if is_end {
            self.collections.pop();
            self.after = None;
        }
        Ok(records)
    }
}

#[async_trait::async_trait]
impl Scan for Walk {
    async fn next(&mut self) -> Result<Vec<scan::Record>, Error> {
        while let Some(collection) = self.collections.last().cloned() {
            let records = self.advance(&collection).await?;
            if !records.is_empty() {
                return Ok(records);
            }
        }
        Ok(Vec::new())
    }
}

/// Now, as the database has it.
async fn moment(connection: &Connection, names: &Names) -> Result<prost_types::Timestamp, Error> {
    let request = BatchGetDocumentsRequest {
        database: names.database().to_owned(),
        documents: vec![connection::shape_name(names)],
        ..Default::default()
    };
    let answers = connection.read(request, connection::batch_get).await?;
    let moment = answers.into_iter().find_map(|answer| answer.read_time);
    moment.ok_or_else(|| Error::Unavailable("firestore does not say what time it is".into()))
}

/// The collections of the service, the last one first.
async fn collections(connection: &Connection, names: &Names) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListCollectionIdsRequest { parent: names.documents(), page_token, ..Default::default() };
        let page = connection.read(request, connection::list_collections).await?;
        found.extend(page.collection_ids.iter().filter_map(|id| names.own(id)).map(str::to_owned));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

fn structured(collection_id: String, after: Option<&str>, limit: usize) -> StructuredQuery {
    let by_name = Order {
        field: Some(FieldReference { field_path: names::NAME_FIELD.to_owned() }),
        direction: Direction::Ascending.into(),
    };
    let reference = |name: &str| Value { value_type: Some(ValueType::ReferenceValue(name.to_owned())) };
    StructuredQuery {
        from: vec![CollectionSelector { collection_id, all_descendants: false }],
        order_by: vec![by_name],
        start_at: after.map(|name| Cursor { values: vec![reference(name)], before: false }),
        limit: i32::try_from(limit).ok(),
        ..Default::default()
    }
}
