//! Who may talk to a workflow's tools at all.
//!
//! The invariants: a workflow that has a token of the operator's choice opens to that token alone; one that has none is
//! not there in the cloud, and elsewhere opens without a token to this machine alone; a wrong token opens nothing.

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use chassis::Context;
use domain::{Fault, Kind, Reason};

use super::{OPERATORS, Tokens, hosts::Hosts};
use crate::{caller::Client, config::Config, problem::Problem};

/// Tokens and names.
pub(crate) struct Access {
    /// Those of the settings, and the operator's.
    set: Tokens,
    /// Those that a local run made for itself.
    made: Tokens,
    hosts: Hosts,
    local: bool,
}

// === impl Access ===

impl Access {
    pub(crate) fn new(config: &Config, ctx: &Context) -> std::io::Result<Self> {
        let mut set = config.mcp_tokens.clone().unwrap_or_default();
        if let Some(token) = config.operator(ctx.cloud)? {
            set.add(OPERATORS, token);
            if !config.serves_agents(ctx.cloud) {
                tracing::warn!(
                    "PUBLIC_BASE_URL is not set: there is no /mcp/{OPERATORS}, which is called by that name alone"
                );
            }
        }
        let made = config.made_mcp_tokens(ctx.cloud)?;
        let hosts = Hosts::new(config.public_base_url.as_ref(), !ctx.cloud);
        Ok(Self { set, made, hosts, local: !ctx.cloud })
    }

    /// Lets a request pass, or says why not.
    pub(super) fn admit(&self, workflow: &str, parts: &Parts, client: &Client) -> Result<(), Problem> {
        if !self.local && !self.set.has(workflow) {
            return Err(Problem::route_unknown());
        }
        if !self.hosts.allow(parts) {
            return Err(host_unknown().into());
        }
        if self.opens(workflow, &parts.headers) {
            return Ok(());
        }
        if parts.headers.contains_key(header::AUTHORIZATION) || self.set.has(workflow) {
            return Err(unauthenticated().into());
        }
        if client.local { Ok(()) } else { Err(far_away().into()) }
    }

    /// The workflows whose agent asks; `None` if no bearer stands beside the request. What a browser adds for a site that
    /// asks for a password is none.
    pub(super) fn agent_of(&self, headers: &HeaderMap) -> Result<Option<Vec<String>>, Fault> {
        let scheme = |value: &HeaderValue| Some(value.to_str().ok()?.split(' ').next()?.to_ascii_lowercase());
        let bearer = |value: &HeaderValue| scheme(value).as_deref() == Some("bearer");
        if !headers.get_all(header::AUTHORIZATION).iter().any(bearer) {
            return Ok(None);
        }
        let mut opened = self.set.opened(headers);
        opened.extend(self.made.opened(headers));
        if opened.is_empty() { Err(unauthenticated()) } else { Ok(Some(opened)) }
    }

    fn opens(&self, workflow: &str, headers: &HeaderMap) -> bool {
        self.set.opens(workflow, headers) | self.made.opens(workflow, headers)
    }
}

/// The bearer is not the workflow's.
pub(super) fn unauthenticated() -> Fault {
    let message = "the workflow's token is missing or wrong; send it as authorization: Bearer";
    Fault::new(Kind::Unauthenticated, Reason::SecretWrong, message)
}

fn far_away() -> Fault {
    let message = "without MCP_TOKENS the tools are for this machine only; `frontdesk mcp connect` shows the token \
        that this one has made";
    Fault::new(Kind::Forbidden, Reason::LoopbackOnly, message)
}

fn host_unknown() -> Fault {
    let message = "this gateway does not know itself by this host; the operator names it in PUBLIC_BASE_URL";
    Fault::new(Kind::Forbidden, Reason::HostNotAllowed, message)
}
