//! Settings of the whole: what `frontdesk` itself takes, and those of every service, all problems at once.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use chassis::{Config, Problem, Vars, config};
use clap::{Args, Command};

use crate::command::overview;

/// Where a stand-in's address will be put once it is known.
const NOT_YET: &str = "http://127.0.0.1";

/// A provider that has a stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// Hosted ChatKit sessions.
    OpenAi,
    /// The spreadsheet.
    Sheets,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::OpenAi, Self::Sheets];

    /// The setting that makes it live.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::OpenAi => "OPENAI_API_KEY",
            Self::Sheets => "GOOGLE_SHEETS_ID",
        }
    }

    /// What the services are told so that they use the stand-in.
    fn pretend(self, vars: &mut Vars) {
        match self {
            Self::OpenAi => {
                vars.set(self.setting(), sandbox::API_KEY);
                vars.set("OPENAI_BASE_URL", NOT_YET);
            }
            Self::Sheets => {
                vars.set(self.setting(), sandbox::SPREADSHEET_ID);
                vars.set("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN);
                vars.set("SHEETS_BASE_URL", NOT_YET);
            }
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "OpenAI",
            Self::Sheets => "Google Sheets",
        })
    }
}

/// Settings of `frontdesk` itself.
#[derive(Args, Clone, Debug)]
struct Own {
    /// Address on which the gateway listens; 0.0.0.0 in the cloud
    #[arg(long, env = "HOST")]
    host: Option<IpAddr>,

    /// Port of the gateway; 0 takes a free one
    #[arg(long, env = "PORT", default_value = "8080")]
    port: u16,

    /// Refuses to start with a sandbox in place of any provider
    #[arg(long)]
    live: bool,

    /// Where a local run keeps what it makes for itself, the store included
    #[arg(long, env = "FRONTDESK_DIR", default_value = ".frontdesk")]
    frontdesk_dir: PathBuf,
}

impl Config for Own {}

/// Settings of the whole system, checked.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) cloud: bool,
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) dir: PathBuf,
    pub(crate) sandboxed: BTreeSet<Provider>,
    pub(crate) gateway: gateway::Config,
    pub(crate) session_broker: session_broker::Config,
    pub(crate) chat_agent: chat_agent::Config,
    pub(crate) sheets_writer: sheets_writer::Config,
}

impl Options {
    /// Reads everything from `vars`, with the command line over it.
    ///
    /// # Errors
    /// All problems of all services at once.
    pub fn read(mut vars: Vars, args: Vec<String>) -> Result<Self, Vec<Problem>> {
        let own = config::load::<Own>(&vars, args);
        let mut problems = Vec::new();
        let own = own.map_err(|found| problems.extend(found)).ok();
        let dir = own.as_ref().map_or_else(|| ".frontdesk".into(), |own| own.frontdesk_dir.clone());
        if vars.get("STORE").is_none() {
            vars.set("STORE", format!("sqlite:{}", dir.display()));
        }
        vars.set("FRONTDESK_DIR", dir.display().to_string());
        let sandboxed: BTreeSet<Provider> =
            Provider::ALL.into_iter().filter(|provider| vars.get(provider.setting()).is_none()).collect();
        let allowed =
            vars.get("ALLOW_SANDBOX").is_some_and(|value| matches!(value, "1" | "true" | "yes" | "on"));
        let strict = own.as_ref().is_some_and(|own| own.live);
        for provider in &sandboxed {
            if strict || (vars.is_cloud() && !allowed) {
                problems.push(Problem::new(
                    provider.setting(),
                    format!("is required: {provider} would be a sandbox"),
                ));
            }
            provider.pretend(&mut vars);
        }
        let gateway = collect(config::load::<gateway::Config>(&vars, []), &mut problems);
        let session_broker = collect(config::load::<session_broker::Config>(&vars, []), &mut problems);
        let chat_agent = collect(config::load::<chat_agent::Config>(&vars, []), &mut problems);
        let sheets_writer = collect(config::load::<sheets_writer::Config>(&vars, []), &mut problems);
        let cloud = vars.is_cloud();
        let anywhere = if cloud { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        match (own, gateway, session_broker, chat_agent, sheets_writer) {
            (Some(own), Some(gateway), Some(session_broker), Some(chat_agent), Some(sheets_writer))
                if problems.is_empty() =>
            {
                Ok(Self {
                    cloud,
                    host: own.host.unwrap_or(anywhere.into()),
                    port: own.port,
                    dir,
                    sandboxed,
                    gateway,
                    session_broker,
                    chat_agent,
                    sheets_writer,
                })
            }
            _ => {
                // Services share settings; a problem of one is told once.
                problems.sort_by(|a, b| (&a.setting, &a.why).cmp(&(&b.setting, &b.why)));
                problems.dedup();
                Err(problems)
            }
        }
    }

    /// This is Cloud Run.
    pub fn is_cloud(&self) -> bool {
        self.cloud
    }
}

fn collect<C>(loaded: Result<C, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<C> {
    loaded.map_err(|found| problems.extend(found)).ok()
}

/// What `--help` or `--version` shows, if `args` ask for it.
pub fn page(args: &[String]) -> Option<String> {
    let asks = |names: [&str; 2]| args.iter().any(|arg| names.contains(&arg.as_str()));
    if asks(["--version", "-V"]) {
        return Some(concat!("frontdesk ", env!("CARGO_PKG_VERSION")).to_owned());
    }
    asks(["--help", "-h"]).then(help)
}

/// The reference of all settings, each listed once.
fn help() -> String {
    let command = Command::new("frontdesk")
        .override_usage(
            "frontdesk [--host HOST] [--port PORT] [--live] [--frontdesk-dir DIR]\n       frontdesk COMMAND",
        )
        .after_help(format!(
            "{}\nThe settings below are read from the environment or .env; see README.md.",
            overview()
        ));
    // after the settings, whose own docs would stand in its place
    let mut command = Own::augment_args(command)
        .about("The back office behind a website's chat agent: all services in one process")
        .long_about(None)
        .mut_args(|arg| arg.hide_env_values(true));
    let own: BTreeSet<String> = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
    let mut page = command.render_help().to_string();
    let mut seen = own;
    for (name, service) in [
        (gateway::NAME, gateway::Config::augment_args(Command::new(""))),
        (session_broker::NAME, session_broker::Config::augment_args(Command::new(""))),
        (chat_agent::NAME, chat_agent::Config::augment_args(Command::new(""))),
        (sheets_writer::NAME, sheets_writer::Config::augment_args(Command::new(""))),
    ] {
        page.push_str(&format!("\n{name}:\n"));
        for arg in service.get_arguments().filter(|arg| seen.insert(arg.get_id().to_string())) {
            let (Some(variable), Some(help)) = (arg.get_env(), arg.get_help()) else { continue };
            let defaults: Vec<_> =
                arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
            let default = if defaults.is_empty() {
                String::new()
            } else {
                format!(" [default: {}]", defaults.join(","))
            };
            page.push_str(&format!("  {}\n          {help}{default}\n", variable.to_string_lossy()));
        }
    }
    page.push_str(&format!("\n{}\n", chassis::run::STANDARD));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], args: &[&str]) -> Result<Options, Vec<String>> {
        let vars = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Options::read(vars, args.iter().map(|arg| (*arg).to_owned()).collect())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_a_key_every_provider_is_a_sandbox() {
        let options = read(&[], &[]).unwrap();
        assert_eq!(options.sandboxed, Provider::ALL.into());
        assert_eq!((options.host.to_string().as_str(), options.port), ("127.0.0.1", 8080));
        assert_eq!(options.sheets_writer.google_sheets_id, sandbox::SPREADSHEET_ID);
    }

    #[test]
    fn a_key_makes_its_provider_live() {
        let options = read(&[("GOOGLE_SHEETS_ID", "sheet-1")], &["--port=0"]).unwrap();
        assert_eq!(options.sandboxed, [Provider::OpenAi].into());
        assert_eq!(options.port, 0);
        assert!(options.sheets_writer.google_access_token.is_none());
    }

    #[test]
    fn no_sandbox_where_it_is_live_or_in_the_cloud() {
        let problems = read(&[("GOOGLE_SHEETS_ID", "sheet-1")], &["--live"]).unwrap_err();
        assert_eq!(problems, ["OPENAI_API_KEY: is required: OpenAI would be a sandbox"]);
        let problems = read(&[("K_SERVICE", "frontdesk")], &[]).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.starts_with("GOOGLE_SHEETS_ID: is required")),
            "{problems:?}"
        );
    }

    #[test]
    fn all_problems_of_all_services_come_at_once_and_once() {
        let bad = [
            ("STORE", "mysql:x"),
            ("LIMIT_IP", "many"),
            ("LEAD_SCORE_THRESHOLD", "7"),
            ("ALLOWED_ORIGINS", "*"),
            ("PORT", "x"),
        ];
        let problems = read(&bad, &[]).unwrap_err();
        let named: Vec<&str> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(named, ["ALLOWED_ORIGINS", "LEAD_SCORE_THRESHOLD", "LIMIT_IP", "PORT", "STORE"]);
    }

    #[test]
    fn help_names_every_setting_once() {
        let page = help();
        assert!(page.starts_with("The back office"), "{page}");
        for setting in ["TOKEN_KEYS", "LIMIT_VISITOR", "EVENTS_WEBHOOK_SECRET", "STORE", "--live", "RUST_LOG"]
        {
            assert!(page.contains(setting), "{setting}");
        }
        assert_eq!(page.matches("\n  STORE\n").count(), 1);
    }
}
