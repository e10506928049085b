//! What tests of this crate stand on.

pub(crate) mod upstream;
