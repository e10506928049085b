//! What Stripe refuses is refused, with its status, code and parameter.

use reqwest::{Method, header::CONTENT_TYPE};
use sandbox::{ONE_TIME_PRICE, STRIPE_SECRET_KEY, STRIPE_VERSION};
use serde_json::Value;

use super::{now, order, order_with};
use crate::harness::{Town, answer};

#[tokio::test]
async fn one_wrong_parameter_is_refused_and_named() {
    let town = Town::new().await;
    let (soon, late) = ((now() + 1700).to_string(), (now() + 86_500).to_string());
    let (long, huge) = ("x".repeat(501), "9".repeat(30));
    let cases: [(&str, Option<&str>, &str, &str); 34] = [
        ("mode", None, "parameter_missing", "mode"),
        ("mode", Some("donation"), "", "mode"),
        ("mode", Some(""), "parameter_invalid_empty", "mode"),
        ("success_url", None, "parameter_missing", "success_url"),
        ("success_url", Some("shop.example"), "url_invalid", "success_url"),
        ("success_url", Some("ftp://shop.example/"), "url_invalid", "success_url"),
        ("cancel_url", Some("/back"), "url_invalid", "cancel_url"),
        ("return_url", Some("https://shop.example/"), "", "return_url"),
        ("payment_method_types[0]", Some("card"), "parameter_unknown", "payment_method_types"),
        ("colour", Some("red"), "parameter_unknown", "colour"),
        ("line_items[0][colour]", Some("red"), "parameter_unknown", "line_items[0][colour]"),
        ("payment_intent_data[colour]", Some("red"), "parameter_unknown", "payment_intent_data[colour]"),
        ("line_items[0][price]", None, "parameter_missing", "line_items[0][price]"),
        ("line_items[0][price]", Some("price_none"), "resource_missing", "line_items[0][price]"),
        ("line_items[0][price]", Some(sandbox::MONTHLY_PRICE), "", "line_items[0][price]"),
        ("line_items[0][quantity]", None, "parameter_missing", "line_items[0][quantity]"),
        ("line_items[0][quantity]", Some("0"), "parameter_invalid_integer", "line_items[0][quantity]"),
        ("line_items[0][quantity]", Some("1.5"), "parameter_invalid_integer", "line_items[0][quantity]"),
        ("line_items[0][quantity]", Some("99999"), "amount_too_large", ""),
        ("line_items[0][price_data][currency]", Some("eur"), "", "line_items[0][price]"),
        ("expires_at", Some(&soon), "", "expires_at"),
        ("expires_at", Some(&late), "", "expires_at"),
        ("expires_at", Some("soon"), "parameter_invalid_integer", "expires_at"),
        ("expires_at", Some(&huge), "parameter_invalid_integer", "expires_at"),
        ("metadata[contact]", Some(&long), "", "metadata[contact]"),
        (
            "metadata[a_key_that_is_longer_than_forty_characters]",
            Some("x"),
            "",
            "metadata[a_key_that_is_longer_than_forty_characte]",
        ),
        ("metadata", Some("x"), "", "metadata"),
        ("client_reference_id", Some(&long), "", "client_reference_id"),
        ("customer_email", Some("nobody"), "email_invalid", "customer_email"),
        ("customer", Some("cus_none"), "resource_missing", "customer"),
        ("subscription_data[metadata][a]", Some("b"), "", "subscription_data"),
        ("submit_type", Some("subscribe"), "", "submit_type"),
        ("ui_mode", Some("hosted"), "", "ui_mode"),
        ("invoice_creation[enabled]", Some("yes"), "", "invoice_creation[enabled]"),
    ];
    for (name, value, code, param) in cases {
        let (status, body) = town.stripe_post("checkout/sessions", &order_with(name, value)).await;
        let error = &body["error"];
        let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
        assert_eq!(status, 400, "{name}={value:?}: {body}");
        assert_eq!(text("type"), "invalid_request_error", "{name}={value:?}: {body}");
        // Stripe does not give every refusal a code.
        assert_eq!(
            (text("code").as_str(), text("param").as_str()),
            (code, param),
            "{name}={value:?}: {body}"
        );
        assert!(!text("message").is_empty());
    }
    assert_eq!(town.stripe_get("checkout/sessions").await.1["data"], Value::Array(Vec::new()));
    assert_eq!(town.stripe_post("checkout/sessions", &order()).await.0, 200);
}

fn priced(currency: &str, amount: &str) -> super::Pairs<'static> {
    let mut pairs = order_with("line_items[0][price]", None);
    let data = [("currency", currency), ("unit_amount", amount), ("product_data][name", "Call")];
    for (name, value) in data {
        let name: &'static str = match name {
            "currency" => "line_items[0][price_data][currency]",
            "unit_amount" => "line_items[0][price_data][unit_amount]",
            _ => "line_items[0][price_data][product_data][name]",
        };
        pairs.push((name, value.to_owned()));
    }
    pairs
}

#[tokio::test]
async fn amounts_keep_to_their_currency() {
    let town = Town::new().await;
    let unit = "line_items[0][price_data][unit_amount]";
    let currency = "line_items[0][price_data][currency]";
    for (of, amount, code, param) in [
        ("eur", "49", "amount_too_small", ""),
        ("gbp", "29", "amount_too_small", ""),
        ("jpy", "49", "amount_too_small", ""),
        ("eur", "100000000", "amount_too_large", unit),
        ("eur", "10.5", "parameter_invalid_integer", unit),
        ("eur", "-5", "parameter_invalid_integer", unit),
        ("kwd", "1005", "parameter_invalid_integer", unit),
        ("isk", "1050", "parameter_invalid_integer", unit),
        ("EUR", "1000", "", currency),
        ("doge", "1000", "", currency),
    ] {
        let (status, body) = town.stripe_post("checkout/sessions", &priced(of, amount)).await;
        let text = |field: &str| body["error"][field].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (status.as_u16(), text("code").as_str(), text("param").as_str()),
            (400, code, param),
            "{body}"
        );
    }
    for (of, amount) in [("eur", "50"), ("gbp", "30"), ("jpy", "50"), ("kwd", "1010"), ("isk", "10000")] {
        let session = town.session_of(&priced(of, amount)).await;
        assert_eq!(session["amount_total"].to_string(), amount);
        assert_eq!(session["currency"], of);
    }
}

#[tokio::test]
async fn too_many_keys_and_names_that_nest_wrongly_are_refused() {
    let town = Town::new().await;
    let names: Vec<String> = (0..51).map(|at| format!("metadata[k{at}]")).collect();
    let mut pairs: Vec<(&str, String)> = order();
    pairs.extend(names.iter().map(|name| (name.as_str(), "x".to_owned())));
    let (status, body) = town.stripe_post("checkout/sessions", &pairs).await;
    assert_eq!((status.as_u16(), &body["error"]["param"]), (400, &"metadata".into()));
    for name in ["mode[a]", "line_items[0", "line_items[x][price]", "[a]"] {
        let (status, _) = town.stripe_post("checkout/sessions", &order_with(name, Some("1"))).await;
        assert_eq!(status, 400, "{name}");
    }
    let mut pairs = order_with("customer_email", Some("ann@example.com"));
    pairs.push(("customer", "cus_1".to_owned()));
    assert_eq!(town.stripe_post("checkout/sessions", &pairs).await.0, 400);
}

#[tokio::test]
async fn keys_versions_bodies_and_paths_have_to_be_right() {
    let town = Town::new().await;
    let bare = |path: &str| town.ask(Method::GET, &format!("/stripe/v1/{path}"));
    let (status, body) = answer(bare("balance").header("stripe-version", STRIPE_VERSION)).await;
    assert_eq!((status.as_u16(), &body["error"]["type"]), (401, &"invalid_request_error".into()));
    let wrong = bare("balance").header("stripe-version", STRIPE_VERSION).bearer_auth("sk_test_other");
    assert_eq!(answer(wrong).await.0, 401);
    assert_eq!(answer(bare("balance").bearer_auth(STRIPE_SECRET_KEY)).await.0, 400);
    let old = bare("balance").bearer_auth(STRIPE_SECRET_KEY).header("stripe-version", "2024-06-20");
    assert_eq!(answer(old).await.0, 400);
    let json = town.stripe(Method::POST, "checkout/sessions").json(&serde_json::json!({"mode": "payment"}));
    let (status, body) = answer(json).await;
    assert_eq!(status, 400);
    assert!(body["error"]["message"].as_str().unwrap().contains("x-www-form-urlencoded"));
    for path in ["checkouts", "checkout/sessions/cs_test_none", "payment_intents/pi_none", "a/b/c/d"] {
        assert_eq!(town.stripe_get(path).await.0, 404, "{path}");
    }
    let (_, body) = town.stripe_get("charges/ch_none").await;
    assert_eq!(body["error"]["code"], "resource_missing");
    assert_eq!(answer(town.stripe(Method::DELETE, "checkout/sessions")).await.0, 404);
    assert_eq!(town.stripe_get("balance").await.1["object"], "balance");
    assert_eq!(town.stripe_get("account").await.1["charges_enabled"], true);
}

#[tokio::test]
async fn reads_refuse_what_no_list_has() {
    let town = Town::new().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "colour=red",
        "starting_after=cs_none",
        "created[since]=1",
        "created[gte]=x",
        "status=",
        "expand[]=data.colour",
        "expand[]=data.payment_intent.latest_charge.refunds.data.charge",
    ] {
        town.session().await;
        let (status, body) = town.stripe_get(&format!("checkout/sessions?{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
    }
    assert_eq!(town.stripe_get("events?type=a&types[]=b").await.0, 400);
    assert_eq!(town.stripe_get("invoice_payments?payment[payment_intent]=pi_1").await.0, 400);
    assert_eq!(town.stripe_get("subscriptions?status=alive").await.0, 400);
    assert_eq!(town.stripe_get(&format!("prices/{ONE_TIME_PRICE}?colour=red")).await.0, 400);
}

#[tokio::test]
async fn what_is_over_cannot_be_done_again() {
    let town = Town::new().await;
    let (session, till) = (town.session().await, town.sandbox.till());
    let expire = format!("checkout/sessions/{}/expire", super::id(&session));
    assert_eq!(town.stripe_post(&expire, &[("colour", "red".to_owned())]).await.0, 400);
    assert_eq!(town.stripe_post(&expire, &[]).await.0, 200);
    assert_eq!(town.stripe_post(&expire, &[]).await.0, 400);
    assert!(till.pay(super::id(&session), "ann@example.com").is_err());
    assert!(till.settle(super::id(&session), true).is_err());
    let paid = till.pay(super::id(&town.session().await), "ann@example.com").unwrap();
    let intent = paid["payment_intent"].as_str().unwrap();
    let refund = |amount: &str| vec![("payment_intent", intent.to_owned()), ("amount", amount.to_owned())];
    for (pairs, code) in [
        (vec![], "parameter_missing"),
        (vec![("payment_intent", "pi_none".to_owned())], "resource_missing"),
        (refund("0"), "parameter_invalid_integer"),
        (refund("15001"), ""),
        ([refund("1"), vec![("reason", "mood".to_owned())]].concat(), ""),
    ] {
        let (status, body) = town.stripe_post("refunds", &pairs).await;
        assert_eq!(
            (status.as_u16(), body["error"]["code"].as_str().unwrap_or_default()),
            (400, code),
            "{body}"
        );
    }
    assert_eq!(town.stripe_post("refunds", &refund("15000")).await.0, 200);
    let (_, body) = town.stripe_post("refunds", &[("payment_intent", intent.to_owned())]).await;
    assert_eq!(body["error"]["code"], "charge_already_refunded");
    let typed = town.stripe(Method::POST, &expire).header(CONTENT_TYPE, "text/plain").body("a=1");
    assert_eq!(answer(typed).await.0, 400);
}
