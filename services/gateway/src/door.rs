//! What the handlers share.

use std::sync::Arc;

use anyhow::Context as _;
use chassis::{Context, client::Link};
use domain::token::Keys;
use proto::{
    session::v1::session_service_client::SessionServiceClient,
    sheets::v1::event_service_client::EventServiceClient,
};

use crate::{client_ip::Trust, config::Config, origin::Origins};

/// Keys, rules and the channels inward. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door(Arc<Parts>);

/// See [`Door`].
pub(crate) struct Parts {
    pub(crate) keys: Keys,
    pub(crate) origins: Origins,
    pub(crate) trust: Trust,
    sessions: SessionServiceClient<Link>,
    events: EventServiceClient<Link>,
}

// === impl Door ===

impl Door {
    pub(crate) fn new(config: &Config, ctx: &Context) -> anyhow::Result<Self> {
        let broker = Link::new(&config.session_broker_addr).context("SESSION_BROKER_ADDR")?;
        let writer = Link::new(&config.sheets_writer_addr).context("SHEETS_WRITER_ADDR")?;
        let origins = config.allowed_origins.clone().unwrap_or_else(Origins::loopback);
        Ok(Self(Arc::new(Parts {
            keys: config.keys().context("the keys of visitor tokens")?,
            origins: origins.and_own(config.public_base_url.as_ref()),
            trust: Trust { hops: config.hops(ctx.cloud), forwarder: config.forwarder_secret.clone() },
            sessions: SessionServiceClient::new(broker),
            events: EventServiceClient::new(writer),
        })))
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Link> {
        self.0.sessions.clone()
    }

    pub(crate) fn events(&self) -> EventServiceClient<Link> {
        self.0.events.clone()
    }
}

impl std::ops::Deref for Door {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
