//! Webhooks and what comes of them.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use proto::common::v1::{InboxState, ListInboxRequest};
use store::{inbox::LONGEST_BODY, queue::Trouble};
use tonic::Code;

use super::world::{Service, Setup};

#[tokio::test]
async fn a_delivery_becomes_a_row_and_a_second_one_changes_nothing() {
    let service = Service::start().await;
    let (_, body) = service.world.change("one");
    let first = service.deliver(&body).await.unwrap();
    assert!(first.message_id.starts_with("inb_") && !first.duplicate);
    for _ in 0..3 {
        let again = service.deliver(&body).await.unwrap();
        assert_eq!((again.message_id, again.duplicate), (first.message_id.clone(), true));
    }
    service.until("the row", |service| service.books.told() == ["booking one 1"]).await;
    service.tick().await;
    assert_eq!(*service.world.followed.lock().unwrap(), ["one-1"]);
}

#[tokio::test]
async fn what_is_not_verified_is_never_read_and_leaves_nothing() {
    let service = Service::start().await;
    let (_, body) = service.world.change("one");
    let longest = vec![b'a'; LONGEST_BODY + 1];
    for (provider, signature, body, code) in [
        ("scripted", "forged", body.as_bytes(), Code::Unauthenticated),
        ("scripted", "", b"\xff{", Code::Unauthenticated),
        ("scripted", "right", b"no message", Code::InvalidArgument),
        ("scripted", "right", &longest, Code::InvalidArgument),
        ("unknown", "right", body.as_bytes(), Code::InvalidArgument),
    ] {
        let status = service.deliver_as(provider, signature, body).await.unwrap_err();
        assert_eq!(status.code(), code, "{provider} {signature}");
    }
    assert!(service.inbox(0).await.is_empty());
    assert!(service.world.followed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn in_the_cloud_a_message_is_worked_on_before_the_answer_and_its_failure_is_no_failure() {
    let service = Service::in_cloud().await;
    let (_, body) = service.world.change("one");
    service.deliver(&body).await.unwrap();
    assert_eq!(*service.world.followed.lock().unwrap(), ["one-1"]);
    assert_eq!(service.inbox(0).await[0].state(), InboxState::Done);

    service.world.fails(Some(Trouble::new("scripted is unavailable: status 503")));
    let (_, body) = service.world.change("two");
    assert!(!service.deliver(&body).await.unwrap().duplicate);
    let message = &service.inbox(InboxState::Waiting.into()).await[0];
    assert_eq!((message.tries, message.problem.as_str()), (1, "scripted is unavailable: status 503"));
    assert!(message.next_time.is_some());
}

#[tokio::test]
async fn a_provider_that_is_away_for_a_minute_costs_no_row() {
    let service = Service::in_cloud().await;
    service.world.fails(Some(Trouble::new("away")));
    for thing in ["one", "two", "one"] {
        service.deliver(&service.world.change(thing).1).await.unwrap();
    }
    service.minutes(1).await;
    service.world.fails(None);
    service.minutes(3).await;
    let told = service.told(2).await;
    assert_eq!(told.last().unwrap(), "booking two 1");
    assert!(told.contains(&"booking one 2".to_owned()), "{told:?}");
    assert!(service.inbox(InboxState::Waiting.into()).await.is_empty());
}

#[tokio::test]
async fn what_is_hopeless_is_shown_and_replayed() {
    let service = Service::in_cloud().await;
    service.world.fails(Some(Trouble::hopeless("scripted refused with status 401 (none)")));
    let (key, body) = service.world.change("one");
    let id = service.deliver(&body).await.unwrap().message_id;
    service.minutes(3).await;
    assert_eq!(service.world.followed.lock().unwrap().len(), 1, "nobody tries it again");
    let parked = service.inbox(InboxState::Parked.into()).await;
    assert_eq!((parked[0].message_id.as_str(), parked[0].tries), (id.as_str(), 1));
    assert!(parked[0].body.is_empty() && parked[0].problem.contains("401"));

    let request = ListInboxRequest { message_id: id.clone(), ..Default::default() };
    let whole = service.operations.clone().list_inbox(request).await.unwrap().into_inner().messages;
    assert_eq!(whole[0].body, body.as_bytes());
    assert_eq!((whole[0].source.as_str(), whole[0].r#type.as_str()), ("scripted", "thing.changed"));

    service.world.fails(None);
    let message = service.replayed(&id).await.unwrap();
    assert_eq!((message.state(), message.tries, message.problem.as_str()), (InboxState::Done, 2, ""));
    service.replayed(&id).await.unwrap();
    assert_eq!(*service.world.followed.lock().unwrap(), [&*key, &*key, &*key]);
    assert_eq!(service.told(1).await, ["booking one 1"], "what it did, it does not do again");
    assert_eq!(service.replayed("inb_unknown").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn what_was_taken_survives_a_kill() {
    let setup = Setup { cloud: true, ..Setup::new().await };
    let mut service = setup.start().await;
    service.world.fails(Some(Trouble::new("away")));
    for thing in ["one", "two", "three"] {
        service.deliver(&service.world.change(thing).1).await.unwrap();
    }
    service = service.kill().await;
    service.world.fails(None);
    service.books.is_away(2);
    service.pass(60);
    service.tick().await;
    service = service.kill().await;
    service.pass(60);
    service.minutes(3).await;
    assert_eq!(service.told(3).await, ["booking one 1", "booking three 1", "booking two 1"]);
    assert_eq!(service.inbox(InboxState::Done.into()).await.len(), 3);
}

#[tokio::test]
async fn a_provider_that_hangs_holds_up_no_answer_and_a_kill_in_the_middle_loses_nothing() {
    let mut service = Service::in_cloud().await;
    service.world.hangs.store(true, Ordering::SeqCst);
    let (_, body) = service.world.change("one");
    let began = Instant::now();
    service.deliver(&body).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(*service.world.followed.lock().unwrap(), ["one-1"]);
    service = service.kill().await;
    service.world.hangs.store(false, Ordering::SeqCst);
    assert!(service.deliver(&body).await.unwrap().duplicate);
    service.tick().await;
    assert_eq!(service.inbox(0).await[0].state(), InboxState::Waiting, "the dead one's claim still holds");
    service.pass(61);
    service.minutes(2).await;
    assert_eq!(service.told(1).await, ["booking one 1"]);
}

#[tokio::test]
async fn what_no_list_has_is_refused() {
    let service = Service::start().await;
    for request in [
        ListInboxRequest { state: 9, ..Default::default() },
        ListInboxRequest { page_size: 501, ..Default::default() },
        ListInboxRequest { page_size: -1, ..Default::default() },
        ListInboxRequest { page_token: "?".into(), ..Default::default() },
    ] {
        let status = service.operations.clone().list_inbox(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    let request = ListInboxRequest { message_id: "inb_unknown".into(), ..Default::default() };
    assert_eq!(service.operations.clone().list_inbox(request).await.unwrap_err().code(), Code::NotFound);
}
