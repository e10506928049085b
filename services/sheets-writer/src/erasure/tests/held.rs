//! Being forgotten while a backup is taken, and while one is restored.

use std::time::{Duration, Instant};

use store::{
    Record,
    backup::{Backup, Refusal},
};

use super::*;

/// Goes on until it waits for something else than the spreadsheet.
async fn until_it_waits(desk: &Desk, erasure_id: &str) -> String {
    for _ in 0..20 {
        let answered = desk.erase(erasure_id).await;
        assert!(!answered.done, "it has ended");
        if !answered.waiting_for.ends_with("rows wait for the spreadsheet") {
            return answered.waiting_for;
        }
        desk.land().await;
    }
    panic!("it waits for the spreadsheet alone");
}

#[tokio::test]
async fn a_backup_is_waited_for_and_nobody_else_is_kept_waiting() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    let walk = desk.store.scan().await.unwrap();
    assert_eq!(until_it_waits(&desk, &erasure.id).await, "the end of a backup");
    let began = Instant::now();
    for n in 0..3 {
        let event = turn(&format!("m{n}"), "vis_ben", "s_ben", json!({"message": "hello again"}));
        let (answered, _) = tokio::join!(desk.erase(&erasure.id), desk.tell(event));
        assert_eq!(answered.waiting_for, "the end of a backup");
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?} without an event", began.elapsed());
    let open = get(&*desk.store, &erasure.id).await.unwrap();
    assert!(open.open && open.known == Known::default() && found(dir.path(), CANARIES[0]) > 0);
    drop(walk);
    assert!(desk.erase(&erasure.id).await.done);
    for canary in CANARIES {
        assert_eq!(found(dir.path(), canary), 0, "{canary} is left");
    }
}

fn backup(desk: &Desk) -> Backup {
    Backup::new(desk.store.clone(), store::system_clock(), crate::SCHEMA.version, &[])
}

async fn everything(desk: &Desk) -> Vec<Record> {
    let (mut export, mut all) = (backup(desk).export().await.unwrap(), Vec::new());
    loop {
        let records = export.next().await.unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

#[tokio::test]
async fn an_erasure_goes_on_when_all_that_it_is_about_is_restored() {
    let (dir, ann, _) = books().await;
    let desk = Desk::open(dir.path());
    let erasure = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    desk.erase(&erasure.id).await;
    let records = everything(&desk).await;
    let open = get(&*desk.store, &erasure.id).await.unwrap();
    assert!(open.place.is_cut() && open.open);

    let elsewhere = tempfile::tempdir_in(dir.path().parent().unwrap()).unwrap();
    let desk = Desk::open(elsewhere.path());
    let first = records.iter().filter(|record| &*record.collection <= "erasures").cloned().collect();
    backup(&desk).begin("b1", crate::SCHEMA.version).await.unwrap();
    backup(&desk).put("b1", first).await.unwrap();
    let eraser = Eraser::new(desk.store.clone(), desk.ledger.clone(), store::system_clock());
    assert_eq!(eraser.go_on(20).await.unwrap(), 0);
    assert_eq!(desk.erase(&erasure.id).await.waiting_for, "the end of a restore");
    assert_eq!(get(&*desk.store, &erasure.id).await.unwrap(), open);
    let all: Result<_, Refusal> = backup(&desk).put("b1", records).await;
    assert!(all.unwrap().known > 0);
    backup(&desk).finish("b1").await.unwrap();
    assert!(desk.erase(&erasure.id).await.waiting_for.ends_with("rows wait for the spreadsheet"));
    finish(&desk, &erasure.id).await;
}

#[tokio::test]
async fn one_that_has_begun_is_ended_behind_newer_ones_that_have_not() {
    let (dir, ann, ben) = books().await;
    let desk = Desk::open(dir.path());
    let cut = begin(&*desk.store, &ann, Timestamp::now()).await.unwrap();
    desk.erase(&cut.id).await;
    begin(&*desk.store, &ben, Timestamp::now()).await.unwrap();
    let eraser = Eraser::new(desk.store.clone(), desk.ledger.clone(), store::system_clock());
    for _ in 0..20 {
        if eraser.go_on(1).await.unwrap() == 1 {
            assert!(!get(&*desk.store, &cut.id).await.unwrap().open);
            return;
        }
        desk.land().await;
    }
    panic!("it does not go on");
}
