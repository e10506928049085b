//! Where a service's documents are: the setting `STORE`.

use std::{path::PathBuf, str::FromStr, sync::Arc};

use crate::{Clock, Error, Schema, Store, sqlite::Sqlite};

/// A parsed `STORE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:DIR`: one file a service, `DIR/<service>.db`.
    Sqlite(PathBuf),
}

impl FromStr for Location {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sqlite", dir)) if !dir.is_empty() => Ok(Self::Sqlite(dir.into())),
            _ => Err("must be sqlite:DIR"),
        }
    }
}

impl Location {
    /// Opens the store of `service`.
    pub fn open(&self, service: &str, schema: Schema, clock: Clock) -> Result<Arc<dyn Store>, Error> {
        match self {
            Self::Sqlite(dir) => {
                Ok(Arc::new(Sqlite::open(&dir.join(format!("{service}.db")), schema, clock)?))
            }
        }
    }
}
