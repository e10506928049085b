//! Where the services are that belong to the books a command talks to.
//!
//! The invariant: a command never mixes two systems. What was not named stands beside the books: in the same running
//! system, or in the one that was started.

use std::collections::BTreeMap;

use chassis::{Vars, config::base_url};
use gateway::erasure::KEEPERS;
use url::Url;

use super::{Failure, desk};
use crate::System;

/// The addresses of the services that keep anything, as far as they are known.
pub(super) struct Peers(BTreeMap<&'static str, Result<Url, String>>);

// === impl Peers ===

impl Peers {
    /// Those that the settings name, and no others.
    pub(super) fn named(vars: &Vars) -> Self {
        Self::gather(vars, |_| None)
    }

    /// Those of the system that runs in this directory.
    pub(super) fn running(vars: &Vars) -> Self {
        Self::gather(vars, |name| desk::running(vars, name))
    }

    /// Those of a system that was started.
    pub(super) fn of(vars: &Vars, system: &System) -> Self {
        let address = |name: &str| system.services.iter().find(|(service, _)| *service == name);
        Self::gather(vars, |name| Url::parse(&format!("http://{}", address(name)?.1)).ok())
    }

    fn gather(vars: &Vars, beside: impl Fn(&str) -> Option<Url>) -> Self {
        let known = |name: &'static str| {
            let setting = setting(name);
            let url = match vars.get(&setting) {
                Some(given) => base_url(given).map_err(|why| format!("{setting} {why}")),
                None => beside(name).ok_or_else(|| format!("{setting} is needed, beside SHEETS_WRITER_ADDR")),
            };
            (name, url)
        };
        Self(KEEPERS.iter().map(|keeper| known(keeper.name)).collect())
    }

    /// Where a service is.
    pub(super) fn url(&self, service: &str) -> Result<Url, Failure> {
        match self.0.get(service) {
            Some(known) => known.clone().map_err(Failure::Usage),
            None => Err(Failure::Usage(format!("there is no service {service}"))),
        }
    }
}

fn setting(service: &str) -> String {
    format!("{}_ADDR", service.replace('-', "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn two_systems_are_never_mixed() {
        let dir = tempfile::tempdir().unwrap();
        let running = r#"{"chat-agent":"http://127.0.0.1:1","session-broker":"http://127.0.0.1:2"}"#;
        std::fs::write(dir.path().join("addresses.json"), running).unwrap();
        let dir = dir.path().display().to_string();
        let vars = vars(&[("FRONTDESK_DIR", &dir), ("CHAT_AGENT_ADDR", "http://127.0.0.1:3")]);
        let beside = Peers::running(&vars);
        assert_eq!(beside.url("chat-agent").unwrap().port(), Some(3));
        assert_eq!(beside.url("session-broker").unwrap().port(), Some(2));
        let named = Peers::named(&vars);
        assert_eq!(named.url("chat-agent").unwrap().port(), Some(3));
        let missing = Failure::Usage("SESSION_BROKER_ADDR is needed, beside SHEETS_WRITER_ADDR".into());
        assert_eq!(named.url("session-broker").unwrap_err(), missing);
    }

    #[test]
    fn a_wrong_address_is_not_repeated() {
        let peers = Peers::named(&vars(&[("CHAT_AGENT_ADDR", "canary")]));
        let Err(Failure::Usage(why)) = peers.url("chat-agent") else { panic!("it is no address") };
        assert!(why.starts_with("CHAT_AGENT_ADDR must") && !why.contains("canary"), "{why}");
        assert!(matches!(peers.url("nothing"), Err(Failure::Usage(_))));
    }
}
