//! What Whop refuses, and what a client must not lean on.

use reqwest::Method;
use sandbox::{Fault, FaultKind, Provider, WHOP_API_KEY, WHOP_VERSION};
use serde_json::{Value, json};

use super::ids;
use crate::harness::{Town, answer};

#[tokio::test]
async fn wrong_requests_are_refused_in_whops_shape() {
    let town = Town::new().await;
    let mem = town.joined("user_mara", "plan_growthmonthly");
    let once = town.joined("user_mara", "plan_free");
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    let cases: Vec<(&Method, String, Value, u16)> = vec![
        (&get, "memberships?email=mara@example.com".into(), Value::Null, 400),
        (&get, "memberships?status=valid".into(), Value::Null, 400),
        (&get, "memberships?status=paused&status=active".into(), Value::Null, 400),
        (&get, "memberships?first=101".into(), Value::Null, 400),
        (&get, "memberships?first=1&last=1".into(), Value::Null, 400),
        (&get, "memberships?after=AAAA".into(), Value::Null, 400),
        (&get, "memberships?created_after=yesterday".into(), Value::Null, 400),
        (&get, "memberships?order=status".into(), Value::Null, 400),
        (&get, "memberships?direction=down".into(), Value::Null, 400),
        (&get, "memberships?promo_code_ids=promo_1".into(), Value::Null, 400),
        (&get, format!("memberships/{mem}?expand=user"), Value::Null, 400),
        (&get, "memberships/mem_none".into(), Value::Null, 404),
        (&get, format!("payments/{mem}"), Value::Null, 404),
        (&get, "payments?user_ids=user_mara".into(), Value::Null, 400),
        (&get, "users/user_none".into(), Value::Null, 404),
        (&get, "users/user_mara/access/exp_none".into(), Value::Null, 404),
        (&get, "plans/plan_none".into(), Value::Null, 404),
        (&get, "members/mber_lena".into(), Value::Null, 404),
        (&get, "licenses".into(), Value::Null, 404),
        (&get, "webhooks/hook_none/deliveries".into(), Value::Null, 404),
        (&post, format!("memberships/{mem}/cancel"), json!({"at_period_end": true}), 400),
        (&post, format!("memberships/{mem}/cancel"), json!({"cancel_at_period_end": "true"}), 400),
        (&post, format!("memberships/{mem}/cancel?x=1"), json!({}), 400),
        (&post, format!("memberships/{once}/cancel"), json!({"cancel_at_period_end": true}), 422),
        (&post, format!("memberships/{mem}/terminate"), json!({}), 404),
        (&patch, format!("memberships/{mem}"), json!({"status": "active"}), 400),
        (&patch, format!("memberships/{mem}"), json!({"metadata": "x"}), 400),
        (&patch, format!("memberships/{mem}"), json!([1]), 400),
        (&post, "checkout_configurations".into(), json!({}), 400),
        (&post, "checkout_configurations".into(), json!({"plan_id": "plan_none"}), 404),
        (
            &post,
            "checkout_configurations".into(),
            json!({"plan_id": "plan_free", "redirect_url": "javascript:1"}),
            400,
        ),
        (
            &post,
            "checkout_configurations".into(),
            json!({"plan_id": "plan_free", "account_id": "biz_other"}),
            404,
        ),
        (&post, "support_channels".into(), json!({"account_id": "biz_frontdesk0001"}), 400),
        (
            &post,
            "support_channels".into(),
            json!({"account_id": "biz_frontdesk0001", "user_id": "user_none"}),
            404,
        ),
        (&post, "messages".into(), json!({"channel_id": "feed_none", "content": "x"}), 404),
    ];
    for (method, path, body, wanted) in cases {
        let request = town.whop(method.clone(), &path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let (status, error) = answer(request).await;
        assert_eq!(status, wanted, "{method} {path}: {error}");
        let error = error["error"].as_object().unwrap();
        assert!(error["type"].is_string() && error["message"].is_string(), "{path}");
    }
    assert_eq!(town.whop_get(&format!("memberships/{mem}")).await["status"], "active", "nothing was changed");
    let plain = town.whop(Method::POST, &format!("memberships/{mem}/cancel")).body("{}");
    assert_eq!(answer(plain).await.0, 400, "no content type");
}

#[tokio::test]
async fn the_key_is_looked_at_first() {
    let town = Town::new().await;
    let ask = |key: Option<&str>| {
        let request =
            town.ask(Method::GET, "/whop/api/v1/memberships").header("api-version-date", WHOP_VERSION);
        key.map_or(town.ask(Method::GET, "/whop/api/v1/memberships?x=1"), |key| request.bearer_auth(key))
    };
    for key in [None, Some(""), Some("apik_other"), Some(&WHOP_API_KEY[1..])] {
        let (status, error) = answer(ask(key)).await;
        assert_eq!((status.as_u16(), &error["error"]["type"]), (401, &json!("unauthorized")), "{key:?}");
        assert!(!error.to_string().contains("apik_other"));
    }
    assert_eq!(answer(ask(Some(WHOP_API_KEY))).await.0, 200);
}

#[tokio::test]
async fn one_key_does_its_work_once() {
    let town = Town::new().await;
    let create = |key: &str, plan: &str| {
        let request = town.whop(Method::POST, "checkout_configurations").header("idempotency-key", key);
        answer(request.json(&json!({"plan_id": plan, "metadata": {"a": 1, "b": 2}})))
    };
    let (status, first) = create("k1", "plan_free").await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(create("k1", "plan_free").await.1, first);
    assert_eq!(create("k1", "plan_scalemonthly").await.0, 422);
    assert_eq!(create(&"k".repeat(256), "plan_free").await.0, 400);
    let lost = Fault { provider: Provider::Whop, path: None, count: 1, kind: FaultKind::AppliedNoAnswer };
    town.sandbox.inject(lost);
    let request = town.whop(Method::POST, "checkout_configurations").header("idempotency-key", "k2");
    assert!(
        request.json(&json!({"plan_id": "plan_free", "metadata": {"b": 2, "a": 1}})).send().await.is_err()
    );
    assert_eq!(create("k2", "plan_free").await.0, 200);
    assert_eq!(ids(&town.whop_get("checkout_configurations").await).len(), 2);
    // A refusal is not kept.
    let mem = town.joined("user_mara", "plan_growthmonthly");
    let cancel = |body: Value| {
        let request =
            town.whop(Method::POST, &format!("memberships/{mem}/cancel")).header("idempotency-key", "k3");
        answer(request.json(&body))
    };
    assert_eq!(cancel(json!({"cancel_at_period_end": 1})).await.0, 400);
    assert_eq!(cancel(json!({"cancel_at_period_end": true})).await.0, 200);
}

#[tokio::test]
async fn faults_have_whops_shape_and_say_when_to_come_again() {
    let town = Town::new().await;
    let limited = FaultKind::RateLimited { retry_after_s: Some(7) };
    town.sandbox.inject(Fault {
        provider: Provider::Whop,
        path: Some("memberships".into()),
        count: 1,
        kind: limited,
    });
    assert_eq!(town.whop_get("plans").await["data"].as_array().unwrap().len(), 6);
    let response = town.whop(Method::GET, "memberships").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["type"], "too_many_requests");
    town.sandbox.inject(Fault {
        provider: Provider::Whop,
        path: None,
        count: 1,
        kind: FaultKind::Status(503),
    });
    let (status, error) = answer(town.whop(Method::GET, "plans")).await;
    assert_eq!((status.as_u16(), &error["error"]["type"]), (503, &json!("service_unavailable")));
}
