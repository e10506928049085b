//! The process of session-broker.

use std::process::ExitCode;

use chassis::Spec;

fn main() -> ExitCode {
    let spec = Spec {
        name: session_broker::NAME,
        about: "Makes, re-serves and ends the sessions of chats",
        port: 8081,
    };
    chassis::run(spec, session_broker::service)
}
