//! A ledger of its own for what is only invented: bookings of a stand-in, payments in Stripe's test mode, members of Whop's
//! sandbox.
//!
//! The invariant: nothing invented enters a live spreadsheet. While one is live, what a stand-in or a test key made up
//! is written into the stand-in's spreadsheet, by a second sheets-writer that tells nobody else of it, or nowhere. And
//! the books of the stand-in's spreadsheet have one place, be they the only ones or the second: when the spreadsheet goes
//! live, the live books begin empty, and the others go on.

use std::{collections::BTreeSet, path::Path};

use chassis::{Problem, Vars};
use url::Url;

use crate::Provider;

/// The name of the second sheets-writer, in the table at start, in logs and in addresses.json.
pub(crate) const NAME: &str = "sandbox-ledger";
/// What is said where what is invented goes nowhere.
pub(crate) const DROPPED: &str = "bookings, payments or members are invented, by a stand-in, a sandbox or a test key, and \
                                  are written into no spreadsheet; set live keys, or SANDBOX_LEDGER_ADDR";
/// How Stripe's keys of its test mode begin (its documentation of API keys).
const TEST_KEYS: [&str; 2] = ["sk_test_", "rk_test_"];
/// The host of Whop's sandbox.
const WHOPS_SANDBOX: &str = "sandbox-api.whop.com";
/// Providers whose stand-ins make something up that belongs into books.
const INVENTING: [Provider; 3] = [Provider::CalCom, Provider::Stripe, Provider::Whop];

/// Whether this is a key of Stripe's test mode.
fn is_test_key(key: &str) -> bool {
    TEST_KEYS.iter().any(|test| key.starts_with(test))
}

/// What the settings name that makes something up; `--live` takes none of it.
pub(crate) fn problems(vars: &Vars) -> Vec<Problem> {
    let stripe = Provider::Stripe.setting();
    let found = [
        (
            stripe,
            is_test_key as fn(&str) -> bool,
            "must be of the live mode: payments of the test mode are invented",
        ),
        ("WHOP_BASE_URL", is_whops_sandbox, "must not be Whop's sandbox: its members are invented"),
    ];
    let found =
        found.into_iter().filter(|(setting, is_invented, _)| vars.get(setting).is_some_and(is_invented));
    found.map(|(setting, _, why)| Problem::new(setting, why)).collect()
}

/// Whether this is where Whop's own sandbox is (`whop_sdk` 2.6.0, `environment.py`).
fn is_whops_sandbox(base_url: &str) -> bool {
    Url::parse(base_url).is_ok_and(|url| url.host_str() == Some(WHOPS_SANDBOX))
}

/// Whether bookings, payments or members of this system are made up, some of them at least.
pub(crate) fn is_expected(vars: &Vars, sandboxed: &BTreeSet<Provider>) -> bool {
    let stands_in = INVENTING.iter().any(|provider| sandboxed.contains(provider));
    let key = vars.get(Provider::Stripe.setting()).unwrap_or_default();
    let plain = |setting| vars.get(setting).is_some_and(|url: &str| url.starts_with("http://"));
    let elsewhere = plain("CALCOM_BASE_URL") || plain("STRIPE_BASE_URL") || plain("WHOP_BASE_URL");
    stands_in || elsewhere || is_test_key(key) || vars.get("WHOP_BASE_URL").is_some_and(is_whops_sandbox)
}

/// Where the books of the stand-in's spreadsheet are kept, beside the stand-in's own state.
pub(crate) fn store(dir: &Path) -> store::Config {
    store::Config::at(store::Location::Sqlite(dir.join(NAME)))
}

/// The settings of the second sheets-writer, whose spreadsheet is the stand-in's.
pub(crate) fn ledger(live: &sheets_writer::Config, dir: &Path) -> sheets_writer::Config {
    sheets_writer::Config {
        store: store(dir),
        google_sheets_id: sandbox::SPREADSHEET_ID.to_owned(),
        google_access_token: Some(sandbox::ACCESS_TOKEN.to_owned().into()),
        n8n_webhook_url: None,
        n8n_signing_secret: None,
        n8n_header: None,
        event_destinations: None,
        ops_copilot_addr: None,
        ..live.clone()
    }
}
