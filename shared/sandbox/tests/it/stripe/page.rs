//! The page behind a link, used as a browser without a script uses it.

use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::json;

use super::{id, order_with};
use crate::harness::Town;

async fn press(town: &Town, session: &str, body: &str) -> reqwest::Response {
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let url = format!("http://{}/stripe/pay/{session}", town.address);
    let origin = format!("http://{}", town.address);
    let request = client.post(url).header("origin", origin);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn it_shows_what_is_sold_and_every_button_works() {
    let town = Town::new().await;
    let session = town.session().await;
    let page = town.client.get(session["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let page = page.text().await.unwrap();
    for part in [
        "Strategy consult",
        "150.00 EUR",
        "value=\"pay\"",
        "value=\"fail\"",
        "value=\"later\"",
        "type=\"email\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("{{") && !page.contains("<script"));

    let failed = press(&town, id(&session), "button=fail&email=").await;
    assert_eq!(failed.status(), 200);
    assert!(failed.text().await.unwrap().contains("The card was declined."));
    let left = press(&town, id(&session), "button=cancel&email=").await;
    assert_eq!(left.headers()["location"], "https://shop.example/back");
    assert_eq!(town.sandbox.till().get(id(&session)).unwrap()["status"], "open");
    let paid = press(&town, id(&session), "button=pay&email=ann%40example.com").await;
    assert_eq!(paid.status(), StatusCode::SEE_OTHER);
    assert_eq!(paid.headers()["location"], format!("https://shop.example/ok?s={}", id(&session)).as_str());
    let session = town.sandbox.till().get(id(&session)).unwrap();
    assert_eq!(session["customer_details"]["email"], "ann@example.com");
    let again = press(&town, id(&session), "button=pay&email=").await.text().await.unwrap();
    assert!(again.contains("This link has been used.") && !again.contains("<form"));

    let later = town.session().await;
    assert_eq!(press(&town, id(&later), "button=later&email=").await.status(), StatusCode::SEE_OTHER);
    let later = town.sandbox.till().get(id(&later)).unwrap();
    assert_eq!((&later["status"], &later["payment_status"]), (&json!("complete"), &json!("unpaid")));
}

#[tokio::test]
async fn it_escapes_and_refuses_what_is_not_its_own() {
    let town = Town::new().await;
    let mut pairs = order_with("line_items[0][price]", None);
    for (name, value) in [
        ("line_items[0][price_data][currency]", "eur"),
        ("line_items[0][price_data][unit_amount]", "500"),
        ("line_items[0][price_data][product_data][name]", "<b>{{email}}</b>"),
    ] {
        pairs.push((name, value.to_owned()));
    }
    let session = town.session_of(&pairs).await;
    let url = session["url"].as_str().unwrap();
    let page = town.client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("&lt;b&gt;{{email}}&lt;/b&gt;") && !page.contains("<b>"));
    for (header, value) in
        [("origin", "http://evil.example"), ("host", "evil.example"), ("x-forwarded-for", "::1")]
    {
        let refused = town.client.post(url).header(header, value).body("button=pay").send().await.unwrap();
        assert_eq!(refused.status(), 403, "{header}");
    }
    assert_eq!(press(&town, id(&session), "button=steal").await.status(), 400);
    assert_eq!(press(&town, id(&session), "colour=red").await.status(), 400);
    let none = town.ask(Method::GET, "/stripe/pay/cs_test_none").send().await.unwrap();
    assert_eq!(none.status(), 404);
    let intent =
        town.ask(Method::GET, &format!("/stripe/pay/{}", sandbox::ONE_TIME_PRICE)).send().await.unwrap();
    assert_eq!(intent.status(), 404, "only a session is a link");
    town.sandbox.till().expire(id(&session)).unwrap();
    let page = town.client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("This link has expired."));
}
