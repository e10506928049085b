//! The life of a membership: what each step leaves behind, and what is told of it.

use reqwest::Method;
use sandbox::{Club, Mishap, Provider};
use serde_json::{Value, json};

use super::id;
use crate::harness::{Town, answer};

/// What was told since, by type.
fn kinds(town: &Town, from: usize) -> Vec<String> {
    town.sandbox.webhooks(Provider::Whop).log().into_iter().skip(from).map(|sent| sent.kind).collect()
}

/// Does something, and answers what it is about and what was told.
async fn step(town: &Town, act: impl FnOnce(Club<'_>) -> Result<Value, Mishap>) -> (Value, Vec<String>) {
    town.whop_told().await;
    let before = town.sandbox.webhooks(Provider::Whop).log().len();
    let done = act(town.sandbox.club()).unwrap();
    town.whop_told().await;
    (done, kinds(town, before))
}

#[tokio::test]
async fn a_trial_ends_a_payment_fails_and_is_made_good() {
    let town = Town::new().await;
    let (trial, told) = step(&town, |club| club.join("user_mara", "plan_growthtrial")).await;
    assert_eq!((&trial["status"], told), (&json!("trialing"), vec!["membership.activated".to_owned()]));
    assert_eq!(trial["initial_price"]["amount"], "0.00");
    let id = id(&trial);
    assert!(town.payments_of(&id).await.is_empty());
    let (_, told) = step(&town, |club| club.trial_ends_soon(&id)).await;
    assert_eq!(told, ["membership.trial_ending_soon"]);

    let (owed, told) = step(&town, |club| club.renew(&id, false)).await;
    assert_eq!(told, ["payment.created", "payment.failed", "membership.updated"]);
    assert_eq!(
        (&owed["status"], &owed["current_period_end"]),
        (&json!("past_due"), &trial["current_period_end"])
    );
    let failed = town.payments_of(&id).await;
    assert_eq!((&failed[0]["status"], &failed[0]["substatus"]), (&json!("open"), &json!("failed")));
    assert_eq!(
        (&failed[0]["payments_failed"], failed[0]["next_payment_attempt_at"].is_string()),
        (&json!(1), true)
    );

    let (fine, told) = step(&town, |club| club.renew(&id, true)).await;
    assert_eq!(told, ["payment.succeeded", "membership.updated"]);
    assert_eq!(
        (&fine["status"], &fine["current_period_start"]),
        (&json!("active"), &trial["current_period_end"])
    );
    let paid = town.payments_of(&id).await;
    assert_eq!((paid.len(), &paid[0]["id"], &paid[0]["status"]), (1, &failed[0]["id"], &json!("paid")));
    assert_eq!(
        paid[0]["total"],
        json!({"amount": "1490.00", "currency": "eur", "decimals": 2, "display_decimals": 2})
    );
    assert!(town.sandbox.club().trial_ends_soon(&id).is_err(), "there is no trial any more");
}

#[tokio::test]
async fn cancelled_at_the_end_of_the_period_it_lives_until_then() {
    let town = Town::new().await;
    let (joined, told) = step(&town, |club| club.join("user_jonas", "plan_growthmonthly")).await;
    assert_eq!(told, ["payment.created", "payment.succeeded", "membership.activated"]);
    let id = id(&joined);
    let (leaving, told) = step(&town, |club| club.set_cancel(&id, true)).await;
    assert_eq!(told, ["membership.cancel_at_period_end_changed", "membership.updated"]);
    assert_eq!((&leaving["status"], leaving["canceled_at"].is_string()), (&json!("active"), true));
    assert!(town.sandbox.club().renew(&id, true).is_err(), "it does not renew");
    let (staying, _) = step(&town, |club| club.set_cancel(&id, false)).await;
    assert_eq!((&staying["cancel_at_period_end"], &staying["canceled_at"]), (&json!(false), &Value::Null));
    assert!(town.sandbox.club().period_ends(&id).is_err(), "it goes on");
    step(&town, |club| club.set_cancel(&id, true)).await;
    let (ended, told) = step(&town, |club| club.period_ends(&id)).await;
    assert_eq!(
        (&ended["status"], told),
        (&json!("canceled"), vec!["membership.updated".to_owned(), "membership.deactivated".to_owned()])
    );
    for refused in [town.sandbox.club().revoke(&id), town.sandbox.club().set_cancel(&id, true)] {
        assert!(refused.is_err(), "it has ended");
    }
}

#[tokio::test]
async fn what_is_never_paid_expires_and_what_is_revoked_ends_at_once() {
    let town = Town::new().await;
    let unpaid = town.joined("user_mara", "plan_growthmonthly");
    step(&town, |club| club.renew(&unpaid, false)).await;
    let (expired, _) = step(&town, |club| club.period_ends(&unpaid)).await;
    assert_eq!(expired["status"], "expired");
    assert_eq!(town.payments_of(&unpaid).await[0]["status"], "void");
    let once = town.joined("user_mara", "plan_playbooklife");
    let (revoked, told) = step(&town, |club| club.revoke(&once)).await;
    assert_eq!(
        (&revoked["status"], told.last().unwrap().as_str()),
        (&json!("canceled"), "membership.deactivated")
    );
}

#[tokio::test]
async fn money_goes_back_in_parts_and_no_further_and_a_bank_may_want_it_too() {
    let town = Town::new().await;
    let membership = town.joined("user_lena", "plan_playbooklife");
    let payment = id(&town.payments_of(&membership).await[0]);
    let (refund, told) = step(&town, |club| club.refund(&payment, Some(9_000))).await;
    assert_eq!(told, ["refund.created", "refund.updated"]);
    assert_eq!((&refund["amount"]["amount"], &refund["payment_id"]), (&json!("90.00"), &json!(payment)));
    let part = town.whop_get(&format!("payments/{payment}")).await;
    assert_eq!(
        (&part["substatus"], &part["refunded_amount"]["amount"]),
        (&json!("partially_refunded"), &json!("90.00"))
    );
    for amount in [Some(20_001), Some(0), Some(-1)] {
        assert!(town.sandbox.club().refund(&payment, amount).is_err(), "{amount:?}");
    }
    let (dispute, told) = step(&town, |club| club.dispute(&payment)).await;
    assert_eq!((told, &dispute["payment"]["id"]), (vec!["dispute.created".to_owned()], &json!(payment)));
    assert_eq!(town.whop_get(&format!("payments/{payment}")).await["substatus"], "dispute_needs_response");
    assert!(town.sandbox.club().dispute(&payment).is_err(), "it is disputed already");
    let (won, told) = step(&town, |club| club.close_dispute(&id(&dispute), true)).await;
    assert_eq!((&won["status"], told), (&json!("won"), vec!["dispute.updated".to_owned()]));
    step(&town, |club| club.refund(&payment, None)).await;
    assert_eq!(super::data(&town.whop_get(&format!("refunds?payment_id={payment}")).await).len(), 2);
    assert!(town.sandbox.club().refund(&payment, None).is_err(), "nothing is left");
}

#[tokio::test]
async fn an_upgrade_changes_the_plan_or_buys_the_other_product() {
    let town = Town::new().await;
    let old = town.joined("user_mara", "plan_growthmonthly");
    let (yearly, told) = step(&town, |club| club.upgrade(&old, "plan_growthyearly")).await;
    assert_eq!(told, ["payment.created", "payment.succeeded", "membership.updated"]);
    assert_eq!((&yearly["id"], &yearly["billing_period_days"]), (&json!(old), &json!(365)));
    assert_eq!(town.payments_of(&old).await[0]["billing_reason"], "subscription_update");
    let body = town.sandbox.webhooks(Provider::Whop).log().last().unwrap().body.clone();
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["previous_attributes"]["plan_id"], "plan_growthmonthly");
    assert!(event["previous_attributes"].get("id").is_none(), "{event}");

    let (scale, _) = step(&town, |club| club.upgrade(&old, "plan_scalemonthly")).await;
    assert_eq!((&scale["product_id"], &scale["license_key"]), (&json!("prod_scaleretainer"), &Value::Null));
    assert_eq!(town.whop_get(&format!("memberships/{old}")).await["status"], "canceled");
    assert!(town.sandbox.club().upgrade(&id(&scale), "plan_scalemonthly").is_err(), "it is that plan");
}

#[tokio::test]
async fn the_api_cancels_as_whop_does() {
    let town = Town::new().await;
    let (one, two) =
        (town.joined("user_mara", "plan_growthmonthly"), town.joined("user_jonas", "plan_growthmonthly"));
    let at_end = json!({"cancel_at_period_end": true, "reason": "Too expensive"});
    let (status, leaving) = town.whop_post(&format!("memberships/{one}/cancel"), at_end).await;
    assert_eq!((status.as_u16(), &leaving["status"]), (200, &json!("active")));
    assert_eq!(
        (&leaving["cancel_at_period_end"], &leaving["cancellation_reason"]),
        (&json!(true), &json!("Too expensive"))
    );
    // What a client forgets to say costs its customer the access.
    let (_, gone) = town.whop_post(&format!("memberships/{two}/cancel"), json!({})).await;
    assert_eq!(gone["status"], "canceled");
    let (status, error) = town.whop_post(&format!("memberships/{two}/cancel"), json!({})).await;
    assert_eq!((status.as_u16(), &error["error"]["type"]), (422, &json!("unprocessable_entity")));
    let patch = |body: Value| answer(town.whop(Method::PATCH, &format!("memberships/{one}")).json(&body));
    assert_eq!(patch(json!({"cancel_at_period_end": false})).await.1["cancel_at_period_end"], false);
    patch(json!({"metadata": {"drive_folder": "folder_growth", "a": 1}})).await;
    let merged = patch(json!({"metadata": {"a": 2}})).await.1;
    assert_eq!(merged["metadata"], json!({"drive_folder": "folder_growth", "a": 2}));
    assert_eq!(patch(json!({"metadata": {}})).await.1["metadata"], json!({}));
}
