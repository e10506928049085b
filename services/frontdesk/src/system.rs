//! Starting and stopping the services of one process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use chassis::{Context, Drain, Server, bind, server::serve_within};
use sandbox::Sandbox;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{Options, Provider, addresses::Addresses, clock::Clock};

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
    chassis::local::make_dir(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let public = listen(SocketAddr::new(options.host, options.port)).await?;
    let (sandbox, stand_ins) = start_sandbox(&mut options).await?;

    let mut services = vec![(gateway::NAME, public.local_addr()?)];
    let mut backends = Vec::new();
    let broker = Part::new(session_broker::NAME, options.cloud).await?;
    options.gateway.session_broker_addr = broker.url()?;
    services.push((broker.context.name, broker.address()?));
    let server = session_broker::service(options.session_broker, broker.context.clone()).await?;
    backends.push(broker.run(server, SERVICES_DRAIN));

    let writer = Part::new(sheets_writer::NAME, options.cloud).await?;
    options.gateway.sheets_writer_addr = writer.url()?;
    services.push((writer.context.name, writer.address()?));
    let events_from_loopback_only = options.sheets_writer.events_webhook_secret.is_none();
    options.chat_agent.sheets_writer_addr = writer.url()?;
    let server = sheets_writer::service(options.sheets_writer, writer.context.clone()).await?;
    backends.push(writer.run(server, SERVICES_DRAIN));

    let agent = Part::new(chat_agent::NAME, options.cloud).await?;
    options.gateway.chat_agent_addr = agent.url()?;
    services.insert(2, (agent.context.name, agent.address()?));
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

type StandIns = Option<(CancellationToken, JoinHandle<()>)>;

/// Starts the stand-ins that are needed and points the services at them.
async fn start_sandbox(options: &mut Options) -> anyhow::Result<(Option<Sandbox>, StandIns)> {
    if options.sandboxed.is_empty() {
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
        }
    }
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let serving = sandbox::serve(listener, sandbox.providers(), async move { stop.cancelled().await });
    let task = tokio::spawn(serving);
    Ok((Some(sandbox), Some((shutdown, task))))
}
