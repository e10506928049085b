//! The calls: which path is which, its query parameters, its answer.
//!
//! The invariant: a parameter that the discovery document does not have is refused.

use axum::{
    body::Bytes,
    http::{Method, StatusCode},
};
use serde::{Deserialize, de::IntoDeserializer};
use serde_json::{Value, json};

use super::{
    SPREADSHEET_ID, Sheets, a1,
    error::{Refusal, read},
    mask::Mask,
    metadata,
    model::Workbook,
    values::{self, Options},
    view,
    wire::{BatchGetByDataFilter, BatchUpdate, Dimension, Search},
};

type Answer = Result<Value, Refusal>;

/// Parameters that every Google call takes.
const GLOBAL: &[&str] = &[
    "$.xgafv",
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
];

/// Every field name that an answer may have, for masks.
const ANSWERED: &[&str] = &[
    "spreadsheetId",
    "replies",
    "updatedSpreadsheet",
    "properties",
    "sheets",
    "spreadsheetUrl",
    "developerMetadata",
    "title",
    "locale",
    "timeZone",
    "autoRecalc",
    "data",
    "sheetId",
    "index",
    "sheetType",
    "gridProperties",
    "hidden",
    "rowCount",
    "columnCount",
    "frozenRowCount",
    "frozenColumnCount",
    "hideGridlines",
    "startRow",
    "startColumn",
    "rowData",
    "rowMetadata",
    "columnMetadata",
    "values",
    "userEnteredValue",
    "userEnteredFormat",
    "effectiveValue",
    "effectiveFormat",
    "formattedValue",
    "note",
    "stringValue",
    "numberValue",
    "boolValue",
    "formulaValue",
    "errorValue",
    "numberFormat",
    "type",
    "pattern",
    "message",
    "textFormat",
    "bold",
    "metadataId",
    "metadataKey",
    "metadataValue",
    "location",
    "locationType",
    "visibility",
    "spreadsheet",
    "dimensionRange",
    "dimension",
    "startIndex",
    "endIndex",
    "addSheet",
    "createDeveloperMetadata",
    "updateDeveloperMetadata",
    "deleteDeveloperMetadata",
    "deletedDeveloperMetadata",
    "matchedDeveloperMetadata",
    "dataFilters",
    "valueRanges",
    "valueRange",
    "range",
    "majorDimension",
    "namedRanges",
    "merges",
    "protectedRanges",
    "unprotectedRanges",
    "protectedRangeId",
    "description",
    "warningOnly",
    "requestingUserCanEdit",
    "startRowIndex",
    "endRowIndex",
    "startColumnIndex",
    "endColumnIndex",
    "basicFilter",
    "defaultFormat",
    "spreadsheetTheme",
    "dataSources",
    "dataSourceSchedules",
];

/// Parameters as they were sent.
struct Query(Vec<(String, String)>);

/// Finds the call and answers it.
pub(super) fn dispatch(
    sheets: &Sheets,
    method: &Method,
    path: &str,
    query: Vec<(String, String)>,
    body: &Bytes,
) -> Answer {
    let query = Query(query);
    let rest = path.strip_prefix("spreadsheets/").ok_or_else(|| unrouted(method, path))?;
    let (id, call) = rest.split_at(rest.find(['/', ':']).unwrap_or(rest.len()));
    let writes = call == ":batchUpdate" || method == Method::PUT;
    sheets.admit(writes)?;
    let known = || if id == SPREADSHEET_ID { Ok(sheets.book()) } else { Err(Refusal::not_found()) };
    let answer = match (method.as_str(), call) {
        ("GET", "") => get(&*known()?, &query),
        ("POST", ":batchUpdate") => {
            known()?;
            batch_update(sheets, &query, body)
        }
        ("GET", "/values:batchGet") => batch_get(&*known()?, &query),
        ("POST", "/values:batchGetByDataFilter") => {
            query.check(&[])?;
            let found = values::by_data_filter(&*known()?, &read::<BatchGetByDataFilter>(body)?)?;
            Ok(json!({"spreadsheetId": SPREADSHEET_ID, "valueRanges": found}))
        }
        ("POST", "/developerMetadata:search") => search(&*known()?, &query, body),
        ("GET", call) if call.starts_with("/developerMetadata/") => {
            query.check(&[])?;
            find_metadata(&*known()?, &call["/developerMetadata/".len()..])
        }
        ("GET", call) if call.starts_with("/values/") => {
            get_values(&*known()?, &query, &call["/values/".len()..])
        }
        _ => Err(unrouted(method, path)),
    };
    let answer = answer?;
    Ok(match query.mask()? {
        Some(mask) => mask.filter(answer),
        None => answer,
    })
}

/// Calls that Google has and the stand-in has not say so; any other path is not found.
fn unrouted(method: &Method, path: &str) -> Refusal {
    let verbs = [":append", ":clear", "batchClear", "batchUpdate", "copyTo", "ByDataFilter"];
    let known =
        path == "spreadsheets" || method == Method::PUT || verbs.iter().any(|verb| path.contains(verb));
    if known && (method == Method::POST || method == Method::PUT) {
        return Refusal::unsupported("this call");
    }
    Refusal::new(StatusCode::NOT_FOUND, "The requested URL was not found on this server.")
}

fn get(book: &Workbook, query: &Query) -> Answer {
    query.check(&["ranges", "includeGridData", "excludeTablesInBandedRanges", "commentsViewMode"])?;
    let wanted = query.flag("includeGridData")?;
    // Google ignores the flag when there is a mask.
    let with_cells = query.mask()?.map_or(wanted, |mask| mask.selects(&["sheets", "data"]));
    view::spreadsheet(book, &query.all("ranges"), with_cells).map_err(Refusal::invalid)
}

fn batch_update(sheets: &Sheets, query: &Query, body: &Bytes) -> Answer {
    query.check(&[])?;
    let mask = query.mask()?;
    let batch: BatchUpdate = read(body)?;
    let ranges = batch.response_ranges.unwrap_or_default();
    let include = batch.include_spreadsheet_in_response.unwrap_or(false);
    let wanted = batch.response_include_grid_data.unwrap_or(false);
    let with_cells = mask.map_or(wanted, |mask| mask.selects(&["updatedSpreadsheet", "sheets", "data"]));
    let view = |book: &Workbook| view::spreadsheet(book, &ranges, with_cells).map_err(Refusal::invalid);
    let (updated, replies) = sheets
        .batch_then(batch.requests.unwrap_or_default(), |book| include.then(|| view(book)).transpose())?;
    let mut answer = json!({"spreadsheetId": SPREADSHEET_ID, "replies": replies});
    if let Some(updated) = updated {
        answer["updatedSpreadsheet"] = updated;
    }
    Ok(answer)
}

fn batch_get(book: &Workbook, query: &Query) -> Answer {
    query.check(&["ranges", "majorDimension", "valueRenderOption", "dateTimeRenderOption"])?;
    let options = query.options()?;
    let range = |range: &String| {
        values::value_range(book, &a1::parse(book, range).map_err(Refusal::invalid)?, options)
    };
    let ranges = query.all("ranges").iter().map(range).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"spreadsheetId": SPREADSHEET_ID, "valueRanges": ranges}))
}

fn get_values(book: &Workbook, query: &Query, range: &str) -> Answer {
    query.check(&["majorDimension", "valueRenderOption", "dateTimeRenderOption"])?;
    values::value_range(book, &a1::parse(book, range).map_err(Refusal::invalid)?, query.options()?)
}

fn search(book: &Workbook, query: &Query, body: &Bytes) -> Answer {
    query.check(&[])?;
    let search: Search = read(body)?;
    let filters = search.data_filters.filter(|filters| !filters.is_empty());
    let filters = filters.ok_or_else(|| Refusal::invalid("Must specify at least one data filter."))?;
    let mut found = std::collections::BTreeMap::new();
    for (at, filter) in filters.iter().enumerate() {
        let ids = metadata::matching(book, filter);
        for id in ids.map_err(|why| Refusal::invalid(format!("Invalid dataFilters[{at}]: {why}")))? {
            found.entry(id).or_insert_with(Vec::new).push(filter);
        }
    }
    let matched: Vec<Value> = found
        .into_iter()
        .map(|(id, filters)| json!({"developerMetadata": book.metadata[&id].to_json(), "dataFilters": filters}))
        .collect();
    Ok(if matched.is_empty() { json!({}) } else { json!({"matchedDeveloperMetadata": matched}) })
}

fn find_metadata(book: &Workbook, id: &str) -> Answer {
    let id: i32 = id.parse().map_err(|_| Refusal::invalid("Invalid value at 'metadata_id' (TYPE_INT32)"))?;
    book.metadata.get(&id).map(metadata::Metadata::to_json).ok_or_else(Refusal::not_found)
}

// === impl Query ===

impl Query {
    fn check(&self, own: &[&str]) -> Result<(), Refusal> {
        match self
            .0
            .iter()
            .find(|(name, _)| !own.contains(&name.as_str()) && !GLOBAL.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::invalid(format!(
                "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found in request message."
            ))),
        }
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(sent, _)| sent == name).map(|(_, value)| value.clone()).collect()
    }

    fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.first(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::invalid(format!("Invalid value at '{name}' (TYPE_BOOL)"))),
        }
    }

    fn mask(&self) -> Result<Option<Mask>, Refusal> {
        let Some(fields) = self.first("fields") else { return Ok(None) };
        let invalid = |name: &str| Refusal::invalid(format!("Invalid field selection {name}"));
        let mask = Mask::parse(fields).ok_or_else(|| invalid(fields))?;
        match mask.unknown_anywhere(ANSWERED) {
            Some(name) => Err(invalid(name)),
            None => Ok(Some(mask)),
        }
    }

    fn choice<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.first(name) else { return Ok(None) };
        let parsed: Result<T, serde::de::value::Error> = T::deserialize(value.into_deserializer());
        parsed.map(Some).map_err(|_| Refusal::invalid(format!("Invalid value at '{name}' (TYPE_ENUM)")))
    }

    fn options(&self) -> Result<Options, Refusal> {
        let default = Options::default();
        Ok(Options {
            columns: self.choice("majorDimension")? == Some(Dimension::Columns),
            values: self.choice("valueRenderOption")?.unwrap_or(default.values),
            times: self.choice("dateTimeRenderOption")?.unwrap_or(default.times),
        })
    }
}
