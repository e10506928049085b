//! Settings: everything wrong is said at once, before anything is bound or made, and no value is repeated.

use std::net::TcpListener;

use tokio::time::timeout;

use super::{Desk, frontdesk};
use crate::{story::answer::Answer, world::PATIENCE};

/// Runs it to its end in an empty directory; answers its exit code and what it said.
async fn run(vars: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut process = frontdesk(dir.path(), vars, args);
    let code = process.gone().await;
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "nothing is made before the settings are right: {left:?}");
    (code, process.said())
}

#[track_caller]
fn names(said: &str, settings: &[&str]) {
    for setting in settings {
        assert!(said.contains(&format!("{setting}: ")), "{setting} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_are_told_at_once_and_not_repeated() {
    let bad = [
        "PORT",
        "HOST",
        "STORE",
        "LIMIT_VISITOR",
        "LIMIT_IP",
        "LIMIT_SITE",
        "TOKEN_KEYS",
        "ALLOWED_ORIGINS",
        "PUBLIC_BASE_URL",
        "TRUSTED_PROXY_HOPS",
        "SHEETS_BASE_URL",
        "SHEET_TIME_ZONE",
        "LEAD_SCORE_THRESHOLD",
        "WORKFLOWS_DIR",
        "CHECKOUT_MINUTES",
        "SANDBOX_LEDGER_ADDR",
        "LIMIT_CHAT",
        "LIMIT_WRONG_TOKENS",
        "SMTP_CA_FILE",
        "LIMIT_TOKENS_DAY",
        "BUDGET_DAY",
        "MODEL_PRICES",
        "HANDOFF_PATIENCE",
        "HANDOFF_TIMEOUT",
        "MCP_TOKENS",
        "SLACK_WEBHOOK_URL",
        "SMTP_URL",
        "NOTIFY_EMAIL_FROM",
        "NOTIFY_EMAIL_TO",
        "NOTIFY_EVENTS",
        "LIMIT_NOTICES",
        "REPORT_AT",
        "REPORT_TIME_ZONE",
        "ANOMALIES_FILE",
        "QUICK_ACTIONS_FILE",
        "LIMIT_MEMBER_ACTIONS",
        "LIMIT_MEMBER_READS",
        "N8N_WEBHOOK_URL",
        "EVENT_DESTINATIONS",
    ];
    let mut vars: Vec<(&str, &str)> = bad.iter().map(|setting| (*setting, "canary value")).collect();
    // A stand-in would bring its own address and workflows.
    vars.extend([("GOOGLE_SHEETS_ID", "canary value"), ("OPENAI_API_KEY", "canary value")]);
    vars.push(("CHATKIT_WORKFLOW_ID", "canary value"));
    let (code, said) = run(&vars, &[]).await;
    assert_eq!(code, 64, "{said}");
    names(&said, &bad);
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_names_the_settings_of_all_services() {
    let (code, page) = run(&[("TOKEN_KEYS", "canary"), ("STORE", "canary")], &["--help"]).await;
    assert_eq!(code, 0);
    for setting in
        ["--live", "FRONTDESK_DIR", "STORE", "TOKEN_KEYS", "OPENAI_API_KEY", "MCP_TOKENS", "SMTP_URL"]
    {
        assert!(page.contains(setting), "{setting} in {page}");
    }
    assert!(!page.contains("canary"), "{page}");
    let (code, version) = run(&[], &["--version"]).await;
    assert_eq!((code, version.trim()), (0, concat!("frontdesk ", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn live_refuses_every_sandbox() {
    let (code, said) = run(&[], &["--live"]).await;
    assert_eq!(code, 64, "{said}");
    names(&said, &["OPENAI_API_KEY", "GOOGLE_SHEETS_ID", "CALCOM_API_KEY", "STRIPE_SECRET_KEY"]);
    let (code, said) = run(&[("OPENAI_API_KEY", "sk-canary")], &["--live"]).await;
    assert_eq!(code, 64, "{said}");
    names(&said, &["GOOGLE_SHEETS_ID"]);
    assert!(!said.contains("OPENAI_API_KEY") && !said.contains("canary"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cloud_asks_for_its_secrets() {
    let (code, said) = run(&[("K_SERVICE", "frontdesk")], &[]).await;
    assert_eq!(code, 64, "{said}");
    let required =
        ["TOKEN_KEYS", "ALLOWED_ORIGINS", "EVENTS_WEBHOOK_SECRET", "OPENAI_API_KEY", "GOOGLE_SHEETS_ID"];
    names(&said, &required);
    let line: serde_json::Value = said.trim().parse().expect("one line that the cloud's log can read");
    assert_eq!(line["severity"], "CRITICAL");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_flag_is_wrong_use() {
    let (code, said) = run(&[], &["--canary=canary-value"]).await;
    assert_eq!(code, 64, "{said}");
    assert!(!said.contains("canary-value"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_said_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let mut process = frontdesk(dir.path(), &[("PORT", &port)], &[]);
    assert_eq!(process.gone().await, 1, "{}", process.said());
    let said = process.stderr();
    assert!(said.contains(&format!("127.0.0.1:{port} cannot be bound")) && said.contains("PORT=0"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_go_to_a_collector_only_where_one_is_named() {
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = collector.local_addr().unwrap().port();
    let named = format!("http://127.0.0.1:{port}");
    let called = tokio::spawn(async move { collector.accept().await.unwrap() });
    let said = loud_life(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &named)]).await;
    timeout(PATIENCE, called).await.expect("the collector is called").unwrap();
    assert!(calls(&said, port), "a call would be seen in the log: {said}");

    let said = loud_life(&[]).await;
    // The ports that OTLP has by default.
    for port in [4317, 4318, port] {
        assert!(!calls(&said, port), "{said}");
    }
}

/// Serves one request and leaves; answers the log with every connection that was made.
async fn loud_life(vars: &[(&str, &str)]) -> String {
    let desk = Desk::start(&[&[("RUST_LOG", "info,hyper_util=debug")], vars].concat()).await;
    let health = Answer::of(desk.http.get(format!("{}/health", desk.base))).await;
    assert_eq!(health.status, 200);
    desk.leave("TERM").await.0.stderr()
}

fn calls(said: &str, port: u16) -> bool {
    let call = format!("connecting to 127.0.0.1:{port}");
    said.lines().any(|line| line.ends_with(&call))
}
