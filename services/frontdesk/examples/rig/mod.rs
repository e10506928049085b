//! What all benchmarks stand on: the programs, the machine, and tables.
//!
//! The invariant: every benchmark uses all of it; what only one needs stands with that one.

pub(crate) mod fleet;
pub(crate) mod grid;
pub(crate) mod machine;
pub(crate) mod process;
pub(crate) mod programs;
