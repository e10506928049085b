//! Bodies of `spreadsheets.batchUpdate`, named as in the API's discovery document.

use serde::Serialize;

/// `BatchUpdateSpreadsheetRequest`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchUpdate {
    pub(crate) requests: Vec<Request>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) include_spreadsheet_in_response: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) response_ranges: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) response_include_grid_data: bool,
}

/// `Request`: exactly one kind.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Request {
    AddSheet {
        properties: SheetProperties,
    },
    #[serde(rename_all = "camelCase")]
    AppendCells {
        sheet_id: i64,
        rows: Vec<RowData>,
        fields: &'static str,
    },
    UpdateCells {
        start: GridCoordinate,
        rows: Vec<RowData>,
        fields: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    CreateDeveloperMetadata {
        developer_metadata: DeveloperMetadata,
    },
    #[serde(rename_all = "camelCase")]
    DeleteDeveloperMetadata {
        data_filter: MetadataFilter,
    },
}

// === impl Request ===

impl Request {
    /// The tab that it changes.
    pub(crate) fn sheet_id(&self) -> Option<i64> {
        match self {
            Self::AddSheet { properties } => Some(properties.sheet_id),
            Self::AppendCells { sheet_id, .. } => Some(*sheet_id),
            Self::UpdateCells { start, .. } => Some(start.sheet_id),
            Self::CreateDeveloperMetadata { .. } | Self::DeleteDeveloperMetadata { .. } => None,
        }
    }

    /// The same change of the same cells, of their number formats alone.
    pub(crate) fn without_values(self) -> Self {
        const FORMAT: &str = "userEnteredFormat.numberFormat";
        let blank = |rows: Vec<RowData>| {
            let blank = |cell: CellData| CellData { user_entered_value: None, ..cell };
            let row = |row: RowData| RowData { values: row.values.into_iter().map(blank).collect() };
            rows.into_iter().map(row).collect()
        };
        match self {
            Self::AppendCells { sheet_id, rows, .. } => {
                Self::AppendCells { sheet_id, rows: blank(rows), fields: FORMAT }
            }
            Self::UpdateCells { start, rows, .. } => {
                Self::UpdateCells { start, rows: blank(rows), fields: FORMAT }
            }
            other => other,
        }
    }
}

/// `SheetProperties`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SheetProperties {
    pub(crate) sheet_id: i64,
    pub(crate) title: &'static str,
    pub(crate) grid_properties: GridProperties,
}

/// `GridProperties`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GridProperties {
    pub(crate) row_count: u32,
    pub(crate) column_count: u32,
    pub(crate) frozen_row_count: u32,
}

/// `GridCoordinate`; indexes count from 0.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GridCoordinate {
    pub(crate) sheet_id: i64,
    pub(crate) row_index: u32,
    pub(crate) column_index: u32,
}

/// `GridRange`: half open, from 0; what is absent is unbounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GridRange {
    pub(crate) sheet_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_row_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_row_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_column_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_column_index: Option<u32>,
}

/// `DeveloperMetadata` of the whole spreadsheet.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeveloperMetadata {
    pub(crate) metadata_id: i32,
    pub(crate) metadata_key: &'static str,
    pub(crate) metadata_value: String,
    pub(crate) location: Location,
    pub(crate) visibility: &'static str,
}

/// `DeveloperMetadataLocation`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Location {
    pub(crate) spreadsheet: bool,
}

/// `DataFilter` by `DeveloperMetadataLookup`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataFilter {
    pub(crate) developer_metadata_lookup: MetadataLookup,
}

/// `DeveloperMetadataLookup`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataLookup {
    pub(crate) metadata_id: i32,
}

/// `RowData`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RowData {
    pub(crate) values: Vec<CellData>,
}

/// `CellData`; without a value it empties the cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CellData {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_entered_value: Option<ExtendedValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_entered_format: Option<CellFormat>,
}

/// `ExtendedValue`, without the kinds that would be evaluated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum ExtendedValue {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "numberValue")]
    Number(f64),
    #[serde(rename = "boolValue")]
    Bool(bool),
}

/// `CellFormat`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CellFormat {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number_format: Option<NumberFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text_format: Option<TextFormat>,
}

/// `NumberFormat`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NumberFormat {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) pattern: String,
}

/// `TextFormat`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TextFormat {
    pub(crate) bold: bool,
}
