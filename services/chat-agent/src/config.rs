//! The settings of chat-agent.
//!
//! The invariant: what [`Config::problems`] lets through starts, and no problem repeats the value of a setting, for a
//! key may have been pasted into the wrong one.

mod cap;

use std::path::PathBuf;

use chassis::{Link, Problem, config::AllowSandbox};
use domain::{Money, limit::Limit, workflow::Registry};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use tools::Links;
use url::Url;

pub use cap::Cap;

/// Settings, from the environment or the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where threads are kept.
    #[command(flatten)]
    pub store: store::Config,

    /// Where sheets-writer is.
    #[arg(
        long,
        env = "SHEETS_WRITER_ADDR",
        default_value = "http://127.0.0.1:8085",
        value_parser = chassis::config::base_url
    )]
    pub sheets_writer_addr: Url,

    /// Where whop-gateway is, which says what a member has. Without it the agent knows of a member only that they are one.
    #[arg(long, env = "WHOP_GATEWAY_ADDR", value_parser = chassis::config::base_url)]
    pub whop_gateway_addr: Option<Url>,

    /// Where booking-payments is, which books meetings and takes payments. Without it the agent offers neither.
    #[arg(long, env = "BOOKING_PAYMENTS_ADDR", value_parser = chassis::config::base_url)]
    pub booking_payments_addr: Option<Url>,

    /// Where ops-copilot is, which reports to the operator and tells the team. Without it the agent offers neither.
    #[arg(long, env = "OPS_COPILOT_ADDR", value_parser = chassis::config::base_url)]
    pub ops_copilot_addr: Option<Url>,

    /// OpenAI's API key.
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true, value_parser = chassis::config::secret)]
    pub openai_api_key: SecretString,

    /// Where OpenAI's API is.
    #[arg(
        long,
        env = "OPENAI_BASE_URL",
        default_value = "https://api.openai.com/v1",
        value_parser = chassis::config::base_url
    )]
    pub openai_base_url: Url,

    /// The model of workflows that name none.
    #[arg(long, env = "OPENAI_MODEL", default_value = "gpt-5-mini")]
    pub openai_model: String,

    /// Prices per million tokens as model=input/output in the budget's currency, separated by commas, over the
    /// built-in ones.
    #[arg(long, env = "MODEL_PRICES")]
    pub model_prices: Option<String>,

    /// Directory of workflow definitions, SLUG.toml each, put over the built-in ones.
    #[arg(long, env = "WORKFLOWS_DIR")]
    pub workflows_dir: Option<PathBuf>,

    /// Messages that one visitor may send.
    #[arg(long, env = "LIMIT_CHAT", default_value = "10/m:5")]
    pub limit_chat: Limit,

    /// Tokens that one visitor may use in a day, or off.
    #[arg(long, env = "LIMIT_TOKENS_DAY", default_value = "200000", value_parser = cap::tokens)]
    pub limit_tokens_day: Cap<u64>,

    /// What the model may cost one site in a day, such as 10.00 USD, or off.
    #[arg(long, env = "BUDGET_DAY", default_value = "10.00 USD", value_parser = cap::money)]
    pub budget_day: Cap<Money>,

    /// After how long the visitor of a thread to which a person was called, and nobody came, is asked for an address.
    #[arg(long, env = "HANDOFF_PATIENCE", default_value = "2m", value_parser = span)]
    pub handoff_patience: SignedDuration,

    /// After how long without a word of a person's a thread goes back to the model.
    #[arg(long, env = "HANDOFF_TIMEOUT", default_value = "8h", value_parser = span)]
    pub handoff_timeout: SignedDuration,

    /// Whether stand-ins are fine.
    #[command(flatten)]
    pub sandbox: AllowSandbox,
}

/// A time such as `2m` or `8h`, up to 30 days.
fn span(text: &str) -> Result<SignedDuration, &'static str> {
    let span = text.trim().parse().ok().filter(|span: &SignedDuration| span.is_positive());
    let short = span.filter(|span| *span <= SignedDuration::from_hours(30 * 24));
    short.ok_or("must be a time such as 2m or 8h, up to 720h")
}

// === impl Config ===

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let mut problems = self.registry().err().unwrap_or_default();
        problems.extend(crate::brain::problems(self));
        if !self.openai_api_key.expose_secret().bytes().all(|b| b.is_ascii_graphic()) {
            problems.push(Problem::new("OPENAI_API_KEY", "must be visible ASCII characters without spaces"));
        }
        let graphic = |b: u8| b.is_ascii_graphic();
        if self.openai_model.is_empty() || !self.openai_model.bytes().all(graphic) {
            problems.push(Problem::new("OPENAI_MODEL", "must be a model's name"));
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

    /// The ways to the other services. Call it within the runtime.
    pub(crate) fn links(&self) -> anyhow::Result<Links> {
        let maybe = |addr: &Option<Url>| addr.as_ref().map(Link::new).transpose();
        Ok(Links {
            sheets_writer: Link::new(&self.sheets_writer_addr)?,
            booking_payments: maybe(&self.booking_payments_addr)?,
            whop_gateway: maybe(&self.whop_gateway_addr)?,
            ops_copilot: maybe(&self.ops_copilot_addr)?,
        })
    }

    fn cloud_problems(&self) -> impl Iterator<Item = Problem> {
        let sandbox = self.sandbox.refuse("OPENAI_BASE_URL", &self.openai_base_url);
        let emulator = self.sandbox.refuse_emulator(self.store.firestore_emulator_host.as_deref());
        let limits = [
            ("LIMIT_CHAT", self.limit_chat == Limit::Off),
            ("LIMIT_TOKENS_DAY", self.limit_tokens_day == Cap::Off),
            ("BUDGET_DAY", self.budget_day == Cap::Off),
        ];
        let off = limits.into_iter().filter(|(_, off)| *off);
        sandbox
            .into_iter()
            .chain(emulator)
            .chain(off.map(|(name, _)| Problem::new(name, "must not be off in the cloud")))
    }
}
