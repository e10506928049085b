//! The settings of session-broker.
//!
//! The invariant: what [`Config::problems`] lets through starts, and no problem repeats the value of a setting, for a
//! key may have been pasted into the wrong one.

use std::path::PathBuf;

use chassis::{Problem, config::AllowSandbox};
use domain::{limit::Limit, workflow::Registry};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// Settings, from the environment or the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where session records are kept.
    #[command(flatten)]
    pub store: store::Config,

    /// OpenAI's API key. It must be of the same project as the workflows.
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

    /// The Agent Builder workflow of lead-concierge, wf_…, or several as slug=wf_… separated by commas.
    #[arg(long, env = "CHATKIT_WORKFLOW_ID")]
    pub chatkit_workflow_id: Option<String>,

    /// Directory of workflow definitions, SLUG.toml each, put over the built-in ones.
    #[arg(long, env = "WORKFLOWS_DIR")]
    pub workflows_dir: Option<PathBuf>,

    /// Sessions that one visitor may ask for.
    #[arg(long, env = "LIMIT_VISITOR", default_value = "20/m:10")]
    pub limit_visitor: Limit,

    /// Sessions that one network address may ask for.
    #[arg(long, env = "LIMIT_IP", default_value = "60/m:30")]
    pub limit_ip: Limit,

    /// Sessions that one site may ask for.
    #[arg(long, env = "LIMIT_SITE", default_value = "600/m:100")]
    pub limit_site: Limit,

    /// Whether stand-ins are fine.
    #[command(flatten)]
    pub sandbox: AllowSandbox,
}

// === impl Config ===

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let mut problems = self.registry().err().unwrap_or_default();
        if !self.openai_api_key.expose_secret().bytes().all(|b| b.is_ascii_graphic()) {
            problems.push(Problem::new("OPENAI_API_KEY", "must be visible ASCII characters without spaces"));
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
    /// All problems of the definitions and of `CHATKIT_WORKFLOW_ID`.
    pub fn registry(&self) -> Result<Registry, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut registry =
            chassis::workflows::read(self.workflows_dir.as_deref()).unwrap_or_else(|unsound| {
                problems.extend(unsound);
                Registry::built_in()
            });
        let hosted = self.chatkit_workflow_id.as_deref().unwrap_or_default();
        if registry.set_hosted(hosted).is_err() {
            problems.push(Problem::new(
                "CHATKIT_WORKFLOW_ID",
                "must be wf_… or entries slug=wf_… of known workflows, separated by commas",
            ));
        }
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    fn cloud_problems(&self) -> impl Iterator<Item = Problem> {
        let sandbox = self.sandbox.refuse("OPENAI_BASE_URL", &self.openai_base_url);
        let emulator = self.sandbox.refuse_emulator(self.store.firestore_emulator_host.as_deref());
        let limits = [
            ("LIMIT_VISITOR", self.limit_visitor),
            ("LIMIT_IP", self.limit_ip),
            ("LIMIT_SITE", self.limit_site),
        ];
        let off = limits.into_iter().filter(|(_, limit)| *limit == Limit::Off);
        sandbox
            .into_iter()
            .chain(emulator)
            .chain(off.map(|(name, _)| Problem::new(name, "must not be off in the cloud")))
    }
}
