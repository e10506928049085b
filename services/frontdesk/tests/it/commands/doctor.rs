//! `frontdesk doctor`: what it says of stand-ins, of live providers, and of those that refuse.

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use sandbox::{ACCESS_TOKEN, SPREADSHEET_ID, Sandbox};
use serde_json::Value;

use super::run;
use crate::{processes::child::host, world::until};

const KEY: &str = "sk-canary-key";

/// What the doctor says of one thing, with its state.
#[track_caller]
fn said<'a>(found: &'a Value, of: &str) -> (&'a str, &'a str) {
    let findings = found["findings"].as_array().unwrap();
    let finding = findings.iter().rfind(|finding| finding["of"] == of);
    let finding = finding.unwrap_or_else(|| panic!("nothing of {of} in {found}"));
    (finding["state"].as_str().unwrap(), finding["says"].as_str().unwrap())
}

/// An OpenAI that has one model and knows one key.
async fn openai() -> String {
    let answer = |Path(model): Path<String>, headers: HeaderMap| async move {
        match headers["authorization"] == format!("Bearer {KEY}").as_str() {
            false => StatusCode::UNAUTHORIZED,
            true if model == "gpt-5-mini" => StatusCode::OK,
            true => StatusCode::NOT_FOUND,
        }
    };
    format!("{}/v1", host(Router::new().route("/v1/models/{model}", get(answer))).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_stand_ins_it_says_so_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let found = run(dir.path(), &[], &["doctor", "--json"]).await.json(0);
    assert_eq!(said(&found, "OpenAI"), ("notice", "a stand-in; OPENAI_API_KEY makes it live"));
    assert_eq!(said(&found, "Google Sheets"), ("notice", "a stand-in; GOOGLE_SHEETS_ID makes it live"));
    assert_eq!(said(&found, "Cal.com"), ("notice", "a stand-in; CALCOM_API_KEY makes it live"));
    assert_eq!(said(&found, "Stripe"), ("notice", "a stand-in; STRIPE_SECRET_KEY makes it live"));
    assert_eq!(said(&found, "Whop"), ("notice", "a stand-in; WHOP_API_KEY makes it live"));
    assert!(said(&found, "store of booking-payments").1.starts_with("there is none yet"));
    assert_eq!(said(&found, "workflows"), ("ok", "client-portal, lead-concierge, ops-copilot"));
    assert_eq!(said(&found, "system"), ("notice", "none is running"));
    assert!(said(&found, "store of sheets-writer").1.starts_with("there is none yet"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_credentials_are_tried() {
    let dir = tempfile::tempdir().unwrap();
    let (sandbox, openai) = (Sandbox::open(None).unwrap(), openai().await);
    let sheets = format!("{}/sheets", host(sandbox.providers()).await);
    let live = |key, token| {
        [
            ("OPENAI_API_KEY", key),
            ("OPENAI_BASE_URL", openai.as_str()),
            ("GOOGLE_SHEETS_ID", SPREADSHEET_ID),
            ("SHEETS_BASE_URL", &sheets),
            ("GOOGLE_ACCESS_TOKEN", token),
            ("OPERATOR_TOKEN", "canary-of-the-operator"),
        ]
    };
    let found = run(dir.path(), &live(KEY, ACCESS_TOKEN), &["doctor", "--json"]).await.json(0);
    assert_eq!(said(&found, "OpenAI"), ("ok", "OpenAI takes the key and has gpt-5-mini"));
    assert_eq!(said(&found, "Google Sheets"), ("ok", "the spreadsheet can be written"));
    assert_eq!(said(&found, "OPERATOR_TOKEN"), ("ok", "set"));
    assert!(sandbox.tabs().len() <= 1, "the spreadsheet is as it was: {:?}", sandbox.tabs());

    let ran = run(dir.path(), &live("sk-canary-wrong", "canary-token"), &["doctor"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{}", ran.out);
    assert!(ran.out.contains("set OPENAI_API_KEY to one of the project's"), "{}", ran.out);
    assert!(ran.out.contains("the credentials were not accepted"), "{}", ran.out);
    assert!(!ran.out.contains("canary"), "{}", ran.out);

    let other = [&live(KEY, ACCESS_TOKEN)[..], &[("OPENAI_MODEL", "gpt-none")]].concat();
    let found = run(dir.path(), &other, &["doctor", "--json"]).await.json(1);
    let (state, says) = said(&found, "OpenAI");
    assert!(state == "wrong" && says.starts_with("there is no model gpt-none"), "{says}");
}

/// A calendar and a till that know one key each.
async fn calendar_and_till() -> String {
    let knows = |key: &'static str| {
        get(move |headers: HeaderMap| async move {
            let known = headers["authorization"] == format!("Bearer {key}").as_str();
            if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
        })
    };
    let routes =
        Router::new().route("/v2/me", knows("cal_live_canary")).route("/v1/balance", knows("sk_live_canary"));
    host(routes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_calendar_and_till_are_tried() {
    let dir = tempfile::tempdir().unwrap();
    let base = calendar_and_till().await;
    let live = |calcom, stripe| {
        [
            ("CALCOM_API_KEY", calcom),
            ("CALCOM_BASE_URL", base.as_str()),
            ("CALCOM_WEBHOOK_SECRETS", "canary-secret"),
            ("STRIPE_SECRET_KEY", stripe),
            ("STRIPE_BASE_URL", &base),
            ("STRIPE_WEBHOOK_SECRETS", "whsec_canary"),
        ]
    };
    let ran = run(dir.path(), &live("cal_live_canary", "sk_live_canary"), &["doctor", "--json"]).await;
    let found = ran.json(0);
    assert_eq!(said(&found, "Cal.com"), ("ok", "Cal.com takes the key"));
    assert_eq!(said(&found, "Stripe"), ("ok", "Stripe takes the key, which is of the live mode"));
    for setting in ["CALCOM_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRETS"] {
        assert_eq!(said(&found, setting), ("ok", "set"));
    }
    assert!(!ran.out.contains("canary"), "{}", ran.out);

    let wrong = live("cal_live_canary_wrong", "sk_test_canary_wrong");
    let wrong: Vec<_> = wrong.into_iter().filter(|(name, _)| *name != "STRIPE_WEBHOOK_SECRETS").collect();
    let ran = run(dir.path(), &wrong, &["doctor", "--json"]).await;
    let found = ran.json(1);
    for (of, says) in [
        ("Cal.com", "Cal.com does not take the key"),
        ("Stripe", "Stripe does not take the key"),
        ("STRIPE_WEBHOOK_SECRETS", "webhooks are refused"),
    ] {
        let (state, told) = said(&found, of);
        assert!(state == "wrong" && told.starts_with(says), "{of}: {state} {told}");
    }
    assert!(!ran.out.contains("canary"), "{}", ran.out);

    let away = [&live("cal_live_canary", "sk_live_canary")[..], &[("STRIPE_BASE_URL", "http://127.0.0.1:9")]]
        .concat();
    let found = run(dir.path(), &away, &["doctor", "--json"]).await.json(1);
    let told = said(&found, "Stripe");
    assert_eq!(told, ("wrong", "Stripe cannot be reached: look at STRIPE_BASE_URL and the network"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_the_app_and_the_webhook_of_whop_are_tried() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(None).unwrap();
    let base = format!("{}/whop/api/v1", host(sandbox.providers()).await);
    let live = |key| {
        [
            ("WHOP_API_KEY", key),
            ("WHOP_ACCOUNT_ID", sandbox::WHOP_ACCOUNT_ID),
            ("WHOP_BASE_URL", base.as_str()),
            ("WHOP_WEBHOOK_SECRETS", "ws_canary"),
        ]
    };
    let good = live(sandbox::WHOP_API_KEY);
    let doctor = async |vars: &[(&str, &str)], code| {
        let ran = run(dir.path(), vars, &["doctor", "--json"]).await;
        assert!(!ran.out.contains("canary"), "{}", ran.out);
        ran.json(code)
    };
    let found = doctor(&good, 1).await;
    assert_eq!(said(&found, "Whop"), ("ok", "Whop takes the key, which is of its sandbox"));
    assert_eq!(said(&found, "WHOP_WEBHOOK_SECRETS"), ("ok", "set"));
    assert!(said(&found, "WHOP_APP_ID").1.starts_with("nobody is recognised as a member"));
    let (state, says) = said(&found, "Whop's webhook");
    assert!(state == "wrong" && says.starts_with("Whop has no webhook to"), "{says}");

    sandbox.set_webhook(sandbox::Provider::Whop, "http://127.0.0.1:9/webhooks/whop", "ws_canary");
    let with_app = [&good[..], &[("WHOP_APP_ID", sandbox::WHOP_APP_ID)]].concat();
    let found = doctor(&with_app, 0).await;
    assert_eq!(said(&found, "Whop's webhook"), ("ok", "it is on, and gets through"));
    assert_eq!(said(&found, "WHOP_APP_ID"), ("ok", "set"));
    sandbox.club().join("user_mara", "plan_growthmonthly").unwrap();
    until("nobody takes it", || !sandbox.webhooks(sandbox::Provider::Whop).log().is_empty()).await;
    let found = doctor(&with_app, 1).await;
    let (state, says) = said(&found, "Whop's webhook");
    assert!(state == "wrong" && says.starts_with("nothing gets through since 20"), "{says}");

    let unset: Vec<_> =
        live("apik_canary").into_iter().filter(|(name, _)| !name.contains("SECRETS")).collect();
    let found = doctor(&unset, 1).await;
    let (state, says) = said(&found, "Whop");
    assert!(state == "wrong" && says.starts_with("Whop does not take the key for this account"), "{says}");
    assert!(said(&found, "WHOP_WEBHOOK_SECRETS").1.starts_with("webhooks are refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_read_are_listed_each() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = [("LIMIT_IP", "canary"), ("TOKEN_KEYS", "canary")];
    let ran = run(dir.path(), &wrong, &["doctor", "--json"]).await;
    let found = ran.json(1);
    for setting in ["LIMIT_IP", "TOKEN_KEYS"] {
        assert_eq!(said(&found, setting).0, "wrong");
    }
    assert!(!ran.out.contains("canary"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_open_readable_or_broken() {
    let world = crate::world::World::start().await;
    let path = world.dir.path().display().to_string();
    let vars = [("FRONTDESK_DIR", path.as_str())];
    let dir = world.dir.path().to_owned();
    let found = run(&dir, &vars, &["doctor", "--json"]).await.json(0);
    assert_eq!(said(&found, "system"), ("ok", "one is running and answers"));
    assert!(said(&found, "store of chat-agent").1.starts_with("open in the running system"));
    let _kept = world.stop().await;
    let found = run(&dir, &vars, &["doctor", "--json"]).await.json(0);
    assert!(said(&found, "store of chat-agent").1.starts_with("can be read, schema version"), "{found}");
    std::fs::write(dir.join("chat-agent.db"), "not a database at all, by no means").unwrap();
    let found = run(&dir, &vars, &["doctor", "--json"]).await.json(1);
    assert_eq!(said(&found, "store of chat-agent").0, "wrong");
}
