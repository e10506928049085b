//! What `frontdesk` shows at its start: where everything is, what is a sandbox, and what to try.

use std::fmt::Write as _;

use crate::System;

/// A member whom the stand-in of Whop knows.
pub(crate) const MEMBER: &str = "mara";

/// The table.
pub fn render(system: &System) -> String {
    let gateway = format!("http://localhost:{}", system.gateway.port());
    let mut page = String::from("\n  Frontdesk is running\n\n");
    for (name, address) in &system.services {
        let _ = writeln!(page, "  {name:<16} http://{address}");
    }
    page.push('\n');
    for (provider, sandboxed) in &system.providers {
        let state = if *sandboxed {
            format!("sandbox   ({} makes it live)", provider.setting())
        } else {
            "live".into()
        };
        let _ = writeln!(page, "  {:<16} {state}", provider.to_string());
    }
    if system.services.iter().any(|(name, _)| *name == crate::invented::NAME) {
        page.push_str(
            "\n  Invented bookings, payments and members go to the sandbox's sheet, not to the live one.\n",
        );
    }
    if let Some(from) = system.unproven_events {
        let _ = write!(page, "\n  Events are taken from {from} until EVENTS_WEBHOOK_SECRET is set.\n");
    }
    if !system.unheard.is_empty() {
        let settings = system.unheard.join(" and ");
        let _ =
            write!(page, "\n  Notices go to {gateway}/sandbox/notices and to nobody without {settings}.\n");
    }
    if let Some(portal) = system.portal {
        let _ = write!(
            page,
            "\n  {:<16} http://{MEMBER}.localhost:{}/portal\n  {:<16} as Whop shows it to a member of its stand-in; \
             {gateway}/sandbox/whop/app has it in a frame\n",
            "portal",
            portal.port(),
            ""
        );
    }
    let sheet = if system.sandbox.is_some() { "/sandbox/sheet" } else { "/docs" };
    let _ = write!(
        page,
        "\n  Try:\n\n  curl -X POST {gateway}/api/chatkit/session -H 'content-type: application/json' \\\n       \
         -d '{{\"deviceId\":\"5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11\",\"traits\":{{\"utm_source\":\"yt\"}}}}'\n\n  \
         curl -X POST {gateway}/webhooks/ajd/chat-events -H 'content-type: application/json' \\\n       \
         -d '{{\"type\":\"chat.turn\",\"session_id\":\"ck_123\",\"message\":\"Hello\",\"intent\":\"buy_inquiry\",\"score\":0.72}}'\n\n  \
         open {gateway}{sheet}\n\n  Ctrl-C stops it.\n"
    );
    page
}
