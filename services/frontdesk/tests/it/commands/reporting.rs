//! `frontdesk report`, and what people are told while nobody asks.

use std::time::Duration;

use reqwest::Method;
use sandbox::{Fault, FaultKind, Provider, Told};
use serde_json::json;
use tokio::time::Instant;

use super::{Ran, run};
use crate::{story::answer::Answer, world::World};

async fn ask(world: &World, args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], args).await
}

/// What people were told, once it is so much.
async fn told(world: &World, many: usize) -> Vec<Told> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let told = world.sandbox().told().unwrap();
        if told.len() >= many {
            return told;
        }
        assert!(Instant::now() < deadline, "{told:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_person_is_told_of_by_slack_and_mail_and_the_week_when_it_is_asked_for() {
    let world = World::set_up().await;
    for provider in [Provider::Slack, Provider::Smtp] {
        world.sandbox().inject(Fault { provider, path: None, count: 1, kind: FaultKind::Status(503) });
    }
    let event = json!({"id": "evt_1", "type": "chat.outcome", "session_id": "ck_1", "visitor_id": "vis_1", "thread_id": "thr_1",
        "outcome": "needs_human", "message": "Canary wants a refund", "page": "/services"});
    let request = world.request(Method::POST, "/webhooks/ajd/chat-events").json(&event);
    assert_eq!(Answer::of(request).await.status, 202);
    let notices = told(&world, 2).await;
    let mut ways: Vec<_> = notices.iter().map(|told| told.way.as_str()).collect();
    ways.sort_unstable();
    assert_eq!(ways, ["email", "slack"], "once each, although both were away first");
    for told in &notices {
        assert!(told.text.contains("/operator?thread=thr_1") && !told.text.contains("Canary"), "{told:?}");
    }
    let listed = ask(&world, &["report", "--notices", "--json"]).await.json(0);
    assert_eq!(listed["notices"].as_array().unwrap().len(), 2, "{listed}");

    let report = ask(&world, &["report", "--json"]).await.json(0);
    assert_eq!(report["summary"]["time_zone"], "UTC");
    let of_day = ask(&world, &["report", "--at", "2025-10-28", "--json"]).await.json(0);
    assert_eq!(of_day["summary"]["from_time"], "2025-10-27T00:00:00Z");
    let of_moment = ask(&world, &["report", "--at", "2025-10-27T00:00:00+01:00", "--json"]).await.json(0);
    assert_eq!(of_moment["summary"]["from_time"], "2025-10-20T00:00:00Z");
    assert_eq!(ask(&world, &["report", "--at", "2025-10"]).await.code, 64);
    assert!(ask(&world, &["report"]).await.out.contains("\nVisits: 0 (0) sessions"));
    let words = ask(&world, &["report", "--publish"]).await;
    assert!(words.code == 0 && words.out.ends_with("\nSent.\n"), "{} {}", words.out, words.err);
    assert!(ask(&world, &["report", "--publish"]).await.out.contains("--again sends it once more"));
    assert!(told(&world, 4).await[2..].iter().all(|told| told.text.contains("Visits: ")));
    world.lines_when("engagements", 2).await;
    assert_eq!(ask(&world, &["report", "--anomalies", "--json"]).await.json(0)["anomalies"], json!([]));
    world.stop().await;
}
