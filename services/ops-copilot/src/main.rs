//! The process of ops-copilot.

use std::process::ExitCode;

use chassis::Spec;

fn main() -> ExitCode {
    let spec = Spec {
        name: ops_copilot::NAME,
        about: "Tells people of the business what happened, and what the books say of a week",
        port: 8086,
    };
    chassis::run(spec, ops_copilot::service)
}
