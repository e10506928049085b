//! Deliveries against receivers of every temper, with time as an argument.

mod bench;
mod crash;
mod operator;
mod receiver;
mod restored;
pub(super) mod schema;
mod stated;
mod telling;
mod tempers;
