//! What the handlers share.

use std::sync::Arc;

use anyhow::Context as _;
use chassis::{Context, client::Link};
use domain::token::Keys;
use proto::{
    booking::v1::payment_service_client::PaymentServiceClient,
    chat::v1::{
        chat_service_client::ChatServiceClient, thread_service_client::ThreadServiceClient,
        tool_service_client::ToolServiceClient,
    },
    common::v1::webhook_service_client::WebhookServiceClient,
    session::v1::session_service_client::SessionServiceClient,
    sheets::v1::{
        contact_service_client::ContactServiceClient, event_service_client::EventServiceClient,
        lead_service_client::LeadServiceClient, ledger_service_client::LedgerServiceClient,
    },
    whop::v1::membership_service_client::MembershipServiceClient,
};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    client_ip::Trust,
    config::Config,
    edge,
    erasure::{Eraser, Keeper},
    forgeries::Forgeries,
    mcp::Access,
    origin::Origins,
};

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
    /// Pages of this machine may frame ours.
    pub(crate) local: bool,
    /// What the operator shows; without it there are no routes of theirs.
    pub(crate) operator: Option<SecretString>,
    /// Who showed wrong tokens of Whop users.
    pub(crate) forgeries: Forgeries,
    /// Who may talk to the tools.
    pub(crate) access: Access,
    /// Domain key of OpenAI's chat element.
    pub(crate) domain_key: String,
    /// Cancelled when this process is asked to leave.
    pub(crate) shutdown: CancellationToken,
    chats: ChatServiceClient<Link>,
    tools: ToolServiceClient<Link>,
    threads: ThreadServiceClient<Link>,
    sessions: SessionServiceClient<Link>,
    events: EventServiceClient<Link>,
    contacts: ContactServiceClient<Link>,
    leads: LeadServiceClient<Link>,
    ledger: LedgerServiceClient<Link>,
    till_webhooks: WebhookServiceClient<Link>,
    whop_webhooks: WebhookServiceClient<Link>,
    memberships: MembershipServiceClient<Link>,
    payments: PaymentServiceClient<Link>,
    eraser: Eraser,
}

// === impl Door ===

impl Door {
    pub(crate) fn new(config: &Config, ctx: &Context) -> anyhow::Result<Self> {
        let broker = Link::new(&config.session_broker_addr).context("SESSION_BROKER_ADDR")?;
        let agent = Link::new(&config.chat_agent_addr).context("CHAT_AGENT_ADDR")?;
        let whop = Link::new(&config.whop_gateway_addr).context("WHOP_GATEWAY_ADDR")?;
        let till = Link::new(&config.booking_payments_addr).context("BOOKING_PAYMENTS_ADDR")?;
        let writer = Link::new(&config.sheets_writer_addr).context("SHEETS_WRITER_ADDR")?;
        let keys = config.keys().context("the keys of our tokens")?;
        let link_to = |keeper: &Keeper| Link::new((keeper.address)(config)).context(keeper.name);
        let eraser = Eraser::over(Some(keys.clone()), link_to)?;
        let origins = config.allowed_origins.clone().unwrap_or_else(Origins::loopback);
        Ok(Self(Arc::new(Parts {
            keys,
            origins: origins.and_own(config.public_base_url.as_ref()),
            trust: Trust { hops: config.hops(ctx.cloud), forwarder: config.forwarder_secret.clone() },
            public: config.public_base_url.clone(),
            local: !ctx.cloud,
            operator: config.operator(ctx.cloud).context("the operator's token")?,
            forgeries: Forgeries::new(config.limit_wrong_tokens),
            access: Access::new(config, ctx).context("the tokens of agents")?,
            domain_key: config.chatkit_domain_key.clone(),
            shutdown: ctx.shutdown.clone(),
            tools: ToolServiceClient::new(agent.clone().with_default_deadline(edge::TOOL_DEADLINE)),
            threads: ThreadServiceClient::new(agent.clone()),
            chats: ChatServiceClient::new(agent.with_default_deadline(edge::CHAT_DEADLINE)),
            sessions: SessionServiceClient::new(broker),
            contacts: ContactServiceClient::new(writer.clone()),
            leads: LeadServiceClient::new(writer.clone()),
            ledger: LedgerServiceClient::new(writer.clone()),
            events: EventServiceClient::new(writer),
            till_webhooks: WebhookServiceClient::new(till.clone()),
            whop_webhooks: WebhookServiceClient::new(whop.clone()),
            memberships: MembershipServiceClient::new(whop),
            payments: PaymentServiceClient::new(till),
            eraser,
        })))
    }

    pub(crate) fn chats(&self) -> ChatServiceClient<Link> {
        self.0.chats.clone()
    }

    pub(crate) fn tools(&self) -> ToolServiceClient<Link> {
        self.0.tools.clone()
    }

    pub(crate) fn threads(&self) -> ThreadServiceClient<Link> {
        self.0.threads.clone()
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Link> {
        self.0.sessions.clone()
    }

    pub(crate) fn contacts(&self) -> ContactServiceClient<Link> {
        self.0.contacts.clone()
    }

    pub(crate) fn leads(&self) -> LeadServiceClient<Link> {
        self.0.leads.clone()
    }

    pub(crate) fn ledger(&self) -> LedgerServiceClient<Link> {
        self.0.ledger.clone()
    }

    /// The webhooks of booking-payments.
    pub(crate) fn till_webhooks(&self) -> WebhookServiceClient<Link> {
        self.0.till_webhooks.clone()
    }

    /// The webhooks of whop-gateway.
    pub(crate) fn whop_webhooks(&self) -> WebhookServiceClient<Link> {
        self.0.whop_webhooks.clone()
    }

    pub(crate) fn memberships(&self) -> MembershipServiceClient<Link> {
        self.0.memberships.clone()
    }

    pub(crate) fn payments(&self) -> PaymentServiceClient<Link> {
        self.0.payments.clone()
    }

    pub(crate) fn eraser(&self) -> &Eraser {
        &self.0.eraser
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
