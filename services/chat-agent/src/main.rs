//! The process of chat-agent.

use std::process::ExitCode;

use chassis::Spec;

fn main() -> ExitCode {
    let spec = Spec {
        name: chat_agent::NAME,
        about: "A ChatKit server: keeps conversations and runs their workflows",
        port: 8082,
    };
    chassis::run(spec, chat_agent::service)
}
