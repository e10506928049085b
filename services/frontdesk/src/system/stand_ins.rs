//! The stand-ins of a system: which of them are needed, where they are, and where their webhooks go.
//!
//! The invariant: a provider that is live is never pointed at one.

use std::net::{Ipv4Addr, SocketAddr};

use sandbox::Sandbox;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::parts::{listen, local, url_of};
use crate::{Options, Provider};

/// Who sends and gets mail where there is no real server of it.
const NOBODY: &str = "owner@agency.example";

/// The stand-ins as they run.
pub(super) struct StandIns {
    pub(super) sandbox: Sandbox,
    /// Where the one of Whop shows the portal to its members.
    pub(super) portal: Option<SocketAddr>,
    /// Settings by which notices would reach somebody.
    pub(super) unheard: Vec<&'static str>,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

// === impl StandIns ===

impl StandIns {
    /// Starts those that are needed, points the services at them, and them at the gateway, which is at `public`.
    pub(super) async fn start(options: &mut Options, public: SocketAddr) -> anyhow::Result<Option<Self>> {
        if options.sandboxed.is_empty() && options.sandbox_ledger.is_none() {
            return Ok(None);
        }
        let sandbox = Sandbox::open(Some(&options.dir.join("sandbox.db")))?;
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
        let base = url_of(listener.local_addr()?)?;
        for provider in options.sandboxed.clone() {
            aim(provider, &base, options)?;
        }
        if let Some(ledger) = &mut options.sandbox_ledger {
            ledger.sheets_base_url = base.join("sheets")?;
        }
        aim_webhooks(&sandbox, options, public)?;
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone().cancelled_owned();
        let serving = tokio::spawn(sandbox::serve(listener, sandbox.providers(), stop));
        let mut stand_ins =
            Self { sandbox, portal: None, unheard: Vec::new(), shutdown, tasks: vec![serving] };
        if !options.cloud {
            stand_ins.take_notices(&base, &mut options.ops_copilot).await?;
        }
        if options.sandboxed.contains(&Provider::Whop) {
            stand_ins.show_portal(public).await?;
        }
        Ok(Some(stand_ins))
    }

    /// Takes notices where no real Slack or mail server does: nothing but a page of the sandbox shows them.
    async fn take_notices(&mut self, base: &Url, copilot: &mut ops_copilot::Config) -> anyhow::Result<()> {
        let unsound = anyhow::Error::msg::<String>;
        if copilot.slack_webhook_url.is_none() {
            self.unheard.push("SLACK_WEBHOOK_URL");
            let webhook = base.join(&format!("slack{}", sandbox::SLACK_WEBHOOK))?;
            copilot.slack_webhook_url = Some(ops_copilot::Webhook::parse(webhook.as_str()).map_err(unsound)?);
        }
        if copilot.smtp_url.is_none() {
            self.unheard.push("SMTP_URL");
            let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
            let server = format!("smtp://{}", listener.local_addr()?);
            copilot.smtp_url = Some(ops_copilot::Smtp::parse(&server).map_err(unsound)?);
            copilot.notify_email_from = Some(ops_copilot::Sender::parse(NOBODY).map_err(unsound)?);
            copilot.notify_email_to = Some(ops_copilot::People::parse(NOBODY).map_err(unsound)?);
            let stop = self.shutdown.clone().cancelled_owned();
            self.tasks.push(tokio::spawn(sandbox::serve_mail(listener, self.sandbox.clone(), stop)));
        }
        Ok(())
    }

    /// Puts Whop's proxy before the gateway, which says to it who looks.
    async fn show_portal(&mut self, public: SocketAddr) -> anyhow::Result<()> {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
        self.portal = Some(listener.local_addr()?);
        let (sandbox, app) = (self.sandbox.clone(), url_of(local(public))?);
        let stop = self.shutdown.clone().cancelled_owned();
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = sandbox::serve_whop_app(listener, &sandbox, app.as_str(), stop).await {
                tracing::error!(%error, "the stand-in of Whop cannot show the portal");
            }
        }));
        Ok(())
    }

    /// Stops them.
    pub(super) fn stop(self) {
        self.shutdown.cancel();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Points the services at the stand-in of a provider.
fn aim(provider: Provider, base: &Url, options: &mut Options) -> anyhow::Result<()> {
    match provider {
        Provider::OpenAi => {
            let url = base.join("openai/v1")?;
            options.session_broker.openai_base_url = url.clone();
            options.chat_agent.openai_base_url = url;
        }
        Provider::Sheets => options.sheets_writer.sheets_base_url = base.join("sheets")?,
        Provider::CalCom => options.booking_payments.calcom_base_url = base.join("calcom")?,
        Provider::Stripe => options.booking_payments.stripe_base_url = base.join("stripe")?,
        Provider::Whop => {
            let members = &mut options.whop_gateway;
            members.whop_base_url = base.join("whop/api/v1")?;
            members.whop_jwks_url = base.join("whop/.well-known/jwks.json")?;
            members.drive_base_url = base.join("drive/v3")?;
        }
    }
    Ok(())
}

/// Has the stand-ins send their webhooks to the gateway, signed with what the services expect first.
fn aim_webhooks(sandbox: &Sandbox, options: &Options, public: SocketAddr) -> anyhow::Result<()> {
    let (till, members) = (&options.booking_payments, &options.whop_gateway);
    let targets = [
        (Provider::CalCom, sandbox::Provider::CalCom, "calcom", &till.calcom_webhook_secrets),
        (Provider::Stripe, sandbox::Provider::Stripe, "stripe", &till.stripe_webhook_secrets),
        (Provider::Whop, sandbox::Provider::Whop, "whop", &members.whop_webhook_secrets),
    ];
    for (provider, stand_in, path, secrets) in targets {
        let Some(secrets) = secrets.as_ref().filter(|_| options.sandboxed.contains(&provider)) else {
            continue;
        };
        let url = url_of(local(public))?.join(&format!("webhooks/{path}"))?;
        sandbox.set_webhook(stand_in, url.as_str(), secrets.newest());
    }
    Ok(())
}
