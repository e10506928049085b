//! The stand-ins by themselves, in memory, until Ctrl-C: `cargo run -p sandbox --example alone [PORT
//! [STRIPE_WEBHOOK_URL SECRET [WHOP_WEBHOOK_URL SECRET]]]`.
//!
//! It exists so that other clients can be tried against them. The first line of output is where they are.

use anyhow::Context as _;
use sandbox::{Provider, Sandbox};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let port = words.next().map_or(Ok(0), |port| port.parse::<u16>()).context("no port")?;
    let sandbox = Sandbox::open(None)?;
    for provider in [Provider::Stripe, Provider::Whop] {
        if let (Some(url), Some(secret)) = (words.next(), words.next()) {
            sandbox.set_webhook(provider, &url, &secret);
        }
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    let stop = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot wait for ctrl-c");
        }
    };
    sandbox::serve(listener, sandbox.providers().merge(sandbox.pages()), stop).await;
    Ok(())
}
