//! What a membership brings in a month, as the books are told of it.

use serde_json::{Value, json};

use super::rig::Rig;

impl Rig {
    /// What the books hear that a membership brings, after it has changed so.
    async fn mrr(&self, number: usize, change: Value) -> (String, Option<i64>) {
        let (id, message) = (format!("mem_{number}"), format!("msg_{number}"));
        self.whop.join(&id, "user_mara", "plan_playbooklife");
        self.whop.change("memberships", &id, change);
        self.tell(&message, "membership.updated", "memberships", &id).await;
        let told = self.books.until_subscription(&id, |_| true).await.subscription.unwrap();
        (told.status, told.mrr.map(|mrr| mrr.minor_units))
    }
}

fn renews(status: &str, days: u32, amount: &str) -> Value {
    let price = json!({"amount": amount, "currency": "eur", "decimals": 2});
    json!({"status": status, "billing_period_days": days, "renewal_price": price})
}

#[tokio::test]
async fn every_period_is_brought_to_a_month_and_what_is_not_owed_brings_nothing() {
    let rig = Rig::start().await;
    let free = json!({"amount": "0.00", "currency": "eur", "decimals": 2});
    let once = json!({"amount": "290.00", "currency": "eur", "decimals": 2});
    let cases = [
        (renews("active", 30, "1490.00"), ("active", 149_000)),
        (renews("active", 365, "14900.00"), ("active", 124_167)),
        (renews("active", 7, "100.00"), ("active", 43_333)),
        (renews("active", 90, "300.00"), ("active", 10_000)),
        (renews("active", 1, "1.00"), ("active", 3_042)),
        (renews("past_due", 30, "1490.00"), ("past_due", 149_000)),
        (renews("trialing", 30, "1490.00"), ("trialing", 0)),
        (renews("canceled", 30, "1490.00"), ("canceled", 0)),
        (renews("expired", 30, "1490.00"), ("expired", 0)),
        (renews("active", 30, "0.00"), ("active", 0)),
        (json!({"status": "completed", "initial_price": once}), ("completed", 0)),
        (json!({"status": "active", "initial_price": free}), ("active", 0)),
    ];
    for (number, (change, (status, minor))) in cases.into_iter().enumerate() {
        let told = rig.mrr(number, change.clone()).await;
        assert_eq!(told, (status.to_owned(), Some(minor)), "{change}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_plan_says_the_price_where_the_membership_does_not() {
    let rig = Rig::start().await;
    for (id, plan, minor) in [
        ("mem_1", "plan_growthmonthly", 149_000),
        ("mem_2", "plan_growthyearly", 124_167),
        ("mem_3", "plan_playbooklife", 0),
    ] {
        rig.whop.join(id, "user_mara", plan);
        rig.tell(&format!("msg_{id}"), "membership.activated", "memberships", id).await;
        let told = rig.books.until_subscription(id, |_| true).await.subscription.unwrap();
        assert_eq!(
            (told.mrr.unwrap().minor_units, told.plan.as_str()),
            (minor, plan.trim_start_matches("plan_"))
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_life_from_trial_to_its_end_is_one_row() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let steps = [
        (json!({"status": "trialing"}), "trialing", 0),
        (json!({"status": "active"}), "active", 149_000),
        (json!({"status": "past_due"}), "past_due", 149_000),
        (
            json!({"status": "active", "plan_id": "plan_scalemonthly", "product_id": "prod_scaleretainer",
            "product": {"id": "prod_scaleretainer", "title": "Scale"}}),
            "active",
            349_000,
        ),
        (json!({"status": "canceled", "canceled_at": "2026-10-21T00:00:00Z"}), "canceled", 0),
    ];
    for (number, (change, status, minor)) in steps.into_iter().enumerate() {
        rig.time.pass(60);
        rig.whop.change("memberships", "mem_1", change);
        rig.tell(&format!("msg_{number}"), "membership.updated", "memberships", "mem_1").await;
        let told = rig.books.until_subscription("mem_1", |it| {
            it.status == status && it.mrr.as_ref().unwrap().minor_units == minor
        });
        assert!(told.await.subscription.unwrap().renew_time.is_some() == (status != "canceled"));
    }
    assert_eq!(rig.books.told().subscriptions.len(), 5);
    rig.stop().await;
}
