//! Money that goes back, and money of currencies that count otherwise.

use sandbox::Provider;
use serde_json::{Value, json};

use super::{
    desk::{Guest, WORKFLOW},
    meetings::line_when,
};
use crate::world::World;

/// The workflow as it is compiled in.
const DEFINITION: &str = include_str!("../../../../../shared/domain/workflows/lead-concierge.toml");

/// Somebody pays for an audit; the payment intent's id.
async fn paid(world: &World, guest: &Guest) -> (String, String) {
    let link = guest.checkout(world, "automation-audit", None).await;
    let session = world.session_id(&link.checkout_id);
    world.sandbox().till().pay(&session, &guest.email).unwrap();
    let row = line_when(world, "payments", "status", "paid").await;
    (link.checkout_id, row["id"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_add_up() {
    let world = World::shop().await;
    let guest = Guest::new(21);
    let (link, intent) = paid(&world, &guest).await;
    let till = world.sandbox().till();
    let told = |row: &Value| {
        let metadata: Value = serde_json::from_str(row["metadata"].as_str().unwrap()).unwrap();
        metadata["refunded"].clone()
    };
    for (amount, status, refunded) in [
        (Some(9_000), "partially_refunded", 9_000),
        (Some(10_000), "partially_refunded", 19_000),
        (None, "refunded", 49_000),
    ] {
        till.refund(&intent, amount).unwrap();
        let refunded = json!({"minor": refunded, "currency": "EUR"});
        crate::world::until("it is told", || told(&world.lines("payments")[0]) == refunded).await;
        let row = line_when(&world, "payments", "status", status).await;
        assert_eq!((&row["amount"], &row["currency"]), (&json!(490), &json!("EUR")), "what was charged");
        assert_eq!(row["id"], intent.as_str());
    }
    let seen = guest.look(&world, &link).await;
    assert_eq!(seen.refunded.map(|money| money.minor_units), Some(49_000));
    assert_eq!(seen.paid.map(|money| money.minor_units), Some(49_000));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_seen_until_it_is_won_or_lost() {
    let world = World::shop().await;
    let (_, intent) = paid(&world, &Guest::new(22)).await;
    let till = world.sandbox().till();
    let dispute = till.dispute(&intent).unwrap();
    line_when(&world, "payments", "status", "disputed").await;
    till.close_dispute(dispute["id"].as_str().unwrap(), true).unwrap();
    line_when(&world, "payments", "status", "paid").await;
    world.stop().await;

    let world = World::shop().await;
    let (_, intent) = paid(&world, &Guest::new(23)).await;
    let till = world.sandbox().till();
    let dispute = till.dispute(&intent).unwrap();
    line_when(&world, "payments", "status", "disputed").await;
    till.close_dispute(dispute["id"].as_str().unwrap(), false).unwrap();
    line_when(&world, "payments", "status", "lost").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn yen_and_dinars_are_right_in_the_books_and_on_the_page() {
    let own = tempfile::tempdir().unwrap();
    let offers = "
[[offers]]
id = \"yen\"
name = \"In yen\"
price = { minor = 15000, currency = \"JPY\" }
payable = true

[[offers]]
id = \"dinar\"
name = \"In dinars\"
price = { minor = 45500, currency = \"KWD\" }
payable = true

[[offers]]
id = \"krona\"
name = \"In kronur\"
price = { minor = 15000, currency = \"ISK\" }
payable = true
";
    std::fs::write(own.path().join(format!("{WORKFLOW}.toml")), format!("{DEFINITION}{offers}")).unwrap();
    let path = own.path().display().to_string();
    let world = World::with(&[("WORKFLOWS_DIR", &path)]).await;
    for (number, item, charged, amount, currency, told) in [
        (24, "yen", 15_000, json!(15000), "JPY", "15000 JPY"),
        (25, "dinar", 45_500, json!(45.5), "KWD", "45.500 KWD"),
        // Stripe counts it in hundredths that have to be none
        (26, "krona", 1_500_000, json!(15000), "ISK", "15000 ISK"),
    ] {
        let guest = Guest::new(number);
        let link = guest.checkout(&world, item, None).await;
        let session = world.stripe_session(&link.checkout_id);
        assert_eq!(session["amount_total"], json!(charged), "as Stripe counts");
        world.sandbox().till().pay(session["id"].as_str().unwrap(), &guest.email).unwrap();
        crate::world::until(item, || world.lines("payments").iter().any(|line| line["currency"] == currency))
            .await;
        let lines: Vec<Value> = world.lines("payments");
        let row = lines.iter().find(|line| line["currency"] == currency).unwrap();
        assert_eq!((&row["amount"], &row["status"]), (&amount, &json!("paid")));
        let page = world.return_page(&link.checkout_id).await;
        assert!(page.contains(told), "{told}: {page}");
    }
    assert_eq!(world.sandbox().webhooks(Provider::Stripe).under_way(), 0);
    world.stop().await;
}
