//! Two writers over one store: a simulated world in which time passes only when everybody waits.

mod book;
mod door;
mod hunt;
mod lease;
mod machine;
mod metadata;
mod owner;
mod process;
mod sim;
mod steps;
mod storm;
mod versions;
mod web;
mod world;
