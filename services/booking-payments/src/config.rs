//! The settings of booking-payments.
//!
//! The invariant: what [`Config::problems`] lets through starts, and no problem repeats the value of a setting.

use std::path::PathBuf;

use chassis::{
    Problem,
    config::{AllowSandbox, Secrets},
};
use domain::workflow::Registry;
use providers::books::Settings;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// Shortest and longest life of a link, by Stripe's documentation of `expires_at`.
const LINK_MINUTES: std::ops::RangeInclusive<u16> = 30..=24 * 60;
/// What Cal.com puts into the header where a webhook has no secret.
const NO_SECRET: &str = "no-secret-provided";

/// Settings, from the environment or the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where bookings, links, payments and the inbox are kept.
    #[command(flatten)]
    pub store: store::Config,

    /// Cal.com's API key, cal_live_… or cal_test_….
    #[arg(long, env = "CALCOM_API_KEY", hide_env_values = true, value_parser = chassis::config::secret)]
    pub calcom_api_key: SecretString,

    /// Where Cal.com's API is.
    #[arg(
        long,
        env = "CALCOM_BASE_URL",
        default_value = "https://api.cal.com",
        value_parser = chassis::config::base_url
    )]
    pub calcom_base_url: Url,

    /// Secrets of Cal.com's webhook, comma-separated, newest first. Without one its webhooks are refused.
    #[arg(long, env = "CALCOM_WEBHOOK_SECRETS", hide_env_values = true, value_parser = Secrets::parse)]
    pub calcom_webhook_secrets: Option<Secrets>,

    /// The calendar's public page, e.g. https://cal.com/agency.
    #[arg(long, env = "CALCOM_BOOKING_LINK", value_parser = chassis::config::base_url)]
    pub calcom_booking_link: Option<Url>,

    /// Stripe's secret key, sk_… or rk_….
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true, value_parser = chassis::config::secret)]
    pub stripe_secret_key: SecretString,

    /// Where Stripe's API is.
    #[arg(
        long,
        env = "STRIPE_BASE_URL",
        default_value = "https://api.stripe.com",
        value_parser = chassis::config::base_url
    )]
    pub stripe_base_url: Url,

    /// Secrets of Stripe's webhook, whsec_…, comma-separated, newest first. Without one its webhooks are refused.
    #[arg(long, env = "STRIPE_WEBHOOK_SECRETS", hide_env_values = true, value_parser = Secrets::parse)]
    pub stripe_webhook_secrets: Option<Secrets>,

    /// How many minutes a link to pay lives, 30 to 1440.
    #[arg(
        long,
        env = "CHECKOUT_MINUTES",
        default_value = "60",
        value_parser = clap::value_parser!(u16).range(*LINK_MINUTES.start() as i64..=*LINK_MINUTES.end() as i64)
    )]
    pub checkout_minutes: u16,

    /// Where the public reaches the gateway: links to pay return there.
    #[arg(
        long,
        env = "PUBLIC_BASE_URL",
        default_value = "http://localhost:8080",
        value_parser = chassis::config::base_url
    )]
    pub public_base_url: Url,

    /// Directory of workflow definitions, SLUG.toml each, put over the built-in ones: what is sold stands there.
    #[arg(long, env = "WORKFLOWS_DIR")]
    pub workflows_dir: Option<PathBuf>,

    /// Where the books are.
    #[command(flatten)]
    pub ledgers: Settings,

    /// Whether stand-ins are fine.
    #[command(flatten)]
    pub sandbox: AllowSandbox,
}

// === impl Config ===

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let mut problems = chassis::workflows::read(self.workflows_dir.as_deref()).err().unwrap_or_default();
        let plain = |secret: &SecretString| secret.expose_secret().bytes().all(|b| b.is_ascii_graphic());
        for (name, key) in
            [("CALCOM_API_KEY", &self.calcom_api_key), ("STRIPE_SECRET_KEY", &self.stripe_secret_key)]
        {
            if !plain(key) {
                problems.push(Problem::new(name, "must be visible ASCII characters without spaces"));
            }
        }
        if self.calcom_webhook_secrets.iter().flat_map(Secrets::iter).any(|secret| secret == NO_SECRET) {
            let why = "must not be what Cal.com sends where there is no secret";
            problems.push(Problem::new("CALCOM_WEBHOOK_SECRETS", why));
        }
        if cloud {
            problems.extend(self.cloud_problems());
        }
        problems
    }
}

impl Config {
    /// The workflows of this installation.
    ///
    /// # Errors
    /// All problems of the definitions.
    pub fn registry(&self) -> Result<Registry, Vec<Problem>> {
        chassis::workflows::read(self.workflows_dir.as_deref())
    }

    /// Whether Cal.com is a stand-in, whose bookings are invented.
    pub(crate) fn calcom_is_invented(&self) -> bool {
        self.calcom_base_url.scheme() == "http"
    }

    fn cloud_problems(&self) -> impl Iterator<Item = Problem> {
        let required = [
            ("CALCOM_WEBHOOK_SECRETS", self.calcom_webhook_secrets.is_none()),
            ("STRIPE_WEBHOOK_SECRETS", self.stripe_webhook_secrets.is_none()),
        ];
        let missing = required.into_iter().filter(|(_, missing)| *missing);
        let stand_ins = [
            self.sandbox.refuse("CALCOM_BASE_URL", &self.calcom_base_url),
            self.sandbox.refuse("STRIPE_BASE_URL", &self.stripe_base_url),
            self.sandbox.refuse("PUBLIC_BASE_URL", &self.public_base_url),
            self.sandbox.refuse_emulator(self.store.firestore_emulator_host.as_deref()),
        ];
        missing
            .map(|(name, _)| Problem::new(name, "is required in the cloud"))
            .chain(stand_ins.into_iter().flatten())
    }
}
