//! The process of whop-gateway.

use std::process::ExitCode;

use chassis::Spec;

fn main() -> ExitCode {
    let spec = Spec {
        name: whop_gateway::NAME,
        about: "Knows the members of a Whop account, what they pay for, and what they may ask for",
        port: 8083,
    };
    chassis::run(spec, whop_gateway::service)
}
