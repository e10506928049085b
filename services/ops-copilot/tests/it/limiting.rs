//! Too many notices at once: what is over the limit is told in one message, and none is lost.

use std::collections::BTreeSet;

use proto::ops::v1::NoticeState;

use serde_json::json;

use crate::rig::{Setup, handoff};

fn limited(limit: &str) -> Setup {
    Setup { real: true, mail: false, ..Setup::with([("LIMIT_NOTICES", limit)]) }
}

#[tokio::test]
async fn what_is_over_the_limit_is_told_in_one_message() {
    let rig = limited("1/s:2").start().await;
    for number in 0..12 {
        rig.say(&format!("req_{number}"), &format!("Number {number}.")).await;
    }
    let sent = async || {
        let notices = rig.notices().await;
        notices.len() == 12 && notices.iter().all(|notice| notice.state() == NoticeState::Sent)
    };
    rig.until("all are told", sent).await;
    let texts = rig.slack.texts();
    let (many, single): (Vec<_>, Vec<_>) = texts.iter().partition(|text| text.contains("more notices"));
    // Should the machine be slow, a permit more may have come meanwhile.
    assert!(single.len() <= 3 && many.len() <= 2 && !many.is_empty(), "{texts:#?}");
    let named: BTreeSet<_> = (0..12)
        .filter(|number| texts.iter().any(|text| text.contains(&format!("Number {number}."))))
        .collect();
    assert_eq!(named.len(), 12, "{texts:#?}");
    let told: usize = texts.iter().map(|text| text.matches("Number ").count()).sum();
    assert_eq!(told, 12, "each once: {texts:#?}");
    let said: usize = texts.iter().map(|text| text.lines().filter(|line| *line == "text").count()).sum();
    assert_eq!(said, 12, "with all that it says, for it is shown nowhere else: {texts:#?}");
}

#[tokio::test]
async fn a_message_of_many_that_fails_is_sent_again_whole() {
    let rig = limited("1/s:1").start().await;
    rig.say("req_0", "Number 0.").await;
    rig.until("the first", async || rig.slack.texts().len() == 1).await;
    rig.slack.then([(500, "", None), (500, "", None)]);
    for number in 1..6 {
        rig.say(&format!("req_{number}"), &format!("Number {number}.")).await;
    }
    rig.until("the others", async || rig.slack.texts().len() >= 2).await;
    let told: usize = rig.slack.texts().iter().map(|text| text.matches("Number ").count()).sum();
    assert_eq!((rig.slack.texts().len(), told), (2, 6), "{:#?}", rig.slack.texts());
}

#[tokio::test]
async fn no_flood_of_anything_else_delays_who_waits_for_a_person() {
    let settings = [("LIMIT_NOTICES", "1/h:2"), ("NOTIFY_EVENTS", "all")];
    let rig = Setup { real: true, ..Setup::with(settings) }.start().await;
    for number in 0..8 {
        let mut lead = handoff(&format!("evt_lead_{number}"));
        lead["type"] = json!("lead.created");
        assert!(rig.event(&lead).await);
    }
    rig.until("the first leads", async || rig.slack.texts().len() == 2 && rig.mail.letters().len() == 2)
        .await;
    assert!(rig.event(&handoff("evt_1")).await);
    let waits = |text: &String| text.contains("waits for a person");
    let is_told = async || rig.slack.texts().iter().any(waits) && rig.mail.letters().iter().any(waits);
    rig.until("the hand-off", is_told).await;
    assert_eq!((rig.slack.texts().len(), rig.mail.letters().len()), (3, 3), "the other leads wait");
    for number in 2..8 {
        assert!(rig.event(&handoff(&format!("evt_{number}"))).await);
    }
    rig.until("one more", async || rig.slack.texts().len() == 4 && rig.mail.letters().len() == 4).await;
    let told = rig.slack.texts().iter().filter(|text| waits(text)).count();
    assert_eq!(told, 2, "and hand-offs have a limit, too");
}
