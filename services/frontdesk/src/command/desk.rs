//! The system that a command talks to: found, or started for as long as the command takes.
//!
//! The invariant: what was started here is stopped here, and a service that was named is never replaced by another.

use std::{fs, path::PathBuf, time::Duration};

use chassis::{Link, Vars, config::base_url, request_id};
use domain::token::Keys;
use http::uri::PathAndQuery;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use tonic::Request;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use url::Url;

use super::{Failure, peers::Peers, progress::Progress, wire};
use crate::{Options, System, start};

/// A service that is there answers its probe within this.
const PROBE: Duration = Duration::from_secs(3);
/// A ledger of many rows takes its time.
const DEADLINE: Duration = Duration::from_secs(900);
/// The service of the books.
const BOOKS: &str = sheets_writer::NAME;
/// What only it serves.
const LEDGER: &str = "frontdesk.sheets.v1.LedgerService";
/// The setting of our tokens' keys.
const KEYS: &str = "TOKEN_KEYS";
/// Rows of a page.
const PAGE: u64 = 500;

/// Where the services of a running system are.
pub(super) struct Desk {
    link: Link,
    started: Option<System>,
    peers: Peers,
    /// `TOKEN_KEYS` as it is known, not read yet.
    keys: Option<String>,
}

// === impl Desk ===

impl Desk {
    /// The books: at `SHEETS_WRITER_ADDR`, else of the running system, else of one that is started here.
    pub(super) async fn find(vars: &Vars) -> Result<Self, Failure> {
        if let Some(named) = vars.get("SHEETS_WRITER_ADDR") {
            let url = base_url(named).map_err(|why| Failure::Usage(format!("SHEETS_WRITER_ADDR {why}")))?;
            let keys = vars.get(KEYS).map(str::to_owned);
            return Ok(Self { link: link(&url)?, started: None, peers: Peers::named(vars), keys });
        }
        if let Some(url) = running(vars, BOOKS) {
            let link = link(&url)?;
            if serves(&link).await {
                return Ok(Self { link, started: None, peers: Peers::running(vars), keys: own_keys(vars) });
            }
            let path = addresses(vars);
            eprintln!("frontdesk: {} names a system that is gone", path.display());
        }
        let system = begin(vars).await?;
        let (_, address) =
            system.services.iter().find(|(name, _)| *name == BOOKS).expect("it is always started");
        let url = Url::parse(&format!("http://{address}")).expect("an address makes a URL");
        let peers = Peers::of(vars, &system);
        Ok(Self { link: link(&url)?, started: Some(system), peers, keys: own_keys(vars) })
    }

    /// Calls an rpc of `frontdesk.sheets.v1`, such as `LedgerService/ListRows`.
    pub(super) async fn call(&self, rpc: &str, request: Value) -> Result<Value, Failure> {
        Ok(wire::decode(&self.send(rpc, request).await?))
    }

    /// Calls an rpc that answers bit by bit, and shows each answer to `take`.
    pub(super) async fn stream(
        &self,
        rpc: &str,
        request: Value,
        mut take: impl FnMut(Value),
    ) -> Result<(), Failure> {
        self.read(rpc, request, |answer| {
            take(wire::decode(answer));
            Ok(())
        })
        .await
    }

    /// As [`Self::stream`], with the field `name` of each answer, as bytes.
    pub(super) async fn pieces(
        &self,
        rpc: &str,
        request: Value,
        name: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.read(rpc, request, |answer| {
            let field = answer.get_field_by_name(name);
            take(field.as_ref().and_then(|field| field.as_bytes()).map(|bytes| &**bytes).unwrap_or_default())
        })
        .await
    }

    async fn read(
        &self,
        rpc: &str,
        request: Value,
        mut take: impl FnMut(&DynamicMessage) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let path = format!("frontdesk.sheets.v1.{rpc}");
        let method = wire::method(&path).expect("commands name rpcs of the contract");
        let message = wire::encode(method.input(), request).map_err(Failure::Usage)?;
        let path: PathAndQuery = format!("/{path}").parse().expect("names of the contract are harmless");
        let mut client = tonic::client::Grpc::new(self.link.clone());
        let failed = |status| Failure::of_call(BOOKS, &status);
        let answer = client.server_streaming(Request::new(message), path, wire::Dynamic(method)).await;
        let mut answers = answer.map_err(failed)?.into_inner();
        while let Some(answer) = answers.message().await.map_err(failed)? {
            take(&answer)?;
        }
        Ok(())
    }

    /// The way to a service of the same system as the books.
    pub(super) fn link_to(&self, service: &str) -> Result<Link, Failure> {
        link(&self.peers.url(service)?)
    }

    /// The keys of the system's tokens, if they are known.
    pub(super) fn keys(&self) -> Result<Option<Keys>, Failure> {
        let read = |text: &String| Keys::parse(text).map_err(|why| Failure::Usage(format!("{KEYS} {why}")));
        self.keys.as_ref().map(read).transpose()
    }

    /// Calls an rpc of a service's `OperationsService`, such as `ListInbox`.
    pub(super) async fn operate(
        &self,
        service: &str,
        rpc: &str,
        request: Value,
    ) -> Result<DynamicMessage, Failure> {
        self.ask(service, &format!("OperationsService/{rpc}"), request).await
    }

    /// Calls an rpc of `frontdesk.common.v1` at a service, such as `ReconciliationService/Reconcile`.
    pub(super) async fn ask(
        &self,
        service: &str,
        rpc: &str,
        request: Value,
    ) -> Result<DynamicMessage, Failure> {
        send(self.link_to(service)?, service, format!("frontdesk.common.v1.{rpc}"), request).await
    }

    /// Calls an rpc of `frontdesk.whop.v1`, such as `DirectoryService/FindMembers`.
    pub(super) async fn look_up(&self, rpc: &str, request: Value) -> Result<DynamicMessage, Failure> {
        let service = whop_gateway::NAME;
        send(self.link_to(service)?, service, format!("frontdesk.whop.v1.{rpc}"), request).await
    }

    /// Calls an rpc of `frontdesk.chat.v1.ThreadService`, such as `ListThreads`.
    pub(super) async fn talk(&self, rpc: &str, request: Value) -> Result<Value, Failure> {
        let service = chat_agent::NAME;
        let rpc = format!("frontdesk.chat.v1.ThreadService/{rpc}");
        Ok(wire::decode(&send(self.link_to(service)?, service, rpc, request).await?))
    }

    /// Calls an rpc of `frontdesk.ops.v1`, such as `ReportService/GetWeeklySummary`.
    pub(super) async fn report(&self, rpc: &str, request: Value) -> Result<Value, Failure> {
        let service = ops_copilot::NAME;
        Ok(wire::decode(
            &send(self.link_to(service)?, service, format!("frontdesk.ops.v1.{rpc}"), request).await?,
        ))
    }

    async fn send(&self, rpc: &str, request: Value) -> Result<DynamicMessage, Failure> {
        send(self.link.clone(), BOOKS, format!("frontdesk.sheets.v1.{rpc}"), request).await
    }

    /// Pages through an rpc's list `name` and shows each entry to `take` until that says stop.
    pub(super) async fn each(
        &self,
        rpc: &str,
        request: &Value,
        name: &str,
        mut take: impl FnMut(Value) -> bool,
    ) -> Result<(), Failure> {
        let mut token = Value::from("");
        loop {
            let mut request = request.clone();
            request["page_size"] = PAGE.into();
            request["page_token"] = token;
            let mut page = self.call(rpc, request).await?;
            for entry in page[name].as_array_mut().map(std::mem::take).unwrap_or_default() {
                if !take(entry) {
                    return Ok(());
                }
            }
            token = page["next_page_token"].take();
            if token.as_str().is_none_or(str::is_empty) {
                return Ok(());
            }
        }
    }

    /// The first `limit` entries of such a list, all if it is 0, and whether there are more.
    pub(super) async fn first(
        &self,
        limit: usize,
        rpc: &str,
        request: &Value,
        name: &str,
        mut progress: Progress,
    ) -> Result<(Vec<Value>, bool), Failure> {
        let (mut entries, mut more) = (Vec::new(), false);
        let take = |entry| {
            more = limit > 0 && entries.len() == limit;
            if !more {
                entries.push(entry);
                progress.at(entries.len() as u64, None);
            }
            !more
        };
        self.each(rpc, request, name, take).await?;
        Ok((entries, more))
    }

    /// Stops what was started.
    pub(super) async fn close(self) {
        if let Some(system) = self.started {
            system.stop().await;
        }
    }
}

async fn send(
    link: Link,
    service: &str,
    path: String,
    mut request: Value,
) -> Result<DynamicMessage, Failure> {
    let method = wire::method(&path).expect("commands name rpcs of the contract");
    if method.input().get_field_by_name("request_id").is_some() && request["request_id"].is_null() {
        request["request_id"] = json!(request_id::make());
    }
    let message = wire::encode(method.input(), request).map_err(Failure::Usage)?;
    let path: PathAndQuery = format!("/{path}").parse().expect("names of the contract are harmless");
    let mut client = tonic::client::Grpc::new(link);
    let answer = client.unary(Request::new(message), path, wire::Dynamic(method)).await;
    answer.map(tonic::Response::into_inner).map_err(|status| Failure::of_call(service, &status))
}

/// What the running system of this directory says about the address of `service`.
pub(super) fn running(vars: &Vars, service: &str) -> Option<Url> {
    let text = fs::read_to_string(addresses(vars)).ok()?;
    let named: Value = serde_json::from_str(&text).ok()?;
    base_url(named[service].as_str()?).ok()
}

/// Whether the books answer there: another program may have got a port that a dead system left.
pub(super) async fn answers(url: &Url) -> bool {
    match link(url) {
        Ok(link) => serves(&link).await,
        Err(_) => false,
    }
}

/// The keys as given, else those that the runs of this directory share.
fn own_keys(vars: &Vars) -> Option<String> {
    let kept = || fs::read_to_string(directory(vars).join("token-keys")).ok();
    vars.get(KEYS).map(str::to_owned).or_else(kept)
}

fn addresses(vars: &Vars) -> PathBuf {
    directory(vars).join("addresses.json")
}

fn directory(vars: &Vars) -> PathBuf {
    PathBuf::from(vars.get("FRONTDESK_DIR").unwrap_or(".frontdesk"))
}

fn link(url: &Url) -> Result<Link, Failure> {
    let link = Link::new(url).map_err(|why| Failure::Usage(format!("{why:#}")))?;
    Ok(link.with_default_deadline(DEADLINE))
}

async fn serves(link: &Link) -> bool {
    let mut health = HealthClient::new(link.clone());
    let asked = health.check(HealthCheckRequest { service: LEDGER.to_owned() });
    let answer = tokio::time::timeout(PROBE, asked).await;
    matches!(answer, Ok(Ok(answer)) if answer.get_ref().status() == ServingStatus::Serving)
}

/// Starts a system that the public cannot reach.
async fn begin(vars: &Vars) -> Result<System, Failure> {
    let mut vars = vars.clone();
    vars.set("HOST", "127.0.0.1");
    vars.set("PORT", "0");
    let options = Options::read(vars, Vec::new()).map_err(|problems| Failure::of_settings(&problems))?;
    start(options)
        .await
        .map_err(|why| Failure::Unavailable(format!("no system runs, and none can be started: {why:#}")))
}
