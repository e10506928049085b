//! The page behind a link, used as a browser without a script uses it, and the buttons on the providers' page.

use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};

use super::{data, id};
use crate::harness::{Town, answer};

async fn press(town: &Town, url: &str, body: &str) -> reqwest::Response {
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let request = client.post(url).header("content-type", "application/x-www-form-urlencoded");
    request.header("origin", format!("http://{}", town.address)).body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn what_is_bought_by_a_link_carries_its_metadata() {
    let town = Town::new().await;
    let order = json!({"plan_id": "plan_scalemonthly", "metadata": {"contact": "con_1"},
        "redirect_url": "https://shop.example/thanks?a=1"});
    let (_, link) = town.whop_post("checkout_configurations", order).await;
    let url = link["purchase_url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("http://{}/whop/checkout/{}", town.address, id(&link)));
    let page = town.client.get(&url).send().await.unwrap().text().await.unwrap();
    for part in ["Scale, monthly", "3490.00 EUR", "Mara Maier", "user_jonas"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let failed = press(&town, &url, "user=user_mara&button=fail").await;
    assert!(failed.text().await.unwrap().contains("declined"));
    assert!(data(&town.whop_get("memberships").await).is_empty());
    let bought = press(&town, &url, "user=user_mara&button=buy").await;
    assert_eq!(
        (bought.status().as_u16(), &bought.headers()["location"]),
        (303, &"https://shop.example/thanks?a=1".parse().unwrap())
    );
    let membership = data(&town.whop_get("memberships?user_id=user_mara").await).remove(0);
    assert_eq!(
        (&membership["metadata"], &membership["status"]),
        (&json!({"contact": "con_1"}), &json!("active"))
    );
    let payments = data(&town.whop_get("payments").await);
    let seen: Vec<_> = payments
        .iter()
        .map(|one| (&one["status"], &one["membership_id"], &one["metadata"]["contact"]))
        .collect();
    let (paid, open) = (
        (&json!("paid"), &membership["id"], &json!("con_1")),
        (&json!("open"), &Value::Null, &json!("con_1")),
    );
    assert_eq!(seen, [paid, open]);
    assert!(payments.iter().all(|one| one["checkout_configuration_id"] == link["id"]));
    for (body, status) in [("user=user_none&button=buy", 400), ("user=user_mara", 400)] {
        assert_eq!(press(&town, &url, body).await.status(), status, "{body}");
    }
    let foreign = town.client.post(&url).header("origin", "http://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(town.client.get(format!("{url}x")).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn who_has_the_product_goes_over_to_the_plan_of_the_link() {
    let town = Town::new().await;
    let old = town.joined("user_mara", "plan_growthmonthly");
    let (_, link) = town.whop_post("checkout_configurations", json!({"plan_id": "plan_growthyearly"})).await;
    let bought = town.sandbox.club().buy(&id(&link), "user_mara").unwrap();
    assert_eq!((&bought["id"], &bought["plan_id"]), (&json!(old), &json!("plan_growthyearly")));
    assert!(town.sandbox.club().fail_to_buy("ch_none", "user_mara").is_err());
}

#[tokio::test]
async fn each_button_does_what_somebody_at_whop_could() {
    let town = Town::new().await;
    let press = async |mut action: Value| {
        action["do"] = "member".into();
        answer(town.ask(Method::POST, "/sandbox/providers").json(&action)).await.0.as_u16()
    };
    let newest = async |path: &str| data(&town.whop_get(path).await).remove(0);
    assert_eq!(press(json!({"act": "join", "user": "user_lena", "plan": "plan_growthtrial"})).await, 204);
    let one = id(&newest("memberships").await);
    for (action, status) in [
        (json!({"act": "trial_soon", "id": one}), "trialing"),
        (json!({"act": "renew", "id": one, "fine": false}), "past_due"),
        (json!({"act": "renew", "id": one, "fine": true}), "active"),
        (json!({"act": "set_cancel", "id": one, "cancel": true}), "active"),
        (json!({"act": "period_ends", "id": one}), "canceled"),
    ] {
        assert_eq!(press(action.clone()).await, 204, "{action}");
        assert_eq!(newest("memberships").await["status"], status, "{action}");
    }
    let payment = id(&newest("payments").await);
    assert_eq!(press(json!({"act": "refund", "id": payment, "amount": 100})).await, 204);
    assert_eq!(press(json!({"act": "dispute", "id": payment})).await, 204);
    assert_eq!(newest("payments").await["substatus"], "dispute_needs_response");
    assert_eq!(press(json!({"act": "revoke", "id": one})).await, 400, "it has ended");
    assert_eq!(press(json!({"act": "speak", "generation": "underscored"})).await, 204);
    assert_eq!(press(json!({"act": "join", "user": "user_lena"})).await, 400);
    let page = town.client.get(format!("http://{}/sandbox/providers", town.address)).send().await.unwrap();
    let page = page.text().await.unwrap();
    for part in [
        "id=\"Member-payments\"",
        "Lena Lindt",
        &payment,
        "legacy, with underscores",
        "membership.deactivated",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
