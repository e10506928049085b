//! `frontdesk sandbox`: the stand-ins of the providers by themselves.
//!
//! They exist so that services, and other clients, can be tried against them. The invariant: what is printed is all
//! that a service needs to use them, and none of it opens anything real.

use std::{net::Ipv4Addr, path::PathBuf};

use chassis::{bind, run::Signals};
use sandbox::Sandbox;
use serde_json::{Map, Value, json};
use url::Url;

use super::{Answer, Failure};
use crate::{
    banner::MEMBER,
    provider::{CALCOM_WEBHOOK_SECRET, STRIPE_WEBHOOK_SECRET, WHOP_WEBHOOK_SECRET},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk sandbox                      in memory, on a free port
  frontdesk sandbox --port 8090 --state stand-ins.db
  frontdesk sandbox --gateway http://127.0.0.1:8080
  frontdesk sandbox --json               one line of JSON once they are there

Put the printed lines into a service's environment, and it uses the stand-ins. The pages are at /sandbox/.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value = "0")]
    port: u16,

    /// File that keeps what they remember; else it is gone when they are
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Where the gateway is, e.g. http://127.0.0.1:8080: webhooks go there, and the portal
    /// is shown from there as Whop shows it
    #[arg(long, value_name = "URL", value_parser = chassis::config::base_url)]
    gateway: Option<Url>,
}

/// Serves until a signal comes.
pub(super) async fn run(args: &Args, json: bool, mut signals: Signals) -> Result<Answer, Failure> {
    let sandbox = Sandbox::open(args.state.as_deref())
        .map_err(|why| Failure::Failed(format!("the state cannot be opened: {why:#}")))?;
    if let Some(gateway) = &args.gateway {
        let base = gateway.as_str().trim_end_matches('/');
        for (provider, path, secret) in [
            (sandbox::Provider::CalCom, "calcom", CALCOM_WEBHOOK_SECRET),
            (sandbox::Provider::Stripe, "stripe", STRIPE_WEBHOOK_SECRET),
            (sandbox::Provider::Whop, "whop", WHOP_WEBHOOK_SECRET),
        ] {
            sandbox.set_webhook(provider, &format!("{base}/webhooks/{path}"), secret);
        }
    }
    let listener = bind(Ipv4Addr::LOCALHOST.into(), args.port)
        .await
        .map_err(|why| Failure::Unavailable(format!("port {} cannot be bound: {why}", args.port)))?;
    let address = listener.local_addr().map_err(|why| Failure::Failed(format!("no address: {why}")))?;
    let portal = match &args.gateway {
        Some(gateway) => Some(show_portal(&sandbox, gateway).await?),
        None => None,
    };
    chassis::run::show(&announce(&format!("http://{address}"), portal.as_deref(), json));
    let stop = async move {
        signals.next().await;
    };
    sandbox::serve(listener, sandbox.providers().merge(sandbox.pages()), stop).await;
    Ok(Answer::new(Value::Null, ""))
}

/// Puts Whop's proxy before the gateway for as long as the process lives; where a member finds the portal.
async fn show_portal(sandbox: &Sandbox, gateway: &Url) -> Result<String, Failure> {
    let unbound = |why: std::io::Error| Failure::Unavailable(format!("no port can be bound: {why}"));
    let listener = bind(Ipv4Addr::LOCALHOST.into(), 0).await.map_err(unbound)?;
    let port = listener.local_addr().map_err(unbound)?.port();
    let (sandbox, gateway) = (sandbox.clone(), gateway.clone());
    tokio::spawn(async move {
        let served = sandbox::serve_whop_app(listener, &sandbox, gateway.as_str(), std::future::pending());
        if let Err(why) = served.await {
            eprintln!("frontdesk: the portal is not shown: {why:#}");
        }
    });
    Ok(format!("http://{MEMBER}.localhost:{port}/portal"))
}

fn environment(base: &str) -> [(&'static str, String); 18] {
    [
        ("OPENAI_API_KEY", sandbox::API_KEY.to_owned()),
        ("OPENAI_BASE_URL", format!("{base}/openai/v1")),
        ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID.to_owned()),
        ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN.to_owned()),
        ("SHEETS_BASE_URL", format!("{base}/sheets")),
        ("CALCOM_API_KEY", sandbox::CALCOM_API_KEY.to_owned()),
        ("CALCOM_BASE_URL", format!("{base}/calcom")),
        ("CALCOM_WEBHOOK_SECRETS", CALCOM_WEBHOOK_SECRET.to_owned()),
        ("STRIPE_SECRET_KEY", sandbox::STRIPE_SECRET_KEY.to_owned()),
        ("STRIPE_BASE_URL", format!("{base}/stripe")),
        ("STRIPE_WEBHOOK_SECRETS", STRIPE_WEBHOOK_SECRET.to_owned()),
        ("WHOP_API_KEY", sandbox::WHOP_API_KEY.to_owned()),
        ("WHOP_ACCOUNT_ID", sandbox::WHOP_ACCOUNT_ID.to_owned()),
        ("WHOP_APP_ID", sandbox::WHOP_APP_ID.to_owned()),
        ("WHOP_BASE_URL", format!("{base}/whop/api/v1")),
        ("WHOP_JWKS_URL", format!("{base}/whop/.well-known/jwks.json")),
        ("WHOP_WEBHOOK_SECRETS", WHOP_WEBHOOK_SECRET.to_owned()),
        ("DRIVE_BASE_URL", format!("{base}/drive/v3")),
    ]
}

fn announce(base: &str, portal: Option<&str>, as_json: bool) -> String {
    let pages = format!("{base}/sandbox/sheet");
    let environment = environment(base);
    if as_json {
        let environment: Map<_, _> =
            environment.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        return json!({"base_url": base, "pages": pages, "portal": portal, "environment": environment})
            .to_string();
    }
    let portal = portal.map(|portal| format!(", the portal at {portal}")).unwrap_or_default();
    let lines: String = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    format!("# the stand-ins are at {base}, the sheet at {pages}{portal}; Ctrl-C stops them\n{lines}")
}
