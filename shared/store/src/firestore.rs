//! The Firestore engine: documents that several processes share.
//!
//! A document is one JSON text with the fields that indexes need beside it, under a name that is a hash of its id, so
//! that ids which grow with time do not gather in one place. It carries the id of its last commit. The invariant: a
//! commit is one `Commit` request without a transaction, and when its answer is lost the documents tell what became
//! of it; where they cannot, the answer is `Unknown` and never a guess.

mod commit;
mod connection;
mod indexes;
mod names;
mod record;
mod scan;
mod search;

use std::{collections::HashMap, sync::Arc};

use firestore::gcloud_sdk::google::firestore::v1::{
    BatchGetDocumentsRequest, TransactionOptions, batch_get_documents_request::ConsistencySelector,
    batch_get_documents_response::Result as Got, transaction_options,
};

use crate::{
    Clock, Commit, Document, Error, Key, Page, Query, Scan, Schema, Store, Write, cursor,
    rules::{self, Plan},
};
use connection::Connection;
use names::Names;
use record::Record;

pub use connection::Place;
pub use indexes::{Indexes, indexes};

/// A store in Firestore.
pub struct Firestore {
    connection: Arc<Connection>,
    names: Names,
    schema: Schema,
    clock: Clock,
}

impl Firestore {
    /// The store of `service`: collections `<service>_<name>`. It connects when it is first needed, and where there is
    /// a runtime at once, in the background.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `schema` is malformed. What is wrong with the connection, with the database, or with a
    /// schema version that is too new is the error of every call.
    pub fn open(place: Place, service: &str, schema: Schema, clock: Clock) -> Result<Self, Error> {
        rules::check_schema(&schema)?;
        let names = Names::new(&place, service);
        let connection = Arc::new(Connection::new(place, names.clone(), schema.version));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let connection = Arc::clone(&connection);
            runtime.spawn(async move {
                if let Err(error) = connection.client().await {
                    tracing::error!(error = &error as &dyn std::error::Error, "no store yet");
                }
            });
        }
        Ok(Self { connection, names, schema, clock })
    }

    /// The records of `keys` that are there, expired or not, as of one moment.
    async fn read(&self, keys: &[&Key]) -> Result<HashMap<String, Record>, Error> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let many = keys.len() > 1;
        let mut request = BatchGetDocumentsRequest {
            database: self.names.database().to_owned(),
            documents: keys.iter().map(|key| self.names.document(key)).collect(),
            consistency_selector: many.then(one_moment),
            ..Default::default()
        };
        let mut answers = self.connection.read(request.clone(), connection::batch_get).await?;
        if many && self.connection.is_emulator() {
            // The emulator shows commits by halves, unless it is asked about a moment that has passed.
            let moment = answers.iter().find_map(|answer| answer.read_time);
            request.consistency_selector = moment.map(ConsistencySelector::ReadTime);
            answers = self.connection.read(request, connection::batch_get).await?;
        }
        let found = answers.into_iter().filter_map(|answer| match answer.result {
            Some(Got::Found(document)) => Some(document),
            Some(Got::Missing(_)) | None => None,
        });
        found.map(|document| Ok((document.name.clone(), Record::read(document)?))).collect()
    }

    fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }
}

/// Reads in a transaction of their own, which is read-only, locks nothing, and ends with them: outside of one, each
/// document is read as it is at its own time.
fn one_moment() -> ConsistencySelector {
    let mode = Some(transaction_options::Mode::ReadOnly(transaction_options::ReadOnly::default()));
    ConsistencySelector::NewTransaction(TransactionOptions { mode })
}

#[async_trait::async_trait]
impl Store for Firestore {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        Ok(self.get_many(std::slice::from_ref(key)).await?.pop().flatten())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        keys.iter().try_for_each(rules::check_key)?;
        let records = self.read(&keys.iter().collect::<Vec<_>>()).await?;
        let now = self.now();
        let live = |key: &Key| records.get(&self.names.document(key)).filter(|record| record.is_live(now));
        keys.iter().map(|key| live(key).map(Record::document).transpose()).collect()
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        rules::check_writes(&writes, &self.schema)?;
        commit::commit(self, writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        let plan = Plan::new(&query, &self.schema)?;
        let found = search::run(self, &plan).await?;
        Ok(Page {
            next: found.last.map(|position| cursor::encode(position, &query)),
            documents: found.documents,
        })
    }

    async fn scan(&self) -> Result<Box<dyn Scan>, Error> {
        let walk = scan::Walk::begin(self.connection.clone(), self.names.clone(), self.now()).await?;
        Ok(Box::new(walk))
    }

    fn is_shared(&self) -> bool {
        true
    }
}
