//! The settings of a store, for the services to flatten into theirs.

use std::sync::Arc;

use crate::{Clock, Error, Location, Schema, Store, firestore::Firestore, sqlite::Sqlite};

/// Where a service's documents are.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Where documents are kept: sqlite:DIR, one file a service, or firestore:PROJECT[/DATABASE]
    #[arg(id = "store", long = "store", env = "STORE", default_value = "sqlite:.frontdesk")]
    pub location: Location,

    /// HOST:PORT of Firestore's emulator, in place of Firestore itself
    #[arg(long, env = "FIRESTORE_EMULATOR_HOST")]
    pub firestore_emulator_host: Option<String>,
}

impl Config {
    /// A store at `location`, with no emulator.
    pub fn at(location: Location) -> Self {
        Self { location, firestore_emulator_host: None }
    }

    /// Opens the store of `service`. SQLite's is ready then; Firestore's connects when it is first needed, or in the
    /// background where there is a runtime.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `schema` is malformed, and what [`Sqlite::open`] says.
    pub fn open(&self, service: &str, schema: Schema, clock: Clock) -> Result<Arc<dyn Store>, Error> {
        match &self.location {
            Location::Sqlite(dir) => {
                Ok(Arc::new(Sqlite::open(&dir.join(format!("{service}.db")), schema, clock)?))
            }
            Location::Firestore { project, database } => {
                let place = crate::firestore::Place {
                    project: project.clone(),
                    database: database.clone(),
                    emulator: self.firestore_emulator_host.clone(),
                };
                Ok(Arc::new(Firestore::open(place, service, schema, clock)?))
            }
        }
    }
}
