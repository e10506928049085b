//! What the handlers share.

use std::sync::Arc;

use anyhow::Context as _;
use chassis::{Context, client::Link};
use domain::token::Keys;
use proto::{
    chat::v1::chat_service_client::ChatServiceClient,
    session::v1::session_service_client::SessionServiceClient,
    sheets::v1::event_service_client::EventServiceClient,
};

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{client_ip::Trust, config::Config, edge, origin::Origins};

/// Keys, rules and the channels inward. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door(Arc<Parts>);

/// See [`Door`].
pub(crate) struct Parts {
    pub(crate) keys: Keys,
    pub(crate) origins: Origins,
    pub(crate) trust: Trust,
    /// Where the public reaches us, if we were told.
    pub(crate) public: Option<Url>,
    /// Domain key of OpenAI's chat element.
    pub(crate) domain_key: String,
    /// Cancelled when this process is asked to leave.
    pub(crate) shutdown: CancellationToken,
    chats: ChatServiceClient<Link>,
    sessions: SessionServiceClient<Link>,
    events: EventServiceClient<Link>,
}

// === impl Door ===

impl Door {
    pub(crate) fn new(config: &Config, ctx: &Context) -> anyhow::Result<Self> {
        let broker = Link::new(&config.session_broker_addr).context("SESSION_BROKER_ADDR")?;
        let agent = Link::new(&config.chat_agent_addr).context("CHAT_AGENT_ADDR")?;
        let writer = Link::new(&config.sheets_writer_addr).context("SHEETS_WRITER_ADDR")?;
        let origins = config.allowed_origins.clone().unwrap_or_else(Origins::loopback);
        Ok(Self(Arc::new(Parts {
            keys: config.keys().context("the keys of our tokens")?,
            origins: origins.and_own(config.public_base_url.as_ref()),
            trust: Trust { hops: config.hops(ctx.cloud), forwarder: config.forwarder_secret.clone() },
            public: config.public_base_url.clone(),
            domain_key: config.chatkit_domain_key.clone(),
            shutdown: ctx.shutdown.clone(),
            chats: ChatServiceClient::new(agent.with_default_deadline(edge::CHAT_DEADLINE)),
            sessions: SessionServiceClient::new(broker),
            events: EventServiceClient::new(writer),
        })))
    }

    pub(crate) fn chats(&self) -> ChatServiceClient<Link> {
        self.0.chats.clone()
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
