//! Bookings, payments and members, end to end: agents ask over gRPC, people act at the providers, webhooks come over HTTP, and
//! the spreadsheet says what became of it.

mod desk;
mod forgetting;
mod links;
mod lost_slots;
mod meetings;
mod members;
mod missed;
mod money;
mod notices;
mod order;
mod outages;
mod privacy;
mod scripts;
mod sheet;
mod subscriptions;
mod week;
mod zones;

use proptest::test_runner::Config;

/// How many cases a property is tried with if `PROPTEST_CASES` does not ask for another number: a system takes longer than
/// a function.
fn cases(usual: u32) -> u32 {
    const UNASKED: u32 = 256;
    match Config::default().cases {
        UNASKED => usual,
        asked => asked,
    }
}
