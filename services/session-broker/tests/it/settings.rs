//! What is wrong with the settings is said at once, and in words that give nothing away.

use chassis::{Problem, Vars};
use session_broker::Config;

use crate::broker::workflows;

fn problems<const N: usize>(settings: [(&str, &str); N]) -> Vec<Problem> {
    let vars: Vars = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    chassis::config::load::<Config>(&vars, []).err().unwrap_or_default()
}

fn names(problems: &[Problem]) -> Vec<&str> {
    let mut names: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn all_problems_are_told_at_once() {
    let (_files, dir) = workflows([("one", "titel = 'x'"), ("Two", ""), ("README", "title = 1")]);
    let found = problems([
        ("STORE", "postgres:here"),
        ("OPENAI_BASE_URL", "ftp://provider"),
        ("CHATKIT_WORKFLOW_ID", "sk-pasted-into-the-wrong-line"),
        ("WORKFLOWS_DIR", &dir),
        ("LIMIT_VISITOR", "fast"),
    ]);
    assert_eq!(
        names(&found),
        [
            "CHATKIT_WORKFLOW_ID",
            "LIMIT_VISITOR",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "STORE",
            "WORKFLOWS_DIR",
            "WORKFLOWS_DIR",
            "WORKFLOWS_DIR",
        ]
    );
    let told: String = found.iter().map(ToString::to_string).collect();
    assert!(told.contains("sqlite:DIR"), "{told}");
    assert!(!told.contains("sk-pasted"), "{told}");
}

#[test]
fn the_cloud_takes_neither_a_stand_in_nor_an_open_door() {
    let cloud = [
        ("K_SERVICE", "session-broker"),
        ("OPENAI_API_KEY", "sk-1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
        ("LIMIT_IP", "off"),
        ("LIMIT_SITE", "off"),
        ("ALLOW_SANDBOX", "0"),
    ];
    assert_eq!(names(&problems(cloud)), ["LIMIT_IP", "LIMIT_SITE", "OPENAI_BASE_URL"]);
    let mut allowed = cloud;
    allowed[5].1 = "1";
    assert_eq!(names(&problems(allowed)), ["LIMIT_IP", "LIMIT_SITE"]);
    let mut local = cloud;
    local[0].1 = "";
    assert_eq!(names(&problems(local)), [""; 0]);
}

#[test]
fn a_directory_that_is_not_there_and_a_key_that_is_none_are_problems() {
    let found = problems([("OPENAI_API_KEY", "sk with spaces"), ("WORKFLOWS_DIR", "/nowhere/at/all")]);
    assert_eq!(names(&found), ["OPENAI_API_KEY", "WORKFLOWS_DIR"]);
    let told: String = found.iter().map(ToString::to_string).collect();
    assert!(!told.contains("spaces and") && !told.contains("sk with"), "{told}");
}

#[test]
fn the_defaults_need_nothing_but_the_key() {
    assert_eq!(problems([("OPENAI_API_KEY", "sk-1")]), []);
}

#[test]
fn what_is_configured_does_not_show_the_key() {
    let vars: Vars = [("OPENAI_API_KEY".to_owned(), "sk-hidden".to_owned())].into_iter().collect();
    let config: Config = chassis::config::load(&vars, []).unwrap();
    assert!(!format!("{config:?}").contains("sk-hidden"));
}
