//! Settings of the whole: what `frontdesk` itself takes, and those of every service, all problems at once.

use std::{
    collections::BTreeSet,
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
    pub(crate) sheets_writer: sheets_writer::Config,
    /// Of the second sheets-writer, for what is invented, if one is needed.
    pub(crate) sandbox_ledger: Option<sheets_writer::Config>,
    /// Bookings or payments are invented, and no spreadsheet takes them.
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
        let stripe = Provider::Stripe.setting();
        if strict && vars.get(stripe).is_some_and(invented::is_test_key) {
            problems.push(Problem::new(
                stripe,
                "must be of the live mode: payments of the test mode are invented",
            ));
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
        let mut sheets_writer = collect(config::load::<sheets_writer::Config>(&vars, []), &mut problems);
        if let Some(books) = sheets_writer.as_mut().filter(|_| sandboxed.contains(&Provider::Sheets)) {
            books.store = invented::store(&dir);
        }
        let cloud = vars.is_cloud();
        let anywhere = if cloud { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        match (own, gateway, session_broker, chat_agent, booking_payments, sheets_writer) {
            (
                Some(own),
                Some(gateway),
                Some(session_broker),
                Some(chat_agent),
                Some(booking_payments),
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
    let own: BTreeSet<String> = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
    let mut page = command.render_help().to_string();
    let mut seen = own;
    for (name, service) in [
        (gateway::NAME, gateway::Config::augment_args(Command::new(""))),
        (session_broker::NAME, session_broker::Config::augment_args(Command::new(""))),
        (chat_agent::NAME, chat_agent::Config::augment_args(Command::new(""))),
        (booking_payments::NAME, booking_payments::Config::augment_args(Command::new(""))),
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
        assert_eq!(options.sandboxed, [Provider::OpenAi, Provider::CalCom, Provider::Stripe].into());
        assert_eq!(options.port, 0);
        assert!(options.sheets_writer.google_access_token.is_none());
    }

    #[test]
    fn no_sandbox_where_it_is_live_or_in_the_cloud() {
        let problems = read(&[("GOOGLE_SHEETS_ID", "sheet-1")], &["--live"]).unwrap_err();
        let missing = [
            "CALCOM_API_KEY: is required: Cal.com would be a sandbox",
            "OPENAI_API_KEY: is required: OpenAI would be a sandbox",
            "STRIPE_SECRET_KEY: is required: Stripe would be a sandbox",
        ];
        assert_eq!(problems, missing);
        let problems = read(&[("K_SERVICE", "frontdesk")], &[]).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.starts_with("GOOGLE_SHEETS_ID: is required")),
            "{problems:?}"
        );
    }

    #[test]
    fn what_is_invented_gets_a_ledger_of_its_own_beside_a_live_sheet() {
        let live = [
            ("GOOGLE_SHEETS_ID", "sheet-1"),
            ("OPENAI_API_KEY", "sk-1"),
            ("N8N_WEBHOOK_URL", "https://n8n.example/x"),
        ];
        let keys = |calcom, stripe| {
            [&live[..], &[("CALCOM_API_KEY", calcom), ("STRIPE_SECRET_KEY", stripe)]].concat()
        };
        let second = |vars: &[(&str, &str)], args: &[&str]| read(vars, args).unwrap().sandbox_ledger;
        let ledger = second(&live, &[]).expect("Cal.com and Stripe are stand-ins");
        assert_eq!(ledger.google_sheets_id, sandbox::SPREADSHEET_ID);
        assert!(ledger.google_access_token.is_some() && ledger.n8n_webhook_url.is_none());
        assert!(
            matches!(&ledger.store.location, store::Location::Sqlite(dir) if dir.ends_with("sandbox-ledger"))
        );
        for test_key in ["sk_test_1", "rk_test_1"] {
            assert!(second(&keys("cal_live_1", test_key), &[]).is_some(), "{test_key}");
            let problems = read(&keys("cal_live_1", test_key), &["--live"]).unwrap_err();
            let why = "must be of the live mode: payments of the test mode are invented";
            assert_eq!(problems, [format!("STRIPE_SECRET_KEY: {why}")]);
        }
        for real in ["sk_live_1", "rk_live_1"] {
            assert!(second(&keys("cal_live_1", real), &[]).is_none(), "{real}");
            assert!(!read(&keys("cal_live_1", real), &["--live"]).unwrap().drops_invented, "{real}");
        }
        let elsewhere =
            [&keys("cal_live_1", "sk_live_1")[..], &[("CALCOM_BASE_URL", "http://127.0.0.1:1")]].concat();
        assert!(second(&elsewhere, &[]).is_some());
        let named = [&live[..], &[("SANDBOX_LEDGER_ADDR", "http://127.0.0.1:1")]].concat();
        assert!(second(&named, &[]).is_none(), "there is one already");
        assert!(second(&[], &[]).is_none(), "the one ledger is the sandbox's");
    }

    #[test]
    fn the_books_of_the_stand_ins_sheet_have_one_place() {
        let place = |location: &store::Location| match location {
            store::Location::Sqlite(dir) => dir.display().to_string(),
            elsewhere => panic!("{elsewhere:?}"),
        };
        let only = read(&[], &["--frontdesk-dir=desk"]).unwrap();
        assert_eq!(place(&only.sheets_writer.store.location), "desk/sandbox-ledger");
        assert_eq!(place(&only.booking_payments.store.location), "desk");
        let both = read(&[("GOOGLE_SHEETS_ID", "sheet-1")], &["--frontdesk-dir=desk"]).unwrap();
        assert_eq!(place(&both.sheets_writer.store.location), "desk");
        assert_eq!(place(&both.sandbox_ledger.unwrap().store.location), "desk/sandbox-ledger");
    }

    #[test]
    fn what_is_invented_in_the_cloud_and_goes_nowhere_is_known() {
        let cloud = [
            ("K_SERVICE", "frontdesk"),
            ("STORE", "firestore:agency"),
            ("GOOGLE_SHEETS_ID", "sheet-1"),
            ("OPENAI_API_KEY", "sk-1"),
            ("CALCOM_API_KEY", "cal_live_1"),
            ("CALCOM_WEBHOOK_SECRETS", "secret"),
            ("STRIPE_WEBHOOK_SECRETS", "whsec_1"),
            ("PUBLIC_BASE_URL", "https://desk.example.com"),
            ("ALLOWED_ORIGINS", "https://www.example.com"),
            ("TOKEN_KEYS", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"),
            ("EVENTS_WEBHOOK_SECRET", "0123456789abcdef0123456789abcdef"),
        ];
        let drops = |more: &[(&str, &str)]| read(&[&cloud[..], more].concat(), &[]).unwrap().drops_invented;
        assert!(drops(&[("STRIPE_SECRET_KEY", "sk_test_1")]));
        assert!(!drops(&[("STRIPE_SECRET_KEY", "sk_live_1")]));
        let named =
            [("STRIPE_SECRET_KEY", "sk_test_1"), ("SANDBOX_LEDGER_ADDR", "https://ledger.example.com")];
        assert!(!drops(&named));
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
        for setting in [
            "TOKEN_KEYS",
            "LIMIT_VISITOR",
            "EVENTS_WEBHOOK_SECRET",
            "STORE",
            "STRIPE_SECRET_KEY",
            "--live",
            "RUST_LOG",
        ] {
            assert!(page.contains(setting), "{setting}");
        }
        assert_eq!(page.matches("\n  STORE\n").count(), 1);
    }
}
