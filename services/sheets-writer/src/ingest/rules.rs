//! How deliveries are judged: whose they are, which turn is a lead, how far an outcome brings one.

use std::sync::Arc;

use chassis::config::Secrets;
use domain::{
    Fault, Kind, Reason,
    workflow::{Registry, Workflow},
};
use subtle::ConstantTimeEq as _;

use super::Delivery;
use crate::{event::NEEDS_HUMAN, leads::Stage};

/// How deliveries are judged.
#[derive(Clone)]
pub(crate) struct Rules {
    secrets: Option<Secrets>,
    pub(crate) threshold: f64,
    workflows: Arc<Registry>,
}

// === impl Rules ===

impl Rules {
    pub(crate) fn new(config: &crate::Config) -> Self {
        if config.events_webhook_secret.is_none() {
            tracing::warn!("EVENTS_WEBHOOK_SECRET is not set: events are taken from loopback only");
        }
        Self {
            secrets: config.events_webhook_secret.clone(),
            threshold: config.lead_score_threshold,
            workflows: Arc::new(config.workflows().unwrap_or_else(|_| Registry::built_in())),
        }
    }

    /// How far an outcome brings a lead: one that stands in the workflow's list, or in any list where the workflow is
    /// not ours. Others are kept as they were told, in the event and in the engagement, and move nothing.
    pub(super) fn stage_of(&self, workflow: &str, outcome: &str) -> Option<Stage> {
        // That a person is called for is told of any workflow.
        if outcome.is_empty() || outcome == NEEDS_HUMAN {
            return None;
        }
        let ours = self.workflows.iter().find(|known| known.slug == workflow);
        let lists = |known: &Workflow| known.outcomes.iter().any(|listed| listed == outcome);
        if !ours.map_or_else(|| self.workflows.iter().any(lists), lists) {
            tracing::warn!(workflow.known = ours.is_some(), "an event has an outcome that no workflow lists");
            return None;
        }
        match outcome {
            "qualified" => Some(Stage::Qualified),
            "booked" => Some(Stage::Booked),
            _ => None,
        }
    }

    /// Rules without a secret, over the built-in workflows.
    #[cfg(test)]
    pub(crate) fn open() -> Self {
        Self { secrets: None, threshold: 0.5, workflows: Arc::new(Registry::built_in()) }
    }

    pub(super) fn verify(&self, delivery: &Delivery<'_>) -> Result<(), Fault> {
        let Some(secrets) = &self.secrets else {
            return if delivery.from_loopback {
                Ok(())
            } else {
                let why = "until EVENTS_WEBHOOK_SECRET is set, events are taken from this machine only, and from nobody if it is public";
                Err(Fault::new(Kind::Forbidden, Reason::LoopbackOnly, why))
            };
        };
        let given = delivery.secret.as_bytes();
        let matches = |secret: &str| bool::from(secret.as_bytes().ct_eq(given));
        // Every secret is compared, so the time says nothing about which one is near.
        if secrets.iter().fold(false, |found, secret| found | matches(secret)) {
            return Ok(());
        }
        let why =
            if given.is_empty() { "X-Frontdesk-Secret is missing" } else { "X-Frontdesk-Secret is wrong" };
        Err(Fault::new(Kind::Unauthenticated, Reason::SecretWrong, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_comma_lets_nobody_in_who_says_nothing() {
        for setting in ["abc,", ",abc", "abc, ,def"] {
            let rules = Rules { secrets: Some(Secrets::parse(setting).unwrap()), ..Rules::open() };
            let verify =
                |secret| rules.verify(&Delivery { body: b"[]", secret, from_loopback: true, hop: "" });
            assert_eq!(verify("").unwrap_err().reason, Reason::SecretWrong, "{setting}");
            assert!(verify(" ").is_err() && verify(",").is_err() && verify(setting).is_err(), "{setting}");
            assert!(verify("abc").is_ok(), "{setting}");
        }
    }
}
