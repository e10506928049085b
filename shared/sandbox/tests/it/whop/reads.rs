//! Reading: shapes, filters, pages, licences, and the two versions.

use reqwest::Method;
use sandbox::{WHOP_ACCOUNT_ID, WHOP_VERSION};
use serde_json::{Value, json};

use super::{data, id, ids};
use crate::harness::{Town, answer};

#[tokio::test]
async fn every_page_is_turned_once_and_what_comes_meanwhile_moves_nothing() {
    let town = Town::new().await;
    let mut all = Vec::new();
    for number in 0..7 {
        let user = format!("user_p{number}");
        town.sandbox.club().add_person(&user, "P", &format!("p{number}@example.com")).unwrap();
        all.insert(0, town.joined(&user, "plan_free"));
    }
    let (mut seen, mut path) = (Vec::new(), "memberships?first=3".to_owned());
    loop {
        let page = town.whop_get(&path).await;
        seen.extend(ids(&page));
        town.joined("user_mara", "plan_free");
        let info = &page["page_info"];
        assert_eq!(info["has_previous_page"], !path.ends_with("first=3"));
        if info["has_next_page"] == false {
            break;
        }
        path = format!("memberships?first=3&after={}", info["end_cursor"].as_str().unwrap());
    }
    assert_eq!(seen, all);
    let end = town.whop_get("memberships?last=2").await;
    assert_eq!(ids(&end), all[5..]);
    let before = end["page_info"]["start_cursor"].as_str().unwrap().to_owned();
    assert_eq!(ids(&town.whop_get(&format!("memberships?last=2&before={before}")).await), all[3..5]);
    let oldest = town.whop_get("memberships?direction=asc&order=created_at&first=1").await;
    assert_eq!(ids(&oldest), all[6..]);
}

#[tokio::test]
async fn filters_find_what_they_name_and_buckets_are_whops() {
    let town = Town::new().await;
    let (club, mara, jonas) = (town.sandbox.club(), "user_mara", "user_jonas");
    let trial = town.joined(mara, "plan_growthtrial");
    let leaving = town.joined(mara, "plan_growthmonthly");
    club.set_cancel(&leaving, true).unwrap();
    let once = town.joined(jonas, "plan_playbooklife");
    let active = town.joined(jonas, "plan_scalemonthly");
    for (query, wanted) in [
        ("user_id=user_mara", vec![&leaving, &trial]),
        ("user_id=user_nobody", vec![]),
        ("user_id=me", vec![]),
        ("member_id=mber_jonas", vec![&active, &once]),
        ("account_id=biz_other", vec![]),
        ("product_id=prod_growthretainer", vec![&leaving, &trial]),
        ("product_ids=prod_scaleretainer&product_ids=prod_playbooklife", vec![&active, &once]),
        ("plan_ids[]=plan_growthtrial", vec![&trial]),
        ("plan_id=plan_playbooklife", vec![&once]),
        ("status=active", vec![&active]),
        ("status=canceling", vec![&leaving]),
        ("statuses=trialing&statuses=canceling", vec![&leaving, &trial]),
        ("statuses[]=one_time", vec![&once]),
        ("status=unclaimed", vec![]),
        ("created_before=2026-01-01T00:00:00Z", vec![]),
        ("created_after=2026-01-01T00:00:00Z&user_id=user_jonas", vec![&active, &once]),
    ] {
        let found = ids(&town.whop_get(&format!("memberships?{query}")).await);
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{query}");
    }
    let paid = town.whop_get("payments?user_id=user_jonas&status=paid&billing_reason=one_time").await;
    assert_eq!(data(&paid).len(), 1);
    assert_eq!(data(&paid)[0]["customer_email"], "jonas@example.com");
}

#[tokio::test]
async fn a_licence_key_names_its_membership() {
    let town = Town::new().await;
    let joined = town.sandbox.club().join("user_mara", "plan_growthmonthly").unwrap();
    let key = joined["license_key"].as_str().unwrap();
    let parts: Vec<_> = key.split('-').collect();
    let is_part =
        |part: &&str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    assert!(parts.len() == 4 && parts[0] == "WHOP" && parts[1..].iter().all(is_part), "{key}");
    let other = town.sandbox.club().join("user_mara", "plan_growthmonthly").unwrap();
    assert_ne!(other["license_key"], joined["license_key"], "nobody else's");
    assert_eq!(town.whop_get(&format!("memberships/{key}")).await, joined);
    assert_eq!(town.whop_get(&format!("memberships/{}", id(&joined))).await, joined);
    let (status, error) = answer(town.whop(Method::GET, "memberships/WHOP-0000-0000-0000")).await;
    assert_eq!(
        (status.as_u16(), error),
        (404, json!({"error": {"type": "not_found", "message": "Membership not found"}}))
    );
}

#[tokio::test]
async fn without_a_date_the_shape_is_the_legacy_one() {
    let town = Town::new().await;
    let id = town.joined("user_mara", "plan_growthmonthly");
    let path = format!("memberships/{id}");
    let dated = town.whop_get(&path).await;
    assert_eq!((&dated["user_id"], dated.get("user")), (&json!("user_mara"), None));
    assert_eq!(
        (&dated["account"]["id"], &dated["renewal_price"]["amount"]),
        (&json!(WHOP_ACCOUNT_ID), &json!("1490.00"))
    );
    let (_, legacy) = answer(town.whop_undated(Method::GET, &path)).await;
    assert_eq!((&legacy["user"]["email"], legacy.get("user_id")), (&json!("mara@example.com"), None));
    assert_eq!(
        (&legacy["company"]["id"], &legacy["initial_price_paid"]),
        (&json!(WHOP_ACCOUNT_ID), &json!("€1490.00"))
    );
    assert_eq!(legacy["renewal_period_end"], dated["current_period_end"]);
    let old = town.whop_undated(Method::GET, &path).header("api-version-date", "2025-01-01");
    assert_eq!(answer(old).await.1, legacy);
    for date in ["2026-09-25", "2026-10-15", "tomorrow", ""] {
        let asked = town.whop_undated(Method::GET, &path).header("api-version-date", date);
        assert_eq!(answer(asked).await.0, 400, "{date}");
    }
    let (_, payments) = answer(town.whop_undated(Method::GET, "payments")).await;
    assert_eq!(
        (&payments["data"][0]["total"], &payments["data"][0]["user"]["id"]),
        (&json!(1490.0), &json!("user_mara"))
    );
    assert_eq!(answer(town.whop_undated(Method::GET, "plans")).await.0, 400, "not played");
    assert_eq!(town.sandbox.requests()[0].api_version.as_deref(), Some(WHOP_VERSION));
}

#[tokio::test]
async fn members_are_found_by_address_and_users_show_none() {
    let town = Town::new().await;
    let found = async |query: &str| ids(&town.whop_get(&format!("members?query={query}")).await);
    assert!(found("mara@example.com").await.is_empty(), "who never joined is no member");
    let membership = town.joined("user_mara", "plan_growthmonthly");
    town.joined("user_jonas", "plan_free");
    assert_eq!(found("MARA@example.com").await, ["mber_mara"]);
    assert_eq!(found("jens").await, ["mber_jonas"]);
    assert!(found("mara@example").await.is_empty(), "an address counts to the letter");
    let member = town.whop_get("members/mber_mara").await;
    assert_eq!((&member["user"]["id"], &member["access_level"]), (&json!("user_mara"), &json!("customer")));
    assert_eq!(town.whop_get("users/user_mara").await["email"], Value::Null);
    assert_eq!(town.whop_get("users/mara").await["id"], "user_mara");

    let access =
        async |user: &str, resource: &str| town.whop_get(&format!("users/{user}/access/{resource}")).await;
    let yes = json!({"has_access": true, "access_level": "customer"});
    let no = json!({"has_access": false, "access_level": "no_access"});
    assert_eq!(access("user_mara", "prod_growthretainer").await, yes);
    assert_eq!(access("mara", WHOP_ACCOUNT_ID).await, yes);
    assert_eq!(access("user_mara", "prod_scaleretainer").await, no);
    assert_eq!(access("user_lena", WHOP_ACCOUNT_ID).await, no);
    town.sandbox.club().renew(&membership, false).unwrap();
    assert_eq!(access("user_mara", "prod_growthretainer").await, yes, "a grace period");
    town.sandbox.club().revoke(&membership).unwrap();
    assert_eq!(access("user_mara", "prod_growthretainer").await, no);
}

#[tokio::test]
async fn plans_are_variants_and_their_prices_numbers() {
    let town = Town::new().await;
    let plan = town.whop_get("plans/plan_growthyearly").await;
    assert_eq!((&plan["renewal_price"], &plan["billing_period"]), (&json!(14900.0), &json!(365)));
    assert_eq!(plan["initial_price_due"]["amount"], "14900.00");
    assert_eq!(town.whop_get("variants/plan_growthyearly").await, plan);
    let growth = town.whop_get("variants?product_ids=prod_growthretainer&direction=asc").await;
    assert_eq!(ids(&growth), ["plan_growthmonthly", "plan_growthtrial", "plan_growthyearly"]);
    assert_eq!(ids(&town.whop_get("plans?plan_types=one_time").await), ["plan_free", "plan_playbooklife"]);
    let trial = town.whop_get("plans/plan_growthtrial").await;
    assert_eq!(
        (&trial["trial_period_days"], &trial["initial_price_due"]["amount"]),
        (&json!(14), &json!("0.00"))
    );
    assert_eq!(town.whop_get("products/playbook-life").await["id"], "prod_playbooklife");
    assert_eq!(ids(&town.whop_get("products").await).len(), 3);
}
