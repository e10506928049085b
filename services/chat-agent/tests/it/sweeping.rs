//! The clock's work: threads go that nobody has touched for 400 days, their items with them, and no others.

use std::{collections::BTreeMap, time::Duration};

use domain::{Kind, Reason};
use proto::common::v1::{TickRequest, TickResponse};

use crate::{
    desk::{Desk, Setup, add, get, refused, request},
    stores::{Frail, Time},
};

impl Desk {
    async fn tick(&self) -> TickResponse {
        self.operations.clone().tick(TickRequest {}).await.unwrap().into_inner()
    }
}

fn done(ticked: &TickResponse) -> BTreeMap<&str, i64> {
    ticked.done.iter().map(|count| (&*count.kind, count.number)).collect()
}

async fn start(time: &Time) -> Desk {
    let setup = Setup { store: Some(Frail::new(time)), clock: time.clock(), ..Setup::default() };
    Setup { pace: chat_agent::Pace { wait: Duration::from_secs(30), ..setup.pace }, ..setup }.start().await
}

#[tokio::test]
async fn a_thread_goes_when_nobody_touched_it_for_400_days() {
    let time = Time::start();
    let desk = start(&time).await;
    let (idle, _) = desk.begin("plain").await;
    let (alive, _) = desk.begin("plain").await;
    assert_eq!(desk.tick().await, TickResponse::default());
    time.advance_hours(399 * 24);
    desk.events(add(&alive, "plain")).await;
    assert_eq!(desk.reload(&idle).await.len(), 2, "it is there on the last day");

    time.advance_hours(24);
    // gone for its visitor before anybody has removed it
    refused(desk.send(get(&idle)).await, Kind::NotFound, Reason::ThreadUnknown);
    let list = desk.whole(request("threads.list", serde_json::json!({}))).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    assert!(desk.record(&idle).await.is_some());
    let ticked = desk.tick().await;
    assert_eq!((done(&ticked), ticked.more), (BTreeMap::from([("threads", 1), ("items", 2)]), false));
    assert!(desk.record(&idle).await.is_none() && desk.kept(&idle).await.is_empty());
    assert_eq!(desk.reload(&alive).await.len(), 4, "all of a thread that is alive, however old");
    assert_eq!(desk.tick().await, TickResponse::default());
}

#[tokio::test]
async fn a_tick_does_a_portion_and_says_that_there_is_more() {
    let time = Time::start();
    let desk = start(&time).await;
    for _ in 0..60 {
        desk.begin("plain").await;
    }
    time.advance_hours(401 * 24);
    let (first, second) = (desk.tick().await, desk.tick().await);
    assert_eq!((done(&first)["threads"], first.more), (50, true));
    assert_eq!((done(&second)["threads"], second.more), (10, false));
}
