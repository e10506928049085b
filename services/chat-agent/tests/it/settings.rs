//! What the service does not start with.

use chassis::Vars;
use chat_agent::{Cap, Config};

fn load<const N: usize>(cloud: bool, settings: [(&str, &str); N]) -> Result<Config, Vec<String>> {
    let mut vars: Vars = [("OPENAI_API_KEY".to_owned(), "sk-tests".to_owned())].into_iter().collect();
    if cloud {
        vars.set("K_SERVICE", "chat-agent");
    }
    settings.into_iter().for_each(|(name, value)| vars.set(name, value));
    chassis::config::load(&vars, [])
        .map_err(|problems| problems.into_iter().map(|problem| problem.setting).collect())
}

#[test]
fn a_key_is_all_that_is_needed() {
    let config = load(false, []).unwrap();
    assert_eq!(config.openai_model, "gpt-5-mini");
    assert_eq!(config.limit_tokens_day, Cap::At(200_000));
    assert_eq!(config.budget_day.amount().unwrap().to_string(), "10.00 USD");
    assert_eq!(config.limit_chat.to_string(), "10/m:5");
    assert_eq!(config.sheets_writer_addr.as_str(), "http://127.0.0.1:8085/");
}

#[test]
fn all_problems_are_told_at_once() {
    let wrong = load(
        false,
        [
            ("OPENAI_API_KEY", "sk with spaces"),
            ("OPENAI_MODEL", "a model"),
            ("WORKFLOWS_DIR", "/nowhere/at/all"),
        ],
    );
    let mut wrong = wrong.unwrap_err();
    wrong.sort();
    assert_eq!(wrong, ["OPENAI_API_KEY", "OPENAI_MODEL", "WORKFLOWS_DIR"]);
    let mut wrong = load(
        false,
        [
            ("BUDGET_DAY", "ten"),
            ("LIMIT_CHAT", "fast"),
            ("LIMIT_TOKENS_DAY", "x"),
            ("SHEETS_WRITER_ADDR", "x"),
        ],
    )
    .unwrap_err();
    wrong.sort();
    assert_eq!(wrong, ["BUDGET_DAY", "LIMIT_CHAT", "LIMIT_TOKENS_DAY", "SHEETS_WRITER_ADDR"]);
}

#[test]
fn the_cloud_takes_no_stand_in_and_no_limit_off() {
    let off = [("LIMIT_CHAT", "off"), ("LIMIT_TOKENS_DAY", "off"), ("BUDGET_DAY", "off")];
    assert_eq!(load(true, off).unwrap_err(), ["LIMIT_CHAT", "LIMIT_TOKENS_DAY", "BUDGET_DAY"]);
    load(false, off).unwrap();
    let sandbox = ("OPENAI_BASE_URL", "http://127.0.0.1:1");
    assert_eq!(load(true, [sandbox]).unwrap_err(), ["OPENAI_BASE_URL"]);
    load(true, [sandbox, ("ALLOW_SANDBOX", "1")]).unwrap();
}
