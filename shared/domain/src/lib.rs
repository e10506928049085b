//! Words and rules of Frontdesk, without I/O: what every service means by an id, a tab, a visitor, a fault.
//!
//! It exists so that a rule stands once. The invariant: nothing here reads a clock, a file, a socket or the
//! environment; time and keys are arguments (random bits alone are drawn, for new ids).

pub mod caller;
pub mod fault;
pub mod id;
pub mod limit;
pub mod money;
pub mod notice;
pub mod payment;
pub mod reach;
pub mod row;
pub mod subscription;
pub mod tab;
pub mod token;
pub mod visit;
pub mod workflow;

pub use caller::Caller;
pub use fault::{Fault, Kind, Reason};
pub use money::Money;
pub use row::{Cell, Cells, Row};
pub use tab::Tab;
pub use workflow::Workflow;
