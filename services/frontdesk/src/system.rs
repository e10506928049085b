//! Starting and stopping the services of one process.

mod parts;
mod stand_ins;

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use axum::Router;
use chassis::{Context, Drain};
use sandbox::Sandbox;
use tokio::task::JoinHandle;

use crate::{Options, Provider, addresses::Addresses, clock::Clock, invented};
use parts::{Part, Parts, listen, url_of};
use stand_ins::StandIns;

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
    /// Where the stand-in of Whop shows the portal to its members: each by the first label of the host, as in
    /// `http://mara.localhost:PORT/portal`. None while Whop is live.
    pub portal: Option<SocketAddr>,
    /// Settings without which notices reach the sandbox's page and nobody else.
    pub unheard: Vec<&'static str>,
    /// From whom events are taken that prove nothing; absent if they have to.
    pub unproven_events: Option<&'static str>,
    door: Running,
    agent: Running,
    backends: Vec<Running>,
    stand_ins: Option<StandIns>,
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
    let stand_ins = StandIns::start(&mut options, public.local_addr()?).await?;
    let parts = Parts::bind(&options).await?;
    parts.introduce(&mut options, public.local_addr()?)?;
    let services = parts.services(public.local_addr()?)?;
    let unproven_events = match options.sheets_writer.events_webhook_secret {
        Some(_) => None,
        None if options.gateway.is_public() => Some("nobody"),
        None => Some("this machine only"),
    };

    let Parts { broker, agent, till, members, copilot, writer, invented } = parts;
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
    let server = whop_gateway::service(options.whop_gateway, members.context.clone()).await?;
    backends.push(members.run(server, SERVICES_DRAIN));
    let server = ops_copilot::service(options.ops_copilot, copilot.context.clone()).await?;
    backends.push(copilot.run(server, SERVICES_DRAIN));
    let server = chat_agent::service(options.chat_agent, agent.context.clone()).await?;
    let agent = agent.run(server, DOOR_DRAIN);

    let door = Part { listener: public, context: Context::new(gateway::NAME, options.cloud) };
    let sandbox = stand_ins.as_ref().map(|stand_ins| stand_ins.sandbox.clone());
    let pages = sandbox.as_ref().map_or_else(Router::new, Sandbox::pages);
    let router = gateway::router_with(&options.gateway, &door.context, pages)?;
    let private = services.iter().filter(|(name, _)| *name != gateway::NAME);
    let private = private.map(|(name, address)| Ok((*name, url_of(*address)?)));
    let clock = Clock::start(&private.collect::<anyhow::Result<Vec<_>>>()?)?;
    Ok(System {
        gateway: door.address()?,
        providers: Provider::ALL.map(|provider| (provider, options.sandboxed.contains(&provider))).into(),
        sandbox,
        portal: stand_ins.as_ref().and_then(|stand_ins| stand_ins.portal),
        unheard: stand_ins.as_ref().map(|stand_ins| stand_ins.unheard.clone()).unwrap_or_default(),
        unproven_events,
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
        if let Some(stand_ins) = self.stand_ins {
            stand_ins.stop();
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
