//! Which system a command talks to: the named one, the running one, or one of its own.

use serde_json::json;

use super::run;
use crate::{
    processes::child::Process,
    world::{World, turn},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_running_system_is_asked() {
    let world = World::set_up().await;
    world.deliver(&turn()).await;
    world.all_written().await;
    let dir = world.dir.path().display().to_string();
    let elsewhere = tempfile::tempdir().unwrap();
    let vars = [("FRONTDESK_DIR", dir.as_str())];
    let rows = run(elsewhere.path(), &vars, &["ledger", "rows", "leads", "--json"]).await.json(0);
    assert_eq!(rows["rows"].as_array().unwrap().len(), 1);

    // Named by its address it is the same one.
    let named = world.service("sheets-writer");
    let vars = [("SHEETS_WRITER_ADDR", named.as_str())];
    let again = run(elsewhere.path(), &vars, &["ledger", "rows", "leads", "--json"]).await.json(0);
    assert_eq!(again, rows);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing was started");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_it_starts_its_own_and_stops_it() {
    let world = World::set_up().await;
    world.deliver(&turn()).await;
    world.all_written().await;
    let dir = world.stop().await;
    let path = dir.path().display().to_string();
    let vars = [("FRONTDESK_DIR", path.as_str())];
    for _ in 0..2 {
        // The second time shows that the first one let go of the store.
        let rows = run(dir.path(), &vars, &["ledger", "rows", "leads", "--json"]).await.json(0);
        assert_eq!(rows["rows"].as_array().unwrap().len(), 1);
        assert!(!dir.path().join("addresses.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_a_system_that_is_gone_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    let vars = [("FRONTDESK_DIR", path.as_str()), ("PORT", "0")];
    let mut process = Process::start("frontdesk", dir.path(), &vars, &[]);
    process.says("Ctrl-C stops it.").await;
    process.kill().await;
    let stale = dir.path().join("addresses.json");
    assert!(stale.exists(), "nobody was there to remove it");
    let ran = run(dir.path(), &vars, &["ledger", "rows", "leads", "--json"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err, format!("frontdesk: {} names a system that is gone\n", stale.display()));
    assert_eq!(ran.out.parse::<serde_json::Value>().unwrap(), json!({"rows": [], "more": false}));
    assert!(!stale.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_service_that_is_not_there_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let vars = [("SHEETS_WRITER_ADDR", "http://127.0.0.1:9")];
    let ran = run(dir.path(), &vars, &["ledger", "status"]).await;
    assert!(ran.failure(69).starts_with("frontdesk: sheets-writer: "), "{}", ran.err);
    let ran = run(dir.path(), &vars, &["ledger", "status", "--json"]).await;
    let said: serde_json::Value = ran.failure(69).parse().unwrap();
    assert_eq!(said["exit_code"], 69);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_process_holds_is_said() {
    let world = World::start().await;
    let path = world.dir.path().display().to_string();
    std::fs::remove_file(world.dir.path().join("addresses.json")).unwrap();
    let ran = run(world.dir.path(), &[("FRONTDESK_DIR", &path)], &["ledger", "status"]).await;
    let said = ran.failure(69);
    assert!(said.contains("in use by another process"), "{said}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_ins_serve_alone_until_they_are_asked_to_leave() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start("frontdesk", dir.path(), &[], &["sandbox", "--json"]);
    process.says("base_url").await;
    let told: serde_json::Value = process.stdout().parse().unwrap();
    let environment = &told["environment"];
    let [sheets, id, token] = ["SHEETS_BASE_URL", "GOOGLE_SHEETS_ID", "GOOGLE_ACCESS_TOKEN"]
        .map(|name| environment[name].as_str().unwrap().to_owned());
    let url = format!("{sheets}/v4/spreadsheets/{id}");
    let answer = chassis::http::client().get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    for (url, path, key) in [
        ("CALCOM_BASE_URL", "v2/event-types", "CALCOM_API_KEY"),
        ("STRIPE_BASE_URL", "v1/events", "STRIPE_SECRET_KEY"),
    ] {
        let [url, key] = [url, key].map(|name| environment[name].as_str().unwrap());
        let answer =
            chassis::http::client().get(format!("{url}/{path}")).bearer_auth(key).send().await.unwrap();
        assert_ne!(answer.status(), 401, "{path}");
        let answer =
            chassis::http::client().get(format!("{url}/{path}")).bearer_auth("x").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
    }
    assert_eq!(
        chassis::http::client().get(told["pages"].as_str().unwrap()).send().await.unwrap().status(),
        200
    );
    process.signal("INT").await;
    assert_eq!(process.gone().await, 0, "{}", process.said());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "they were in memory");
}
