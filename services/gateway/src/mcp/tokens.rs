//! The tokens of other people's agents: `MCP_TOKENS`.
//!
//! The invariant: a token opens the workflow that it is named for and no other; none is ever repeated in a problem.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use chassis::config::SECRET_MIN;
use domain::{id, token};
use secrecy::{ExposeSecret, SecretString};

use super::OPERATORS;
use crate::operator;

/// The workflows for which a local run makes tokens.
const MADE_FOR: [&str; 2] = ["lead-concierge", "client-portal"];

/// Tokens by the slug of their workflow.
#[derive(Clone, Debug, Default)]
pub struct Tokens(BTreeMap<String, Vec<SecretString>>);

// === impl Tokens ===

impl Tokens {
    /// Reads `WORKFLOW:TOKEN[,WORKFLOW:TOKEN…]`. A workflow may have several, while one takes another's place. An error
    /// names the entry by its number and never repeats it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Self::default();
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        for (index, entry) in entries.enumerate() {
            let (workflow, token) = check(entry).map_err(|why| format!("entry {} {why}", index + 1))?;
            tokens.add(workflow, token.into());
        }
        if tokens.0.is_empty() { Err("must hold at least one WORKFLOW:TOKEN".into()) } else { Ok(tokens) }
    }

    /// New tokens for a local run, as they stand in `MCP_TOKENS`.
    pub(crate) fn generate() -> String {
        MADE_FOR.map(|workflow| format!("{workflow}:{}", token::secret())).join(",")
    }

    /// The newest token of a workflow, for whoever is to show it.
    pub fn newest(&self, workflow: &str) -> Option<&str> {
        self.0.get(workflow)?.first().map(ExposeSecret::expose_secret)
    }

    pub(super) fn add(&mut self, workflow: &str, token: SecretString) {
        self.0.entry(workflow.to_owned()).or_default().push(token);
    }

    pub(super) fn has(&self, workflow: &str) -> bool {
        self.0.contains_key(workflow)
    }

    /// Whether the bearer beside a request is this workflow's. All are compared, whichever it is.
    pub(super) fn opens(&self, workflow: &str, headers: &HeaderMap) -> bool {
        let tokens = self.0.get(workflow).map(Vec::as_slice).unwrap_or_default();
        tokens.iter().fold(false, |opens, token| opens | operator::shows(headers, token))
    }

    /// The workflows whose bearer stands beside a request.
    pub(super) fn opened(&self, headers: &HeaderMap) -> Vec<String> {
        self.0.keys().filter(|workflow| self.opens(workflow, headers)).cloned().collect()
    }
}

fn check(entry: &str) -> Result<(&str, &str), String> {
    let (workflow, token) = entry.split_once(':').ok_or("must be WORKFLOW:TOKEN")?;
    if id::check(workflow).is_err() {
        return Err("must begin with the slug of a workflow".into());
    }
    if workflow == OPERATORS {
        return Err(format!("is for {OPERATORS}, which takes OPERATOR_TOKEN"));
    }
    if token.len() < SECRET_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("must have a token of at least {SECRET_MIN} visible characters"));
    }
    Ok((workflow, token))
}

impl PartialEq for Tokens {
    fn eq(&self, other: &Self) -> bool {
        let plain = |tokens: &Self| {
            let list = tokens.0.iter().map(|(workflow, tokens)| {
                let texts = tokens.iter().map(|token| token.expose_secret().to_owned());
                (workflow.clone(), texts.collect::<Vec<_>>())
            });
            list.collect::<Vec<_>>()
        };
        plain(self) == plain(other)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    const ONE: &str = "one-token-of-the-site";
    const TWO: &str = "two-token-of-the-site";

    fn bearer(token: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
    }

    #[test]
    fn a_token_opens_its_own_workflow() {
        let tokens = Tokens::parse(&format!("a:{ONE}, a:{TWO},b:three-token-of-it")).unwrap();
        for token in [ONE, TWO] {
            assert!(tokens.opens("a", &bearer(token)) && !tokens.opens("b", &bearer(token)), "{token}");
            assert_eq!(tokens.opened(&bearer(token)), ["a"]);
        }
        assert_eq!(tokens.newest("a").unwrap(), ONE, "the newest stands first");
        assert!(!tokens.opens("c", &bearer(ONE)) && !tokens.has("c"));
        assert!(tokens.opened(&bearer("a:one-token-of-the-site")).is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_and_never_repeated() {
        for (text, why) in [
            (" , ", "must hold at least one WORKFLOW:TOKEN"),
            ("canary-without-a-workflow", "entry 1 must be WORKFLOW:TOKEN"),
            (
                "a:one-token-of-the-site,b:canary",
                "entry 2 must have a token of at least 16 visible characters",
            ),
            ("a:canary canary canary", "entry 1 must have a token of at least 16 visible characters"),
            ("a/b:canary-canary-canary", "entry 1 must begin with the slug of a workflow"),
            ("ops-copilot:canary-canary-canary", "entry 1 is for ops-copilot, which takes OPERATOR_TOKEN"),
        ] {
            assert_eq!(Tokens::parse(text).unwrap_err(), why);
        }
        let tokens = Tokens::parse("a:canary-canary-canary").unwrap();
        assert!(!format!("{tokens:?}").contains("canary"));
    }

    #[test]
    fn what_is_made_is_read() {
        let made = Tokens::parse(&Tokens::generate()).unwrap();
        assert_eq!(made.newest("lead-concierge").unwrap().len(), 43);
        assert_ne!(made, Tokens::parse(&Tokens::generate()).unwrap());
    }
}
