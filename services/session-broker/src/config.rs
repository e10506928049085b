//! The settings of session-broker.
//!
//! The invariant: what [`Config::problems`] lets through starts, and no problem repeats the value of a setting, for a
//! key may have been pasted into the wrong one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chassis::Problem;
use domain::{limit::Limit, workflow::Registry};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// Settings, from the environment or the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where session records are kept: sqlite:DIR, one file a service.
    #[arg(long, env = "STORE", default_value = "sqlite:.frontdesk")]
    pub store: store::Location,

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

    /// Lets a process in the cloud use a provider that is a stand-in: 1 or 0.
    #[arg(
        long,
        env = "ALLOW_SANDBOX",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        default_value = "0"
    )]
    pub allow_sandbox: bool,
}

// === impl Config ===

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let mut problems = self.registry().err().unwrap_or_default();
        if !self.openai_api_key.expose_secret().bytes().all(|b| b.is_ascii_graphic()) {
            problems.push(problem("OPENAI_API_KEY", "must be visible ASCII characters without spaces"));
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
        let files = self.workflow_files().unwrap_or_else(|why| {
            problems.push(problem("WORKFLOWS_DIR", why));
            Vec::new()
        });
        let files = files.iter().map(|(slug, text)| (slug.as_str(), text.as_str()));
        let mut registry = Registry::with_files(files).unwrap_or_else(|unsound| {
            problems.extend(unsound.iter().map(|why| problem("WORKFLOWS_DIR", why.to_string())));
            Registry::built_in()
        });
        let hosted = self.chatkit_workflow_id.as_deref().unwrap_or_default();
        if registry.set_hosted(hosted).is_err() {
            problems.push(problem(
                "CHATKIT_WORKFLOW_ID",
                "must be wf_… or entries slug=wf_… of known workflows, separated by commas",
            ));
        }
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    /// Slug and text of every definition, by slug.
    fn workflow_files(&self) -> Result<Vec<(String, String)>, String> {
        let Some(dir) = &self.workflows_dir else { return Ok(Vec::new()) };
        let mut paths: Vec<PathBuf> = fs::read_dir(dir)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
            .map_err(|error| format!("cannot be read: {}", error.kind()))?;
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        paths.sort();
        paths.iter().map(|path| definition(path)).collect()
    }

    fn cloud_problems(&self) -> impl Iterator<Item = Problem> {
        // Plain http is a stand-in, or it shows the key to the network; neither goes unasked in the cloud.
        let sandboxed = self.openai_base_url.scheme() == "http" && !self.allow_sandbox;
        let sandbox = sandboxed
            .then(|| problem("OPENAI_BASE_URL", "must be https in the cloud unless ALLOW_SANDBOX is 1"));
        let limits = [
            ("LIMIT_VISITOR", self.limit_visitor),
            ("LIMIT_IP", self.limit_ip),
            ("LIMIT_SITE", self.limit_site),
        ];
        let off = limits.into_iter().filter(|(_, limit)| *limit == Limit::Off);
        sandbox.into_iter().chain(off.map(|(name, _)| problem(name, "must not be off in the cloud")))
    }
}

fn definition(path: &Path) -> Result<(String, String), String> {
    let name = path.file_name().unwrap_or_default().display();
    let slug = path.file_stem().and_then(|stem| stem.to_str()).ok_or(format!("{name}: not a slug"))?;
    let text =
        fs::read_to_string(path).map_err(|error| format!("{name}: cannot be read: {}", error.kind()))?;
    Ok((slug.to_owned(), text))
}

fn problem(setting: &str, why: impl Into<String>) -> Problem {
    Problem { setting: setting.to_owned(), why: why.into() }
}

/// The problems in one line.
pub(crate) fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
