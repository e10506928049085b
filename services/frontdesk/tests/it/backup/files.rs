//! The file: whole or not there, for its owner alone, and refused when it is not what was written.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use tokio::process::Command;

use super::{Ground, ask, backup, restore};
use crate::{commands::run, processes::child::binary, world::turn};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_for_its_owner_alone_and_says_what_it_holds() {
    let ground = Ground::new().await;
    let world = ground.world().await;
    world.deliver(&turn()).await;
    world.all_written().await;
    let leftover = ground.file("a.jsonl.partial");
    fs::write(&leftover, "what an interrupted one left behind".repeat(10_000)).unwrap();
    fs::set_permissions(&leftover, fs::Permissions::from_mode(0o644)).unwrap();
    let taken = backup(&world, &ground, "a.jsonl").await;
    let file = fs::read_to_string(ground.file("a.jsonl")).unwrap();
    assert_eq!(fs::metadata(ground.file("a.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!leftover.exists());
    assert_eq!(taken["bytes"], file.len());
    let mut counted = 0;
    for count in taken["documents"].as_object().unwrap().values() {
        counted += count.as_u64().unwrap();
    }
    assert_eq!(taken["documents"].as_object().unwrap().len(), 6);
    assert_eq!(file.lines().count() as u64, counted + 2);
    assert!(file.lines().last().unwrap().contains(taken["sha256"].as_str().unwrap()));
    let words = ask(&world, &["backup", &ground.file("b.jsonl").display().to_string()]).await;
    assert!(words.code == 0 && words.out.contains("sheets-writer "), "{}{}", words.out, words.err);

    let nowhere = ask(&world, &["backup", "/nowhere/at/all.jsonl"]).await;
    assert!(nowhere.failure(1).contains("/nowhere/at/all.jsonl.partial cannot be made"), "{}", nowhere.err);
    let directory = ground.dir.path().display().to_string();
    assert_eq!(ask(&world, &["backup", &directory]).await.code, 64);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_off_or_changed_restores_nothing() {
    let ground = Ground::new().await;
    let world = ground.world().await;
    world.deliver(&turn()).await;
    world.all_written().await;
    backup(&world, &ground, "whole.jsonl").await;
    world.stop().await;
    let whole = fs::read(ground.file("whole.jsonl")).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let swapped = text.replacen("marketing automation", "marketing Automation", 1);
    assert_ne!(swapped, text);
    let recounted = text.replacen("\"sheets-writer\":1", "\"sheets-writer\":2", 2);
    let newer = text.replacen("\"frontdesk_backup\":1", "\"frontdesk_backup\":2", 1);
    let world = ground.world().await;
    for (bytes, why) in [
        (&whole[..whole.len() - 30], "is cut off: its last line is missing"),
        (&whole[..whole.len() / 2], "is cut off: its last line is missing"),
        (swapped.as_bytes(), "was changed since it was written"),
        (recounted.as_bytes(), "was changed"),
        (newer.as_bytes(), "has format 2, which is newer than this program"),
        (&b"{}\n"[..], "is no backup of frontdesk"),
        (&b""[..], "is empty"),
    ] {
        fs::write(ground.file("broken.jsonl"), bytes).unwrap();
        let refused = restore(&world, &ground, "broken.jsonl").await;
        assert!(refused.code == 1 && refused.err.contains(why), "{why}: {}{}", refused.out, refused.err);
    }
    let absent = restore(&world, &ground, "never.jsonl").await;
    assert!(absent.code == 66 && absent.err.contains("there is no file"), "{}", absent.err);
    assert_eq!(world.rows(proto::sheets::v1::Tab::Leads).await, []);
    // Nothing of it counts as begun.
    let restored = restore(&world, &ground, "whole.jsonl").await.json(0);
    assert!(restored["written"].as_i64().unwrap() > 5, "{restored}");
    assert_eq!(world.rows(proto::sheets::v1::Tab::Leads).await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_documents_of_its_own_is_refused_as_a_whole() {
    let ground = Ground::new().await;
    let world = ground.world().await;
    world.deliver(&turn()).await;
    world.all_written().await;
    backup(&world, &ground, "a.jsonl").await;
    world.stop().await;
    let other = ground.world().await;
    let session = json!({"deviceId": "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11"});
    assert_eq!(other.post("/api/chatkit/session", &session).await.status(), 200);
    let file = ground.file("a.jsonl").display().to_string();
    let refused = ask(&other, &["restore", &file]).await;
    assert_eq!(
        refused.failure(1),
        "frontdesk: session-broker: the store is not empty, it has sessions; restore into an empty one"
    );
    // The books were empty, and still are.
    assert_eq!(other.rows(proto::sheets::v1::Tab::Leads).await, []);
    let status = other.status().await;
    assert!(!status.blocked.contains("being restored"), "{}", status.blocked);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_goes_through_pipes_and_needs_no_running_system() {
    let ground = Ground::new().await;
    let [old, new] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let vars = |dir: &tempfile::TempDir| [("FRONTDESK_DIR", dir.path().display().to_string())];
    let made = crate::world::World::open(old, &[]).await;
    made.deliver(&turn()).await;
    made.all_written().await;
    let session = json!({"deviceId": "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11"});
    assert_eq!(made.post("/api/chatkit/session", &session).await.status(), 200);
    let old = made.stop().await;
    let piped = ground.file("piped.jsonl").display().to_string();
    let pipe = |dir: &tempfile::TempDir, line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).arg(binary("frontdesk")).arg(&piped);
        command.env_clear().envs(vars(dir)).current_dir(dir.path()).kill_on_drop(true);
        command
    };
    let out = pipe(&old, "\"$0\" backup - > \"$1\"").output().await.unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    let out = pipe(&new, "cat \"$1\" | \"$0\" restore - --json").output().await.unwrap();
    assert!(out.status.success(), "{out:?}");
    let answer: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&answer["file"], &answer["was_done"]), (&json!("-"), &json!(false)));
    let dir = new.path().display().to_string();
    let shown = run(new.path(), &[("FRONTDESK_DIR", &dir)], &["ledger", "rows", "leads", "--json"]).await;
    assert_eq!(shown.json(0)["rows"].as_array().unwrap().len(), 1);
    // What was restored is what a new backup has, to the last byte; the books have moved on.
    let out = pipe(&new, "\"$0\" backup -").output().await.unwrap();
    let again = String::from_utf8(out.stdout).unwrap();
    let first = fs::read_to_string(&piped).unwrap();
    let sessions = |file: &str| -> Vec<String> {
        file.lines()
            .filter(|line| line.contains("{\"service\":\"session-broker\""))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(sessions(&again), sessions(&first));
    assert!(sessions(&first).iter().any(|line| line.contains("\"expires_at\":\"")), "{first}");
}
