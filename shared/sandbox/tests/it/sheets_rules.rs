//! What Sheets refuses, and that a refused batch leaves no trace.

use reqwest::Method;
use sandbox::{ACCESS_TOKEN, SPREADSHEET_ID};
use serde_json::{Value, json};

use crate::harness::{Town, answer, append, mark};

fn create(metadata: Value) -> Value {
    json!({"createDeveloperMetadata": {"developerMetadata": metadata}})
}

fn cell(value: Value) -> Value {
    json!({"appendCells": {"sheetId": 0, "fields": "userEnteredValue", "rows": [{"values": [{"userEnteredValue": value}]}]}})
}

#[tokio::test]
async fn a_sub_request_that_google_refuses_is_refused() {
    let town = Town::new().await;
    town.batch(json!([mark(7, "rows"), {"addSheet": {"properties": {"title": "leads", "sheetId": 5}}}]))
        .await;
    let here = json!({"spreadsheet": true});
    let rows = json!([{"values": []}]);
    let wide: Vec<_> = (0..27).map(|_| json!({"userEnteredValue": {"stringValue": "x"}})).collect();
    let cases = [
        (json!({}), "Invalid requests[0]: No request set."),
        (
            json!({"deleteSheet": {"sheetId": 5}, "addSheet": {}}),
            "Invalid requests[0]: oneof field 'kind' is already set.",
        ),
        (
            json!({"addSheep": {}}),
            "Invalid JSON payload received. Unknown name \"addSheep\" at 'requests[0]': Cannot find field.",
        ),
        (
            json!({"addSheet": {"name": "x"}}),
            "Invalid JSON payload received. Unknown name \"name\" at 'requests[0].add_sheet': Cannot find field.",
        ),
        (
            cell(json!({"stringvalue": "x"})),
            "Invalid JSON payload received. Unknown name \"stringvalue\" at 'requests[0].append_cells.rows[0].values[0].user_entered_value': Cannot find field.",
        ),
        (json!({"addChart": {"chart": {}}}), "'requests[0].add_chart' is not supported by the sandbox"),
        (
            json!({"addSheet": {"properties": {"tabColor": {}}}}),
            "'requests[0].add_sheet.properties.tab_color' is not supported by the sandbox",
        ),
        (
            json!({"deleteSheet": {"sheetId": "secret"}}),
            "Invalid value at 'requests[0].delete_sheet.sheet_id', expected i32",
        ),
        (
            json!({"addSheet": {"properties": {"title": "LEADS"}}}),
            "Invalid requests[0].addSheet: A sheet with the name",
        ),
        (
            json!({"addSheet": {"properties": {"sheetId": 5}}}),
            "Invalid requests[0].addSheet: A sheet with ID 5",
        ),
        (json!({"deleteSheet": {"sheetId": 99}}), "Invalid requests[0].deleteSheet: No grid with id: 99"),
        (append(99, &[&["x"]]), "Invalid requests[0].appendCells: No grid with id: 99"),
        (
            json!({"appendCells": {"sheetId": 0, "rows": rows}}),
            "Invalid requests[0].appendCells: At least one field must be listed in 'fields'.",
        ),
        (
            json!({"appendCells": {"sheetId": 0, "rows": rows, "fields": "userEntered"}}),
            "Invalid requests[0].appendCells: Invalid field: userEntered",
        ),
        (
            json!({"appendCells": {"sheetId": 0, "rows": rows, "fields": "userEnteredFormat.nope"}}),
            "Invalid requests[0].appendCells: Invalid field: nope",
        ),
        (
            json!({"appendCells": {"sheetId": 0, "rows": [{"values": wide}], "fields": "*"}}),
            "Invalid requests[0].appendCells: Attempting to write column: 26",
        ),
        (cell(json!({})), "Invalid requests[0].appendCells: Invalid userEnteredValue"),
        (
            cell(json!({"stringValue": "x", "numberValue": 1})),
            "Invalid requests[0].appendCells: oneof field 'value'",
        ),
        (
            cell(json!({"numberValue": "1"})),
            "Invalid value at 'requests[0].append_cells.rows[0].values[0].user_entered_value.number_value'",
        ),
        (
            cell(json!({"stringValue": "x".repeat(50_001)})),
            "Invalid requests[0].appendCells: Your input contains more than the maximum of 50000",
        ),
        (
            json!({"updateCells": {"rows": rows, "fields": "*"}}),
            "Invalid requests[0].updateCells: Must specify start or range.",
        ),
        (
            json!({"updateCells": {"rows": rows, "fields": "*", "start": {"rowIndex": 1000}}}),
            "Invalid requests[0].updateCells: GridCoordinate.rowIndex[1000]",
        ),
        (
            json!({"updateCells": {"rows": rows, "fields": "*", "range": {"startRowIndex": 5, "endRowIndex": 5}}}),
            "Invalid requests[0].updateCells: endRowIndex[5] must be after",
        ),
        (
            mark(7, "void"),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata with ID 7 already exists.",
        ),
        (
            mark(0, "rows"),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata ID must be positive.",
        ),
        (
            create(json!({"metadataKey": "k", "location": here})),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata must have a visibility.",
        ),
        (
            create(json!({"visibility": "PROJECT", "location": here})),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata must have a key.",
        ),
        (
            create(json!({"visibility": "PROJECT", "metadataKey": "", "location": here})),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata must have a key.",
        ),
        (
            create(json!({"visibility": "PUBLIC", "metadataKey": "k", "location": here})),
            "Invalid value at 'requests[0].create_developer_metadata.developer_metadata.visibility'",
        ),
        (
            create(json!({"visibility": "PROJECT", "metadataKey": "k"})),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata must have a location.",
        ),
        (
            create(
                json!({"visibility": "PROJECT", "metadataKey": "k", "location": {"spreadsheet": true, "sheetId": 0}}),
            ),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata must have exactly one location.",
        ),
        (
            create(
                json!({"visibility": "PROJECT", "metadataKey": "k", "metadataValue": "v".repeat(30_000), "location": here}),
            ),
            "Invalid requests[0].createDeveloperMetadata: Developer metadata exceeds the storage limit",
        ),
        (
            json!({"deleteDeveloperMetadata": {"dataFilter": {}}}),
            "Invalid requests[0].deleteDeveloperMetadata: Must set exactly one",
        ),
        (
            json!({"addSheet": {"properties": {"gridProperties": {"rowCount": 400_000, "columnCount": 26}}}}),
            "Invalid requests[0].addSheet: This action would increase the number of cells in the workbook above the limit of 10000000 cells.",
        ),
        (
            json!({"updateSheetProperties": {"properties": {"sheetId": 5, "title": "x"}}}),
            "Invalid requests[0].updateSheetProperties: At least one field must be listed in 'fields'.",
        ),
        (
            json!({"updateSheetProperties": {"properties": {"sheetId": 5, "title": "x"}, "fields": "titel"}}),
            "Invalid requests[0].updateSheetProperties: Invalid field: titel",
        ),
        (
            json!({"insertDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 1}, "inheritFromBefore": true}}),
            "Invalid requests[0].insertDimension: inheritFromBefore",
        ),
        (
            json!({"deleteDimension": {"range": {"dimension": "ROWS"}}}),
            "Invalid requests[0].deleteDimension: You can't delete all the rows",
        ),
    ];
    let before = town.get("?includeGridData=true").await;
    for (request, begins) in cases {
        // The first sub-request is fine: a refusal must take it back.
        let (status, refusal) = town.try_batch(json!([request, append(0, &[&["never"]])])).await;
        let error = &refusal["error"];
        assert_eq!((status.as_u16(), &error["status"]), (400, &json!("INVALID_ARGUMENT")), "{request}");
        assert!(error["message"].as_str().unwrap().starts_with(begins), "wanted {begins}\ngot    {error}");
        assert!(!error.to_string().contains("secret"));
    }
    assert_eq!(town.get("?includeGridData=true").await, before);
}

#[tokio::test]
async fn a_batch_whose_last_request_is_bad_applies_nothing() {
    let town = Town::new().await;
    let before = town.get("?includeGridData=true").await;
    let good =
        [mark(1, "rows"), append(0, &[&["a"]]), json!({"addSheet": {"properties": {"title": "leads"}}})];
    let mut bad = good.to_vec();
    bad.push(append(99, &[&["b"]]));
    assert_eq!(town.try_batch(json!(bad)).await.0, 400);
    let unread =
        json!({"requests": good, "includeSpreadsheetInResponse": true, "responseRanges": ["nope!A1"]});
    let (status, refusal) = town.post(":batchUpdate", &unread).await;
    assert_eq!(
        (status.as_u16(), &refusal["error"]["message"]),
        (400, &json!("Unable to parse range: nope!A1"))
    );
    assert_eq!(town.get("?includeGridData=true").await, before);
    town.batch(json!(good)).await;
    assert_eq!(town.first_column("Sheet1"), ["a"]);
}

#[tokio::test]
async fn bodies_parameters_and_paths_are_checked() {
    let town = Town::new().await;
    let other = format!("/sheets/v4/spreadsheets/{}", SPREADSHEET_ID.replace('1', "2"));
    let own = format!("/sheets/v4/spreadsheets/{SPREADSHEET_ID}");
    let post = |rest: &str, body: &'static str| town.sheets(Method::POST, rest).body(body);
    let unknown = "Invalid JSON payload received. Unknown name";
    for (request, status, begins) in [
        (town.ask(Method::GET, &own), 401, "Request had invalid authentication credentials."),
        (
            town.ask(Method::GET, &own).bearer_auth("other"),
            401,
            "Request had invalid authentication credentials.",
        ),
        (town.ask(Method::GET, &other).bearer_auth(ACCESS_TOKEN), 404, "Requested entity was not found."),
        (town.sheets(Method::GET, "?includeGrid=true"), 400, unknown),
        (town.sheets(Method::GET, "?includeGridData=yes"), 400, "Invalid value at 'includeGridData'"),
        (town.sheets(Method::GET, "?fields=sheetz"), 400, "Invalid field selection sheetz"),
        (town.sheets(Method::GET, "?ranges=leads!A1"), 400, "Unable to parse range: leads!A1"),
        (town.sheets(Method::GET, "/values/Sheet1?render=x"), 400, unknown),
        (
            town.sheets(Method::GET, "/values/Sheet1?valueRenderOption=RAW"),
            400,
            "Invalid value at 'valueRenderOption'",
        ),
        (town.sheets(Method::GET, "/values/Sheet1!A1001"), 400, "Range (Sheet1!A1001) exceeds grid limits."),
        (town.sheets(Method::GET, "/developerMetadata/5"), 404, "Requested entity was not found."),
        (town.sheets(Method::GET, "/developerMetadata/x"), 400, "Invalid value at 'metadata_id'"),
        (town.sheets(Method::GET, "/nothing"), 404, "The requested URL"),
        (post(":batchUpdate", "{"), 400, "Invalid JSON payload received."),
        (post(":batchUpdate", "{} {}"), 400, "Invalid JSON payload received."),
        (post(":batchUpdate", "{}"), 400, "Must specify at least one request."),
        (
            post(":batchUpdate", "{\"request\":[]}"),
            400,
            "Invalid JSON payload received. Unknown name \"request\": Cannot find field.",
        ),
        (post(":batchUpdate?x=1", "{}"), 400, unknown),
        (post("/developerMetadata:search", "{}"), 400, "Must specify at least one data filter."),
        (post("/developerMetadata:search", "{\"dataFilters\":[{\"x\":1}]}"), 400, unknown),
        (
            post("/values:batchGetByDataFilter", "{\"dataFilters\":[{}]}"),
            400,
            "Invalid dataFilters[0]: Must set exactly one",
        ),
        (post("/values/Sheet1:append", "{}"), 400, "this call is not supported by the sandbox"),
    ] {
        let (answered, refusal) = answer(request).await;
        assert_eq!(answered, status, "{refusal}");
        assert!(refusal["error"]["message"].as_str().unwrap().starts_with(begins), "{begins}: {refusal}");
        assert_eq!(refusal["error"]["code"], status);
    }
    let large = " ".repeat((10 << 20) + 1);
    assert_eq!(answer(town.sheets(Method::POST, ":batchUpdate").body(large)).await.0, 413);
}

#[tokio::test]
async fn the_quota_is_kept_apart_for_reads_and_writes() {
    let town = Town::new().await;
    town.sandbox.set_quota(2, 1);
    town.append(&[&["a"]]).await;
    town.append(&[&["b"]]).await;
    let (status, refusal) = town.try_batch(json!([append(0, &[&["c"]])])).await;
    assert_eq!((status.as_u16(), &refusal["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    let info = &refusal["error"]["details"][0];
    assert_eq!(info["reason"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(info["metadata"]["quota_limit"], "WriteRequestsPerMinutePerUser");
    assert_eq!(town.get("").await.0, 200);
    let (status, refusal) = town.post("/developerMetadata:search", &json!({})).await;
    assert_eq!(status, 429);
    assert_eq!(refusal["error"]["details"][0]["metadata"]["quota_limit"], "ReadRequestsPerMinutePerUser");
    assert_eq!(town.first_column("Sheet1"), ["a", "b"]);
}
