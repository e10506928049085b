//! Destinations: where events go, which of them, and how they are signed.
//!
//! The invariant: a destination that exists was checked whole. Addresses, secrets and header values are never shown.

mod file;

use std::fmt;

use chassis::Problem;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

pub use file::Destinations;

use super::{event::Event, guard::Guard, notices, signature::Keys};
use crate::Config;

/// Name of the destination that `N8N_WEBHOOK_URL` makes.
pub(crate) const N8N: &str = "n8n";
/// Name of the destination that `OPS_COPILOT_ADDR` makes: the service of ours that tells people, over gRPC.
pub(crate) const NOTICES: &str = "notices";

/// Where events go.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) keys: Option<Keys>,
    pub(crate) header: Option<Header>,
    pub(crate) wants: Wants,
}

/// Which events a destination wants. An empty list is no condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wants {
    /// `lead.created`, `lead.*`.
    pub(crate) types: Vec<String>,
    /// Slugs.
    pub(crate) workflows: Vec<String>,
    /// Hosts.
    pub(crate) sites: Vec<String>,
}

/// The address of a destination. Its path may be all that protects it.
#[derive(Clone)]
pub struct Address(SecretString, Url);

/// A fixed header that a destination wants to see.
#[derive(Clone)]
pub struct Header {
    pub(super) name: HeaderName,
    /// Marked as sensitive.
    pub(super) value: HeaderValue,
}

// === impl Destination ===

impl Destination {
    /// All destinations of these settings.
    pub(crate) fn all(config: &Config) -> Vec<Self> {
        let n8n = config.n8n_webhook_url.clone().map(|address| Self {
            name: N8N.to_owned(),
            address,
            keys: config.n8n_signing_secret.clone(),
            header: config.n8n_header.clone(),
            wants: Wants::default(),
        });
        let notices = config.ops_copilot_addr.as_ref().map(notices::destination);
        n8n.into_iter()
            .chain(notices)
            .chain(config.event_destinations.iter().flat_map(Destinations::all))
            .collect()
    }

    /// What is wrong with it where it is to be used.
    pub(crate) fn problems(&self, cloud: bool) -> Vec<Problem> {
        if self.name == NOTICES {
            return Vec::new();
        }
        let (setting, of, secret) = if self.name == N8N {
            ("N8N_WEBHOOK_URL", String::new(), "N8N_SIGNING_SECRET")
        } else {
            ("EVENT_DESTINATIONS", format!("destination {}: url ", self.name), "EVENT_DESTINATIONS")
        };
        let url = &self.address.1;
        let mut problems = Vec::new();
        if cloud && url.scheme() != "https" {
            problems.push(Problem::new(setting, format!("{of}must be https in the cloud")));
        }
        if !(Guard { local: !cloud }).allows_host(url.host()) {
            let loopback = if cloud { "" } else { " or this machine's loopback" };
            problems.push(Problem::new(setting, format!("{of}must be a public address{loopback}")));
        }
        if cloud && self.keys.is_none() {
            let of = of.replace(": url ", " ");
            problems
                .push(Problem::new(secret, format!("{of}is required in the cloud: receivers verify by it")));
        }
        problems
    }

    /// Whether `event` goes there.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let any =
            |wanted: &[String], is: &dyn Fn(&String) -> bool| wanted.is_empty() || wanted.iter().any(is);
        any(&self.wants.types, &|pattern| super::catalogue::matches(pattern, event.kind))
            && any(&self.wants.workflows, &|workflow| *workflow == event.workflow)
            && any(&self.wants.sites, &|site| *site == event.site)
    }
}

// === impl Address ===

impl Address {
    /// Reads an absolute `http` or `https` URL.
    ///
    /// # Errors
    /// The text is something else; it is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WHY: &str = "must be an absolute http(s) URL without fragment";
        let url = Url::parse(text.trim()).map_err(|_| WHY)?;
        let sound = matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none();
        if sound { Ok(Self::of(url)) } else { Err(WHY.to_owned()) }
    }

    /// The address of a service of ours.
    pub(super) fn of(url: Url) -> Self {
        Self(String::from(url.clone()).into(), url)
    }

    /// The whole address, for the one who sends.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Scheme, host and port, which everybody may see.
    pub(crate) fn origin(&self) -> String {
        self.1.origin().ascii_serialization()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

// === impl Header ===

impl Header {
    /// Reads `Name: value`.
    ///
    /// # Errors
    /// The text is something else, or the header is one of our own; the value is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        const OURS: &[&str] = &[
            "connection",
            "content-length",
            "content-type",
            "host",
            "traceparent",
            "tracestate",
            "transfer-encoding",
            "user-agent",
        ];
        let (name, value) = text.split_once(':').ok_or("must be a name, a colon and a value")?;
        let name: HeaderName = name.trim().parse().map_err(|_| "has a name that no header can have")?;
        let text = name.as_str();
        if OURS.contains(&text) || text.starts_with("webhook-") || text.starts_with("x-frontdesk-") {
            return Err("names a header that is set already".to_owned());
        }
        let mut value: HeaderValue =
            value.trim().parse().map_err(|_| "has a value that no header can have")?;
        if value.is_empty() {
            return Err("has no value".to_owned());
        }
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())
    }
}
