//! The kinds of sub-request of a `batchUpdate`.
//!
//! The invariant: [`Request::kind`] gives exactly one kind, or says why not.

use serde::{Deserialize, Serialize};

use super::wire::{
    BasicFilter, DataFilter, DeveloperMetadata, Dimension, DimensionRange, FilterView, GridCoordinate,
    GridRange, RowData, SheetProperties, SortOrder, Unsupported,
};

macro_rules! kinds {
    (
        supported { $($field:ident: $kind:ident { $($(#[$attr:meta])* $part:ident: $type:ty,)* })* }
        unsupported { $($other:ident,)* }
    ) => {
        $(
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, rename_all = "camelCase")]
            pub(crate) struct $kind { $($(#[$attr])* pub(crate) $part: Option<$type>,)* }
        )*

        /// One sub-request as it is sent: an object with exactly one field.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        pub(crate) struct Request {
            $(#[serde(skip_serializing_if = "Option::is_none")] $field: Option<Box<$kind>>,)*
            $(#[serde(skip_serializing_if = "Option::is_none")] $other: Option<Unsupported>,)*
        }

        /// One sub-request.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Kind { $($kind(Box<$kind>),)* }

        impl Request {
            /// The one kind that is set.
            pub(crate) fn kind(self) -> Result<Kind, &'static str> {
                let mut kind = None;
                $(
                    if let Some(found) = self.$field {
                        if kind.is_some() {
                            return Err("oneof field 'kind' is already set. Cannot set another one");
                        }
                        kind = Some(Kind::$kind(found));
                    }
                )*
                kind.ok_or("No request set.")
            }
        }

        impl Kind {
            /// Its name on the wire, in the style of Google's error texts.
            pub(crate) fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($field),)* }
            }
        }

        $(
            impl From<$kind> for Kind {
                fn from(request: $kind) -> Self {
                    Self::$kind(Box::new(request))
                }
            }
        )*
    };
}

/// One key of a sort.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SortSpec {
    pub(crate) dimension_index: Option<i32>,
    pub(crate) sort_order: Option<SortOrder>,
    foreground_color: Option<Unsupported>,
    foreground_color_style: Option<Unsupported>,
    background_color: Option<Unsupported>,
    background_color_style: Option<Unsupported>,
    data_source_column_reference: Option<Unsupported>,
}

impl SortSpec {
    /// Sorts by this column.
    pub(crate) fn new(column: i32, order: SortOrder) -> Self {
        Self { dimension_index: Some(column), sort_order: Some(order), ..Self::default() }
    }
}

kinds! {
    supported {
        add_sheet: AddSheet { properties: SheetProperties, }
        delete_sheet: DeleteSheet { sheet_id: i32, }
        update_sheet_properties: UpdateSheetProperties { properties: SheetProperties, fields: String, }
        append_cells: AppendCells { sheet_id: i32, rows: Vec<RowData>, fields: String, table_id: Unsupported, }
        update_cells: UpdateCells { rows: Vec<RowData>, fields: String, start: GridCoordinate, range: GridRange, }
        sort_range: SortRange { range: GridRange, sort_specs: Vec<SortSpec>, }
        insert_dimension: InsertDimension { range: DimensionRange, inherit_from_before: bool, }
        delete_dimension: DeleteDimension { range: DimensionRange, }
        append_dimension: AppendDimension { sheet_id: i32, dimension: Dimension, length: i32, }
        delete_range: DeleteRange { range: GridRange, shift_dimension: Dimension, }
        set_basic_filter: SetBasicFilter { filter: BasicFilter, }
        clear_basic_filter: ClearBasicFilter { sheet_id: i32, }
        add_filter_view: AddFilterView { filter: FilterView, }
        create_developer_metadata: CreateDeveloperMetadata { developer_metadata: DeveloperMetadata, }
        update_developer_metadata: UpdateDeveloperMetadata {
            data_filters: Vec<DataFilter>, developer_metadata: DeveloperMetadata, fields: String,
        }
        delete_developer_metadata: DeleteDeveloperMetadata { data_filter: DataFilter, }
    }
    unsupported {
        add_banding, add_chart, add_comment_reply, add_conditional_format_rule, add_data_source, add_dimension_group,
        add_named_range, add_protected_range, add_slicer, add_table, auto_fill,
        auto_resize_dimensions, cancel_data_source_refresh, copy_paste, cut_paste, delete_banding,
        delete_comment, delete_comment_reply, delete_conditional_format_rule, delete_data_source,
        delete_dimension_group, delete_duplicates, delete_embedded_object, delete_filter_view, delete_named_range,
        delete_protected_range, delete_table, duplicate_filter_view, duplicate_sheet, find_replace, insert_comment,
        insert_range, merge_cells, move_dimension, paste_data, randomize_range, refresh_data_source, repeat_cell,
        set_data_validation, text_to_columns, trim_whitespace, unmerge_cells, update_banding,
        update_borders, update_chart_spec, update_comment_post, update_conditional_format_rule, update_data_source,
        update_dimension_group, update_dimension_properties, update_embedded_object_border,
        update_embedded_object_position, update_filter_view, update_named_range, update_protected_range,
        update_slicer_spec, update_spreadsheet_properties, update_table,
    }
}
