//! The page of calendar and till, and each of its buttons.

use reqwest::Method;
use sandbox::{INTRO_CALL, Provider, Visit};
use serde_json::{Map, Value, json};

use crate::harness::{Town, answer};

async fn press(town: &Town, action: Value) -> u16 {
    answer(town.ask(Method::POST, "/sandbox/providers").json(&action)).await.0.as_u16()
}

async fn page(town: &Town) -> String {
    let response = town.ask(Method::GET, "/sandbox/providers").send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

async fn session(town: &Town) -> String {
    let pairs = [
        ("mode", "payment".to_owned()),
        ("success_url", "https://shop.example/".to_owned()),
        ("client_reference_id", "<i>{{tables}}".to_owned()),
        ("line_items[0][price]", sandbox::ONE_TIME_PRICE.to_owned()),
        ("line_items[0][quantity]", "1".to_owned()),
    ];
    town.stripe_post("checkout/sessions", &pairs).await.1["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn checkouts_are_paid_refunded_and_disputed_by_buttons() {
    let town = Town::new().await;
    assert!(page(&town).await.contains("None yet"));
    let (till, id) = (town.sandbox.till(), session(&town).await);
    let shown = page(&town).await;
    assert!(shown.contains("&lt;i&gt;{{tables}}") && !shown.contains("<i>") && shown.contains("150.00 EUR"));
    assert!(shown.contains(&format!(
        "data-do=\"{{&quot;do&quot;:&quot;pay&quot;,&quot;id&quot;:&quot;{id}&quot;}}\""
    )));
    assert_eq!(press(&town, json!({"do": "fail", "id": id})).await, 204);
    assert_eq!(press(&town, json!({"do": "pay", "id": id})).await, 204);
    assert_eq!(press(&town, json!({"do": "pay", "id": id})).await, 400);
    let intent = till.get(&id).unwrap()["payment_intent"].clone();
    assert_eq!(press(&town, json!({"do": "refund", "id": intent, "amount": 7500})).await, 204);
    assert_eq!(press(&town, json!({"do": "dispute", "id": intent})).await, 204);
    let dispute = till.all("dispute").unwrap()[0]["id"].clone();
    assert_eq!(press(&town, json!({"do": "close_dispute", "id": dispute, "won": false})).await, 204);
    assert_eq!(till.all("charge").unwrap()[0]["amount_refunded"], 7500);
    let later = session(&town).await;
    assert_eq!(press(&town, json!({"do": "pay_later", "id": later})).await, 204);
    assert!(page(&town).await.contains(">Bounce<"));
    assert_eq!(press(&town, json!({"do": "settle", "id": later, "fine": true})).await, 204);
    assert_eq!(press(&town, json!({"do": "expire", "id": session(&town).await})).await, 204);
    assert_eq!(press(&town, json!({"do": "burn", "id": id})).await, 400);
}

#[tokio::test]
async fn bookings_are_moved_cancelled_and_missed_by_buttons() {
    let town = Town::new().await;
    let calendar = town.sandbox.calendar();
    assert_eq!(press(&town, json!({"do": "book"})).await, 204);
    assert_eq!(press(&town, json!({"do": "book"})).await, 204);
    let starts: Vec<_> = calendar.bookings().iter().map(|booking| booking["start"].clone()).collect();
    assert!(starts.len() == 2 && starts[0] != starts[1], "{starts:?}");
    for booking in calendar.bookings() {
        calendar.cancel(booking["uid"].as_str().unwrap(), sandbox::Side::Host, None).unwrap();
    }
    let book = |at: usize| {
        let visit = Visit {
            event_type: INTRO_CALL,
            start: calendar.free(INTRO_CALL, 14)[at],
            name: "Ann <b>".to_owned(),
            email: "ann@example.com".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            metadata: Map::new(),
            page_was_open: false,
        };
        calendar.book(&visit).unwrap()
    };
    let uid = book(0);
    assert!(page(&town).await.contains("Ann &lt;b&gt;"));
    assert_eq!(press(&town, json!({"do": "reschedule", "id": uid})).await, 204);
    let status = |uid: &str| {
        let bookings = calendar.bookings();
        bookings.iter().find(|booking| booking["uid"] == uid).unwrap()["status"].clone()
    };
    assert_eq!(status(&uid), "cancelled");
    let moved =
        calendar.bookings().iter().find(|booking| booking["status"] == "accepted").unwrap()["uid"].clone();
    assert_eq!(press(&town, json!({"do": "cancel", "id": moved})).await, 204);
    assert_eq!(status(moved.as_str().unwrap()), "cancelled");
    assert_eq!(press(&town, json!({"do": "cancel", "id": moved})).await, 400);
    let missed = book(3);
    assert_eq!(press(&town, json!({"do": "no_show", "id": missed})).await, 204);
    let kinds: Vec<_> =
        town.sandbox.webhooks(Provider::CalCom).log().into_iter().map(|sent| sent.kind).collect();
    assert!(kinds.contains(&"BOOKING_NO_SHOW_UPDATED".to_owned()), "{kinds:?}");
    assert_eq!(press(&town, json!({"do": "reschedule", "id": "none"})).await, 400);
}

#[tokio::test]
async fn webhooks_are_turned_by_buttons() {
    let town = Town::new().await;
    let webhooks = town.sandbox.webhooks(Provider::Stripe);
    let way = |way: &str| json!({"do": "webhooks", "provider": "stripe", "way": way});
    for (name, shown) in
        [("duplicate", "duplicate"), ("lose", "lose"), ("hold", "hold"), ("deliver", "deliver")]
    {
        assert_eq!(press(&town, way(name)).await, 204);
        assert_eq!(webhooks.way(), shown);
    }
    press(&town, way("hold")).await;
    press(&town, json!({"do": "expire", "id": session(&town).await})).await;
    assert_eq!(webhooks.held().len(), 1);
    assert_eq!(press(&town, way("release")).await, 204);
    assert_eq!(webhooks.held().len(), 0);
    let event = webhooks.log()[0].id.clone();
    let again = |id: &str| json!({"do": "resend", "provider": "stripe", "id": id});
    assert_eq!((press(&town, again(&event)).await, press(&town, again("evt_none")).await), (204, 400));
    assert!(page(&town).await.contains(&event));
    let refused = town.ask(Method::POST, "/sandbox/providers").header("origin", "http://evil.example");
    assert_eq!(answer(refused.json(&way("lose"))).await.0, 403);
}
