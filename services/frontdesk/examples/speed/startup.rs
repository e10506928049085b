//! From the start of a program to its first answer.
//!
//! The invariant: the time ends with an answer of the program itself: `200` of `/health`, or `SERVING` of the gRPC
//! health service.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    browser::{Browser, Request},
    rig::{
        fleet::{self, SERVICES},
        process::Process,
    },
    subject,
};

/// Longest wait for a program's port.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks whether it is there.
const LOOK: Duration = Duration::from_micros(250);
/// Programs that answer HTTP.
const HTTP: [&str; 3] = ["gateway", "frontdesk", "bare"];

/// A program and how long each of its starts took, in order of length.
pub(crate) struct Starts {
    pub(crate) name: &'static str,
    pub(crate) times: Vec<Duration>,
}

/// Starts every program so many times, on a store that is there already.
pub(crate) async fn measure(upstream: &str, times: usize) -> anyhow::Result<Vec<Starts>> {
    let mut all = Vec::new();
    for name in SERVICES.into_iter().rev().chain(["frontdesk", "bare"]) {
        let dir = fleet::dir()?;
        // the first one makes the store and warms the disk's cache
        start_once(name, upstream, &dir).await?;
        let mut starts = Starts { name, times: Vec::new() };
        for _ in 0..times {
            starts.times.push(start_once(name, upstream, &dir).await?);
        }
        starts.times.sort_unstable();
        all.push(starts);
    }
    Ok(all)
}

async fn start_once(name: &'static str, upstream: &str, dir: &TempDir) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let (process, _) = start(name, upstream, dir).await?;
    let took = begin.elapsed();
    process.stop().await;
    Ok(took)
}

/// Starts a program and waits for its first answer.
pub(crate) async fn start(
    name: &'static str,
    upstream: &str,
    dir: &TempDir,
) -> anyhow::Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let process = if name == "bare" {
        Process::start(name, subject::bare(upstream, address.port())?, dir, [("", ""); 0])?
    } else {
        let mut settings = fleet::settings(upstream);
        settings.push(("PORT".to_owned(), address.port().to_string()));
        fleet::start(name, dir, &settings)?
    };
    answered(name, address).await.with_context(|| format!("{name} does not answer"))?;
    Ok((process, address))
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

async fn answered(name: &str, address: SocketAddr) -> anyhow::Result<()> {
    let begin = Instant::now();
    // whoever listens answers when it serves
    while TcpStream::connect(address).is_err() {
        ensure!(begin.elapsed() < PATIENCE, "nobody listens");
        wait();
    }
    if HTTP.contains(&name) {
        Browser::connect(address)?.ask(&Request::get("/health"))?;
        return Ok(());
    }
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await?;
    ensure!(answer.into_inner().status() == ServingStatus::Serving, "it is not serving");
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a task's sleep is a whole millisecond, and nothing else runs yet"
)]
fn wait() {
    std::thread::sleep(LOOK);
}
