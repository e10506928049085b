//! The bodies that Sheets takes, as its discovery document (revision 20261019) names and types them.
//!
//! The invariant: every struct denies unknown fields, so nothing that is sent is silently ignored; what Google
//! knows and the stand-in does not support is [`Unsupported`] by name.

use serde::{Deserialize, Deserializer, Serialize, de};

/// How the refusal of a known but unsupported field begins.
pub(crate) const UNSUPPORTED: &str = "not supported by the sandbox";

/// A field that Google knows and the stand-in does not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Unsupported {}

impl<'de> Deserialize<'de> for Unsupported {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom(UNSUPPORTED))
    }
}

/// Declares structs whose fields are all optional, as in every message of Google's; after `!` those not supported.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* } $(! { $($other:ident,)* })?)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        pub(crate) struct $name {
            $($(#[$attr])* #[serde(skip_serializing_if = "Option::is_none")] pub(crate) $field: Option<$type>,)*
            $($(#[serde(skip_serializing_if = "Option::is_none")] pub(crate) $other: Option<Unsupported>,)*)?
        }
    )*};
}

messages! {
    /// What a cell holds; exactly one is set.
    ExtendedValue { number_value: f64, string_value: String, bool_value: bool, formula_value: String, }
        ! { error_value, }
    /// One cell.
    CellData { user_entered_value: ExtendedValue, user_entered_format: CellFormat, note: String, }
        ! {
            effective_value, formatted_value, effective_format, hyperlink, text_format_runs, data_validation,
            pivot_table, data_source_table, data_source_formula, chip_runs,
        }
    /// How a cell looks.
    CellFormat {
        number_format: NumberFormat,
        background_color: Color,
        background_color_style: ColorStyle,
        horizontal_alignment: HorizontalAlign,
        vertical_alignment: VerticalAlign,
        wrap_strategy: WrapStrategy,
        text_format: TextFormat,
    }
        ! { borders, padding, text_direction, hyperlink_display_type, text_rotation, }
    NumberFormat { #[serde(rename = "type")] kind: NumberFormatType, pattern: String, }
    TextFormat {
        foreground_color: Color,
        foreground_color_style: ColorStyle,
        font_family: String,
        font_size: i32,
        bold: bool,
        italic: bool,
        strikethrough: bool,
        underline: bool,
    }
        ! { link, }
    Color { red: f32, green: f32, blue: f32, alpha: f32, }
    ColorStyle { rgb_color: Color, }
        ! { theme_color, }
    RowData { values: Vec<CellData>, }
    GridRange {
        sheet_id: i32,
        start_row_index: i32,
        end_row_index: i32,
        start_column_index: i32,
        end_column_index: i32,
    }
    GridCoordinate { sheet_id: i32, row_index: i32, column_index: i32, }
    DimensionRange { sheet_id: i32, dimension: Dimension, start_index: i32, end_index: i32, }
    GridProperties {
        row_count: i32,
        column_count: i32,
        frozen_row_count: i32,
        frozen_column_count: i32,
        hide_gridlines: bool,
    }
        ! { row_group_control_after, column_group_control_after, }
    SheetProperties {
        sheet_id: i32,
        title: String,
        index: i32,
        sheet_type: SheetType,
        grid_properties: GridProperties,
        hidden: bool,
    }
        ! { tab_color, tab_color_style, right_to_left, data_source_sheet_properties, }
    FilterCriteria { hidden_values: Vec<String>, }
        ! {
            condition, visible_background_color, visible_background_color_style, visible_foreground_color,
            visible_foreground_color_style,
        }
    FilterSpec { column_index: i32, filter_criteria: FilterCriteria, } ! { data_source_column_reference, }
    BasicFilter { range: GridRange, filter_specs: Vec<FilterSpec>, } ! { criteria, sort_specs, table_id, }
    FilterView { filter_view_id: i32, title: String, range: GridRange, filter_specs: Vec<FilterSpec>, }
        ! { criteria, named_range_id, sort_specs, table_id, }
    DeveloperMetadata {
        metadata_id: i32,
        metadata_key: String,
        metadata_value: String,
        location: DeveloperMetadataLocation,
        visibility: Visibility,
    }
    DeveloperMetadataLocation {
        location_type: LocationType,
        spreadsheet: bool,
        sheet_id: i32,
        dimension_range: DimensionRange,
    }
    DeveloperMetadataLookup {
        location_type: LocationType,
        metadata_location: DeveloperMetadataLocation,
        location_matching_strategy: LocationMatching,
        metadata_id: i32,
        metadata_key: String,
        metadata_value: String,
        visibility: Visibility,
    }
    DataFilter { developer_metadata_lookup: DeveloperMetadataLookup, a1_range: String, grid_range: GridRange, }
    BatchUpdate {
        requests: Vec<super::requests::Request>,
        include_spreadsheet_in_response: bool,
        response_ranges: Vec<String>,
        response_include_grid_data: bool,
    }
        ! { comments_view_mode, }
    Search { data_filters: Vec<DataFilter>, }
    BatchGetByDataFilter {
        data_filters: Vec<DataFilter>,
        major_dimension: Dimension,
        value_render_option: ValueRender,
        date_time_render_option: DateTimeRender,
    }
}

/// Declares enums by Google's names.
macro_rules! enums {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $variant:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub(crate) enum $name { $($(#[$attr])* $variant,)* }
    )*};
}

enums! {
    NumberFormatType { #[serde(rename = "NUMBER_FORMAT_TYPE_UNSPECIFIED")] Unspecified, Text, Number, Percent, Currency, Date, Time, DateTime, Scientific, }
    HorizontalAlign { #[serde(rename = "HORIZONTAL_ALIGN_UNSPECIFIED")] Unspecified, Left, Center, Right, }
    VerticalAlign { #[serde(rename = "VERTICAL_ALIGN_UNSPECIFIED")] Unspecified, Top, Middle, Bottom, }
    WrapStrategy { #[serde(rename = "WRAP_STRATEGY_UNSPECIFIED")] Unspecified, OverflowCell, LegacyWrap, Clip, Wrap, }
    Dimension { #[serde(rename = "DIMENSION_UNSPECIFIED")] Unspecified, Rows, Columns, }
    SheetType { #[serde(rename = "SHEET_TYPE_UNSPECIFIED")] Unspecified, Grid, Object, DataSource, }
    SortOrder { #[serde(rename = "SORT_ORDER_UNSPECIFIED")] Unspecified, Ascending, Descending, }
    LocationType { #[serde(rename = "DEVELOPER_METADATA_LOCATION_TYPE_UNSPECIFIED")] Unspecified, Row, Column, Sheet, Spreadsheet, }
    LocationMatching { #[serde(rename = "DEVELOPER_METADATA_LOCATION_MATCHING_STRATEGY_UNSPECIFIED")] Unspecified, ExactLocation, IntersectingLocation, }
    Visibility { #[serde(rename = "DEVELOPER_METADATA_VISIBILITY_UNSPECIFIED")] Unspecified, Document, Project, }
    ValueRender { FormattedValue, UnformattedValue, Formula, }
    DateTimeRender { SerialNumber, FormattedString, }
}
