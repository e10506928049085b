//! How a chat is run, and which way a client gets.
//!
//! The invariant: a client never gets a way that it did not announce, except that one which announced nothing may
//! get a chat of our own, since there is no other.

use domain::workflow::Workflow;
use proto::session::v1::SessionMode;

use crate::error::Error;

/// A way of running a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// OpenAI runs the workflow.
    Hosted,
    /// We run the workflow.
    SelfHosted,
}

/// A way of running this very workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    /// OpenAI runs it under this id, `wf_…`.
    Hosted(&'a str),
    /// We run it.
    SelfHosted,
}

// === impl Mode ===

impl Mode {
    /// The ways that a client announced, in its order of preference. Those that we do not know are left out; an error
    /// if none is left of some.
    pub(crate) fn read(wire: &[i32]) -> Result<Vec<Self>, Error> {
        let known = wire.iter().filter_map(|mode| match SessionMode::try_from(*mode).ok()? {
            SessionMode::Hosted => Some(Self::Hosted),
            SessionMode::SelfHosted => Some(Self::SelfHosted),
            SessionMode::Unspecified => None,
        });
        let known: Vec<_> = known.collect();
        if known.is_empty() && !wire.is_empty() {
            return Err(Error::Invalid { field: "target.modes", why: "must hold a mode that we know" });
        }
        Ok(known)
    }
}

// === impl Way ===

impl<'a> Way<'a> {
    /// The first of the announced modes that this workflow can do.
    pub(crate) fn choose(workflow: &'a Workflow, announced: &[Mode]) -> Result<Self, Error> {
        let hosted = workflow.hosted.as_deref().map(Self::Hosted);
        let can = |mode: &Mode| match mode {
            Mode::Hosted => hosted,
            Mode::SelfHosted => Some(Self::SelfHosted),
        };
        if announced.is_empty() {
            return Ok(hosted.unwrap_or(Self::SelfHosted));
        }
        announced.iter().find_map(can).ok_or_else(|| Error::WorkflowNotHosted(workflow.slug.clone()))
    }
}

#[cfg(test)]
mod tests {
    use domain::workflow::Registry;

    use super::{Mode::*, *};

    #[test]
    fn the_first_way_that_the_workflow_can_do_wins() {
        let mut registry = Registry::built_in();
        registry.set_hosted("wf_1").unwrap();
        let both = registry.choose("lead-concierge", "", "").unwrap();
        let own = registry.choose("client-portal", "", "").unwrap();
        for (announced, of_both, of_own) in [
            (&[][..], Some(Way::Hosted("wf_1")), Some(Way::SelfHosted)),
            (&[Hosted], Some(Way::Hosted("wf_1")), None),
            (&[SelfHosted], Some(Way::SelfHosted), Some(Way::SelfHosted)),
            (&[SelfHosted, Hosted], Some(Way::SelfHosted), Some(Way::SelfHosted)),
            (&[Hosted, SelfHosted], Some(Way::Hosted("wf_1")), Some(Way::SelfHosted)),
        ] {
            assert_eq!(Way::choose(both, announced).ok(), of_both, "{announced:?}");
            assert_eq!(Way::choose(own, announced).ok(), of_own, "{announced:?}");
        }
    }

    #[test]
    fn unknown_modes_are_left_out_unless_there_is_nothing_else() {
        assert_eq!(Mode::read(&[]).unwrap(), []);
        assert_eq!(Mode::read(&[9, 2, 0, 1]).unwrap(), [SelfHosted, Hosted]);
        for strange in [&[0][..], &[9, 0]] {
            assert!(matches!(Mode::read(strange), Err(Error::Invalid { field: "target.modes", .. })));
        }
    }
}
