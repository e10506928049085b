//! The process of sheets-writer.

use std::process::ExitCode;

use chassis::Spec;

fn main() -> ExitCode {
    let spec = Spec {
        name: sheets_writer::NAME,
        about: "Keeps events, contacts and the seven-tab ledger",
        port: 8085,
    };
    chassis::run(spec, sheets_writer::service)
}
