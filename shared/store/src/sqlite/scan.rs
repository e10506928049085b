//! A walk through the file, in one read transaction on a connection of its own.
//!
//! The invariant: the transaction lasts as long as the walk, so that all pages are of one moment. Until then the log
//! keeps what is committed beside it, and cannot be emptied.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use super::{file, reader, unavailable};
use crate::{
    Error,
    scan::{PAGE, PAGE_BYTES, Record, Scan},
};

/// A walk under way.
pub(super) struct Walk {
    /// Not there while a page is read, nor after one that failed.
    place: Option<Place>,
}

/// How far it has come.
struct Place {
    connection: Connection,
    /// Those still to come, the last one first.
    collections: Vec<String>,
    /// Id of the last document of the collection at the end of the list.
    after: String,
    now: i64,
}

impl Walk {
    /// Begins at the moment `now`.
    pub(super) async fn begin(path: &Path, now: i64) -> Result<Self, Error> {
        let path = path.to_owned();
        let begin = move || {
            let connection = file::open_read_only(&path)?;
            connection.execute_batch("BEGIN")?;
            reader::pin(&connection)?;
            let prefix = file::table("");
            let mut collections: Vec<String> = file::tables(&connection)?
                .iter()
                .filter_map(|table| table.strip_prefix(&prefix).map(str::to_owned))
                .collect();
            collections.sort_by(|a, b| b.cmp(a));
            Ok(Place { connection, collections, after: String::new(), now })
        };
        let begun: rusqlite::Result<Place> = tokio::task::spawn_blocking(begin).await.map_err(unavailable)?;
        Ok(Self { place: Some(begun.map_err(unavailable)?) })
    }
}

#[async_trait::async_trait]
impl Scan for Walk {
    async fn next(&mut self) -> Result<Vec<Record>, Error> {
        let mut place = self.place.take().ok_or_else(|| unavailable(Broken))?;
        let read = move || place.page().map(|records| (place, records));
        let (place, records) = tokio::task::spawn_blocking(read).await.map_err(unavailable)??;
        self.place = Some(place);
        Ok(records)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a page of this walk could not be read")]
struct Broken;

impl Place {
    fn page(&mut self) -> Result<Vec<Record>, Error> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        while let Some(collection) = self.collections.last().cloned() {
            let is_through = self.fill(&collection, &mut records, &mut bytes).map_err(unavailable)?;
            if !is_through {
                break;
            }
            self.collections.pop();
            self.after.clear();
        }
        Ok(records)
    }

    /// Takes documents of `collection` until the page is full; whether that was all of them.
    fn fill(
        &mut self,
        collection: &str,
        records: &mut Vec<Record>,
        bytes: &mut usize,
    ) -> rusqlite::Result<bool> {
        let sql = format!(
            "SELECT id, expires_at, body FROM {} \
             WHERE id > ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY id",
            file::table(collection)
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query((&self.after, self.now))?;
        while let Some(row) = rows.next()? {
            if records.len() == PAGE || *bytes > PAGE_BYTES {
                return Ok(false);
            }
            let (id, expires_at, body): (String, Option<i64>, String) = row.try_into()?;
            *bytes += body.len();
            self.after.clone_from(&id);
            let expires_at = expires_at.and_then(|at| Timestamp::from_millisecond(at).ok());
            records.push(Record { collection: collection.to_owned(), id, expires_at, body });
        }
        Ok(true)
    }
}
