//! Developer metadata: ids that a spreadsheet accepts only once, found by lookups.
//!
//! The invariant: two entries never share an id, and keys with values stay within Google's budget.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    a1,
    mask::Mask,
    model::Workbook,
    wire::{
        DataFilter, DeveloperMetadata, DeveloperMetadataLocation, DeveloperMetadataLookup, LocationMatching,
        LocationType, Visibility,
    },
};
use crate::random;

/// Characters of keys and values that a spreadsheet may hold.
const BUDGET: usize = 30_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    id: i32,
    key: String,
    value: Option<String>,
    visibility: Visibility,
    pub(super) location: Location,
}

/// What an entry is attached to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Location {
    Spreadsheet,
    Sheet(i32),
    Span { sheet: i32, rows: bool, range: Range<usize> },
}

// === reading what is sent ===

fn visible(visibility: Option<Visibility>) -> Result<Visibility, String> {
    match visibility {
        None | Some(Visibility::Unspecified) => Err("Developer metadata must have a visibility.".to_owned()),
        Some(visibility) => Ok(visibility),
    }
}

fn named(key: Option<String>) -> Result<String, String> {
    key.filter(|key| !key.is_empty()).ok_or_else(|| "Developer metadata must have a key.".to_owned())
}

fn located(book: &Workbook, location: Option<DeveloperMetadataLocation>) -> Result<Location, String> {
    let location = location.unwrap_or_default();
    let whole = location.spreadsheet == Some(true);
    match (whole, location.sheet_id, location.dimension_range) {
        (true, None, None) => Ok(Location::Spreadsheet),
        (false, Some(id), None) => book.sheet(id).map(|sheet| Location::Sheet(sheet.id)),
        (false, None, Some(range)) => {
            let (sheet, rows, range) = a1::from_dimension_range(book, &range)?;
            if range.len() != 1 {
                return Err("Developer metadata may be on exactly one row or column.".to_owned());
            }
            Ok(Location::Span { sheet, rows, range })
        }
        (false, None, None) => Err("Developer metadata must have a location.".to_owned()),
        _ => Err("Developer metadata must have exactly one location.".to_owned()),
    }
}

// === changing the workbook ===

/// Adds an entry, its id chosen by the caller or at random.
pub(super) fn create(book: &mut Workbook, sent: DeveloperMetadata) -> Result<Value, String> {
    let id = match sent.metadata_id {
        Some(id) if id <= 0 => return Err("Developer metadata ID must be positive.".to_owned()),
        Some(id) if book.metadata.contains_key(&id) => {
            return Err(format!("Developer metadata with ID {id} already exists."));
        }
        Some(id) => id,
        None => std::iter::repeat_with(random::positive)
            .find(|id| !book.metadata.contains_key(id))
            .expect("the iterator never ends"),
    };
    let metadata = Metadata {
        id,
        key: named(sent.metadata_key)?,
        value: sent.metadata_value,
        visibility: visible(sent.visibility)?,
        location: located(book, sent.location)?,
    };
    let reply = metadata.to_json();
    book.metadata.insert(id, metadata);
    check_budget(book)?;
    Ok(json!({"developerMetadata": reply}))
}

/// Changes the entries that any filter matches.
pub(super) fn update(
    book: &mut Workbook,
    filters: &[DataFilter],
    sent: &DeveloperMetadata,
    mask: &Mask,
) -> Result<Value, String> {
    let known = ["metadataKey", "metadataValue", "visibility", "location"];
    if let Some(name) = mask.unknown(&known) {
        return Err(format!("Invalid field: {name}"));
    }
    let mut changed = Vec::new();
    for id in matching_any(book, filters)? {
        let mut metadata = book.metadata[&id].clone();
        if mask.selects(&["metadataKey"]) {
            metadata.key = named(sent.metadata_key.clone())?;
        }
        if mask.selects(&["metadataValue"]) {
            metadata.value.clone_from(&sent.metadata_value);
        }
        if mask.selects(&["visibility"]) {
            metadata.visibility = visible(sent.visibility)?;
        }
        if mask.selects(&["location"]) {
            metadata.location = located(book, sent.location.clone())?;
        }
        changed.push(metadata.to_json());
        book.metadata.insert(id, metadata);
    }
    check_budget(book)?;
    Ok(json!({"developerMetadata": changed}))
}

/// Deletes what the filter matches; nothing to delete is no error.
pub(super) fn delete(book: &mut Workbook, filter: &DataFilter) -> Result<Value, String> {
    let deleted: Vec<Value> = matching_any(book, std::slice::from_ref(filter))?
        .into_iter()
        .filter_map(|id| book.metadata.remove(&id))
        .map(|metadata| metadata.to_json())
        .collect();
    Ok(if deleted.is_empty() { json!({}) } else { json!({"deletedDeveloperMetadata": deleted}) })
}

fn check_budget(book: &Workbook) -> Result<(), String> {
    let size =
        |entry: &Metadata| entry.key.chars().count() + entry.value.as_ref().map_or(0, |v| v.chars().count());
    if book.metadata.values().map(size).sum::<usize>() > BUDGET {
        return Err(format!("Developer metadata exceeds the storage limit of {BUDGET} characters."));
    }
    Ok(())
}

/// Keeps entries on the rows or columns that they were put on when some are inserted (`new` is longer than `old`)
/// or deleted (`new` is empty).
pub(super) fn shift(book: &mut Workbook, id: i32, of_rows: bool, at: &Range<usize>, inserted: bool) {
    book.metadata.retain(|_, metadata| match &mut metadata.location {
        Location::Span { sheet, rows, range }
            if *sheet == id && *rows == of_rows && range.start >= at.start =>
        {
            if !inserted && at.contains(&range.start) {
                return false;
            }
            let start = if inserted { range.start + at.len() } else { range.start - at.len() };
            *range = start..start + 1;
            true
        }
        _ => true,
    });
}

// === finding ===

fn matching_any(book: &Workbook, filters: &[DataFilter]) -> Result<Vec<i32>, String> {
    if filters.is_empty() {
        return Err("Must specify at least one data filter.".to_owned());
    }
    let mut ids = Vec::new();
    for filter in filters {
        ids.extend(matching(book, filter)?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The lookup of a filter that must be a lookup.
pub(super) fn lookup(filter: &DataFilter) -> Result<&DeveloperMetadataLookup, String> {
    match (&filter.developer_metadata_lookup, &filter.a1_range, &filter.grid_range) {
        (Some(lookup), None, None) => Ok(lookup),
        (None, None, None) => Err("Must set exactly one kind of data filter.".to_owned()),
        (None, ..) => Err("metadata of a range is not supported by the sandbox".to_owned()),
        _ => Err("oneof field 'filter' is already set.".to_owned()),
    }
}

/// The ids of the entries that a filter matches, in order.
pub(super) fn matching(book: &Workbook, filter: &DataFilter) -> Result<Vec<i32>, String> {
    let lookup = lookup(filter)?;
    if *lookup == DeveloperMetadataLookup::default() {
        return Err("Developer metadata lookup must have at least one criterion.".to_owned());
    }
    let place = lookup.metadata_location.clone().map(|place| located(book, Some(place))).transpose()?;
    if place.is_none() && lookup.location_matching_strategy.is_some() {
        return Err("locationMatchingStrategy needs a metadataLocation.".to_owned());
    }
    let exact = lookup.location_matching_strategy == Some(LocationMatching::ExactLocation);
    let found = book.metadata.values().filter(|entry| {
        entry.matches(lookup)
            && place
                .as_ref()
                .is_none_or(|place| entry.location == *place || (!exact && entry.location.meets(place)))
    });
    Ok(found.map(|entry| entry.id).collect())
}

impl Metadata {
    fn matches(&self, lookup: &DeveloperMetadataLookup) -> bool {
        let of_kind = |kind: LocationType| kind == LocationType::Unspecified || kind == self.location.kind();
        let seen = |wanted: Visibility| wanted == Visibility::Unspecified || wanted == self.visibility;
        lookup.metadata_id.is_none_or(|id| id == self.id)
            && lookup.metadata_key.as_ref().is_none_or(|key| *key == self.key)
            && lookup.metadata_value.as_ref().is_none_or(|value| Some(value) == self.value.as_ref())
            && lookup.visibility.is_none_or(seen)
            && lookup.location_type.is_none_or(of_kind)
    }

    /// As Google answers it.
    pub(super) fn to_json(&self) -> Value {
        let mut location = json!({"locationType": self.location.kind()});
        match &self.location {
            Location::Spreadsheet => location["spreadsheet"] = true.into(),
            Location::Sheet(id) => location["sheetId"] = (*id).into(),
            Location::Span { sheet, rows, range } => {
                location["dimensionRange"] = json!({
                    "sheetId": sheet,
                    "dimension": if *rows { "ROWS" } else { "COLUMNS" },
                    "startIndex": range.start,
                    "endIndex": range.end,
                });
            }
        }
        let mut metadata = json!({
            "metadataId": self.id,
            "metadataKey": self.key,
            "location": location,
            "visibility": self.visibility,
        });
        if let Some(value) = &self.value {
            metadata["metadataValue"] = value.as_str().into();
        }
        metadata
    }
}

impl Location {
    fn kind(&self) -> LocationType {
        match self {
            Self::Spreadsheet => LocationType::Spreadsheet,
            Self::Sheet(_) => LocationType::Sheet,
            Self::Span { rows: true, .. } => LocationType::Row,
            Self::Span { rows: false, .. } => LocationType::Column,
        }
    }

    /// The tab it is on or in.
    pub(super) fn sheet(&self) -> Option<i32> {
        match self {
            Self::Spreadsheet => None,
            Self::Sheet(sheet) | Self::Span { sheet, .. } => Some(*sheet),
        }
    }

    /// The cells it is on; none for the spreadsheet as a whole.
    pub(super) fn place(&self, book: &Workbook) -> Option<a1::Place> {
        let id = self.sheet()?;
        let mut area = book.sheet(id).ok()?.whole();
        match self {
            Self::Span { rows: true, range, .. } => area.rows = range.clone(),
            Self::Span { rows: false, range, .. } => area.columns = range.clone(),
            Self::Spreadsheet | Self::Sheet(_) => {}
        }
        Some(a1::Place { sheet: id, area })
    }

    fn meets(&self, other: &Self) -> bool {
        match (self.sheet(), other.sheet()) {
            (None, _) | (_, None) => true,
            (Some(a), Some(b)) if a != b => false,
            _ => match (self, other) {
                (Self::Span { rows: a, range: one, .. }, Self::Span { rows: b, range: two, .. })
                    if a == b =>
                {
                    one == two
                }
                _ => true,
            },
        }
    }
}
