//! Compiles the contracts with `protox`, in pure Rust: no `protoc` is needed on the machine.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

const FILES: &[&str] = &[
    "frontdesk/booking/v1/booking_service.proto",
    "frontdesk/booking/v1/payment_service.proto",
    "frontdesk/chat/v1/chat_service.proto",
    "frontdesk/chat/v1/thread_service.proto",
    "frontdesk/chat/v1/tool_service.proto",
    "frontdesk/common/v1/backup_service.proto",
    "frontdesk/common/v1/caller.proto",
    "frontdesk/common/v1/error_reason.proto",
    "frontdesk/common/v1/money.proto",
    "frontdesk/common/v1/operations_service.proto",
    "frontdesk/common/v1/reconciliation_service.proto",
    "frontdesk/common/v1/webhook_service.proto",
    "frontdesk/ops/v1/notify_service.proto",
    "frontdesk/ops/v1/report_service.proto",
    "frontdesk/session/v1/session_service.proto",
    "frontdesk/sheets/v1/bookkeeping_service.proto",
    "frontdesk/sheets/v1/contact_service.proto",
    "frontdesk/sheets/v1/delivery_service.proto",
    "frontdesk/sheets/v1/event_service.proto",
    "frontdesk/sheets/v1/lead_service.proto",
    "frontdesk/sheets/v1/ledger_service.proto",
    "frontdesk/whop/v1/directory_service.proto",
    "frontdesk/whop/v1/membership_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=frontdesk");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("frontdesk.bin"), descriptors.encode_to_vec())?;
    // `bytes` fields are `bytes::Bytes`: a webhook body is passed on without a copy.
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
