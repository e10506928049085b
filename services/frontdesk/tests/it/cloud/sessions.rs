//! One visitor's thousand calls at once: each instance mints at most once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use sandbox::{Fault, FaultKind, Provider};
use serde_json::json;

use super::fleet::{Fleet, INSTANCES};
use crate::story::answer::{DEVICE, SESSION};

const CALLS: usize = 1_000;
const MINT: &str = "/openai/v1/chatkit/sessions";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn a_visitors_thousand_calls_at_once_mint_once_an_instance() {
    let limits = [("LIMIT_VISITOR", "off"), ("LIMIT_IP", "off"), ("LIMIT_SITE", "off")];
    let fleet = Arc::new(Fleet::start(&limits).await);
    // Long enough that all of them wait for it.
    let kind = FaultKind::Latency(Duration::from_secs(2));
    fleet.ground.sandbox.inject(Fault {
        provider: Provider::OpenAi,
        path: Some(MINT.into()),
        count: 10,
        kind,
    });
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let fleet = Arc::clone(&fleet);
            tokio::spawn(async move { fleet.post(SESSION, &json!({"deviceId": DEVICE})).await })
        })
        .collect();
    let mut secrets = BTreeSet::new();
    for call in calls {
        let (status, session) = call.await.unwrap();
        assert_eq!(status, 200, "{session}");
        secrets.insert(session["client_secret"].as_str().unwrap().to_owned());
    }
    let asked = fleet.ground.sandbox.requests();
    let mints = asked.iter().filter(|asked| asked.path == MINT && asked.method == "POST").count();
    assert_eq!((mints, secrets.len()), (INSTANCES, INSTANCES), "as many secrets as mints");
    let served = fleet.sessions.served();
    assert!(served.iter().all(|calls| *calls >= 400), "both instances were asked: {served:?}");
}
