//! Reading cells, ranges, the spreadsheet and its metadata.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Town, answer, mark};

/// A text, a moment, an amount, a number, a boolean, a formula; then an empty row, then one more.
fn typed() -> Value {
    let format = |kind: &str, pattern: &str| json!({"numberFormat": {"type": kind, "pattern": pattern}});
    json!({"appendCells": {"sheetId": 0, "fields": "userEnteredValue,userEnteredFormat.numberFormat", "rows": [
        {"values": [
            {"userEnteredValue": {"stringValue": "=1+1"}},
            {"userEnteredValue": {"numberValue": 45958.5}, "userEnteredFormat": format("DATE_TIME", "yyyy-mm-dd hh:mm:ss")},
            {"userEnteredValue": {"numberValue": 1050}, "userEnteredFormat": format("CURRENCY", "#,##0.00 \"EUR\"")},
            {"userEnteredValue": {"numberValue": 0.72}},
            {"userEnteredValue": {"boolValue": true}},
            {"userEnteredValue": {"formulaValue": "=A1"}},
            {},
        ]},
        {"values": [{}]},
        {"values": [{}, {"userEnteredValue": {"stringValue": "end"}}]},
    ]}})
}

#[tokio::test]
async fn cells_keep_their_types_and_are_rendered_three_ways() {
    let town = Town::new().await;
    town.batch(json!([typed()])).await;
    let end = json!(["", "end"]);
    let cases = [
        ("", json!(["=1+1", "2025-10-28 12:00:00", "1,050.00 EUR", "0.72", "TRUE", "#NAME?"])),
        ("?valueRenderOption=UNFORMATTED_VALUE", json!(["=1+1", 45958.5, 1050, 0.72, true, "#NAME?"])),
        (
            "?valueRenderOption=UNFORMATTED_VALUE&dateTimeRenderOption=FORMATTED_STRING",
            json!(["=1+1", "2025-10-28 12:00:00", 1050, 0.72, true, "#NAME?"]),
        ),
        ("?valueRenderOption=FORMULA", json!(["=1+1", 45958.5, 1050, 0.72, true, "=A1"])),
    ];
    for (options, first) in cases {
        let (status, range) = town.get(&format!("/values/Sheet1!A1:Z900{options}")).await;
        assert_eq!(status, 200);
        let expected =
            json!({"range": "Sheet1!A1:Z900", "majorDimension": "ROWS", "values": [first, [], end]});
        assert_eq!(range, expected);
    }
    let (_, range) = town.get("/values/Sheet1!A:B?majorDimension=COLUMNS").await;
    assert_eq!(range["values"], json!([["=1+1"], ["2025-10-28 12:00:00", "", "end"]]));
    let (_, range) = town.get("/values/Sheet1!D2:E").await;
    assert_eq!(range, json!({"range": "Sheet1!D2:E1000", "majorDimension": "ROWS"}));
}

#[tokio::test]
async fn several_ranges_and_filters_are_read_at_once() {
    let town = Town::new().await;
    town.batch(json!([{"addSheet": {"properties": {"title": "my leads", "sheetId": 3}}}])).await;
    town.append(&[&["id", "name"], &["1", "Ann"], &["2", "Bob"]]).await;
    let (_, ranges) = town.get("/values:batchGet?ranges=Sheet1!A2:A&ranges=%27my%20leads%27!A:A").await;
    assert_eq!(ranges["valueRanges"][0]["values"], json!([["1"], ["2"]]));
    assert_eq!(ranges["valueRanges"][1], json!({"range": "'my leads'!A1:A1000", "majorDimension": "ROWS"}));
    let grid =
        json!({"gridRange": {"sheetId": 0, "startRowIndex": 1, "startColumnIndex": 1, "endColumnIndex": 2}});
    let same = json!({"a1Range": "Sheet1!B2:B1000"});
    let body = json!({"dataFilters": [grid, same], "majorDimension": "ROWS", "valueRenderOption": "UNFORMATTED_VALUE"});
    let (status, found) = town.post("/values:batchGetByDataFilter", &body).await;
    assert_eq!(status, 200);
    let range = json!({"range": "Sheet1!B2:B1000", "majorDimension": "ROWS", "values": [["Ann"], ["Bob"]]});
    assert_eq!(found["valueRanges"], json!([{"valueRange": range, "dataFilters": [grid, same]}]));
}

#[tokio::test]
async fn the_spreadsheet_is_shown_with_cells_ranges_and_masks() {
    let town = Town::new().await;
    let (_, book) = town.get("").await;
    let grid = json!({"rowCount": 1000, "columnCount": 26});
    let first =
        json!({"sheetId": 0, "title": "Sheet1", "index": 0, "sheetType": "GRID", "gridProperties": grid});
    assert_eq!(book["sheets"], json!([{"properties": first}]));
    assert_eq!(book["properties"]["timeZone"], "Etc/GMT");
    town.batch(json!([
        {"addSheet": {"properties": {"title": "leads", "sheetId": 3, "gridProperties": {"frozenRowCount": 1}}}},
        typed(),
        mark(9, "rows"),
    ]))
    .await;
    let (_, book) = town.get("?ranges=Sheet1!B1:C2&includeGridData=true").await;
    assert_eq!(book["sheets"].as_array().unwrap().len(), 1);
    let data = &book["sheets"][0]["data"][0];
    assert_eq!(data["startColumn"], 1);
    let moment = &data["rowData"][0]["values"][0];
    assert_eq!(moment["userEnteredValue"], json!({"numberValue": 45958.5}));
    assert_eq!(moment["effectiveValue"], moment["userEnteredValue"]);
    assert_eq!(moment["formattedValue"], "2025-10-28 12:00:00");
    assert_eq!(moment["userEnteredFormat"]["numberFormat"]["type"], "DATE_TIME");
    let (_, book) = town.get("?fields=spreadsheetId,sheets.properties(sheetId,title)").await;
    let sheets = json!([{"properties": {"sheetId": 0, "title": "Sheet1"}}, {"properties": {"sheetId": 3, "title": "leads"}}]);
    assert_eq!(book["sheets"], sheets);
    assert_eq!(book.as_object().unwrap().len(), 2);
    // With a mask the flag is ignored: the mask alone says whether there are cells.
    let (_, book) = town.get("?includeGridData=true&fields=sheets.properties.title").await;
    assert_eq!(book["sheets"][0].as_object().unwrap().len(), 1);
    let (_, book) =
        town.get("?fields=sheets.data.rowData.values.formattedValue,developerMetadata.metadataId").await;
    assert_eq!(book["sheets"][0]["data"][0]["rowData"][0]["values"][0], json!({"formattedValue": "=1+1"}));
    assert_eq!(book["developerMetadata"], json!([{"metadataId": 9}]));
    let (_, book) = town.get("").await;
    assert_eq!(book["sheets"][1]["properties"]["gridProperties"]["frozenRowCount"], 1);
}

#[tokio::test]
async fn a_batch_answers_the_ranges_it_was_asked_for() {
    let town = Town::new().await;
    town.append(&[&["id"], &["1"]]).await;
    let body = json!({
        "requests": [crate::harness::append(0, &[&["2"]])],
        "includeSpreadsheetInResponse": true,
        "responseRanges": ["Sheet1!A3", "Sheet1!A2"],
        "responseIncludeGridData": true,
    });
    let (_, answer) = town.post(":batchUpdate", &body).await;
    assert_eq!(answer["replies"], json!([{}]));
    let data = &answer["updatedSpreadsheet"]["sheets"][0]["data"];
    let shown = |at: usize| &data[at]["rowData"][0]["values"][0]["userEnteredValue"]["stringValue"];
    assert_eq!((shown(0), shown(1)), (&json!("2"), &json!("1")));
    assert_eq!((&data[0]["startRow"], &data[1]["startRow"]), (&json!(2), &json!(1)));
    let masked = "?fields=updatedSpreadsheet.sheets.properties.title";
    let (_, answer) = town.post(&format!(":batchUpdate{masked}"), &body).await;
    assert_eq!(answer, json!({"updatedSpreadsheet": {"sheets": [{"properties": {"title": "Sheet1"}}]}}));
}

#[tokio::test]
async fn metadata_is_found_by_id_key_value_and_place() {
    let town = Town::new().await;
    let on_row = json!({"createDeveloperMetadata": {"developerMetadata": {
        "metadataKey": "row", "visibility": "DOCUMENT",
        "location": {"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 4, "endIndex": 5}},
    }}});
    let replies = town.batch(json!([mark(1, "a:rows"), mark(2, "a:void"), on_row])).await;
    let row =
        replies["replies"][2]["createDeveloperMetadata"]["developerMetadata"]["metadataId"].as_i64().unwrap();
    assert!(row > 0);
    let (status, one) = town.get("/developerMetadata/2").await;
    assert_eq!(status, 200);
    let location = json!({"locationType": "SPREADSHEET", "spreadsheet": true});
    let expected = json!({"metadataId": 2, "metadataKey": "fd", "metadataValue": "a:void", "location": location, "visibility": "PROJECT"});
    assert_eq!(one, expected);
    let place =
        json!({"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 4, "endIndex": 5}});
    for (lookup, ids) in [
        (json!({"metadataId": 1}), vec![1]),
        (json!({"metadataId": 3}), vec![]),
        (json!({"metadataKey": "fd"}), vec![1, 2]),
        (json!({"metadataKey": "fd", "metadataValue": "a:void"}), vec![2]),
        (json!({"metadataId": 1, "metadataValue": "a:void"}), vec![]),
        (json!({"visibility": "DOCUMENT"}), vec![row]),
        (json!({"locationType": "ROW"}), vec![row]),
        (json!({"metadataLocation": place, "locationMatchingStrategy": "EXACT_LOCATION"}), vec![row]),
    ] {
        let (status, found) = town
            .post("/developerMetadata:search", &json!({"dataFilters": [{"developerMetadataLookup": lookup}]}))
            .await;
        assert_eq!(status, 200);
        let found = found["matchedDeveloperMetadata"].as_array().cloned().unwrap_or_default();
        let found: Vec<_> =
            found.iter().map(|one| one["developerMetadata"]["metadataId"].as_i64().unwrap()).collect();
        assert_eq!(found, ids, "{lookup}");
    }
    let delete = |id: i32| json!({"deleteDeveloperMetadata": {"dataFilter": {"developerMetadataLookup": {"metadataId": id}}}});
    let update = json!({"updateDeveloperMetadata": {
        "dataFilters": [{"developerMetadataLookup": {"metadataId": 2}}],
        "developerMetadata": {"metadataValue": "b"}, "fields": "metadataValue",
    }});
    let insert = json!({"insertDimension": {"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 2}}});
    let replies = town.batch(json!([delete(1), delete(1), update, insert])).await;
    assert_eq!(
        replies["replies"][0]["deleteDeveloperMetadata"]["deletedDeveloperMetadata"][0]["metadataId"],
        1
    );
    assert_eq!(replies["replies"][1], json!({"deleteDeveloperMetadata": {}}));
    assert_eq!(town.get("/developerMetadata/1").await.0, 404);
    assert_eq!(town.get("/developerMetadata/2").await.1["metadataValue"], "b");
    let (_, moved) = town.get(&format!("/developerMetadata/{row}")).await;
    assert_eq!(moved["location"]["dimensionRange"]["startIndex"], 6);
    // A freed id may be used again, a taken one not.
    town.batch(json!([mark(1, "again")])).await;
    let (status, _) =
        answer(town.sheets(Method::POST, ":batchUpdate").json(&json!({"requests": [mark(1, "x")]}))).await;
    assert_eq!(status, 400);
}
