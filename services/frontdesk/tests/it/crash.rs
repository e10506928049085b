//! The real binary dies at the worst moments; its spreadsheet does not show it. `cargo run --example crash` does the
//! same for as long as one likes.

use std::path::PathBuf;

use run::Plan;

#[path = "../../examples/crash/run/mod.rs"]
mod run;

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_row_is_lost_or_repeated_by_kills() {
    let plan = Plan {
        frontdesk: PathBuf::from(env!("CARGO_BIN_EXE_frontdesk")),
        kills: 25,
        events: 1_500,
        seed: 20_261_122,
        quota: 600,
    };
    let outcome = run::run(&plan, |life| println!("{life}")).await.unwrap();
    println!("{outcome}");
    assert!(outcome.wrong.is_empty(), "{outcome}");
}
