//! `frontdesk mcp connect`: what an agent of others needs to call a workflow's tools.
//!
//! It asks the gateway that runs, as an agent's own server would, so what it prints has worked. The invariants: a token
//! is shown here and by no failure, and one that this directory's system made for itself goes to that system alone.

mod gateway;
mod snippets;

use ::gateway::OPERATORS;
use chassis::{Vars, config::base_url};
use serde_json::{Map, json};
use url::Url;

use self::{
    gateway::{Gateway, Session},
    snippets::{Target, snippets},
};
use super::{Answer, Failure, desk, table};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk mcp connect                              the concierge's tools, for a test visitor
  frontdesk mcp connect --workflow client-portal     for Mara, once she has joined at /sandbox/providers
  frontdesk mcp connect --workflow ops-copilot       for the operator
  frontdesk mcp connect --url https://chat.example.com
  frontdesk mcp connect --json | jq -r .clients.claude_code | sh

Tokens come from MCP_TOKENS, for ops-copilot from OPERATOR_TOKEN, else from what the system
that runs here has made. What is printed holds them: it is for you alone. The session is a new
visitor's and lives 24 hours; your own server gets one for each of its visitors by
POST /api/chatkit/session with the same bearer.";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prints ready settings for common clients, with a test visitor's session
    #[command(after_help = EXAMPLES)]
    Connect(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Slug of the workflow
    #[arg(long, default_value = domain::workflow::DEFAULT)]
    workflow: String,

    /// Where the gateway is, in place of the system that runs here
    #[arg(long, value_name = "URL", value_parser = base_url)]
    url: Option<Url>,

    /// Makes no session: only the tools that touch nobody
    #[arg(long)]
    without_session: bool,
}

pub(super) async fn run(vars: &Vars, command: Command) -> Result<Answer, Failure> {
    let Command::Connect(args) = command;
    let called = match &args.url {
        Some(url) => url.clone(),
        None => here(vars)?,
    };
    let bearer = bearer(vars, &args)?;
    let gateway = Gateway::new(&called, &bearer);
    let session = match args.without_session || args.workflow == OPERATORS {
        true => Session::None,
        false => gateway.session(&args.workflow).await?,
    };
    let tools = gateway.tools(&args.workflow, session.token()).await?;
    let target = Target {
        label: format!("frontdesk-{}", args.workflow),
        url: gateway::tools_at(&public(vars, &args, called)?, &args.workflow),
        bearer,
        session: session.token().map(str::to_owned),
    };
    Ok(answer(&args.workflow, &target, &session, &tools))
}

fn answer(workflow: &str, target: &Target, session: &Session, tools: &[String]) -> Answer {
    let clients = snippets(target);
    let json = json!({
        "workflow": workflow,
        "url": target.url,
        "bearer": target.bearer,
        "session_token": target.session,
        "tools": tools,
        "clients": clients.iter().map(|one| (one.client.to_owned(), json!(one.text))).collect::<Map<_, _>>(),
    });
    let facts = [
        ("workflow", workflow.to_owned()),
        ("url", target.url.clone()),
        ("session", session.words().to_owned()),
        ("tools", tools.join(", ")),
    ];
    let sections = clients.iter().map(|one| format!("\n\n── {}\n\n{}", one.title, one.text));
    let text = table::fields(facts) + &sections.collect::<String>();
    Answer::new(json, text)
}

/// Where the system that runs in this directory takes calls.
fn here(vars: &Vars) -> Result<Url, Failure> {
    let absent = "no system runs here; start `frontdesk`, or name a gateway with --url";
    let mut url = desk::running(vars, ::gateway::NAME).ok_or_else(|| Failure::Unavailable(absent.into()))?;
    let everywhere = url.host_str().is_some_and(|host| matches!(host, "0.0.0.0" | "[::]"));
    if everywhere && url.set_host(Some("127.0.0.1")).is_err() {
        return Err(Failure::Unavailable(absent.into()));
    }
    Ok(url)
}

/// Where clients find the gateway: where the public does, if that is known.
fn public(vars: &Vars, args: &Args, called: Url) -> Result<Url, Failure> {
    match vars.get("PUBLIC_BASE_URL").filter(|_| args.url.is_none()) {
        Some(given) => base_url(given).map_err(|why| Failure::Usage(format!("PUBLIC_BASE_URL {why}"))),
        None => Ok(called),
    }
}

/// The workflow's token.
fn bearer(vars: &Vars, args: &Args) -> Result<String, Failure> {
    let (setting, file) = match args.workflow.as_str() {
        OPERATORS => ("OPERATOR_TOKEN", "operator-token"),
        _ => ("MCP_TOKENS", "mcp-tokens"),
    };
    let kept = || {
        let dir = vars.get("FRONTDESK_DIR").unwrap_or(".frontdesk");
        std::fs::read_to_string(std::path::Path::new(dir).join(file)).ok()
    };
    let known = match vars.get(setting) {
        Some(set) => Some(set.to_owned()),
        None if args.url.is_none() => kept(),
        None => None,
    };
    let known = known.ok_or_else(|| Failure::Usage(format!("{setting} is needed, the gateway's own")))?;
    if setting == "OPERATOR_TOKEN" {
        return Ok(known.trim().to_owned());
    }
    let tokens =
        ::gateway::Tokens::parse(&known).map_err(|why| Failure::Usage(format!("{setting} {why}")))?;
    let token = tokens.newest(&args.workflow).map(str::to_owned);
    token.ok_or_else(|| Failure::Usage(format!("{setting} has no token of {}", args.workflow)))
}
