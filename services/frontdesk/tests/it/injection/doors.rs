//! Doors that stay shut: whose token opens what, and which session counts where.

use serde_json::{Value, json};

use super::{
    CONCIERGE, CONCIERGES_TOKEN, OPERATORS_TOKEN, OPS, PORTAL, PORTALS_TOKEN, Way,
    victims::{Victim, session},
};
use crate::{story::answer::Answer, world::World};

/// Every tool that there is at a workflow, asked for something.
const TOOLS: [&str; 5] = ["read_tab", "list_contacts", "notify", "list_my_bookings", "save_lead"];

fn meta(token: &str) -> Value {
    let params = json!({"name": "list_my_bookings", "arguments": {}, "_meta": {"frontdesk/session": token}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

#[track_caller]
fn unknown(answer: &Answer) {
    assert_eq!(answer.ok()["error"]["data"]["reason"], "SESSION_UNKNOWN", "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_opens_what_is_not_its_own() {
    let world = World::exposed().await;
    let victim = Victim::visitor(&world, 1).await;
    let ask = json!({"modes": ["self_hosted"], "workflowId": CONCIERGE});
    let own = session(&world, CONCIERGES_TOKEN, &ask).await["session_token"].as_str().unwrap().to_owned();
    let [theirs, visitor_token, secret] = [&victim.known[6], &victim.known[7], &victim.known[8]];
    let shut = |answer: &Answer| {
        answer.problem(401, "SECRET_WRONG");
        assert!(victim.secrets.iter().all(|word| !answer.text.contains(word)), "{answer:?}");
    };
    // the operator's tools want the operator's token, whatever else is shown
    for bearer in [None, Some(CONCIERGES_TOKEN), Some(PORTALS_TOKEN), Some("")] {
        for session in [None, Some(own.clone()), Some(theirs.clone())] {
            for tool in TOOLS {
                let way = Way { workflow: OPS, bearer, session: session.clone() };
                let answer = way.call(&world, 1, tool, &json!({"tab": "contacts"})).await;
                shut(&answer);
            }
        }
    }
    // nor does the operator's open a workflow, nor one workflow's another
    for (workflow, bearer) in [
        (CONCIERGE, OPERATORS_TOKEN),
        (CONCIERGE, PORTALS_TOKEN),
        (PORTAL, CONCIERGES_TOKEN),
        (PORTAL, theirs.as_str()),
    ] {
        let request = world.request(reqwest::Method::POST, &format!("/mcp/{workflow}")).json(&meta(theirs));
        shut(&Answer::of(request.bearer_auth(bearer)).await);
    }
    // a session counts for its own workflow, and nothing else is one
    unknown(&Way::new(PORTAL, PORTALS_TOKEN, theirs).say(&world, &meta(theirs)).await);
    unknown(&Way::new(PORTAL, PORTALS_TOKEN, theirs).call(&world, 1, "get_membership", &json!({})).await);
    for wrong in [visitor_token, secret, &victim.known[9], &victim.known[10], &format!("{own}x")] {
        unknown(
            &Way::new(CONCIERGE, CONCIERGES_TOKEN, wrong)
                .call(&world, 1, "list_my_bookings", &json!({}))
                .await,
        );
        unknown(&Way::new(CONCIERGE, CONCIERGES_TOKEN, &own).say(&world, &meta(wrong)).await);
    }
    // one beside another's is nobody's
    for (header, body) in [(&own, theirs), (theirs, &own)] {
        let answer = Way::new(CONCIERGE, CONCIERGES_TOKEN, header).say(&world, &meta(body)).await;
        unknown(&answer);
        assert!(!answer.text.contains(&victim.known[1]), "{answer:?}");
    }
    // and what is theirs is shown to them
    let answer = Way::new(CONCIERGE, CONCIERGES_TOKEN, theirs).say(&world, &meta(theirs)).await;
    assert!(answer.text.contains(&victim.known[1]), "{answer:?}");
    world.stop().await;
}
