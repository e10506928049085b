//! Notices on their way: once each, again after failures, parked with a reason, and nothing personal in them.

use jiff::SignedDuration;
use proto::{
    common::v1::{InboxState, ListInboxRequest, ReplayInboxRequest},
    ops::v1::{ListNoticesRequest, NoticeState, NotifyRequest},
};
use serde_json::json;
use tonic::Code;

use crate::{
    mail::header,
    rig::{Rig, Setup, handoff},
};

async fn are(rig: &Rig, state: NoticeState) -> bool {
    let notices = rig.notices().await;
    !notices.is_empty() && notices.iter().all(|notice| notice.state() == state)
}

#[tokio::test]
async fn who_waits_for_a_person_is_told_of_once_on_every_way_and_not_named() {
    let rig = Setup::default().start().await;
    for _ in 0..3 {
        assert!(rig.event(&handoff("evt_1")).await);
    }
    rig.until("both ways", async || are(&rig, NoticeState::Sent).await).await;
    assert_eq!((rig.slack.texts().len(), rig.mail.letters().len()), (1, 1));
    let (text, letter) = (rig.slack.texts().remove(0), rig.mail.letters().remove(0));
    assert!(text.starts_with("*Somebody waits for a person*\nEvent: handoff.requested\n"), "{text}");
    for told in [&text, &letter] {
        assert!(told.contains("https://chat.example.com/operator?thread=thr_1"), "{told}");
        assert!(!told.to_lowercase().contains("canary"), "{told}");
    }
    let notices = rig.notices().await;
    assert_eq!(header(&letter, "Message-ID"), format!("<{}.email@example.com>", notices[0].notice_id));
    let mut ways: Vec<_> =
        notices.iter().map(|notice| (&*notice.channel, &*notice.kind, notice.tries)).collect();
    ways.sort_unstable();
    assert_eq!(ways, [("email", "handoff.requested", 1), ("slack", "handoff.requested", 1)]);
}

#[tokio::test]
async fn people_hear_of_what_they_wish_to_hear_of() {
    let rig = Setup::with([("NOTIFY_EVENTS", "payment.failed"), ("NOTIFY_PERSONAL", "1")]).start().await;
    let of = |kind: &str| {
        let mut event = handoff(&format!("evt_{kind}"));
        event["type"] = json!(kind);
        event
    };
    assert!(!rig.event(&of("lead.created")).await && !rig.event(&of("payment.succeeded")).await);
    assert!(rig.event(&of("payment.failed")).await && rig.event(&of("handoff.requested")).await);
    rig.until("both", async || rig.slack.texts().len() == 2).await;
    assert!(rig.slack.texts().iter().all(|text| text.contains("Name: Ann Canary")), "it was wished");

    let silent = Setup { slack: false, mail: false, ..Setup::default() }.start().await;
    assert!(!silent.event(&handoff("evt_1")).await, "there is nobody to tell");
    assert_eq!(silent.say("req_1", "Hello").await.channels, [] as [&str; 0]);
}

#[tokio::test]
async fn what_an_agent_has_told_says_nothing_personal_unless_that_is_wished() {
    for (personal, expected) in [
        (
            "0",
            "*Ask [e-mail] back*\ncon_1 wants to be called on [phone] and pays with [card]; on 2026-10-06 10:00.",
        ),
        (
            "1",
            "*Ask ann@canary.example back*\ncon_1 wants to be called on +49 30 901820 and pays with 4242 4242 4242 4242; \
             on 2026-10-06 10:00.",
        ),
    ] {
        let rig = Setup { mail: false, ..Setup::with([("NOTIFY_PERSONAL", personal)]) }.start().await;
        let request = NotifyRequest {
            request_id: "req_1".into(),
            title: "Ask ann@canary.example back".into(),
            text: "con_1 wants to be called on +49 30 901820 and pays with 4242 4242 4242 4242; on 2026-10-06 10:00."
                .into(),
            ..Default::default()
        };
        rig.notify.clone().notify(request).await.unwrap();
        rig.until("the notice", async || !rig.slack.texts().is_empty()).await;
        assert_eq!(rig.slack.texts(), [expected]);
    }
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_and_recognised() {
    let rig = Setup::default().start().await;
    rig.slack.then([(503, "", None), (429, "rate_limited", Some(1)), (500, "", None)]);
    rig.mail.then(["451 try later\r\n", "421 too busy\r\n"]);
    assert_eq!(rig.say("req_1", "Hello").await.channels, ["slack", "email"]);
    let sent = async || {
        rig.time.pass(SignedDuration::from_secs(40));
        rig.tick().await;
        are(&rig, NoticeState::Sent).await
    };
    rig.until("both ways", sent).await;
    assert_eq!((rig.slack.texts(), rig.mail.letters().len()), (vec!["*Hello*\ntext".to_owned()], 1));
    let same = |letter: &String| (header(letter, "Message-ID").to_owned(), header(letter, "Date").to_owned());
    let (refused, taken) = (rig.mail.refused(), rig.mail.letters());
    assert_eq!(refused.iter().map(same).collect::<Vec<_>>(), [same(&taken[0]), same(&taken[0])]);
    rig.say("req_1", "Hello again").await;
    rig.tick().await;
    assert_eq!(
        (rig.slack.texts().len(), rig.mail.letters().len()),
        (1, 1),
        "the same request tells nobody twice"
    );
}

#[tokio::test]
async fn what_is_refused_for_good_is_parked_with_its_word_and_can_be_replayed() {
    let rig = Setup { mail: false, ..Setup::default() }.start().await;
    rig.slack.then([(404, "no_service", None)]);
    rig.say("req_1", "Hello").await;
    rig.until("the parking", async || are(&rig, NoticeState::Parked).await).await;
    let notice = rig.notices().await.remove(0);
    assert_eq!((notice.tries, &*notice.problem), (1, "slack answered 404 (no_service)"));
    let request = ListInboxRequest { state: InboxState::Parked.into(), ..Default::default() };
    let listed = rig.operations.clone().list_inbox(request).await.unwrap().into_inner().messages;
    assert_eq!((listed.len(), &*listed[0].source, &*listed[0].r#type), (1, "sendings", "message"));
    let replay = ReplayInboxRequest { message_id: listed[0].message_id.clone() };
    let replayed = rig.operations.clone().replay_inbox(replay).await.unwrap().into_inner().message.unwrap();
    assert_eq!(replayed.state(), InboxState::Done);
    assert_eq!(rig.slack.texts().len(), 1);
    let unknown = ReplayInboxRequest { message_id: "sendings/ntf_0.slack".into() };
    assert_eq!(rig.operations.clone().replay_inbox(unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn what_nobody_takes_for_a_day_is_parked() {
    let rig = Setup { mail: false, ..Setup::default() }.start().await;
    rig.slack.always(Some((500, "", None)));
    rig.say("req_1", "Hello").await;
    let mut hours = 0;
    while !are(&rig, NoticeState::Parked).await {
        assert!(hours < 30, "{:?}", rig.notices().await);
        for _ in 0..4 {
            rig.time.pass(SignedDuration::from_mins(15));
            rig.tick().await;
        }
        hours += 1;
    }
    assert!((23..=26).contains(&hours), "{hours}");
    let (asked, notice) = (rig.slack.asked(), rig.notices().await.remove(0));
    assert!((10..80).contains(&asked), "{asked}");
    assert_eq!(&*notice.problem, "slack answered 500 (none)");
    rig.time.pass(SignedDuration::from_hours(48));
    rig.tick().await;
    assert_eq!(rig.slack.asked(), asked, "it is given up");
}

#[tokio::test]
async fn what_was_taken_survives_the_process() {
    let rig = Setup { mail: false, ..Setup::default() }.start().await;
    rig.slack.always(Some((500, "", None)));
    rig.event(&handoff("evt_1")).await;
    rig.until("a try", async || rig.slack.asked() > 0 && !rig.notices().await[0].problem.is_empty()).await;
    let now = Setup::default().now + SignedDuration::from_mins(5);
    let rig = Setup { dir: Some(rig.stop().await), mail: false, now, ..Setup::default() }.start().await;
    rig.until("the notice", async || rig.slack.texts().len() == 1).await;
    assert!(rig.event(&handoff("evt_1")).await);
    rig.tick().await;
    assert_eq!(rig.slack.texts().len(), 1, "the event is known");
}

#[tokio::test]
async fn notices_are_listed_page_by_page_each_on_each_way() {
    let rig = Setup::default().start().await;
    for number in 0..5 {
        rig.time.pass(SignedDuration::from_secs(1));
        rig.say(&format!("req_{number}"), "Hello").await;
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListNoticesRequest { page_size: 3, page_token, ..Default::default() };
        let page = rig.notify.clone().list_notices(request).await.unwrap().into_inner();
        assert!(page.notices.len() <= 3);
        seen.extend(
            page.notices.into_iter().map(|notice| (notice.create_time.unwrap().seconds, notice.channel)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(seen.is_sorted_by(|one, other| one.0 >= other.0), "the newest first");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 10, "each once");
    for (page_size, page_token) in [(-1, ""), (501, ""), (1, "x"), (1, "0.x")] {
        let request = ListNoticesRequest { page_size, page_token: page_token.into(), ..Default::default() };
        let refused = rig.notify.clone().list_notices(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{page_size} {page_token}");
    }
}

#[tokio::test]
async fn words_that_are_too_long_or_no_words_are_refused() {
    let rig = Setup::default().start().await;
    let long = "x".repeat(4_001);
    for (request_id, title, text) in [
        ("", "Hello", ""),
        ("req_1", "", ""),
        ("req_1", "Hello\nBcc: x", ""),
        ("req_1", &long[..201], ""),
        ("req_1", "Hello", &*long),
    ] {
        let request = NotifyRequest {
            request_id: request_id.into(),
            title: title.into(),
            text: text.into(),
            ..Default::default()
        };
        assert_eq!(rig.notify.clone().notify(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert!(rig.notices().await.is_empty());
}
