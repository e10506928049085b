//! Two writers over one store: a simulated world in which time passes only when everybody waits.

mod book;
mod door;
mod lease;
mod process;
mod sim;
mod steps;
mod storm;
mod web;
mod world;
