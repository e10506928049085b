//! Starting and stopping the services of one process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use chassis::{Context, Drain, Server, bind, server::serve_within};
use sandbox::Sandbox;
use secrecy::ExposeSecret as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{Options, Provider, addresses::Addresses, clock::Clock, invented};

/// The two parts of a drain; together the eight seconds that a process has. Open chats are told after six.
const DOOR_DRAIN: Duration = Duration::from_millis(6_800);
const SERVICES_DRAIN: Duration = Duration::from_millis(1_200);

/// A running system.
pub struct System {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// Every service by name, the gateway first.
    pub services: Vec<(&'static str, SocketAddr)>,
    /// Providers that have a stand-in, and whether it is in use.
    pub providers: Vec<(Provider, bool)>,
    /// The stand-ins, if any is in use.
    pub sandbox: Option<Sandbox>,
    /// Events are taken from loopback only.
    pub events_from_loopback_only: bool,
    door: Running,
    agent: Running,
    backends: Vec<Running>,
    stand_ins: Option<(CancellationToken, JoinHandle<()>)>,
    clock: Clock,
    _addresses: Addresses,
}

struct Running {
    context: Context,
    task: JoinHandle<Drain>,
}

/// Starts everything; when this answers, every service takes calls.
///
/// # Errors
/// A port that is taken, a store that is in use.
pub async fn start(mut options: Options) -> anyhow::Result<System> {
    let dir = options.dir.clone();
    if options.drops_invented {
        tracing::warn!("{}", invented::DROPPED);
    }
    chassis::local::make_dir(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let public = listen(SocketAddr::new(options.host, options.port)).await?;
    let (sandbox, stand_ins) = start_sandbox(&mut options).await?;
    let parts = Parts::bind(&options).await?;
    parts.introduce(&mut options, public.local_addr()?)?;
    if let Some(sandbox) = &sandbox {
        aim_webhooks(sandbox, &options, public.local_addr()?)?;
    }
    let services = parts.services(public.local_addr()?)?;
    let events_from_loopback_only = options.sheets_writer.events_webhook_secret.is_none();

    let Parts { broker, agent, till, writer, invented } = parts;
    let mut backends = Vec::new();
    let server = session_broker::service(options.session_broker, broker.context.clone()).await?;
    backends.push(broker.run(server, SERVICES_DRAIN));
    let server = sheets_writer::service(options.sheets_writer, writer.context.clone()).await?;
    backends.push(writer.run(server, SERVICES_DRAIN));
    if let (Some(part), Some(config)) = (invented, options.sandbox_ledger) {
        let server = sheets_writer::service(config, part.context.clone()).await?;
        backends.push(part.run(server, SERVICES_DRAIN));
    }
    let server = booking_payments::service(options.booking_payments, till.context.clone()).await?;
    backends.push(till.run(server, SERVICES_DRAIN));
    let server = chat_agent::service(options.chat_agent, agent.context.clone()).await?;
    let agent = agent.run(server, DOOR_DRAIN);

    let door = Part { listener: public, context: Context::new(gateway::NAME, options.cloud) };
    let pages = sandbox.as_ref().map_or_else(Router::new, Sandbox::pages);
    let router = gateway::router_with(&options.gateway, &door.context, pages)?;
    let private = services.iter().filter(|(name, _)| *name != gateway::NAME);
    let private = private.map(|(name, address)| Ok((*name, url_of(*address)?)));
    let clock = Clock::start(&private.collect::<anyhow::Result<Vec<_>>>()?)?;
    Ok(System {
        gateway: door.address()?,
        providers: Provider::ALL.map(|provider| (provider, options.sandboxed.contains(&provider))).into(),
        sandbox,
        events_from_loopback_only,
        _addresses: Addresses::write(dir, &services)?,
        services,
        door: door.run(router.into(), DOOR_DRAIN),
        agent,
        backends,
        stand_ins,
        clock,
    })
}

// === impl System ===

impl System {
    /// Stops the gateway and the chats behind it, then the services that these call, then the stand-ins; each
    /// finishes what is under way.
    pub async fn stop(self) -> Drain {
        self.clock.stop().await;
        self.agent.context.shutdown.cancel();
        let mut drain = self.door.stop().await;
        if self.agent.stop().await == Drain::Cut {
            drain = Drain::Cut;
        }
        for backend in &self.backends {
            backend.context.shutdown.cancel();
        }
        for backend in self.backends {
            if backend.stop().await == Drain::Cut {
                drain = Drain::Cut;
            }
        }
        if let Some((shutdown, task)) = self.stand_ins {
            shutdown.cancel();
            task.abort();
        }
        drain
    }
}

impl Running {
    async fn stop(self) -> Drain {
        self.context.shutdown.cancel();
        self.task.await.unwrap_or(Drain::Cut)
    }
}

/// A service on its way: its listener is bound before it is built.
struct Part {
    listener: TcpListener,
    context: Context,
}

impl Part {
    async fn new(name: &'static str, cloud: bool) -> anyhow::Result<Self> {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
        Ok(Self { listener, context: Context::new(name, cloud) })
    }

    fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    fn url(&self) -> anyhow::Result<Url> {
        url_of(self.address()?)
    }

    fn run(self, server: Server, limit: Duration) -> Running {
        let Self { listener, context } = self;
        let task = tokio::spawn(serve_within(listener, server, context.clone(), limit));
        Running { context, task }
    }
}

fn url_of(address: SocketAddr) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("http://{address}"))?)
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    bind(address.ip(), address.port()).await.with_context(|| {
        format!("{address} cannot be bound; is another frontdesk running? PORT=0 takes a free port")
    })
}

/// All private services on their way.
struct Parts {
    broker: Part,
    agent: Part,
    till: Part,
    writer: Part,
    /// The second ledger, for what is invented.
    invented: Option<Part>,
}

// === impl Parts ===

impl Parts {
    async fn bind(options: &Options) -> anyhow::Result<Self> {
        let part = |name| Part::new(name, options.cloud);
        let invented = match &options.sandbox_ledger {
            Some(_) => Some(part(invented::NAME).await?),
            None => None,
        };
        Ok(Self {
            broker: part(session_broker::NAME).await?,
            agent: part(chat_agent::NAME).await?,
            till: part(booking_payments::NAME).await?,
            writer: part(sheets_writer::NAME).await?,
            invented,
        })
    }

    /// Tells everybody where the others are.
    fn introduce(&self, options: &mut Options, public: SocketAddr) -> anyhow::Result<()> {
        let writer = self.writer.url()?;
        options.gateway.session_broker_addr = self.broker.url()?;
        options.gateway.chat_agent_addr = self.agent.url()?;
        options.gateway.booking_payments_addr = self.till.url()?;
        options.gateway.sheets_writer_addr = writer.clone();
        options.chat_agent.sheets_writer_addr = writer.clone();
        let till = &mut options.booking_payments;
        if let Some(second) = &self.invented {
            till.sandbox_ledger_addr = Some(second.url()?);
        } else if options.sandboxed.contains(&Provider::Sheets) {
            till.sandbox_ledger_addr.get_or_insert_with(|| writer.clone());
        }
        till.sheets_writer_addr = writer;
        till.chat_agent_addr = Some(self.agent.url()?);
        if options.gateway.public_base_url.is_none() {
            till.public_base_url = url_of(local(public))?;
        }
        Ok(())
    }

    /// Every service by name, the gateway first.
    fn services(&self, public: SocketAddr) -> anyhow::Result<Vec<(&'static str, SocketAddr)>> {
        let parts = [&self.broker, &self.agent, &self.till, &self.writer];
        let parts = parts.into_iter().chain(&self.invented);
        let parts = parts.map(|part| Ok((part.context.name, part.address()?)));
        std::iter::once(Ok((gateway::NAME, public))).chain(parts).collect()
    }
}

/// How this machine reaches an address of its own.
fn local(address: SocketAddr) -> SocketAddr {
    let host = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    SocketAddr::new(host, address.port())
}

type StandIns = Option<(CancellationToken, JoinHandle<()>)>;

/// Starts the stand-ins that are needed and points the services at them.
async fn start_sandbox(options: &mut Options) -> anyhow::Result<(Option<Sandbox>, StandIns)> {
    if options.sandboxed.is_empty() && options.sandbox_ledger.is_none() {
        return Ok((None, None));
    }
    let sandbox = Sandbox::open(Some(&options.dir.join("sandbox.db")))?;
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let base = format!("http://{}", listener.local_addr()?);
    for provider in &options.sandboxed {
        match provider {
            Provider::OpenAi => {
                let url = Url::parse(&format!("{base}/openai/v1"))?;
                options.session_broker.openai_base_url = url.clone();
                options.chat_agent.openai_base_url = url;
            }
            Provider::Sheets => {
                options.sheets_writer.sheets_base_url = Url::parse(&format!("{base}/sheets"))?
            }
            Provider::CalCom => {
                options.booking_payments.calcom_base_url = Url::parse(&format!("{base}/calcom"))?
            }
            Provider::Stripe => {
                options.booking_payments.stripe_base_url = Url::parse(&format!("{base}/stripe"))?
            }
        }
    }
    if let Some(ledger) = &mut options.sandbox_ledger {
        ledger.sheets_base_url = Url::parse(&format!("{base}/sheets"))?;
    }
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let serving = sandbox::serve(listener, sandbox.providers(), async move { stop.cancelled().await });
    let task = tokio::spawn(serving);
    Ok((Some(sandbox), Some((shutdown, task))))
}

/// Has the stand-ins send their webhooks to the gateway, signed with what booking-payments expects first.
fn aim_webhooks(sandbox: &Sandbox, options: &Options, public: SocketAddr) -> anyhow::Result<()> {
    let config = &options.booking_payments;
    let targets = [
        (Provider::CalCom, sandbox::Provider::CalCom, "calcom", &config.calcom_webhook_secrets),
        (Provider::Stripe, sandbox::Provider::Stripe, "stripe", &config.stripe_webhook_secrets),
    ];
    for (provider, stand_in, path, secrets) in targets {
        let Some(secrets) = secrets.as_ref().filter(|_| options.sandboxed.contains(&provider)) else {
            continue;
        };
        let newest = secrets.expose_secret().split(',').map(str::trim).find(|secret| !secret.is_empty());
        let url = url_of(local(public))?.join(&format!("webhooks/{path}"))?;
        sandbox.set_webhook(stand_in, url.as_str(), newest.unwrap_or_default());
    }
    Ok(())
}
