//! Who is to be forgotten is in no notice any more, and no notice of them is sent.

use jiff::SignedDuration;
use proto::common::v1::{ErasePersonRequest, Person};

use crate::rig::{Setup, handoff};

fn files(dir: &tempfile::TempDir) -> Vec<u8> {
    let paths = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| std::fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn a_notice_that_waits_is_not_sent_any_more() {
    let setup = Setup { mail: false, ..Setup::with([("NOTIFY_PERSONAL", "1")]) };
    let rig = setup.start().await;
    rig.slack.always(Some((500, "", None)));
    rig.event(&handoff("evt_1")).await;
    rig.say("req_1", "About nobody").await;
    rig.until("tries", async || {
        let notices = rig.notices().await;
        notices.len() == 2 && notices.iter().all(|notice| !notice.problem.is_empty())
    })
    .await;
    // The link leads to the thread, and no address is given by which the words could be known.
    let person = Person { visitor_ids: vec!["vis_1".into()], ..Default::default() };
    let request = ErasePersonRequest { erasure_id: "era_1".into(), person: Some(person) };
    for _ in 0..2 {
        let erased = rig.operations.clone().erase_person(request.clone()).await.unwrap().into_inner();
        assert!(erased.done, "{erased:?}");
        assert_eq!((erased.erased.len(), erased.erased[0].number), (1, 1), "it counts once");
    }
    rig.slack.always(None);
    rig.time.pass(SignedDuration::from_hours(1));
    rig.tick().await;
    assert_eq!(rig.slack.texts(), ["*About nobody*\ntext"]);
    assert_eq!(rig.notices().await.len(), 1);
    let bytes = files(&rig.stop().await);
    assert!(
        !bytes.windows(6).any(|window| window.eq_ignore_ascii_case(b"canary")),
        "the disk has forgotten too"
    );
}
