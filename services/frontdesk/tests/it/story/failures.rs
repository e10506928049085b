//! OpenAI fails: the browser gets a clear problem, and never a word that OpenAI wrote.

use sandbox::{Fault, FaultKind, Provider, Sandbox};
use serde_json::json;

use super::answer::{Answer, DEVICE};
use crate::{processes::child::host, world::World};

/// Words of OpenAI's errors, of its address and of our key.
const UPSTREAM: [&str; 9] = [
    "api key",
    "incorrect",
    "openai",
    "rate limit reached",
    "had an error",
    "sk-",
    "wf_",
    "with id",
    "invalid_",
];

fn inject(world: &World, count: u32, kind: FaultKind) {
    world.sandbox().inject(Fault { provider: Provider::OpenAi, path: None, count, kind });
}

fn asked(world: &World) -> usize {
    world.sandbox().requests().iter().filter(|asked| asked.provider == Provider::OpenAi).count()
}

async fn session(world: &World) -> Answer {
    let answer = world.session(&json!({"deviceId": DEVICE})).await;
    if answer.status != 200 {
        let text = answer.text.to_lowercase();
        UPSTREAM.iter().for_each(|word| assert!(!text.contains(word), "{word} in {text}"));
    }
    answer
}

/// An internal problem holds a request id and nothing else that would tell.
#[track_caller]
fn tells_nothing(answer: &Answer) {
    answer.problem(500, "INTERNAL");
    let document = answer.json();
    assert_eq!((&document["error"], &document["title"]), (&json!("internal error"), &json!("Internal")));
    assert_eq!(document["detail"], "something went wrong on our side; the request id finds it in our log");
    let mut members: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["detail", "error", "reason", "request_id", "status", "title", "type"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_our_own_affair() {
    let world = World::hosted().await;
    inject(&world, 1, FaultKind::Status(401));
    tells_nothing(&session(&world).await);
    assert_eq!(asked(&world), 1, "the same key is not tried again");
    assert_eq!(session(&world).await.status, 200, "a failure is not remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_a_workflow_of_another_project_are_internal() {
    let sandbox = Sandbox::open(None).unwrap();
    let base = format!("{}/openai/v1", host(sandbox.providers()).await);
    for (key, workflow, status) in
        [("sk-proj-canary", "wf_sandbox_x", 401), (sandbox::API_KEY, "wf_elsewhere", 404)]
    {
        let settings =
            [("OPENAI_API_KEY", key), ("OPENAI_BASE_URL", &base), ("CHATKIT_WORKFLOW_ID", workflow)];
        let world = World::with(&settings).await;
        tells_nothing(&session(&world).await);
        assert_eq!(sandbox.requests().last().unwrap().status, Some(status));
    }
    assert_eq!(sandbox.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_workflow_is_not_found() {
    let world = World::hosted().await;
    for workflow in ["no-such-workflow", "wf_sandbox_unknown"] {
        let answer = world.session(&json!({"deviceId": DEVICE, "workflowId": workflow})).await;
        assert_eq!(answer.problem(404, "WORKFLOW_UNKNOWN"), "there is no such workflow");
    }
    assert_eq!(asked(&world), 0, "openai is not asked");
    let known = json!({"deviceId": DEVICE, "workflowId": "wf_sandbox_x"});
    assert_eq!(world.session(&known).await.ok()["workflow"], "lead-concierge", "always the slug");
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_limit_is_passed_on() {
    let world = World::hosted().await;
    inject(&world, 1, FaultKind::RateLimited { retry_after_s: Some(7) });
    let answer = session(&world).await;
    answer.problem(429, "PROVIDER_RATE_LIMITED");
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(asked(&world), 1, "who is told to wait is not asked again");
    inject(&world, 1, FaultKind::RateLimited { retry_after_s: None });
    let answer = session(&world).await;
    answer.problem(429, "PROVIDER_RATE_LIMITED");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0, "a wait even if openai names none");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_unavailable_after_one_retry() {
    let world = World::hosted().await;
    for (round, kind) in
        [FaultKind::Status(503), FaultKind::Status(500), FaultKind::Reset].into_iter().enumerate()
    {
        inject(&world, 2, kind.clone());
        session(&world).await.problem(503, "PROVIDER_UNAVAILABLE");
        assert_eq!(asked(&world), 2 * (round + 1), "{kind:?}: two tries, no more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hiccup_goes_unseen() {
    let world = World::hosted().await;
    for kind in [FaultKind::Status(502), FaultKind::Reset, FaultKind::AppliedNoAnswer] {
        inject(&world, 1, kind.clone());
        let before = asked(&world);
        // Traits of its own, so that nothing is served from memory.
        let asks = json!({"deviceId": DEVICE, "traits": {"utm_term": format!("{kind:?}")}});
        world.session(&asks).await.ok();
        assert_eq!(asked(&world), before + 2, "{kind:?}");
    }
}
