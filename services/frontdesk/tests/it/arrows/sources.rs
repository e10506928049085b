//! What no manifest shows: who speaks to which provider, who serves the public, how long a file is.

use std::{fs, path::Path};

use super::root;

/// Words that belong to few. `frontdesk` and `sandbox` see everything and are free.
const WORDS: [(&str, &[&str]); 15] = [
    ("chatkit/sessions", &["services/session-broker", "services/chat-agent"]),
    ("OPENAI_API_KEY", &["services/session-broker", "services/chat-agent"]),
    ("OPENAI_BASE_URL", &["services/session-broker", "services/chat-agent"]),
    ("api.openai.com", &["services/session-broker", "services/chat-agent"]),
    ("spreadsheets", &["services/sheets-writer"]),
    ("sheets.googleapis.com", &["services/sheets-writer"]),
    ("api.cal.com", &["services/booking-payments"]),
    ("CALCOM_API_KEY", &["services/booking-payments"]),
    ("api.stripe.com", &["services/booking-payments"]),
    ("STRIPE_SECRET_KEY", &["services/booking-payments"]),
    ("api.whop.com", &["services/whop-gateway"]),
    ("WHOP_API_KEY", &["services/whop-gateway"]),
    ("googleapis.com/drive", &["services/whop-gateway"]),
    ("api.notion.com", &["services/whop-gateway"]),
    ("axum::", &["services/gateway", "shared/chassis"]),
];
const FREE: [&str; 2] = ["services/frontdesk", "shared/sandbox"];
/// Crates whose names may stand in code of these only.
const CRATES: [(&str, &[&str]); 3] = [
    ("rusqlite::", &["shared/store", "shared/sandbox", "shared/tools"]),
    ("firestore::", &["shared/store"]),
    ("axum::Router", &["services/gateway", "services/frontdesk", "shared/chassis", "shared/sandbox"]),
];
const MOST_LINES: usize = 400;

/// A Rust file, its path from the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_of(&self, packages: &[&str]) -> bool {
        packages.iter().any(|package| self.path.starts_with(&format!("{package}/")))
    }

    /// Whether it is part of what ships: not a module of tests beside the code.
    fn ships(&self) -> bool {
        let inside = self.path.split_once("/src/").map(|(_, inside)| inside);
        inside.is_some_and(|inside| !inside.split('/').any(|part| part == "tests" || part == "tests.rs"))
    }
}

fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for room in ["proto", "shared", "services"] {
        collect(&root, &root.join(room), &mut found);
    }
    assert!(found.len() > 100, "only {} files found", found.len());
    found
}

fn collect(root: &Path, dir: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push(Source { path: path.strip_prefix(root).unwrap().display().to_string(), text });
        }
    }
}

/// Who says what only others may say, in sentences.
fn wrong_words(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| source.ships()) {
        let free = source.is_of(&FREE);
        let words = WORDS.iter().filter(|_| !free).chain(&CRATES);
        for (word, allowed) in words.filter(|(word, _)| source.text.contains(word)) {
            if !source.is_of(allowed) {
                wrong.push(format!(
                    "{} must not say `{word}`: that is for {}",
                    source.path,
                    allowed.join(" and ")
                ));
            }
        }
    }
    wrong
}

#[test]
fn only_its_own_service_speaks_to_a_provider() {
    let wrong = wrong_words(&sources());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_word_is_named() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let wrong = wrong_words(&[
        source("services/gateway/src/openai.rs", "std::env!(\"OPENAI_API_KEY\")"),
        source("services/frontdesk/src/options.rs", "OPENAI_API_KEY rusqlite::Connection"),
        source("services/session-broker/src/openai.rs", "chatkit/sessions"),
        source("services/session-broker/tests/it/upstream.rs", "axum::serve"),
        source("services/chat-agent/src/brain/tests/model.rs", "axum::serve"),
        source("services/chat-agent/src/tests_of_claims.rs", "axum::serve"),
        source("services/sheets-writer/src/grpc.rs", "axum::routing::get"),
    ]);
    let expected = [
        "services/gateway/src/openai.rs must not say `OPENAI_API_KEY`: that is for services/session-broker and \
         services/chat-agent",
        "services/frontdesk/src/options.rs must not say `rusqlite::`: that is for shared/store and shared/sandbox \
         and shared/tools",
        "services/chat-agent/src/tests_of_claims.rs must not say `axum::`: that is for services/gateway and \
         shared/chassis",
        "services/sheets-writer/src/grpc.rs must not say `axum::`: that is for services/gateway and shared/chassis",
    ];
    assert_eq!(wrong, expected);
}

#[test]
fn the_words_are_those_that_are_said() {
    let sources = sources();
    for word in [
        "chatkit/sessions",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "api.openai.com",
        "spreadsheets",
        "sheets.googleapis.com",
        "api.cal.com",
        "CALCOM_API_KEY",
        "api.stripe.com",
        "STRIPE_SECRET_KEY",
        "api.whop.com",
        "WHOP_API_KEY",
        "googleapis.com/drive",
        "api.notion.com",
        "axum::",
    ] {
        let (_, allowed) = WORDS.iter().find(|(known, _)| *known == word).unwrap();
        let said = sources
            .iter()
            .any(|source| source.is_of(allowed) && source.ships() && source.text.contains(word));
        assert!(said, "nobody says `{word}` any more; this test watches the wrong word");
    }
}

#[test]
fn no_file_is_long() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(source, lines)| {
            format!("{} has {lines} lines; split it, {MOST_LINES} is the most", source.path)
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
