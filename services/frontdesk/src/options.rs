//! Settings of the whole: what `frontdesk` itself takes, and those of every service, all problems at once.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use chassis::{Config, Problem, Vars, config};
use clap::{Args, Command};

use crate::{Provider, command::overview, invented};

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
    pub(crate) booking_payments: booking_payments::Config,
    pub(crate) ops_copilot: ops_copilot::Config,
    pub(crate) whop_gateway: whop_gateway::Config,
    pub(crate) sheets_writer: sheets_writer::Config,
    /// Of the second sheets-writer, for what is invented, if one is needed.
    pub(crate) sandbox_ledger: Option<sheets_writer::Config>,
    /// Bookings, payments or members are invented, and no spreadsheet takes them.
    pub(crate) drops_invented: bool,
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
        let google_access_token = vars.get("GOOGLE_ACCESS_TOKEN").map(str::to_owned);
        let sandboxed: BTreeSet<Provider> =
            Provider::ALL.into_iter().filter(|provider| vars.get(provider.setting()).is_none()).collect();
        let allowed =
            vars.get("ALLOW_SANDBOX").is_some_and(|value| matches!(value, "1" | "true" | "yes" | "on"));
        let strict = own.as_ref().is_some_and(|own| own.live);
        let refused = strict || (vars.is_cloud() && !allowed);
        let homeless = !sandboxed.contains(&Provider::Sheets)
            && vars.get("SANDBOX_LEDGER_ADDR").is_none()
            && invented::is_expected(&vars, &sandboxed);
        let second = homeless && !refused;
        if strict {
            problems.extend(invented::problems(&vars));
        }
        for provider in &sandboxed {
            if refused {
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
        let booking_payments = collect(config::load::<booking_payments::Config>(&vars, []), &mut problems);
        let ops_copilot = collect(config::load::<ops_copilot::Config>(&vars, []), &mut problems);
        let mut whop_gateway = collect(config::load::<whop_gateway::Config>(&vars, []), &mut problems);
        if let Some(members) = &mut whop_gateway {
            // Sheets and Drive take the same setting; a stand-in's token opens nothing at the other one.
            let stand_in = sandboxed.contains(&Provider::Whop).then(|| sandbox::ACCESS_TOKEN.to_owned());
            members.google_access_token = stand_in.or(google_access_token).map(Into::into);
        }
        let mut sheets_writer = collect(config::load::<sheets_writer::Config>(&vars, []), &mut problems);
        if let Some(books) = sheets_writer.as_mut().filter(|_| sandboxed.contains(&Provider::Sheets)) {
            books.store = invented::store(&dir);
        }
        let cloud = vars.is_cloud();
        let anywhere = if cloud { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        match (
            own,
            gateway,
            session_broker,
            chat_agent,
            booking_payments,
            ops_copilot,
            whop_gateway,
            sheets_writer,
        ) {
            (
                Some(own),
                Some(gateway),
                Some(session_broker),
                Some(chat_agent),
                Some(booking_payments),
                Some(ops_copilot),
                Some(whop_gateway),
                Some(sheets_writer),
            ) if problems.is_empty() => {
                let sandbox_ledger = second.then(|| invented::ledger(&sheets_writer, &dir));
                Ok(Self {
                    cloud,
                    host: own.host.unwrap_or(anywhere.into()),
                    port: own.port,
                    dir,
                    sandboxed,
                    gateway,
                    session_broker,
                    chat_agent,
                    booking_payments,
                    ops_copilot,
                    whop_gateway,
                    sheets_writer,
                    sandbox_ledger,
                    drops_invented: homeless && refused,
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
    let own = command.get_arguments().filter_map(|arg| arg.get_env());
    let mut seen: BTreeSet<OsString> = own.map(OsStr::to_owned).collect();
    let mut page = command.render_help().to_string();
    for (name, service) in services() {
        page.push_str(&format!("\n{name}:\n"));
        for arg in service.get_arguments() {
            let (Some(variable), Some(help)) = (arg.get_env(), arg.get_help()) else { continue };
            if !seen.insert(variable.to_owned()) {
                continue;
            }
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

/// The settings of every service, by its name.
fn services() -> [(&'static str, Command); 7] {
    [
        (gateway::NAME, gateway::Config::augment_args(Command::new(""))),
        (session_broker::NAME, session_broker::Config::augment_args(Command::new(""))),
        (chat_agent::NAME, chat_agent::Config::augment_args(Command::new(""))),
        (booking_payments::NAME, booking_payments::Config::augment_args(Command::new(""))),
        (whop_gateway::NAME, whop_gateway::Config::augment_args(Command::new(""))),
        (ops_copilot::NAME, ops_copilot::Config::augment_args(Command::new(""))),
        (sheets_writer::NAME, sheets_writer::Config::augment_args(Command::new(""))),
    ]
}

#[cfg(test)]
mod tests;
