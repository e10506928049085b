//! Filters: what is not seen is there all the same.

use serde_json::{Value, json};

use crate::harness::{Town, append};

async fn people() -> Town {
    let town = Town::new().await;
    town.append(&[&["id", "name"], &["3", "Cy"], &["1", "ann"], &["2", "Bob"]]).await;
    town
}

async fn tab(town: &Town) -> Value {
    town.get("?includeGridData=true").await.1["sheets"][0].clone()
}

/// The rows that say that they are hidden.
fn hidden(tab: &Value) -> Vec<usize> {
    let rows = tab["data"][0]["rowMetadata"].as_array().into_iter().flatten();
    rows.enumerate().filter(|(_, row)| row["hiddenByFilter"] == true).map(|(at, _)| at).collect()
}

#[tokio::test]
async fn what_a_filter_hides_is_written_and_counted_like_the_rest() {
    let town = people().await;
    town.sandbox.person().hide_values("Sheet1", 1, &["ann", "Bob", "Zoe"]).unwrap();
    let before = tab(&town).await;
    assert_eq!(
        (hidden(&before), town.sandbox.person().hidden_rows("Sheet1").unwrap()),
        (vec![2, 3], vec![2, 3])
    );
    let filter = &before["basicFilter"];
    assert_eq!(filter["range"]["endRowIndex"], 1_000);
    assert_eq!(
        filter["filterSpecs"][0],
        json!({"columnIndex": 1, "filterCriteria": {"hiddenValues": ["ann", "Bob", "Zoe"]}})
    );
    assert_eq!(filter["criteria"]["1"]["hiddenValues"][0], "ann");
    // The last rows with data are hidden; what is appended comes after them all the same.
    let change = json!({"updateCells": {"start": {"sheetId": 0, "rowIndex": 2, "columnIndex": 0}, "fields": "userEnteredValue",
        "rows": [{"values": [{"userEnteredValue": {"stringValue": "11"}}]}]}});
    town.batch(json!([append(0, &[&["4", "Zoe"], &["5", "Dan"]]), change])).await;
    assert_eq!(town.first_column("Sheet1"), ["id", "3", "11", "2", "4", "5"]);
    assert_eq!(hidden(&tab(&town).await), [2, 3, 4]);
    // It goes with its cells.
    town.sandbox.person().insert_column("Sheet1", 0).unwrap();
    town.sandbox.person().delete_row("Sheet1", 1).unwrap();
    let after = tab(&town).await;
    assert_eq!(
        (hidden(&after), &after["basicFilter"]["filterSpecs"][0]["columnIndex"]),
        (vec![1, 2, 3], &json!(2))
    );
    assert_eq!(after["basicFilter"]["range"]["endRowIndex"], 999);
    town.batch(json!([{"clearBasicFilter": {"sheetId": 0}}])).await;
    let cleared = tab(&town).await;
    assert_eq!((hidden(&cleared), cleared.get("basicFilter")), (Vec::new(), None));
}

#[tokio::test]
async fn a_view_hides_nothing_from_anybody_else_and_survives_a_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let town = Town::at(&path).await;
    town.append(&[&["id", "name"], &["3", "Cy"]]).await;
    town.sandbox.person().add_view("Sheet1", "mine", 1, &["Cy"]).unwrap();
    let range = json!({"sheetId": 0, "startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2});
    let answer = town.batch(json!([{"addFilterView": {"filter": {"range": range}}}])).await;
    let added = &answer["replies"][0]["addFilterView"]["filter"];
    assert_eq!((&added["filterViewId"], &added["range"]), (&json!(2), &range));
    let before = tab(&town).await;
    let titles: Vec<&Value> =
        before["filterViews"].as_array().unwrap().iter().map(|view| &view["title"]).collect();
    assert_eq!((hidden(&before), titles), (Vec::new(), vec![&json!("mine"), &json!("Filter 2")]));
    let again = Town::at(&path).await;
    assert_eq!(tab(&again).await, before);
}

#[tokio::test]
async fn what_google_refuses_of_a_filter_is_refused() {
    let town = people().await;
    let set = |filter: Value| json!([{"setBasicFilter": {"filter": filter}}]);
    let range = json!({"sheetId": 0, "startColumnIndex": 0, "endColumnIndex": 2});
    let spec = |column: i32| json!([{"columnIndex": column, "filterCriteria": {"hiddenValues": ["x"]}}]);
    for wrong in [
        json!({}),
        json!({"range": {"sheetId": 9}}),
        json!({"range": range, "filterSpecs": spec(2)}),
        json!({"range": range, "hiddenValues": ["x"]}),
        json!({"range": range, "sortSpecs": []}),
    ] {
        assert_eq!(town.try_batch(set(wrong.clone())).await.0, 400, "{wrong}");
    }
    assert_eq!(tab(&town).await.get("basicFilter"), None);
    assert_eq!(town.try_batch(json!([{"clearBasicFilter": {"sheetId": 9}}])).await.0, 400);
    town.batch(set(json!({"range": range, "filterSpecs": spec(1)}))).await;
}
