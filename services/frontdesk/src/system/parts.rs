//! Services on their way: each has its listener before any of them is built.
//!
//! The invariant: whoever is built knows where all the others will be.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use chassis::{Context, Server, bind, server::serve_within};
use providers::books;
use tokio::net::TcpListener;
use url::Url;

use super::Running;
use crate::{Options, Provider, invented};

/// A service on its way.
pub(super) struct Part {
    pub(super) listener: TcpListener,
    pub(super) context: Context,
}

/// All private services on their way.
pub(super) struct Parts {
    pub(super) broker: Part,
    pub(super) agent: Part,
    pub(super) till: Part,
    pub(super) members: Part,
    pub(super) copilot: Part,
    pub(super) writer: Part,
    /// The second ledger, for what is invented.
    pub(super) invented: Option<Part>,
}

// === impl Part ===

impl Part {
    async fn new(name: &'static str, cloud: bool) -> anyhow::Result<Self> {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
        Ok(Self { listener, context: Context::new(name, cloud) })
    }

    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    fn url(&self) -> anyhow::Result<Url> {
        url_of(self.address()?)
    }

    pub(super) fn run(self, server: Server, limit: Duration) -> Running {
        let Self { listener, context } = self;
        let task = tokio::spawn(serve_within(listener, server, context.clone(), limit));
        Running { context, task }
    }
}

// === impl Parts ===

impl Parts {
    pub(super) async fn bind(options: &Options) -> anyhow::Result<Self> {
        let part = |name| Part::new(name, options.cloud);
        let invented = match &options.sandbox_ledger {
            Some(_) => Some(part(invented::NAME).await?),
            None => None,
        };
        Ok(Self {
            broker: part(session_broker::NAME).await?,
            agent: part(chat_agent::NAME).await?,
            till: part(booking_payments::NAME).await?,
            members: part(whop_gateway::NAME).await?,
            copilot: part(ops_copilot::NAME).await?,
            writer: part(sheets_writer::NAME).await?,
            invented,
        })
    }

    /// Tells everybody where the others are.
    pub(super) fn introduce(&self, options: &mut Options, public: SocketAddr) -> anyhow::Result<()> {
        options.gateway.session_broker_addr = self.broker.url()?;
        options.gateway.chat_agent_addr = self.agent.url()?;
        options.gateway.booking_payments_addr = self.till.url()?;
        options.gateway.whop_gateway_addr = self.members.url()?;
        options.gateway.ops_copilot_addr = self.copilot.url()?;
        options.gateway.sheets_writer_addr = self.writer.url()?;
        options.chat_agent.sheets_writer_addr = self.writer.url()?;
        options.chat_agent.whop_gateway_addr = Some(self.members.url()?);
        options.chat_agent.booking_payments_addr = Some(self.till.url()?);
        options.chat_agent.ops_copilot_addr = Some(self.copilot.url()?);
        options.sheets_writer.ops_copilot_addr = Some(self.copilot.url()?);
        options.ops_copilot.sheets_writer_addr = self.writer.url()?;
        let is_invented = options.sandboxed.contains(&Provider::Sheets);
        self.show_books(&mut options.booking_payments.ledgers, is_invented)?;
        self.show_books(&mut options.whop_gateway.ledgers, is_invented)?;
        if options.gateway.public_base_url.is_none() {
            options.booking_payments.public_base_url = url_of(local(public))?;
            options.ops_copilot.public_base_url = url_of(local(public))?;
        }
        Ok(())
    }

    /// Tells a service where the books are: of what is real, and of what is invented.
    fn show_books(&self, ledgers: &mut books::Settings, is_invented: bool) -> anyhow::Result<()> {
        let writer = self.writer.url()?;
        if let Some(second) = &self.invented {
            ledgers.sandbox_ledger_addr = Some(second.url()?);
        } else if is_invented {
            ledgers.sandbox_ledger_addr.get_or_insert_with(|| writer.clone());
        }
        ledgers.sheets_writer_addr = writer;
        ledgers.chat_agent_addr = Some(self.agent.url()?);
        Ok(())
    }

    /// Every service by name, the gateway first.
    pub(super) fn services(&self, public: SocketAddr) -> anyhow::Result<Vec<(&'static str, SocketAddr)>> {
        let parts = [&self.broker, &self.agent, &self.till, &self.members, &self.copilot, &self.writer];
        let parts = parts.into_iter().chain(&self.invented);
        let parts = parts.map(|part| Ok((part.context.name, part.address()?)));
        std::iter::once(Ok((gateway::NAME, public))).chain(parts).collect()
    }
}

pub(super) fn url_of(address: SocketAddr) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("http://{address}"))?)
}

pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    bind(address.ip(), address.port()).await.with_context(|| {
        format!("{address} cannot be bound; is another frontdesk running? PORT=0 takes a free port")
    })
}

/// How this machine reaches an address of its own.
pub(super) fn local(address: SocketAddr) -> SocketAddr {
    let host = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    SocketAddr::new(host, address.port())
}
