//! One wish has one effect: every tool that changes something, called over MCP and in chats, while lines break at any byte,
//! providers lose answers, agents ask again and at once, and every service is killed over and over.
//!
//! Nothing here stands in for a service, and no service knows that it is tested. What happened is counted afterwards where it
//! happened: at the providers, in what people were told, and in the books.

mod chats;
mod check;
mod desk;
mod effects;
mod kills;
mod line;
mod people;
mod storm;
mod wish;
