//! The gateway as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    let spec =
        chassis::Spec { name: gateway::NAME, about: "The public door: REST in, gRPC out.", port: 8080 };
    chassis::run(spec, gateway::service)
}
