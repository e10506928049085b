//! The service as others meet it: real gRPC, a real store, providers over real HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bookings;
mod payments;
