//! The process of booking-payments.

use std::process::ExitCode;

use chassis::Spec;

fn main() -> ExitCode {
    let spec = Spec {
        name: booking_payments::NAME,
        about: "Books meetings at Cal.com, takes payments with Stripe, and keeps the books right about both",
        port: 8084,
    };
    chassis::run(spec, booking_payments::service)
}
