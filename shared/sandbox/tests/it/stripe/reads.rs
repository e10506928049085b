//! Lists: pages, filters, the newest first.

use serde_json::Value;

use super::{id, now};
use crate::harness::Town;

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|object| id(object).to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let town = Town::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(id(&town.session().await).to_owned());
    }
    made.reverse();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (_, page) = town.stripe_get(&format!("checkout/sessions?limit=2{after}")).await;
        seen.extend(ids(&page));
        assert_eq!((&page["object"], &page["url"]), (&"list".into(), &"/v1/checkout/sessions".into()));
        if page["has_more"] == false {
            break;
        }
        after = format!("&starting_after={}", seen.last().unwrap());
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn the_list_of_events_is_the_feed_of_what_was_missed() {
    let town = Town::new().await;
    let till = town.sandbox.till();
    till.pay(id(&town.session().await), "ann@example.com").unwrap();
    let all = town.stripe_get(&format!("events?created[gte]={}", now() - 60)).await.1;
    assert_eq!(ids(&all).len(), 4);
    assert!(ids(&town.stripe_get(&format!("events?created[gt]={}", now() + 60)).await.1).is_empty());
    let two = "types[]=checkout.session.completed&types[]=payment_intent.succeeded";
    assert_eq!(ids(&town.stripe_get(&format!("events?{two}")).await.1).len(), 2);
    let group = town.stripe_get("events?type=payment_intent.*").await.1;
    assert_eq!(ids(&group).len(), 2);
    let first = id(&all["data"][0]).to_owned();
    assert_eq!(town.stripe_get(&format!("events/{first}")).await.1, all["data"][0]);
    let rest = town.stripe_get(&format!("events?starting_after={first}")).await.1;
    assert_eq!(ids(&rest), ids(&all)[1..]);
}

#[tokio::test]
async fn filters_and_expansions() {
    let town = Town::new().await;
    let till = town.sandbox.till();
    let paid = till.pay(id(&town.session().await), "ann@example.com").unwrap();
    town.session().await;
    let intent = paid["payment_intent"].as_str().unwrap();
    for (query, count) in [
        ("status=open", 1),
        ("status=complete", 1),
        ("status=expired", 0),
        ("customer_details[email]=ann@example.com", 1),
    ] {
        let (_, list) = town.stripe_get(&format!("checkout/sessions?{query}")).await;
        assert_eq!(ids(&list).len(), count, "{query}");
    }
    let (_, list) = town
        .stripe_get(&format!(
            "checkout/sessions?payment_intent={intent}&expand[]=data.payment_intent.latest_charge&expand[]=data.line_items"
        ))
        .await;
    let session = &list["data"][0];
    assert_eq!(session["payment_intent"]["latest_charge"]["status"], "succeeded");
    assert_eq!(session["line_items"]["data"][0]["description"], "Strategy consult");
    let (_, items) = town.stripe_get(&format!("checkout/sessions/{}/line_items", id(&paid))).await;
    assert_eq!(items["data"][0]["amount_total"], 15_000);
    let (_, prices) = town.stripe_get("prices?type=recurring&expand[]=data.product").await;
    assert_eq!(ids(&prices), [sandbox::MONTHLY_PRICE]);
    assert_eq!(prices["data"][0]["product"]["name"], "Monthly retainer");
    assert_eq!(ids(&town.stripe_get("products").await.1).len(), 2);
}
