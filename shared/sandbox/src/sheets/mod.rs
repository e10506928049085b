//! Google Sheets v4: one spreadsheet, as strict as the discovery document, under Google's quota.
//!
//! It exists so that the production client meets Google's own rules. The invariant: a batch is applied and on the
//! disk as a whole before it is answered, or not at all.

mod a1;
mod batch;
mod calls;
mod cells;
mod error;
mod filter;
mod format;
mod grid;
mod mask;
mod metadata;
mod model;
mod persist;
mod protect;
mod quota;
mod requests;
mod tabs;
mod truth;
mod values;
mod view;
mod wire;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Instant,
};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;

pub use self::truth::{Applied, Call};
use self::{error::Refusal, quota::Window, requests::Request, truth::Truth};
pub(crate) use self::{
    format::formatted,
    model::{Datum, Sheet, Workbook, number_value},
    requests::{
        AddFilterView, AppendDimension, DeleteDimension, DeleteSheet, InsertDimension, Kind, SetBasicFilter,
        SortRange, SortSpec, UpdateCells, UpdateSheetProperties,
    },
    wire::{
        BasicFilter, CellData, Dimension, DimensionRange, ExtendedValue, FilterCriteria, FilterSpec,
        FilterView, GridCoordinate, GridRange, RowData, SheetProperties, SortOrder,
    },
};
use crate::{Sandbox, db::Db, edge::bearer, random};

/// The one spreadsheet; it exists from the start, with one empty tab `Sheet1` like a new one of Google's.
pub const SPREADSHEET_ID: &str = "1sandboxFrontdeskLedgerOfSevenTabs0000000000";

/// The access token that the stand-in takes.
pub const ACCESS_TOKEN: &str = "ya29.sandbox";

/// More than this is 413.
const MOST_BYTES: usize = 10 << 20;

struct Current {
    book: Arc<Workbook>,
    revision: u64,
}

/// The spreadsheet, its file and its quota.
pub(crate) struct Sheets {
    db: Db,
    current: RwLock<Current>,
    /// Held while a change is made, so that changes come one after the other and readers never wait for the disk.
    changing: Mutex<()>,
    reads: Mutex<Window>,
    writes: Mutex<Window>,
    truth: Truth,
    boot: String,
}

impl Sheets {
    pub(crate) fn open(db: Db) -> anyhow::Result<Self> {
        let book = {
            let mut connection = db.lock();
            match persist::load(&connection)? {
                Some(book) => book,
                None => {
                    let book = Workbook::blank();
                    persist::save(&mut connection, &Workbook::default(), &book)?;
                    book
                }
            }
        };
        Ok(Self {
            db,
            current: RwLock::new(Current { book: Arc::new(book), revision: 0 }),
            changing: Mutex::default(),
            reads: Mutex::new(Window::new(60)),
            writes: Mutex::new(Window::new(60)),
            truth: Truth::default(),
            boot: random::token(""),
        })
    }

    /// The spreadsheet as it is now.
    pub(crate) fn book(&self) -> Arc<Workbook> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).book.clone()
    }

    /// The spreadsheet with a name for its state, which changes with every change.
    pub(crate) fn versioned(&self) -> (Arc<Workbook>, String) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        (current.book.clone(), format!("{}.{}", self.boot, current.revision))
    }

    pub(crate) fn tab(&self, title: &str) -> Option<Vec<Vec<Value>>> {
        let book = self.book();
        let sheet = book.titled(title)?;
        let value = |datum: &Option<Datum>| match datum {
            None => Value::Null,
            Some(Datum::Text(text) | Datum::Formula(text)) => text.as_str().into(),
            Some(Datum::Number(number)) => number_value(*number),
            Some(Datum::Bool(yes)) => (*yes).into(),
        };
        let row = |at: usize| sheet.rows[at].iter().map(|cell| value(&cell.value)).collect();
        Some((0..sheet.used_rows()).map(row).collect())
    }

    pub(crate) fn set_quota(&self, writes: usize, reads: usize) {
        lock(&self.writes).limit = writes;
        lock(&self.reads).limit = reads;
    }

    /// Keeps what is applied and what is called from now on.
    pub(crate) fn keep_truth(&self) {
        self.truth.keep();
    }

    /// The applied batches from the `from`th on.
    pub(crate) fn applied(&self, from: usize) -> Vec<Applied> {
        self.truth.applied(from)
    }

    /// The calls that reached the quota.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.truth.calls()
    }

    /// A person's edits: the same rules and the same file, no quota.
    pub(crate) fn edit(&self, kinds: Vec<Kind>) -> Result<(), String> {
        self.change(|book| batch::apply_kinds(book, kinds)).map(|_| ()).map_err(Refusal::into_message)
    }

    /// A person protects columns of a tab, or all of it.
    pub(crate) fn protect(&self, id: i32, columns: Option<std::ops::Range<usize>>) -> Result<(), String> {
        self.mark(id, |sheet| sheet.protect(columns))
    }

    /// A person lifts every protection of a tab.
    pub(crate) fn unprotect(&self, id: i32) -> Result<(), String> {
        self.mark(id, |sheet| sheet.protections.clear())
    }

    fn mark(&self, id: i32, with: impl FnOnce(&mut model::Sheet)) -> Result<(), String> {
        let marked = |book: &Workbook| {
            let mut book = book.clone();
            with(book.sheet_mut(id).map_err(Refusal::invalid)?);
            Ok((book, ()))
        };
        self.change(marked).map_err(Refusal::into_message)
    }

    /// Applies a batch whose answer also looks at the workbook after it. When that look fails (a range that
    /// cannot be read), nothing is applied either.
    fn batch_then<T>(
        &self,
        requests: Vec<Request>,
        look: impl FnOnce(&Workbook) -> Result<T, Refusal>,
    ) -> Result<(T, Vec<Value>), Refusal> {
        let copy = self.truth.copy(&requests);
        let outcome = self.change(|book| {
            let (book, replies) = batch::apply(book, requests)?;
            let seen = look(&book)?;
            Ok((book, (seen, replies)))
        })?;
        if let Some(requests) = copy {
            self.truth.note_applied(requests, &self.book());
        }
        Ok(outcome)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&Workbook) -> Result<(Workbook, T), Refusal>,
    ) -> Result<T, Refusal> {
        let _one_at_a_time = lock(&self.changing);
        let old = self.book();
        let (new, outcome) = change(&old)?;
        if !batch::is_same(&old, &new) {
            persist::save(&mut self.db.lock(), &old, &new)?;
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.book = Arc::new(new);
            current.revision += 1;
        }
        Ok(outcome)
    }

    fn admit(&self, writes: bool) -> Result<(), Refusal> {
        let (window, kind) = if writes { (&self.writes, "Write") } else { (&self.reads, "Read") };
        let (mut window, at) = (lock(window), Instant::now());
        let admitted = window.take(at);
        self.truth.note_call(Call { at, writes, admitted });
        if admitted { Ok(()) } else { Err(Refusal::over_quota(kind, window.limit)) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error of this status in Google's shape, as a fault answers it.
pub(crate) fn refusal(status: StatusCode) -> Response {
    Refusal::of_status(status).into_response()
}

/// Answers every path under `/sheets/v4/`.
pub(crate) async fn answer(
    State(sandbox): State<Sandbox>,
    method: Method,
    Path(path): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if bearer(&headers) != Some(ACCESS_TOKEN) {
        return Refusal::unauthenticated().into_response();
    }
    if body.len() > MOST_BYTES {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE);
    }
    // The database waits for the disk, so it gets a thread where waiting is fine.
    let work =
        tokio::task::spawn_blocking(move || calls::dispatch(&sandbox.0.sheets, &method, &path, query, &body));
    match work.await {
        Ok(Ok(value)) => axum::Json(value).into_response(),
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
