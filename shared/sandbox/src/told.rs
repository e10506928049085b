//! What people were told by the stand-ins of Slack and of a mail server.
//!
//! The invariant: what was answered `ok` or `250` stands here, also after a `kill -9`.

use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::{Sandbox, db::Db};

/// Most that are kept; the newest.
const MOST: usize = 1_000;
const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS told (number INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL)";

/// A message that somebody took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `slack` or `email`.
    pub way: String,
    /// When it was taken.
    pub at: Timestamp,
    /// The text as people read it: of Slack still in its mrkdwn, of a mail decoded.
    pub text: String,
    /// The letter, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<Letter>,
}

/// What is said of a letter besides its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Decoded.
    pub subject: String,
    /// `Message-ID`, in its angle brackets.
    pub message_id: String,
    /// The whole letter, as it came.
    pub raw: String,
}

/// All that was told.
pub(crate) struct Notices(Db);

impl Notices {
    pub(crate) fn open(db: Db) -> anyhow::Result<Self> {
        db.lock().execute_batch(SCHEMA)?;
        Ok(Self(db))
    }

    pub(crate) fn add(&self, told: &Told) -> rusqlite::Result<()> {
        let json = serde_json::to_string(told).expect("what was told is plain JSON");
        let db = self.0.lock();
        db.execute("INSERT INTO told (json) VALUES (?1)", [json])?;
        db.execute("DELETE FROM told WHERE number <= ?1", params![db.last_insert_rowid() - MOST as i64])?;
        Ok(())
    }

    fn all(&self) -> rusqlite::Result<Vec<Told>> {
        let db = self.0.lock();
        let mut statement = db.prepare("SELECT json FROM told ORDER BY number")?;
        let texts = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }
}

impl Sandbox {
    /// What people were told, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn told(&self) -> anyhow::Result<Vec<Told>> {
        Ok(self.0.notices.all()?)
    }
}
