//! Files that are right, and everything that can be wrong with one.

use super::*;

fn problems(text: &str) -> Vec<String> {
    Book::read(text).err().unwrap_or_default().into_iter().map(|Problem(problem)| problem).collect()
}

/// A product with one action that does this.
fn action(does: &str) -> String {
    format!("[[products]]\nproduct = \"prod_1\"\n[[products.actions]]\nid = \"a\"\nlabel = \"A\"\n{does}\n")
}

#[test]
fn the_built_in_one_is_sound_and_needs_nothing_of_notion() {
    let book = Book::built_in();
    assert!(!book.needs_notion());
    assert_eq!(book.noted(), ["contract_url"]);
}

#[test]
fn everything_that_an_action_may_do_is_read() {
    for does in [
        "url = \"https://example.com/x\"",
        "url_metadata = \"x\"",
        "drive_folder = \"1AbC-_\"",
        "drive_folder_metadata = \"x\"",
        "notion_data_source = \"248104cd-477e\"",
        "notion_data_source_metadata = \"x\"",
        "support = true",
        "upgrade_plan = \"plan_1\"",
    ] {
        assert!(problems(&action(does)).is_empty(), "{does}");
    }
    assert!(Book::read(&action("notion_data_source_metadata = \"x\"")).unwrap().needs_notion());
    assert!(Book::read("").unwrap().noted().is_empty());
}

#[test]
fn what_an_action_does_is_one_thing_and_a_sound_one() {
    let one_thing = r#"prod_1: action "a" must say one thing that it does"#;
    let by_id = r#"prod_1: action "a": a folder must be given by its id"#;
    let https = r#"prod_1: action "a": url must be https://…"#;
    for (does, problem) in [
        ("", one_thing),
        ("support = false", one_thing),
        ("support = true\nupgrade_plan = \"plan_1\"", one_thing),
        ("url = \"https://example.com\"\nurl_metadata = \"x\"", one_thing),
        ("url = \"http://example.com\"", https),
        ("url = \"javascript:alert(1)\"", https),
        ("drive_folder = \"https://drive.google.com/x\"", by_id),
        ("drive_folder = \"x' or 'y\"", by_id),
        ("notion_data_source = \"\"", by_id),
        ("upgrade_plan = \"prod_1\"", r#"prod_1: plan "prod_1" must be plan_…"#),
    ] {
        assert_eq!(problems(&action(does)), [problem], "{does}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let text = r#"
        [[products]]
        product = "growth"
        plans = ["p/1"]
        [[products.actions]]
        id = "View it"
        label = " "
        support = true
        [[products.actions]]
        id = "b"
        label = "B"
        support = true
        [[products.actions]]
        id = "b"
        label = "0123456789012345678901234567890123456789012345678901234567890"
        support = true
    "#;
    let expected = [
        r#"product "growth" must be prod_…"#,
        r#"growth: plan "p/1" must be plan_…"#,
        r#"growth: action "View it" must be named by 1 to 40 of a-z, 0-9 and -"#,
        r#"growth: action "View it" must have a label of at most 60 characters"#,
        r#"growth: action "b" stands twice"#,
        r#"growth: action "b" must have a label of at most 60 characters"#,
    ];
    assert_eq!(problems(text), expected);
    assert_eq!(problems(&action("suport = true")).len(), 1, "a word that is none is told");
    assert_eq!(problems("products = 1").len(), 1);
}

#[test]
fn no_membership_is_given_one_id_twice() {
    let product = |plans: &str| {
        action("support = true")
            .replace("[[products.actions]]", &format!("plans = [{plans}]\n[[products.actions]]"))
    };
    let twice = [r#"prod_1: action "a" stands twice"#];
    for (one, other, is_fine) in [
        ("", "", false),
        ("", "\"plan_1\"", false),
        ("\"plan_1\", \"plan_2\"", "\"plan_2\"", false),
        ("\"plan_1\"", "\"plan_2\"", true),
    ] {
        let found = problems(&format!("{}{}", product(one), product(other)));
        assert_eq!(found, if is_fine { &[][..] } else { &twice[..] }, "{one} and {other}");
    }
    let other = product("").replace("prod_1", "prod_2");
    assert!(problems(&format!("{}{other}", product(""))).is_empty());
}
