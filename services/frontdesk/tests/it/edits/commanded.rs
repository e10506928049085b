//! The same by the command line: what it shows, and its exit codes.

use serde_json::{Value, json};

use super::{SCORE, with_leads};
use crate::{
    commands::{Ran, run},
    world::World,
};

async fn command(world: &World, args: &[&str]) -> Ran {
    let address = world.service("sheets-writer");
    run(world.dir.path(), &[("SHEETS_WRITER_ADDR", &address)], args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_ends_zero_when_equal_and_one_when_not() {
    let world = with_leads(&["a"]).await;
    let equal = command(&world, &["ledger", "verify", "--json"]).await.json(0);
    assert_eq!((&equal["equal"], &equal["tabs"]["leads"]), (&json!(true), &json!({"lines": 1, "rows": 1})));
    assert!(
        command(&world, &["ledger", "verify"]).await.out.contains("the spreadsheet shows what the store has")
    );
    world.sandbox().person().set_cell("leads", 1, SCORE, &json!(0.9)).unwrap();
    let other = command(&world, &["ledger", "verify", "--tab", "leads", "--json"]).await.json(1);
    let found = &other["differences"][0];
    assert_eq!(
        (&found["kind"], &found["column"], &found["line"]),
        (&json!("cell"), &json!("score"), &json!(2))
    );
    assert_eq!(
        (&found["stored"], &found["shown"], &found["tab"]),
        (&json!(0.5), &json!(0.9), &json!("leads"))
    );
    let words = command(&world, &["ledger", "verify", "--tab", "leads"]).await;
    assert!(
        words.code == 1 && words.out.contains("1 that should not be, 0 that are no fault"),
        "{}",
        words.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_others_are_shown_and_taken_over() {
    let world = with_leads(&["a"]).await;
    world.sandbox().person().set_cell("leads", 2, 3, &json!("asked at lunch")).unwrap();
    let shown = command(&world, &["ledger", "sheet", "leads", "--json"]).await.json(0);
    assert_eq!(shown["rows"][1]["cells"], json!({"intent": "asked at lunch"}));
    let told = command(&world, &["ledger", "verify", "--json"]).await.json(0);
    assert_eq!(told["differences"][0]["kind"], "no_id", "it is told and no fault");
    let planned = command(&world, &["ledger", "adopt-rows", "leads", "--dry-run"]).await;
    assert!(planned.code == 0 && planned.out.contains("1 lines would be taken over"), "{}", planned.out);
    let done = command(&world, &["ledger", "adopt-rows", "leads", "--json"]).await.json(0);
    assert_eq!(done["rows"][0]["line"], 3);
    crate::world::until("the id stands", || world.lines("leads")[1]["id"] == done["rows"][0]["row_id"]).await;
    let status: Value = command(&world, &["ledger", "status", "--json"]).await.json(0);
    assert_eq!((&status["restored"], &status["restorations"]), (&json!(0), &json!([])));
    let ours = command(&world, &["ledger", "adopt", "--yes"]).await;
    assert!(ours.code == 0 && ours.out.contains("belongs to no other ledger"), "{}", ours.out);
}
