//! Settings of the ledger.

use std::path::PathBuf;

use chassis::{
    Problem,
    config::{AllowSandbox, Secrets, base_url, secret},
};
use domain::workflow::Registry;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use url::Url;

use crate::deliveries::{Address, Destination, Destinations, Header, Keys};

/// Settings of the ledger.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// Where events, contacts and rows are kept.
    #[command(flatten)]
    pub store: store::Config,

    /// Id of the spreadsheet that the ledger fills
    #[arg(long, env = "GOOGLE_SHEETS_ID")]
    pub google_sheets_id: String,

    /// Where the Sheets API is
    #[arg(long, env = "SHEETS_BASE_URL", default_value = "https://sheets.googleapis.com", value_parser = base_url)]
    pub sheets_base_url: Url,

    /// IANA time zone in which the spreadsheet shows times
    #[arg(long = "sheet-time-zone", env = "SHEET_TIME_ZONE", default_value = "UTC", value_parser = time_zone)]
    pub time_zone: TimeZone,

    /// A fixed OAuth token in place of Google's default credentials
    #[arg(long, env = "GOOGLE_ACCESS_TOKEN", value_parser = secret)]
    pub google_access_token: Option<SecretString>,

    /// What `X-Frontdesk-Secret` must be, several comma-separated, newest first; without it, events are taken from
    /// loopback only
    #[arg(long, env = "EVENTS_WEBHOOK_SECRET", value_parser = Secrets::parse)]
    pub events_webhook_secret: Option<Secrets>,

    /// From which score on a turn makes a lead, 0 to 1
    #[arg(long, env = "LEAD_SCORE_THRESHOLD", default_value = "0.5", value_parser = score)]
    pub lead_score_threshold: f64,

    /// Directory of workflow definitions, SLUG.toml each, put over the built-in ones
    #[arg(long, env = "WORKFLOWS_DIR")]
    pub workflows_dir: Option<PathBuf>,

    /// Where n8n, or anything that speaks like it, takes events: a webhook's address
    #[arg(long, env = "N8N_WEBHOOK_URL", value_parser = Address::parse)]
    pub n8n_webhook_url: Option<Address>,

    /// What events to n8n are signed with, as Standard Webhooks describes it: whsec_ and base64; several
    /// comma-separated, newest first
    #[arg(long, env = "N8N_SIGNING_SECRET", value_parser = signing_secret)]
    pub n8n_signing_secret: Option<Keys>,

    /// A fixed header that n8n's webhook asks for, as `Name: value`
    #[arg(long, env = "N8N_HEADER", value_parser = Header::parse)]
    pub n8n_header: Option<Header>,

    /// A TOML file of further destinations of events, each with name, url, secret, and optionally header, types,
    /// workflows and sites
    #[arg(long, env = "EVENT_DESTINATIONS", value_parser = Destinations::read)]
    pub event_destinations: Option<Destinations>,

    /// Where ops-copilot is, which tells people what cannot wait; without it nobody is told
    #[arg(long, env = "OPS_COPILOT_ADDR", value_parser = base_url)]
    pub ops_copilot_addr: Option<Url>,

    /// Whether stand-ins are fine.
    #[command(flatten)]
    pub sandbox: AllowSandbox,
}

impl Config {
    /// The workflows of this installation, for the outcomes that they list.
    ///
    /// # Errors
    /// All problems of the definitions.
    pub fn workflows(&self) -> Result<Registry, Vec<Problem>> {
        chassis::workflows::read(self.workflows_dir.as_deref())
    }
}

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |setting: &str, why: &str| problems.push(Problem::new(setting, why));
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.google_sheets_id.is_empty() || !self.google_sheets_id.chars().all(allowed) {
            problem("GOOGLE_SHEETS_ID", "must be the id in the spreadsheet's address, between /d/ and /edit");
        }
        if cloud && self.events_webhook_secret.is_none() {
            problem(
                "EVENTS_WEBHOOK_SECRET",
                "is required in the cloud: anybody could write to the books without it",
            );
        }
        if self.n8n_webhook_url.is_none() {
            let unused = [
                ("N8N_SIGNING_SECRET", self.n8n_signing_secret.is_some()),
                ("N8N_HEADER", self.n8n_header.is_some()),
            ];
            for (setting, _) in unused.iter().filter(|(_, is_set)| *is_set) {
                problem(setting, "is of no use without N8N_WEBHOOK_URL");
            }
        }
        problems.extend(Destination::all(self).iter().flat_map(|destination| destination.problems(cloud)));
        if cloud {
            problems.extend(self.sandbox.refuse_emulator(self.store.firestore_emulator_host.as_deref()));
            problems.extend(self.sandbox.refuse("SHEETS_BASE_URL", &self.sheets_base_url));
        }
        problems.extend(self.workflows().err().unwrap_or_default());
        problems
    }
}

fn signing_secret(text: &str) -> Result<Keys, String> {
    Keys::parse(Secrets::parse(text)?.iter())
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "must be an IANA time zone such as Europe/Berlin".to_owned())
}

fn score(text: &str) -> Result<f64, String> {
    let in_range = |score: &f64| (0.0..=1.0).contains(score);
    text.parse().ok().filter(in_range).ok_or_else(|| "must be a number from 0 to 1".to_owned())
}
