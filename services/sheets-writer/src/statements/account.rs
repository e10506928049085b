//! A payment or a subscription as its provider stated it last: the document that owns its row.
//!
//! The invariant: a statement that is not newer than the last one changes nothing, and once its person was forgotten no
//! statement brings a word back.

use domain::{Row, Tab, id, tab::TabRow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{Collection, Work};

use super::{Party, Place, Statement, Taken};
use crate::{
    error::Error,
    people,
    rows::{self, RowKey, veil::Veil},
};

/// What a contact of whom nothing else was heard came by.
const SOURCE: &str = "payment";

/// Something that is stated as a whole and has a row of its own.
pub(crate) trait Item: Clone + Serialize + DeserializeOwned {
    /// Its row.
    type Row: TabRow;
    /// The documents that own these rows.
    const ACCOUNTS: Collection<Account<Self>>;
    /// What it is shown as.
    fn row(&self) -> &Self::Row;
    /// Whose it is.
    fn owner(&mut self) -> &mut String;
    /// Blanks what could name somebody.
    fn veil(&mut self, veil: &Veil);
    /// Blanks every word in which a name may stand, where nobody knows the name any more.
    fn hush(&mut self);
    /// Takes over amounts, times and states of a later statement, and no other word.
    fn follow(&mut self, later: Self);
}

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account<T> {
    pub(crate) item: T,
    /// Counts the changes of its row.
    pub(crate) version: u64,
    /// Version of the newest statement.
    stated: u64,
    pub(crate) created_at: Timestamp,
    /// Where it was asked for.
    #[serde(default, skip_serializing_if = "Place::is_nowhere")]
    pub(crate) place: Place,
    /// Its person was forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// The tab in which it is shown.
pub(super) const fn tab<T: Item>() -> Tab {
    T::Row::TAB
}

fn doc_id<T: Item>(row_id: &str) -> String {
    id::digest(&["account", tab::<T>().as_str(), row_id])
}

/// Takes down a statement within `work`.
pub(super) async fn take<T: Item>(
    work: &mut Work<'_>,
    statement: &Statement<T>,
    party: &Party,
) -> Result<Taken, Error> {
    let doc_id = doc_id::<T>(statement.item.row().id());
    let mut known = work.get(&T::ACCOUNTS, &doc_id).await?;
    let owner = known.as_mut().map(|account| account.item.owner().clone()).unwrap_or_default();
    if known.as_ref().is_some_and(|account| statement.version <= account.stated) {
        return Taken::of(work, &owner, false).await;
    }
    let erased = known.as_ref().is_some_and(|account| account.erased)
        || people::is_erased(work, &owner).await?
        || party.is_forgotten(work, statement.created_at).await?;
    let mut account = if erased {
        Account::of_nobody(known, statement)
    } else {
        let found = party.find_or_make(work, SOURCE, statement.created_at).await?;
        let mut item = statement.item.clone();
        *item.owner() = if found.is_empty() { owner } else { found };
        Account { item, ..Account::after(known, statement) }
    };
    if !party.place.is_nowhere() {
        account.place = party.place.clone();
    }
    // Others may have brought the row.
    let key = RowKey { tab: tab::<T>(), id: account.item.row().id().to_owned() };
    account.version = rows::next_version(work, &key, account.version).await?;
    let row = Row::of(account.item.row(), account.version, account.created_at);
    work.put(&T::ACCOUNTS, &doc_id, &account);
    rows::upsert_with(work, row, statement.end).await?;
    let owner = account.item.owner().clone();
    Taken::of(work, &owner, true).await
}

/// Blanks what could name somebody; false if there is no such document.
pub(super) async fn forget<T: Item>(work: &mut Work<'_>, row_id: &str, veil: &Veil) -> Result<bool, Error> {
    let doc_id = doc_id::<T>(row_id);
    let Some(mut account) = work.get(&T::ACCOUNTS, &doc_id).await? else { return Ok(false) };
    account.item.veil(veil);
    account.erased = true;
    work.put(&T::ACCOUNTS, &doc_id, &account);
    Ok(true)
}

// === impl Account ===

impl<T: Item> Account<T> {
    /// What was known, in the next version; or what is stated first.
    fn after(known: Option<Self>, statement: &Statement<T>) -> Self {
        let Statement { version: stated, created_at, item, .. } = statement.clone();
        match known {
            Some(known) => Self { version: known.version + 1, stated, created_at, ..known },
            None => Self { item, version: 1, stated, created_at, place: Place::default(), erased: false },
        }
    }

    /// As [`Self::after`], with what is stated and names nobody.
    fn of_nobody(known: Option<Self>, statement: &Statement<T>) -> Self {
        let is_first = known.is_none();
        let mut account = Self::after(known, statement);
        if is_first {
            account.item.hush();
        }
        account.item.follow(statement.item.clone());
        account.item.veil(&Veil::default());
        account.erased = true;
        account
    }
}
