//! How far a lead has come.

use serde::{Deserialize, Serialize};

/// How far a lead has come, by the words of its column `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Nobody has looked at it.
    #[default]
    New,
    /// A fitting need, and a way to reach them.
    Qualified,
    /// A meeting is booked.
    Booked,
    /// They bought.
    Won,
    /// They will not buy.
    Lost,
}

// === impl Stage ===

impl Stage {
    /// All stages, earliest first.
    pub(crate) const ALL: [Self; 5] = [Self::New, Self::Qualified, Self::Booked, Self::Won, Self::Lost];

    /// Its word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Qualified => "qualified",
            Self::Booked => "booked",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    /// The stage of this word.
    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }

    /// Events move a lead to a higher rank only. Won and lost end it alike.
    pub(crate) const fn rank(self) -> u8 {
        match self {
            Self::New => 0,
            Self::Qualified => 1,
            Self::Booked => 2,
            Self::Won | Self::Lost => 3,
        }
    }

    /// The lead is over.
    pub(crate) const fn is_end(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }
}
