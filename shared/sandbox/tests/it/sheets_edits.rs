//! Edits of the spreadsheet, by the API and by a person.

use sandbox::Mishap;
use serde_json::{Value, json};

use crate::harness::{Town, append, mark};

async fn people() -> Town {
    let town = Town::new().await;
    town.append(&[&["id", "name"], &["3", "Cy"], &["1", "ann"], &["2", "Bob"]]).await;
    town
}

#[tokio::test]
async fn appending_goes_after_the_last_row_with_data_and_grows_the_grid() {
    let town = Town::new().await;
    let size = json!({"sheetId": 0, "gridProperties": {"rowCount": 2}});
    town.batch(json!([{"updateSheetProperties": {"properties": size, "fields": "gridProperties.rowCount"}}]))
        .await;
    let formatted = json!({"userEnteredFormat": {"textFormat": {"bold": true}}});
    let only_format = json!({"sheetId": 0, "fields": "userEnteredFormat", "rows": [{"values": [formatted]}]});
    town.batch(json!([append(0, &[&["a"]]), {"appendCells": only_format}])).await;
    // A row that is only formatted is no data.
    town.append(&[&["b"], &["c"], &["d"]]).await;
    assert_eq!(town.first_column("Sheet1"), ["a", "b", "c", "d"]);
    let (_, book) = town.get("?includeGridData=true").await;
    assert_eq!(book["sheets"][0]["properties"]["gridProperties"]["rowCount"], 4);
    let second = &book["sheets"][0]["data"][0]["rowData"][1]["values"][0];
    assert_eq!(second["userEnteredFormat"]["textFormat"]["bold"], true);
}

#[tokio::test]
async fn an_update_writes_only_what_its_mask_names() {
    let town = Town::new().await;
    let cell = |value: Value, bold: bool| json!({"userEnteredValue": value, "userEnteredFormat": {"textFormat": {"bold": bold}, "numberFormat": {"type": "NUMBER"}}});
    let write = |cells: Value, fields: &str| json!({"updateCells": {"start": {"sheetId": 0}, "fields": fields, "rows": [{"values": cells}]}});
    let read = async || {
        let (_, book) = town.get("?ranges=A1:B1&includeGridData=true").await;
        book["sheets"][0]["data"][0]["rowData"][0]["values"].clone()
    };
    town.batch(json!([write(json!([cell(json!({"numberValue": 1}), true)]), "*")])).await;
    town.batch(json!([write(json!([cell(json!({"numberValue": 2}), false)]), "userEnteredValue")])).await;
    let cells = read().await;
    assert_eq!(cells[0]["userEnteredValue"]["numberValue"], 2);
    assert_eq!(cells[0]["userEnteredFormat"]["textFormat"]["bold"], true);
    town.batch(json!([write(json!([{}]), "userEnteredFormat.textFormat")])).await;
    let cells = read().await;
    assert_eq!(cells[0]["userEnteredFormat"], json!({"numberFormat": {"type": "NUMBER"}}));
    assert_eq!(cells[0]["userEnteredValue"]["numberValue"], 2);
    // Selected and not sent: cleared. Beyond the cells that are sent: kept.
    town.append(&[&["a", "b"]]).await;
    let range = json!({"sheetId": 0, "startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 1});
    town.batch(json!([{"updateCells": {"range": range, "fields": "userEnteredValue"}}])).await;
    assert_eq!(town.sandbox.tab("Sheet1").unwrap(), [vec![Value::Null], vec![json!("a"), json!("b")]]);
}

#[tokio::test]
async fn a_person_sorts_deletes_inserts_and_types() {
    let town = people().await;
    let person = town.sandbox.person();
    person.sort("Sheet1", 1, false).unwrap();
    assert_eq!(town.first_column("Sheet1"), ["id", "1", "2", "3"]);
    person.sort("Sheet1", 0, true).unwrap();
    assert_eq!(town.first_column("Sheet1"), ["id", "3", "2", "1"]);
    person.delete_row("Sheet1", 2).unwrap();
    assert_eq!(town.first_column("Sheet1"), ["id", "3", "1"]);
    person.insert_row("Sheet1", 1).unwrap();
    assert_eq!(town.first_column("Sheet1"), [json!("id"), json!(null), json!("3"), json!("1")]);
    person.insert_column("Sheet1", 0).unwrap();
    person.set_cell("Sheet1", 2, 0, &json!(4.5)).unwrap();
    let rows = town.sandbox.tab("Sheet1").unwrap();
    assert_eq!(rows[2], [json!(4.5), json!("3"), json!("Cy")]);
    person.set_cell("Sheet1", 2, 0, &Value::Null).unwrap();
    person.delete_column("Sheet1", 0).unwrap();
    person.rename_tab("Sheet1", "people").unwrap();
    assert_eq!(town.sandbox.tab("Sheet1"), None);
    assert_eq!(town.first_column("people"), [json!("id"), json!(null), json!("3"), json!("1")]);
    assert_eq!(person.sort("Sheet1", 0, false), Err(Mishap::NoTab));
    assert!(matches!(person.delete_tab("people"), Err(Mishap::Refused(_))));
    assert!(town.sandbox.requests().len() == 1, "a person asks no API");
}

#[tokio::test]
async fn a_part_of_the_grid_is_sorted_and_deleted_alone() {
    let town = people().await;
    let area = json!({"sheetId": 0, "startRowIndex": 1, "endRowIndex": 4, "startColumnIndex": 1, "endColumnIndex": 2});
    town.batch(json!([{"sortRange": {"range": area, "sortSpecs": [{"dimensionIndex": 1, "sortOrder": "DESCENDING"}]}}])).await;
    let rows = |town: &Town| town.sandbox.tab("Sheet1").unwrap();
    assert_eq!(json!(rows(&town)), json!([["id", "name"], ["3", "Cy"], ["1", "Bob"], ["2", "ann"]]));
    let cell = json!({"sheetId": 0, "startRowIndex": 1, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 1});
    town.batch(json!([{"deleteRange": {"range": cell, "shiftDimension": "ROWS"}}])).await;
    assert_eq!(json!(rows(&town)), json!([["id", "name"], ["1", "Cy"], ["2", "Bob"], [null, "ann"]]));
    town.batch(json!([{"deleteRange": {"range": cell, "shiftDimension": "COLUMNS"}}])).await;
    assert_eq!(json!(rows(&town)[1][0]), json!("Cy"));
    let sort = json!({"range": area, "sortSpecs": [{"dimensionIndex": 5, "sortOrder": "ASCENDING"}]});
    assert_eq!(town.try_batch(json!([{"sortRange": sort}])).await.0, 400);
}

#[tokio::test]
async fn tabs_are_added_moved_and_deleted() {
    let town = Town::new().await;
    let answer = town.batch(json!([
        {"addSheet": {"properties": {"title": "leads", "index": 0, "gridProperties": {"rowCount": 5, "columnCount": 3}}}},
        {"addSheet": {}},
    ]))
    .await;
    let leads = &answer["replies"][0]["addSheet"]["properties"];
    assert_eq!((&leads["index"], &leads["gridProperties"]["rowCount"]), (&json!(0), &json!(5)));
    assert_eq!(town.sandbox.tabs(), ["leads", "Sheet1", "Sheet3"]);
    let id = leads["sheetId"].as_i64().unwrap();
    let on_leads =
        json!({"metadataId": 4, "metadataKey": "k", "visibility": "PROJECT", "location": {"sheetId": id}});
    town.batch(json!([
        {"createDeveloperMetadata": {"developerMetadata": on_leads}},
        {"updateSheetProperties": {"properties": {"sheetId": id, "index": 3}, "fields": "index"}},
    ]))
    .await;
    assert_eq!(town.sandbox.tabs(), ["Sheet1", "Sheet3", "leads"]);
    town.batch(json!([{"deleteSheet": {"sheetId": id}}])).await;
    assert_eq!(town.get("/developerMetadata/4").await.0, 404);
}

#[tokio::test]
async fn everything_survives_a_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let town = Town::at(&path).await;
    town.append(&[&["id"], &["b"], &["c"], &["a"]]).await;
    town.batch(
        json!([mark(3, "rows"), {"addSheet": {"properties": {"title": "leads", "index": 0, "sheetId": 8}}}]),
    )
    .await;
    town.batch(json!([append(8, &[&["x", "", "z"]]), {"addSheet": {"properties": {"sheetId": 9}}}])).await;
    town.batch(json!([{"deleteSheet": {"sheetId": 9}}])).await;
    let person = town.sandbox.person();
    person.sort("Sheet1", 0, false).unwrap();
    person.delete_row("Sheet1", 3).unwrap();
    person.set_cell("Sheet1", 700, 2, &json!("far")).unwrap();
    let before = town.get("?includeGridData=true").await;
    let again = Town::at(&path).await;
    assert_eq!(again.get("?includeGridData=true").await, before);
    assert_eq!(again.first_column("Sheet1")[..3], ["id", "a", "b"]);
    assert_eq!(again.sandbox.tab("Sheet1").unwrap().len(), 701);
    assert_eq!(again.try_batch(json!([mark(3, "void")])).await.0, 400);
}
