//! A retainer: it begins, it is renewed, a renewal fails, it ends.

use serde_json::{Value, json};

use super::{desk::Guest, meetings::line_when};
use crate::world::{World, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_retainer_is_one_subscription_and_an_invoice_a_month() {
    let world = World::shop().await;
    let (guest, till) = (Guest::new(31), world.sandbox().till());
    let link = guest.checkout(&world, "growth", None).await;
    till.pay(&world.session_id(&link.checkout_id), &guest.email).unwrap();
    let subscription = line_when(&world, "subscriptions", "status", "active").await;
    let first = line_when(&world, "payments", "status", "paid").await;
    let id = subscription["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("sub_") && first["id"].as_str().unwrap().starts_with("in_"), "{first}");
    assert_eq!((&first["invoice_id"], &first["amount"]), (&first["id"], &json!(1490)));
    assert_eq!((&subscription["mrr"], &subscription["canceled_at"]), (&json!(1490), &Value::Null));
    assert!(subscription["renews_at"].as_f64() > subscription["started_at"].as_f64(), "{subscription}");
    world.at_rest().await;
    assert_eq!(world.lines("payments").len(), 1, "the session and the intent have no row of their own");
    let contact = &world.lines("contacts")[0];
    assert_eq!((&subscription["contact_id"], &first["contact_id"]), (&contact["id"], &contact["id"]));
    let seen = guest.look(&world, &link.checkout_id).await;
    assert_eq!(
        (seen.payment_id.as_str(), seen.paid.unwrap().minor_units),
        (first["id"].as_str().unwrap(), 149_000)
    );
    let page = world.return_page(&link.checkout_id).await;
    assert!(page.contains("Thank you, it is paid"), "{page}");

    till.renew(&id, true).unwrap();
    let renewed = |line: &Value| line["renews_at"].as_f64() > subscription["renews_at"].as_f64();
    until("the next period", || renewed(&world.lines("subscriptions")[0])).await;
    world.lines_when("payments", 2).await;
    until("both are paid", || world.lines("payments").iter().all(|line| line["status"] == "paid")).await;

    till.renew(&id, false).unwrap();
    line_when(&world, "subscriptions", "status", "past_due").await;
    world.lines_when("payments", 3).await;
    until("one failed", || {
        world.lines("payments").iter().filter(|line| line["status"] == "failed").count() == 1
    })
    .await;
    let failed = world.lines("payments").into_iter().find(|line| line["status"] == "failed").unwrap();
    assert_eq!((&failed["paid_at"], &failed["contact_id"]), (&Value::Null, &contact["id"]));
    assert_eq!(world.lines("subscriptions")[0]["mrr"], 1490, "the money is still owed");

    till.cancel(&id).unwrap();
    let ended = line_when(&world, "subscriptions", "status", "canceled").await;
    assert_eq!(ended["mrr"], json!(0));
    assert!(ended["canceled_at"].is_number(), "{ended}");
    world.at_rest().await;
    assert_eq!((world.lines("payments").len(), world.lines("subscriptions").len()), (3, 1));
    world.stop().await;
}
