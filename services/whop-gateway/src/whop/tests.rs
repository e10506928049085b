//! The client against a Whop that answers what a test says.

mod writes;

use serde_json::{Value, json};

use super::{wire::Status, *};
use crate::tests::upstream::{Asked, Upstream};

const KEY: &str = "apik_of_the_tests";
const ACCOUNT: &str = "biz_frontdesk0001";

/// Every call carries key and version, whatever else it is about.
async fn whop(answer: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> (Upstream, Client) {
    let upstream = Upstream::start(move |asked| {
        assert_eq!(asked.header("authorization"), format!("Bearer {KEY}"));
        assert_eq!(asked.header("api-version-date"), VERSION);
        answer(asked)
    })
    .await;
    let base = upstream.base().join("whop/api/v1").unwrap();
    let client = Client::new(&base, KEY.into(), ACCOUNT);
    (upstream, client)
}

async fn always(status: u16, body: Value) -> (Upstream, Client) {
    whop(move |_| (status, body.clone())).await
}

fn data(fixture: &str) -> Value {
    serde_json::from_str::<Value>(fixture).unwrap()["data"].take()
}

fn membership() -> Value {
    data(include_str!("../../tests/fixtures/membership.dated.json"))
}

fn payment() -> Value {
    data(include_str!("../../tests/fixtures/payment.dated.json"))
}

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn page(data: Vec<Value>, next: Option<&str>) -> Value {
    json!({"data": data, "page_info": {"start_cursor": "s", "end_cursor": next, "has_next_page": next.is_some(),
        "has_previous_page": false}})
}

fn request() -> Request<'static> {
    Request { user: "user_mara", id: "req_1" }
}

#[tokio::test]
async fn a_membership_is_read_at_the_pinned_date() {
    let (upstream, client) = always(200, membership()).await;
    let found = client.membership("mem_0001").await.unwrap().unwrap();
    assert_eq!(upstream.last().line, "GET /whop/api/v1/memberships/mem_0001");
    assert_eq!((found.id.as_str(), found.status), ("mem_0001", Status::Active));
    assert_eq!((found.user_id(), found.member_id.as_deref()), (Some("user_mara"), Some("mber_0001")));
    assert_eq!(
        (found.product.id.as_str(), found.product.title.as_str()),
        ("prod_growthretainer", "Growth Retainer")
    );
    assert_eq!(found.plan_id, "plan_growthmonthly");
    assert_eq!(found.current_period_end.unwrap().to_string(), "2026-10-31T12:00:00Z");
    assert_eq!(found.renewal_price().unwrap().unwrap().to_string(), "1490.00 EUR");
    assert_eq!(found.initial_price().unwrap().unwrap().minor, 0);
    assert_eq!((found.billing_period_days, found.cancel_at_period_end), (Some(30), false));
    assert_eq!(found.metadata["contract_url"], "https://example.com/contract");
    assert!(!format!("{found:?}").contains("AAAA"), "a licence key is shown by nothing");
}

#[tokio::test]
async fn the_shape_of_2025_says_the_same() {
    let old = data(include_str!("../../tests/fixtures/membership.legacy.json"));
    let (_upstream, client) = always(200, old).await;
    let found = client.membership("mem_0001").await.unwrap().unwrap();
    assert_eq!((found.user_id(), found.status), (Some("user_mara"), Status::Canceled));
    assert_eq!(found.user.as_ref().unwrap().email.as_deref(), Some("mara@example.com"));
    assert_eq!(
        (found.product.title.as_str(), found.plan_id.as_str()),
        ("Growth Retainer", "plan_growthmonthly")
    );
    assert_eq!(found.current_period_end.unwrap().to_string(), "2026-10-31T12:00:00Z");
    assert_eq!(found.renewal_price().unwrap().unwrap().to_string(), "1490.00 EUR");
    assert!(found.has_license("WHOP-AAAA-BBBB-CCCC"));
}

#[tokio::test]
async fn words_that_are_new_are_no_error() {
    let new =
        changed(changed(membership(), "/status", json!("hibernating")), "/manage_url", json!("ftp://x"));
    let (_upstream, client) = always(200, new).await;
    let found = client.membership("mem_0001").await.unwrap().unwrap();
    assert_eq!(found.status, Status::Unknown);
    assert!(!found.status.gives_access() && found.manage_url.is_none());
    let access = ["trialing", "active", "past_due", "completed"];
    for word in [
        "trialing",
        "active",
        "past_due",
        "completed",
        "canceled",
        "expired",
        "unresolved",
        "drafted",
        "canceling",
    ] {
        let status: Status = serde_json::from_value(json!(word)).unwrap();
        assert_eq!(status.gives_access(), access.contains(&word), "{word}");
        assert!(status.as_str() == word || status == Status::Unknown, "{word}");
    }
}

#[tokio::test]
async fn what_is_not_ours_is_not_there() {
    let (upstream, client) = always(404, json!({"error": {"type": "not_found", "message": "Mara"}})).await;
    assert!(client.membership("mem_1").await.unwrap().is_none());
    assert!(client.payment("pay_1").await.unwrap().is_none());
    upstream.answer(|_| (200, changed(membership(), "/account/id", json!("biz_other"))));
    assert!(client.membership("mem_0001").await.unwrap().is_none());
    assert!(client.license(&"WHOP-AAAA-BBBB-CCCC".into()).await.unwrap().is_none());
    upstream.answer(|_| (200, changed(payment(), "/account_id", json!("biz_other"))));
    assert!(client.payment("pay_0001").await.unwrap().is_none());
    upstream.answer(|_| (200, membership()));
    let refused = client.membership("mem_0002").await.unwrap_err();
    assert!(matches!(refused, Failure::Malformed { .. }), "another than was asked for: {refused}");
}

#[tokio::test]
async fn a_license_is_its_key_alone() {
    let (upstream, client) = always(200, membership()).await;
    let license = async |key: &str| client.license(&key.into()).await.unwrap().map(|found| found.id);
    assert_eq!(license("WHOP-AAAA-BBBB-CCCC").await.as_deref(), Some("mem_0001"));
    assert_eq!(license(" WHOP-AAAA-BBBB-CCCC\n").await.as_deref(), Some("mem_0001"));
    assert_eq!(upstream.last().line, "GET /whop/api/v1/memberships/WHOP-AAAA-BBBB-CCCC");
    let asked = upstream.asked().len();
    for wrong in ["mem_0001", "", "..", "../users/me", "a/b", "WHOP AAAA", "%2e%2e", &"x".repeat(129)] {
        assert_eq!(license(wrong).await, None, "{wrong}");
    }
    assert_eq!(upstream.asked().len(), asked, "nobody was asked");
    // Whop takes ids there too, and who knows what else.
    for other in ["me", "invite", "WHOP-AAAA-BBBB-CCCD", "whop-aaaa-bbbb-cccc", "user_mara"] {
        assert_eq!(license(other).await, None, "{other}");
    }
    upstream.answer(|_| (200, changed(membership(), "/license_key", json!(""))));
    assert_eq!(license("WHOP-AAAA-BBBB-CCCC").await, None);
}

#[tokio::test]
async fn all_memberships_of_a_user_are_theirs() {
    let (upstream, client) = whop(|asked| {
        let first = !asked.query.contains_key("after");
        let id = if first { "mem_0001" } else { "mem_0002" };
        let one = changed(membership(), "/id", json!(id));
        (200, page(vec![one], first.then_some("c1")))
    })
    .await;
    let found = client.memberships_of("user_mara").await.unwrap();
    assert_eq!(found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["mem_0001", "mem_0002"]);
    let query = upstream.last().query;
    assert_eq!((query["user_id"].as_str(), query["account_id"].as_str()), ("user_mara", ACCOUNT));
    assert_eq!(
        (query["after"].as_str(), query["order"].as_str(), query["direction"].as_str()),
        ("c1", "created_at", "desc")
    );
    for other in [json!("user_jonas"), json!(null)] {
        let other = changed(membership(), "/user_id", other);
        upstream.answer(move |_| (200, page(vec![membership(), other.clone()], None)));
        let refused = client.memberships_of("user_mara").await.unwrap_err();
        assert!(matches!(refused, Failure::Malformed { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_list_without_an_end_is_none() {
    let (upstream, client) = whop(|asked| {
        let number: usize = asked.query.get("after").map_or(0, |after| after.parse().unwrap());
        (200, page(vec![membership()], Some(&(number + 1).to_string())))
    })
    .await;
    assert!(matches!(client.memberships_of("user_mara").await, Err(Failure::Malformed { .. })));
    assert_eq!(upstream.asked().len(), 10);
    upstream.answer(|_| (200, page(vec![membership()], Some("same"))));
    assert!(matches!(client.memberships_of("user_mara").await, Err(Failure::Malformed { .. })));
    assert_eq!(upstream.asked().len(), 12, "the same cursor twice leads nowhere");
    upstream.answer(|_| (200, json!({"data": [], "page_info": {"end_cursor": null, "has_next_page": true}})));
    assert!(matches!(client.memberships_of("user_mara").await, Err(Failure::Malformed { .. })));
}

#[tokio::test]
async fn lists_are_walked_by_when_things_were_made() {
    let (upstream, client) = always(200, page(vec![payment()], Some("c2"))).await;
    let since = "2026-10-01T00:00:00Z".parse().unwrap();
    let part = Part { created_after: Some(since), after: Some("c1".to_owned()) };
    let found = client.payments(&part).await.unwrap();
    assert_eq!((found.data[0].id.as_str(), found.next.as_deref()), ("pay_0001", Some("c2")));
    let asked = upstream.last();
    assert_eq!(asked.line, "GET /whop/api/v1/payments");
    let expected = [
        ("account_id", ACCOUNT),
        ("after", "c1"),
        ("created_after", "2026-10-01T00:00:00Z"),
        ("direction", "asc"),
        ("first", "50"),
        ("order", "created_at"),
    ];
    assert_eq!(asked.query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    upstream.answer(|_| {
        (200, page(vec![changed(membership(), "/account/id", json!("biz_other")), membership()], None))
    });
    let found = client.memberships(&Part::default()).await.unwrap();
    assert_eq!((found.data.len(), found.next), (1, None), "an app's key reaches other accounts");
    assert!(!upstream.last().query.contains_key("created_after"));
}

#[tokio::test]
async fn a_payment_and_what_went_back_of_it() {
    let (upstream, client) = always(200, payment()).await;
    let found = client.payment("pay_0001").await.unwrap().unwrap();
    assert_eq!(found.total.unwrap().exact().unwrap().to_string(), "1490.00 EUR");
    assert_eq!(found.refunded_amount.unwrap().exact().unwrap().minor, 0);
    assert_eq!(
        (found.membership_id.as_deref(), found.user.unwrap().id),
        (Some("mem_0001"), "user_mara".to_owned())
    );
    assert_eq!(found.customer_email.as_deref(), Some("mara@example.com"));
    let refund = data(include_str!("../../tests/fixtures/refund.dated.json"));
    upstream.answer(move |_| (200, refund.clone()));
    assert_eq!(client.refund("rf_0001").await.unwrap().unwrap().payment_id(), Some("pay_0001"));
    upstream.answer(|_| (200, data(include_str!("../../tests/fixtures/dispute.dated.json"))));
    assert_eq!(client.dispute("dspt_0001").await.unwrap().unwrap().payment.id, "pay_0001");
}

#[tokio::test]
async fn an_email_is_matched_exactly() {
    let member = data(include_str!("../../tests/fixtures/member.dated.json"));
    let named =
        changed(changed(member.clone(), "/email", json!(null)), "/user/name", json!("mara@example.com"));
    let other = changed(member.clone(), "/email", json!("xmara@example.com"));
    let (upstream, client) = always(200, page(vec![named, other, member], None)).await;
    let found = client.members(" Mara@Example.com ").await.unwrap();
    assert_eq!(found.len(), 1, "a name that looks like an e-mail is none");
    assert_eq!(found[0].user.as_ref().unwrap().id, "user_mara");
    assert_eq!(upstream.last().query["query"], "Mara@Example.com");
}

#[tokio::test]
async fn a_probe_is_about_nobody() {
    let (upstream, client) = always(200, page(vec![], None)).await;
    client.probe().await.unwrap();
    let asked = upstream.last();
    assert_eq!(asked.line, "GET /whop/api/v1/members");
    assert_eq!(
        (asked.query["account_id"].as_str(), asked.query["query"].as_str()),
        (ACCOUNT, "nobody@frontdesk.invalid")
    );
    upstream.answer(|_| (401, json!({"error": {"type": "unauthorized"}})));
    assert_eq!(client.probe().await.unwrap_err().status(), Some(401));
}

#[tokio::test]
async fn the_small_questions() {
    let (upstream, client) = whop(|asked| match asked.line.strip_prefix("GET /whop/api/v1/").unwrap() {
        "users/user_mara/access/prod_1" => (200, json!({"has_access": true, "access_level": "customer"})),
        "variants/plan_1" => (
            200,
            json!({"id": "plan_1", "title": "Monthly", "plan_type": "renewal", "currency": "eur", "renewal_price": 1490.0,
                "billing_period": 30.0, "product": {"id": "prod_1", "title": "Growth Retainer"}}),
        ),
        "members/mber_1" => (200, json!({"id": "mber_1", "account_id": ACCOUNT, "user": null})),
        "webhooks" => (
            200,
            page(vec![json!({"id": "hook_1", "url": "https://example.com/webhooks/whop", "enabled": true,
                "disabled_reason": null, "failing_since": null})], None),
        ),
        "webhooks/hook_1/deliveries" => (
            200,
            page(vec![json!({"id": "del_1", "event": "membership.updated", "request_body": {"id": "msg_1", "x": "Mara"},
                "sent_at": "2026-10-01T12:00:00.000Z", "success": false, "response_code": 503.0})], Some("d1")),
        ),
        _ => (404, json!({})),
    })
    .await;
    assert!(client.access("user_mara", "prod_1").await.unwrap().has_access);
    let plan = client.plan("plan_1").await.unwrap().unwrap();
    assert_eq!(plan.renewal_price().unwrap().unwrap().minor, 149_000);
    assert_eq!((plan.billing_period, plan.title.as_deref()), (Some(30), Some("Monthly")));
    assert_eq!(client.member("mber_1").await.unwrap().unwrap().id, "mber_1");
    assert_eq!(client.webhooks().await.unwrap()[0].id, "hook_1");
    assert_eq!(upstream.last().query["include_app_webhooks"], "true");
    let deliveries = client.deliveries("hook_1", Some("d0")).await.unwrap();
    assert_eq!((deliveries.next.as_deref(), deliveries.data[0].success), (Some("d1"), false));
    assert_eq!(upstream.last().query["after"], "d0");
    assert!(!format!("{deliveries:?}").contains("Mara"));
    assert!(client.plan("plan_2").await.unwrap().is_none());
}

#[tokio::test]
async fn failures_are_sorted_and_quote_nobody() {
    let error = json!({"error": {"type": "forbidden", "message": "mara@example.com may not, key apik_1"}});
    let (upstream, client) = always(403, error).await;
    let refused = client.membership("mem_1").await.unwrap_err();
    assert_eq!(refused.to_string(), "whop refused with status 403 Forbidden (forbidden)");
    assert_eq!(upstream.asked().len(), 1, "asked once");
    upstream.answer(|_| (429, json!({"retry_after": 7})));
    let limited = client.membership("mem_1").await.unwrap_err();
    assert_eq!(limited.wait(), Some(std::time::Duration::from_secs(7)));
    upstream.answer(|_| (503, json!({})));
    assert!(matches!(client.membership("mem_1").await, Err(Failure::Unavailable { .. })));
    assert_eq!(upstream.asked().len(), 4, "a read is repeated");
    upstream.answer(|_| (200, json!({"id": "mem_1"})));
    assert!(matches!(client.membership("mem_1").await, Err(Failure::Malformed { .. })));
}

#[tokio::test]
async fn what_is_no_id_never_becomes_an_address() {
    let (upstream, client) = always(200, json!({})).await;
    for wrong in ["", "..", ".", "a/b", "mem_1?x=1", "mem 1", "mem_%2e", "mem_1/../x"] {
        let refused = [
            client.membership(wrong).await.map(drop).unwrap_err(),
            client.payment(wrong).await.map(drop).unwrap_err(),
            client.memberships_of(wrong).await.map(drop).unwrap_err(),
            client.plan(wrong).await.map(drop).unwrap_err(),
            client.access("user_1", wrong).await.map(drop).unwrap_err(),
            client.access(wrong, "prod_1").await.map(drop).unwrap_err(),
            client.deliveries(wrong, None).await.map(drop).unwrap_err(),
            client.cancel_at_period_end(wrong, None, request()).await.map(drop).unwrap_err(),
            client.post_message(wrong, "x", request()).await.map(drop).unwrap_err(),
        ];
        assert!(refused.iter().all(|failure| matches!(failure, Failure::Malformed { .. })), "{wrong:?}");
    }
    assert!(
        matches!(client.membership("WHOP-AAAA").await, Err(Failure::Malformed { .. })),
        "a licence is no id"
    );
    assert!(upstream.asked().is_empty());
}

#[test]
fn only_the_real_one_is_live() {
    let at = |base: &str| Client::new(&base.parse().unwrap(), KEY.into(), ACCOUNT).is_live();
    assert!(at("https://api.whop.com/api/v1"));
    assert!(!at("https://sandbox-api.whop.com/api/v1"));
    assert!(!at("http://127.0.0.1:1/whop/api/v1"));
}
