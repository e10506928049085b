//! What no webhook brought.

use jiff::{SignedDuration, Timestamp};
use proto::common::v1::{InboxState, ReconcileRequest};
use store::queue::Trouble;
use tonic::Code;

use super::world::Service;
use crate::wire::wire_time;

#[tokio::test]
async fn webhooks_that_were_lost_end_in_the_same_rows() {
    let service = Service::in_cloud().await;
    service.deliver(&service.world.change("one").1).await.unwrap();
    service.world.change("two");
    service.world.change("three");
    let answer = service.reconcile(ReconcileRequest::default()).await.unwrap();
    let found = &answer.providers[0];
    assert_eq!((found.provider.as_str(), found.seen, found.missed, found.more), ("scripted", 3, 2, false));
    assert_eq!((found.missed_ids.len(), found.problem.as_str()), (2, ""));
    assert!(found.until.is_some());
    assert_eq!(service.inbox(InboxState::Done.into()).await.len(), 3, "it was worked on before the answer");
    assert_eq!(service.told(3).await, ["booking one 1", "booking three 1", "booking two 1"]);
    let again = service.reconcile(ReconcileRequest::default()).await.unwrap();
    assert_eq!((again.providers[0].seen, again.providers[0].missed), (3, 0), "known is not missed");
}

#[tokio::test]
async fn the_tick_looks_every_five_minutes_and_some_minutes_back() {
    let service = Service::in_cloud().await;
    service.minutes(11).await;
    let looks = service.world.looks.lock().unwrap().clone();
    assert_eq!(looks.len(), 3, "{looks:?}");
    let day = Timestamp::now().duration_since(looks[0]);
    assert!(day >= SignedDuration::from_hours(24) && day < SignedDuration::from_hours(25));
    let step = looks[2].duration_since(looks[1]).as_secs();
    assert!((295..=305).contains(&step), "{step}");
    // The second look begins where the first one was, less the overlap.
    let overlap = looks[1].duration_since(looks[0] + SignedDuration::from_hours(24)).as_secs();
    assert!((-305..=-295).contains(&overlap), "{overlap}");
}

#[tokio::test]
async fn where_there_is_more_the_next_tick_goes_on() {
    let service = Service::in_cloud().await;
    *service.world.more.lock().unwrap() = true;
    assert!(service.tick().await.more);
    service.tick().await;
    *service.world.more.lock().unwrap() = false;
    assert!(!service.tick().await.more);
    service.tick().await;
    assert_eq!(service.world.looks.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_burst_within_the_overlap_is_looked_at_to_its_end() {
    let service = Service::in_cloud().await;
    service.tick().await;
    let begin = Timestamp::now() - SignedDuration::from_secs(200);
    for number in 0..22 {
        service.world.change_at(&number.to_string(), begin + SignedDuration::from_secs(2 * number));
    }
    *service.world.portion.lock().unwrap() = Some(5);
    service.pass(301);
    // Each look begins with the last message of the one before.
    for _ in 0..5 {
        assert!(service.tick().await.more);
    }
    assert!(!service.tick().await.more);
    assert_eq!(service.inbox(0).await.len(), 22);
    let looks = service.world.looks.lock().unwrap().clone();
    service.pass(301);
    *service.world.portion.lock().unwrap() = None;
    service.tick().await;
    let next = *service.world.looks.lock().unwrap().last().unwrap();
    assert!(looks.is_sorted() && looks.len() == 7, "{looks:?}");
    let since = Timestamp::now().duration_since(next).as_secs();
    assert!((0..=10).contains(&since), "the overlap is back: {since}");
}

#[tokio::test]
async fn a_look_that_comes_no_further_is_a_problem_and_goes_on_for_nobody() {
    let service = Service::in_cloud().await;
    let at = Timestamp::now();
    for number in 0..3 {
        service.world.change_at(&number.to_string(), at);
    }
    *service.world.portion.lock().unwrap() = Some(2);
    let request = ReconcileRequest { since: Some(wire_time(at)), ..Default::default() };
    for _ in 0..2 {
        let answer = service.reconcile(request.clone()).await.unwrap();
        let found = &answer.providers[0];
        assert_eq!((found.more, found.problem.as_str()), (false, "the look came no further"));
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_a_problem_and_no_failure() {
    let service = Service::in_cloud().await;
    service.world.change("one");
    service.world.fails(Some(Trouble::new("scripted is unavailable: no connection")));
    let answer = service.reconcile(ReconcileRequest::default()).await.unwrap();
    assert_eq!(answer.providers[0].problem, "scripted is unavailable: no connection");
    service.tick().await;
    service.world.fails(None);
    service.pass(301);
    let ticked = service.tick().await;
    assert!(ticked.done.iter().any(|count| count.kind == "missed" && count.number == 1), "{ticked:?}");
    assert_eq!(service.told(1).await, ["booking one 1"]);
}

#[tokio::test]
async fn a_look_that_somebody_asks_for_goes_on_with_the_same_since() {
    let service = Service::in_cloud().await;
    let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let request = ReconcileRequest { since: Some(wire_time(since)), ..Default::default() };
    *service.world.more.lock().unwrap() = true;
    let answer = service.reconcile(request.clone()).await.unwrap();
    *service.world.more.lock().unwrap() = false;
    service.reconcile(request.clone()).await.unwrap();
    service.reconcile(request).await.unwrap();
    let looks = service.world.looks.lock().unwrap().clone();
    assert_eq!((looks[0], looks[2]), (since, since), "from the beginning, and anew when it was done");
    assert_eq!(Some(wire_time(looks[1])), answer.providers[0].until);
}

#[tokio::test]
async fn only_providers_that_there_are_are_looked_at() {
    let service = Service::in_cloud().await;
    let request = |provider: &str| ReconcileRequest { provider: provider.into(), ..Default::default() };
    assert_eq!(service.reconcile(request("scripted")).await.unwrap().providers.len(), 1);
    let status = service.reconcile(request("whop")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_provider_goes_on_from_its_place_once_what_it_found_is_durable() {
    let service = Service::in_cloud().await;
    service.world.change("one");
    service.world.change("two");
    let place = serde_json::json!({"page": 2});
    *service.world.place.lock().unwrap() = Some(place.clone());
    service.reconcile(ReconcileRequest::default()).await.unwrap();
    assert_eq!(*service.world.looked.lock().unwrap(), [(place, 2)]);
}
