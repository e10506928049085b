//! The workbook in SQLite: tabs, rows and metadata, each in its own table.
//!
//! The invariant: one batch is one transaction, and it writes only what the batch changed.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::model::{Row, Sheet, Workbook};

/// Reads the workbook; none when the file never held one.
pub(super) fn load(connection: &Connection) -> anyhow::Result<Option<Workbook>> {
    let mut book = Workbook::default();
    let mut statement = connection.prepare("SELECT json FROM sheets ORDER BY position")?;
    let sheets = statement.query_map([], |row| row.get::<_, String>(0))?;
    for json in sheets {
        let mut sheet: Sheet = serde_json::from_str(&json?)?;
        sheet.rows = load_rows(connection, sheet.id)?;
        book.sheets.push(Arc::new(sheet));
    }
    let mut statement = connection.prepare("SELECT id, json FROM metadata")?;
    let entries = statement.query_map([], |row| Ok((row.get::<_, i32>(0)?, row.get::<_, String>(1)?)))?;
    for entry in entries {
        let (id, json) = entry?;
        book.metadata.insert(id, serde_json::from_str(&json)?);
    }
    Ok((!book.sheets.is_empty()).then_some(book))
}

fn load_rows(connection: &Connection, sheet: i32) -> anyhow::Result<Vec<Arc<Row>>> {
    let mut rows: Vec<Arc<Row>> = Vec::new();
    let mut statement =
        connection.prepare_cached("SELECT row, json FROM rows WHERE sheet_id = ?1 ORDER BY row")?;
    let found =
        statement.query_map([sheet], |row| Ok((row.get::<_, usize>(0)?, row.get::<_, String>(1)?)))?;
    for row in found {
        let (at, json) = row?;
        rows.resize_with(at, Arc::default);
        rows.push(Arc::new(serde_json::from_str(&json)?));
    }
    Ok(rows)
}

/// Writes what differs between two states of the workbook.
pub(super) fn save(connection: &mut Connection, old: &Workbook, new: &Workbook) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for sheet in old.sheets.iter().filter(|sheet| new.position(sheet.id).is_err()) {
        transaction.execute("DELETE FROM sheets WHERE id = ?1", [sheet.id])?;
        transaction.execute("DELETE FROM rows WHERE sheet_id = ?1", [sheet.id])?;
    }
    for (position, sheet) in new.sheets.iter().enumerate() {
        let before = old.position(sheet.id).ok();
        let same = before.is_some_and(|before| Arc::ptr_eq(&old.sheets[before], sheet));
        if !same || before != Some(position) {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO sheets (id, position, json) VALUES (?1, ?2, ?3)")?
                .execute(params![sheet.id, position, json(&**sheet)?])?;
        }
        if !same {
            let before = before.map_or(&[][..], |before| &old.sheets[before].rows);
            save_rows(&transaction, sheet, before)?;
        }
    }
    save_metadata(&transaction, old, new)?;
    transaction.commit()
}

fn save_rows(connection: &Connection, sheet: &Sheet, before: &[Arc<Row>]) -> rusqlite::Result<()> {
    let mut put =
        connection.prepare_cached("INSERT OR REPLACE INTO rows (sheet_id, row, json) VALUES (?1, ?2, ?3)")?;
    for (at, row) in sheet.rows.iter().enumerate() {
        if before.get(at).is_none_or(|before| !Arc::ptr_eq(before, row)) {
            put.execute(params![sheet.id, at, json(&**row)?])?;
        }
    }
    if before.len() > sheet.rows.len() {
        connection.execute(
            "DELETE FROM rows WHERE sheet_id = ?1 AND row >= ?2",
            params![sheet.id, sheet.rows.len()],
        )?;
    }
    Ok(())
}

fn save_metadata(connection: &Connection, old: &Workbook, new: &Workbook) -> rusqlite::Result<()> {
    for id in old.metadata.keys().filter(|id| !new.metadata.contains_key(id)) {
        connection.prepare_cached("DELETE FROM metadata WHERE id = ?1")?.execute([id])?;
    }
    for (id, entry) in &new.metadata {
        if old.metadata.get(id) != Some(entry) {
            connection
                .prepare_cached("INSERT OR REPLACE INTO metadata (id, json) VALUES (?1, ?2)")?
                .execute(params![id, json(entry)?])?;
        }
    }
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
