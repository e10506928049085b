//! What is proven about whose a contact is.
//!
//! The invariant: a contact that rests on a claim about somebody's address never comes to be a verified Whop user's,
//! nor one with what is proven to be somebody's, unless the operator says so.

use serde::{Deserialize, Serialize};

use super::{
    Candidate,
    identity::{Key, Tie},
};

/// How much is proven. The greater one stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// No more than which visitors and sessions it is.
    #[default]
    Said,
    /// An address or a Whop user is proven to be theirs, or a trusted sender named them.
    Proven,
    /// A claim led somebody's proof here: whose it is nobody knows.
    Mixed,
}

// === impl Standing ===

impl Standing {
    /// Whether contacts of which this is known may become one without anybody deciding it.
    pub(super) fn may_join(self, other: Self) -> bool {
        !matches!((self, other), (Self::Proven, Self::Mixed) | (Self::Mixed, Self::Proven))
    }
}

// === impl Candidate ===

impl Candidate {
    /// Takes in what the call that is about it proves.
    pub(super) fn rise(&mut self, ties: &[(Key, Option<Tie>)]) {
        let proves = ties.iter().any(|(key, _)| !key.claimed && key.kind.is_for_ever());
        let standing = match self.proven {
            true if proves => Standing::Proven,
            false if self.lent => Standing::Mixed,
            _ => Standing::Said,
        };
        self.doc.standing = self.doc.standing.max(standing);
    }
}
