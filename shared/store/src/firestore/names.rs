//! How things are called in Firestore.
//!
//! The invariant: two documents never share a name, and names are spread evenly whatever their ids are.

use std::{fmt::Write as _, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::Place;
use crate::Key;

/// The field by which a query asks for the names themselves.
pub(super) const NAME_FIELD: &str = "__name__";
/// Bytes of the hash that names a document: two of them meet after 2^64 documents.
const NAME: usize = 16;

/// The names of one service's documents.
#[derive(Clone)]
pub(super) struct Names {
    database: Arc<str>,
    prefix: Arc<str>,
}

impl Names {
    pub(super) fn new(place: &Place, service: &str) -> Self {
        Self {
            database: format!("projects/{}/databases/{}", place.project, place.database).into(),
            prefix: service.into(),
        }
    }

    /// The database.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// The parent of all collections.
    pub(super) fn documents(&self) -> String {
        format!("{}/documents", self.database)
    }

    /// The id of a collection.
    pub(super) fn collection(&self, name: &str) -> String {
        collection(&self.prefix, name)
    }

    /// The name of a collection with this id; none if it is another service's.
    pub(super) fn own<'i>(&self, id: &'i str) -> Option<&'i str> {
        id.strip_prefix(&*self.prefix)?.strip_prefix('_')
    }

    /// The full name of a document.
    pub(super) fn document(&self, key: &Key) -> String {
        format!("{}/documents/{}/{}", self.database, self.collection(key.collection), scattered(&key.id))
    }
}

/// The id of a collection of a service.
pub(super) fn collection(service: &str, name: &str) -> String {
    format!("{service}_{name}")
}

fn scattered(id: &str) -> String {
    let mut name = String::with_capacity(2 * NAME);
    for byte in &Sha256::digest(id)[..NAME] {
        write!(name, "{byte:02x}").expect("a string takes everything");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_grow_with_time_are_scattered() {
        let place = Place { project: "p".into(), database: "d".into(), emulator: None };
        let names = Names::new(&place, "sheets-writer");
        let name = |id: &str| names.document(&Key { collection: "rows", id: id.into() });
        assert_eq!(
            name("led_1"),
            "projects/p/databases/d/documents/sheets-writer_rows/a1210d901bf6e429416702470a7ac487"
        );
        let first: std::collections::HashSet<char> =
            (0..400).map(|n| scattered(&format!("evt_{n:010}")).remove(0)).collect();
        assert_eq!(first.len(), 16);
    }
}
