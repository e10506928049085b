//! The life of a process, from its settings to its exit code.
//!
//! It exists so that every service starts, says what is wrong, stops and dies in the same way. The invariant: SIGTERM
//! is followed by an orderly exit within ten seconds (eight to drain, two to flush); a second signal ends it at once.

use std::{
    env, fmt,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Command};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Context, Problem, Server, Vars, bind, config::load_from, http::ensure_crypto, serve, telemetry,
};

/// Exit code of wrong settings, `EX_USAGE` of sysexits.h.
pub const USAGE: u8 = 64;
/// Exit code after a second signal, as a shell reports an interrupt.
pub const KILLED: u8 = 130;

/// What a service is called and where it listens unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Name of the directory, package, binary and Cloud Run service.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Default of `PORT`.
    pub port: u16,
}

/// What every service reads besides its own settings.
#[derive(Debug, Args)]
// a group would claim the name that the service's own struct may have
#[group(skip)]
struct Settings<C: Args> {
    /// Address to listen on
    #[arg(long, env = "HOST")]
    host: IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, env = "PORT")]
    port: u16,
    #[command(flatten)]
    service: C,
}

impl<C: Config> Config for Settings<C> {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        self.service.problems(cloud)
    }
}

/// Lives: settings, telemetry, TLS provider, listener, service, serving, drain, flush. Exit codes: 0 after a drain,
/// 64 for wrong settings and what they name that cannot be used, 1 if it could not start otherwise, 130 after a second signal.
pub fn run<C, F, Fut>(spec: Spec, service: F) -> ExitCode
where
    C: Config,
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = anyhow::Result<Server>>,
{
    let vars = Vars::from_process();
    let args: Vec<String> = env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let command = command::<C>(&spec, vars.is_cloud());
    if let Some(page) = page(&command, &args) {
        show(&page);
        return ExitCode::SUCCESS;
    }
    match load_from(command, &vars, args) {
        Ok(settings) => live(spec.name, &vars, |shutdown| {
            let mut context = Context::new(spec.name, vars.is_cloud());
            context.shutdown = shutdown;
            serve_one(settings, context, service)
        }),
        Err(problems) => refuse(spec.name, vars.is_cloud(), &problems),
    }
}

/// A part that the settings name and that cannot be used as it is, such as a store that another process has open.
/// As the cause of a failed start it makes the exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("cannot start with these settings")]
pub struct Unusable(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Unusable {
    /// Wraps the failure of such a part.
    pub fn new(failure: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(failure.into())
    }
}

/// The signals that ask a process to leave.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

// === impl Signals ===

impl Signals {
    /// Catches SIGTERM and SIGINT from now on. Call it within the runtime.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signals")
    }
}

fn command<C: Config>(spec: &Spec, cloud: bool) -> Command {
    let host = if cloud { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let command = Settings::<C>::augment_args(
        Command::new(spec.name).version(env!("CARGO_PKG_VERSION")).after_help(STANDARD),
    );
    // the docs of the settings structs are not what the program is about
    let command = command.about(spec.about).long_about(None);
    command.mut_args(|arg| {
        let default = match arg.get_id().as_str() {
            "host" => Some(host.to_string()),
            "port" => Some(spec.port.to_string()),
            _ => None,
        };
        let arg = arg.hide_env_values(true);
        match default {
            Some(default) => arg.required(false).default_value(default),
            None => arg,
        }
    })
}

/// What `--help` or `--version` shows, if `args` ask for it.
fn page(command: &Command, args: &[String]) -> Option<String> {
    let asks = |names: [&str; 2]| args.iter().any(|arg| names.contains(&arg.as_str()));
    if asks(["--help", "-h"]) {
        return Some(command.clone().render_long_help().to_string());
    }
    asks(["--version", "-V"]).then(|| command.render_version().trim_end().to_owned())
}

/// Shows a page on standard output. Whoever reads it may have gone, as in `--help | head`; that is no failure.
pub fn show(page: &str) {
    use std::io::Write as _;
    let _ = writeln!(io::stdout().lock(), "{page}");
}

/// Settings that are read by the libraries that they belong to.
pub const STANDARD: &str = "RUST_LOG filters the log. Traces and metrics go to OTEL_EXPORTER_OTLP_ENDPOINT, with the \
    standard OTEL_* variables, if it is set.";

/// Says everything that is wrong with the settings, in one message.
pub fn refuse(name: &str, cloud: bool, problems: &[Problem]) -> ExitCode {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if cloud {
        let message = format!("{name} cannot start: {}", lines.join("; "));
        println!("{}", serde_json::json!({ "severity": "CRITICAL", "message": message }));
    } else {
        eprintln!("{name} cannot start:\n  {}\nsee {name} --help", lines.join("\n  "));
    }
    ExitCode::from(USAGE)
}

/// Lives one life: telemetry, TLS provider, then `life` until it ends. A signal cancels the token that `life` gets; a
/// second one ends the process at once. [`run`] is this for one service.
pub fn live<F, Fut>(name: &'static str, vars: &Vars, life: F) -> ExitCode
where
    F: FnOnce(CancellationToken) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(failure) => {
            eprintln!("{name} cannot start: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let entered = runtime.enter();
    let guard = telemetry::init(name, vars.is_cloud(), vars);
    drop(entered);
    ensure_crypto();
    let code = match runtime.block_on(until_killed(life)) {
        Ok(Exit::Orderly) => ExitCode::SUCCESS,
        Ok(Exit::Killed) => {
            runtime.shutdown_background();
            return ExitCode::from(KILLED);
        }
        Err(failure) => {
            tracing::error!(error = format!("{failure:#}"), "cannot start");
            let unusable = failure.chain().any(|cause| cause.is::<Unusable>());
            if unusable { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    };
    guard.shutdown();
    // what the drain had to cut is not waited for
    runtime.shutdown_background();
    code
}

enum Exit {
    Orderly,
    Killed,
}

async fn until_killed<F, Fut>(life: F) -> anyhow::Result<Exit>
where
    F: FnOnce(CancellationToken) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let mut signals = Signals::catch()?;
    let shutdown = CancellationToken::new();
    let life = life(shutdown.clone());
    let killed = async {
        let signal = signals.next().await;
        tracing::info!(signal, "leaving");
        shutdown.cancel();
        let signal = signals.next().await;
        tracing::warn!(signal, "leaving at once");
    };
    tokio::select! {
        biased;
        outcome = life => outcome.map(|()| Exit::Orderly),
        () = killed => Ok(Exit::Killed),
    }
}

async fn serve_one<C, F, Fut>(settings: Settings<C>, context: Context, service: F) -> anyhow::Result<()>
where
    C: Config,
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = anyhow::Result<Server>>,
{
    let address = SocketAddr::new(settings.host, settings.port);
    let listener = bind(address.ip(), address.port()).await;
    let listener = listener.with_context(|| format!("{address} cannot be bound"))?;
    let server = tokio::select! {
        server = service(settings.service, context.clone()) => server?,
        () = context.shutdown.cancelled() => return Ok(()),
    };
    serve(listener, server, context).await;
    Ok(())
}
