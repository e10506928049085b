//! Settings of the gateway.
//!
//! The invariant: what can be told wrong without a call is a problem before a port is bound.

use std::{io, path::PathBuf};

use chassis::{
    Problem,
    config::{self, SECRET_MIN},
};
use clap::builder::RangedU64ValueParser;
use domain::{
    limit::Limit,
    token::{self, Keys},
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::{host, mcp::Tokens, origin::Origins};

/// More proxies than this in a row is a typing error.
const HOPS_MAX: u64 = 16;

/// Settings of the gateway.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Address of session-broker.
    #[arg(long, env = "SESSION_BROKER_ADDR", default_value = "http://127.0.0.1:8081", value_parser = config::base_url)]
    pub session_broker_addr: Url,
    /// Address of chat-agent.
    #[arg(long, env = "CHAT_AGENT_ADDR", default_value = "http://127.0.0.1:8082", value_parser = config::base_url)]
    pub chat_agent_addr: Url,
    /// Address of whop-gateway.
    #[arg(long, env = "WHOP_GATEWAY_ADDR", default_value = "http://127.0.0.1:8083", value_parser = config::base_url)]
    pub whop_gateway_addr: Url,
    /// Address of booking-payments.
    #[arg(long, env = "BOOKING_PAYMENTS_ADDR", default_value = "http://127.0.0.1:8084", value_parser = config::base_url)]
    pub booking_payments_addr: Url,
    /// Address of ops-copilot.
    #[arg(long, env = "OPS_COPILOT_ADDR", default_value = "http://127.0.0.1:8086", value_parser = config::base_url)]
    pub ops_copilot_addr: Url,
    /// Address of sheets-writer.
    #[arg(long, env = "SHEETS_WRITER_ADDR", default_value = "http://127.0.0.1:8085", value_parser = config::base_url)]
    pub sheets_writer_addr: Url,
    /// Domain key of OpenAI's chat element for chats of our own, `domain_pk_…`. On localhost any text does.
    #[arg(long, env = "CHATKIT_DOMAIN_KEY", default_value = "local-development")]
    pub chatkit_domain_key: String,
    /// Keys that sign visitor tokens and client secrets, newest first: `KEY_ID:SECRET[,…]`, a secret being base64url of at least 32
    /// bytes. Required in the cloud; a local run makes one and keeps it.
    #[arg(long, env = "TOKEN_KEYS", hide_env_values = true, value_parser = token_keys)]
    pub token_keys: Option<Keys>,
    /// Origins of the pages that may embed the chat, comma-separated: `https://www.example.com`, or
    /// `https://*.example.com` for all hosts below. Required in the cloud; any loopback origin otherwise.
    #[arg(long, env = "ALLOWED_ORIGINS", value_parser = Origins::parse)]
    pub allowed_origins: Option<Origins>,
    /// Where the public reaches this gateway, e.g. `https://chat.example.com`.
    #[arg(long, env = "PUBLIC_BASE_URL", value_parser = config::base_url)]
    pub public_base_url: Option<Url>,
    /// How many proxies of ours append to `X-Forwarded-For`; 1 in the cloud, else 0.
    #[arg(long, env = "TRUSTED_PROXY_HOPS", value_parser = RangedU64ValueParser::<u8>::new().range(0..=HOPS_MAX))]
    pub trusted_proxy_hops: Option<u8>,
    /// Secret of a front such as Vercel, which may then add one hop: it sends it as `X-Frontdesk-Forwarder`.
    #[arg(long, env = "FORWARDER_SECRET", hide_env_values = true, value_parser = config::secret)]
    pub forwarder_secret: Option<SecretString>,
    /// Token of the operator's own programs, for /api/operator/, and, in the cloud with PUBLIC_BASE_URL, for /mcp/ops-copilot.
    /// Without it those routes do not exist in the cloud; a local run makes one and keeps it.
    #[arg(long, env = "OPERATOR_TOKEN", hide_env_values = true, value_parser = config::secret)]
    pub operator_token: Option<SecretString>,
    /// Tokens of other people's agents, for /mcp/: `WORKFLOW:TOKEN[,…]`, of at least 16 characters each, two for a workflow
    /// while one takes the other's place; ops-copilot takes OPERATOR_TOKEN. Needs PUBLIC_BASE_URL in the cloud, where a workflow
    /// without a token has no route. A local run makes them and keeps them, and asks this machine for none.
    #[arg(long, env = "MCP_TOKENS", hide_env_values = true, value_parser = Tokens::parse)]
    pub mcp_tokens: Option<Tokens>,
    /// Tokens of Whop users that one network address may show and that are not accepted; then none of its is looked at for a
    /// while. Counted by each instance for itself.
    #[arg(long, env = "LIMIT_WRONG_TOKENS", default_value = "120/m:60")]
    pub limit_wrong_tokens: Limit,
    /// Where a local run keeps what it makes for itself.
    #[arg(long, env = "FRONTDESK_DIR", default_value = ".frontdesk")]
    pub frontdesk_dir: PathBuf,
}

// === impl Config ===

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let problem = |setting: &str, why: String| Problem { setting: setting.into(), why };
        let mut problems = Vec::new();
        if cloud && self.token_keys.is_none() {
            problems.push(problem("TOKEN_KEYS", "is required in the cloud".into()));
        }
        if self.chatkit_domain_key.is_empty()
            || !self.chatkit_domain_key.bytes().all(|b| b.is_ascii_graphic())
        {
            problems.push(problem("CHATKIT_DOMAIN_KEY", "must be visible ASCII without spaces".into()));
        }
        if cloud && self.allowed_origins.is_none() {
            problems.push(problem("ALLOWED_ORIGINS", "is required in the cloud".into()));
        }
        if cloud && self.mcp_tokens.is_some() && self.public_base_url.is_none() {
            problems.push(problem("PUBLIC_BASE_URL", "is required in the cloud with MCP_TOKENS".into()));
        }
        if cloud && self.limit_wrong_tokens == Limit::Off {
            problems.push(problem("LIMIT_WRONG_TOKENS", "must not be off in the cloud".into()));
        }
        let weak = |secret: &SecretString| secret.expose_secret().len() < SECRET_MIN;
        let compared =
            [("FORWARDER_SECRET", &self.forwarder_secret), ("OPERATOR_TOKEN", &self.operator_token)];
        for (setting, secret) in compared {
            if secret.as_ref().is_some_and(weak) {
                problems.push(problem(setting, format!("must have at least {SECRET_MIN} characters")));
            }
        }
        problems
    }
}

impl Config {
    /// The keys as given, else those that this directory's local runs share.
    pub(crate) fn keys(&self) -> io::Result<Keys> {
        if let Some(keys) = &self.token_keys {
            return Ok(keys.clone());
        }
        let kept = chassis::local::keep_secret(&self.frontdesk_dir, "token-keys", Keys::generate)?;
        Keys::parse(kept.trim()).map_err(|why| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{}/token-keys: {why}", self.frontdesk_dir.display()),
            )
        })
    }

    /// The operator's token as given, else the one that this directory's local runs share; none in the cloud.
    pub(crate) fn operator(&self, cloud: bool) -> io::Result<Option<SecretString>> {
        if self.operator_token.is_some() || cloud {
            return Ok(self.operator_token.clone());
        }
        let kept = chassis::local::keep_secret(&self.frontdesk_dir, "operator-token", token::secret)?;
        Ok(Some(kept.into()))
    }

    /// The tokens that this directory's local runs share; none in the cloud, or where the settings have some.
    pub(crate) fn made_mcp_tokens(&self, cloud: bool) -> io::Result<Tokens> {
        if self.mcp_tokens.is_some() || cloud {
            return Ok(Tokens::default());
        }
        let kept = chassis::local::keep_secret(&self.frontdesk_dir, "mcp-tokens", Tokens::generate)?;
        Tokens::parse(&kept).map_err(|why| {
            let file = self.frontdesk_dir.join("mcp-tokens");
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", file.display()))
        })
    }

    /// Whether there are routes for agents of others: in the cloud for those who have a token, and by our public name alone.
    pub(crate) fn serves_agents(&self, cloud: bool) -> bool {
        let token = self.mcp_tokens.is_some() || self.operator_token.is_some();
        !cloud || (token && self.public_base_url.is_some())
    }

    /// Whether the public reaches us, so that nothing counts as coming from this machine.
    pub fn is_public(&self) -> bool {
        host::is_public(self.public_base_url.as_ref())
    }

    pub(crate) fn hops(&self, cloud: bool) -> usize {
        self.trusted_proxy_hops.map_or(usize::from(cloud), usize::from)
    }
}

fn token_keys(text: &str) -> Result<Keys, String> {
    Keys::parse(text).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(settings: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let vars = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        chassis::config::load::<Config>(&vars, Vec::new())
            .map_err(|problems| problems.into_iter().map(|problem| problem.to_string()).collect())
    }

    #[test]
    fn a_local_run_needs_no_setting() {
        let config = load(&[]).unwrap();
        assert_eq!(config.session_broker_addr.as_str(), "http://127.0.0.1:8081/");
        assert_eq!(config.whop_gateway_addr.as_str(), "http://127.0.0.1:8083/");
        assert_eq!(config.booking_payments_addr.as_str(), "http://127.0.0.1:8084/");
        assert_eq!(config.sheets_writer_addr.as_str(), "http://127.0.0.1:8085/");
        assert_eq!(config.ops_copilot_addr.as_str(), "http://127.0.0.1:8086/");
        assert_eq!(config.chat_agent_addr.as_str(), "http://127.0.0.1:8082/");
        assert_eq!(config.chatkit_domain_key, "local-development");
        assert_eq!((config.hops(false), config.hops(true)), (0, 1));
    }

    #[test]
    fn the_cloud_asks_for_keys_and_origins() {
        let problems = load(&[("K_SERVICE", "gateway")]).unwrap_err();
        assert_eq!(
            problems,
            ["TOKEN_KEYS: is required in the cloud", "ALLOWED_ORIGINS: is required in the cloud"]
        );
    }

    #[test]
    fn forgers_are_limited_in_the_cloud() {
        assert_eq!(load(&[]).unwrap().limit_wrong_tokens.to_string(), "120/m:60");
        assert_eq!(load(&[("LIMIT_WRONG_TOKENS", "off")]).unwrap().limit_wrong_tokens, Limit::Off);
        let problems = load(&[("K_SERVICE", "gateway"), ("LIMIT_WRONG_TOKENS", "off")]).unwrap_err();
        assert!(
            problems.contains(&"LIMIT_WRONG_TOKENS: must not be off in the cloud".into()),
            "{problems:?}"
        );
    }

    #[test]
    fn agents_in_the_cloud_call_us_by_our_public_name() {
        let cloud = [
            ("K_SERVICE", "gateway"),
            ("TOKEN_KEYS", &Keys::generate()),
            ("ALLOWED_ORIGINS", "https://www.example.com"),
            ("MCP_TOKENS", "lead-concierge:a-concierges-token"),
        ];
        assert_eq!(load(&cloud).unwrap_err(), ["PUBLIC_BASE_URL: is required in the cloud with MCP_TOKENS"]);
        let named = [&cloud[..], &[("PUBLIC_BASE_URL", "https://chat.example.com")]].concat();
        assert!(load(&named).unwrap().made_mcp_tokens(true).unwrap().newest("lead-concierge").is_none());
    }

    #[test]
    fn all_problems_come_at_once_and_repeat_no_value() {
        let problems = load(&[
            ("TOKEN_KEYS", "canary"),
            ("MCP_TOKENS", "lead-concierge:canary"),
            ("ALLOWED_ORIGINS", "https://ok.example.com,null"),
            ("TRUSTED_PROXY_HOPS", "999"),
            ("PUBLIC_BASE_URL", "chat.example.com"),
            ("SESSION_BROKER_ADDR", "canary"),
            ("CHAT_AGENT_ADDR", "canary"),
            ("WHOP_GATEWAY_ADDR", "canary"),
            ("BOOKING_PAYMENTS_ADDR", "canary"),
        ])
        .unwrap_err();
        let named: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        for setting in [
            "TOKEN_KEYS",
            "MCP_TOKENS",
            "ALLOWED_ORIGINS",
            "TRUSTED_PROXY_HOPS",
            "PUBLIC_BASE_URL",
            "SESSION_BROKER_ADDR",
            "CHAT_AGENT_ADDR",
            "WHOP_GATEWAY_ADDR",
            "BOOKING_PAYMENTS_ADDR",
        ] {
            assert!(named.contains(&setting), "{setting} in {problems:?}");
        }
        assert!(!problems.join(" ").contains("canary"), "{problems:?}");
        for setting in ["FORWARDER_SECRET", "OPERATOR_TOKEN"] {
            let weak = load(&[(setting, "canary")]).unwrap_err();
            assert_eq!(weak, [format!("{setting}: must have at least 16 characters")]);
        }
        let spaced = load(&[("CHATKIT_DOMAIN_KEY", "canary key")]).unwrap_err();
        assert_eq!(spaced, ["CHATKIT_DOMAIN_KEY: must be visible ASCII without spaces"]);
    }

    #[test]
    fn local_keys_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = load(&[]).unwrap();
        config.frontdesk_dir = dir.path().to_owned();
        let first = config.keys().unwrap().derive("device", b"d");
        assert_eq!(first, config.keys().unwrap().derive("device", b"d"));
        let operator = |cloud| config.operator(cloud).unwrap().map(|token| token.expose_secret().to_owned());
        assert_eq!(operator(false).unwrap().len(), 43);
        assert_eq!(operator(false), operator(false));
        assert_eq!(operator(true), None, "in the cloud there are no routes without a token");
        let made = |config: &Config| config.made_mcp_tokens(false).unwrap();
        assert_eq!(made(&config), made(&config));
        assert_eq!(made(&config).newest("client-portal").unwrap().len(), 43);
        config.mcp_tokens = Tokens::parse("lead-concierge:a-concierges-token").ok();
        assert_eq!(made(&config), Tokens::default(), "what is set is all there is");
    }
}
