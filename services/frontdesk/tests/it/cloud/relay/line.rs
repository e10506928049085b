//! The way to a relay.

/// What becomes of connections to a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// They are served.
    Open,
    /// Those that are there are closed, new ones at once.
    Closed,
    /// They stay, new ones are taken, and nothing moves on any of them until the line is open again.
    Silent,
}
