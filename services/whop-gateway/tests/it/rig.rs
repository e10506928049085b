//! The service under test: served by the chassis on a port of its own, over SQLite, between Whop and the books.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chassis::{Context, Drain, Link, Vars};
use domain::{Kind, Reason};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proto::{
    common::v1::{
        Caller, ErasePersonRequest, InboxMessage, InboxState, ListInboxRequest, Person,
        ProviderReconciliation, ReceiveWebhookRequest, ReconcileRequest, ReplayInboxRequest,
        operations_service_client::OperationsServiceClient,
        reconciliation_service_client::ReconciliationServiceClient,
        webhook_service_client::WebhookServiceClient,
    },
    whop::v1::{
        CheckAccessRequest, CheckAccessResponse, GetMembershipRequest, ListMembershipsRequest,
        ListMembershipsResponse, Membership, directory_service_client::DirectoryServiceClient,
        membership_service_client::MembershipServiceClient,
    },
};
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;
use whop_gateway::{Config, NAME, Parts, SCHEMA};

use super::{
    books::Books,
    token::APP,
    whop::{ACCOUNT, KEY, PATIENCE, Time, Whop},
};

pub(crate) const SECRET: &str = "ws_of_the_tests";

/// Settings beside the usual ones.
type Settings = &'static [(&'static str, &'static str)];
/// For those who ask more often than a member may.
pub(crate) const UNLIMITED: Settings = &[("LIMIT_MEMBER_ACTIONS", "off"), ("LIMIT_MEMBER_READS", "off")];

/// A running service.
pub(crate) struct Rig {
    pub(crate) client: MembershipServiceClient<Link>,
    pub(crate) directory: DirectoryServiceClient<Link>,
    webhooks: WebhookServiceClient<Link>,
    reconciliation: ReconciliationServiceClient<Link>,
    pub(crate) operations: OperationsServiceClient<Link>,
    pub(crate) whop: Whop,
    pub(crate) books: Books,
    pub(crate) time: Time,
    dir: Arc<TempDir>,
    more: Settings,
    ctx: Context,
    serving: JoinHandle<Drain>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(None, &[]).await
    }

    /// With other quick actions than the built-in ones, and more settings.
    pub(crate) async fn with(actions: Option<&str>, more: Settings) -> Self {
        let time = Time::start();
        let (whop, books) = (Whop::start(time.clone()).await, Books::start().await);
        let dir = Arc::new(tempfile::tempdir().unwrap());
        if let Some(actions) = actions {
            std::fs::write(dir.path().join("actions.toml"), actions).unwrap();
        }
        Self::over(time, whop, books, dir, more).await
    }

    async fn over(time: Time, whop: Whop, books: Books, dir: Arc<TempDir>, more: Settings) -> Self {
        let mut settings = vec![
            ("STORE", format!("sqlite:{}", dir.path().display())),
            ("WHOP_API_KEY", KEY.to_owned()),
            ("WHOP_ACCOUNT_ID", ACCOUNT.to_owned()),
            ("WHOP_APP_ID", APP.to_owned()),
            ("WHOP_BASE_URL", format!("http://{}/api/v1", whop.addr)),
            ("WHOP_JWKS_URL", format!("http://{}/.well-known/jwks.json", whop.addr)),
            ("WHOP_WEBHOOK_SECRETS", format!("ws_newer,{SECRET}")),
            ("DRIVE_BASE_URL", format!("http://{}/drive/v3", whop.addr)),
            ("GOOGLE_ACCESS_TOKEN", "ya29.test".to_owned()),
            ("SHEETS_WRITER_ADDR", "http://127.0.0.1:9".to_owned()),
            ("SANDBOX_LEDGER_ADDR", format!("http://{}", books.addr)),
        ];
        let actions = dir.path().join("actions.toml");
        if actions.exists() {
            settings.push(("QUICK_ACTIONS_FILE", actions.display().to_string()));
        }
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let vars: Vars = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let config: Config = chassis::config::load(&vars, []).expect("sound settings");
        let store = config.store.open(NAME, SCHEMA, time.clock()).unwrap();
        let ctx = Context::new(NAME, false);
        let parts = Parts { store, clock: time.clock() };
        let server = whop_gateway::assemble(config, ctx.clone(), parts).unwrap();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(chassis::serve(listener, server, ctx.clone()));
        let link = Link::new(&url).unwrap().with_default_deadline(PATIENCE);
        Self {
            client: MembershipServiceClient::new(link.clone()),
            directory: DirectoryServiceClient::new(link.clone()),
            webhooks: WebhookServiceClient::new(link.clone()),
            reconciliation: ReconciliationServiceClient::new(link.clone()),
            operations: OperationsServiceClient::new(link),
            whop,
            books,
            time,
            dir,
            more,
            ctx,
            serving,
        }
    }

    /// The process ends, and another one begins over the same store.
    pub(crate) async fn restart(self) -> Self {
        let Self { whop, books, time, dir, more, ctx, serving, .. } = self;
        ctx.shutdown.cancel();
        tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap();
        Self::over(time, whop, books, dir, more).await
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }

    pub(crate) async fn list(&self, user: &str) -> Result<ListMembershipsResponse, Status> {
        let request = ListMembershipsRequest { caller: caller(user) };
        Ok(self.client.clone().list_memberships(request).await?.into_inner())
    }

    /// Ids of what a user has.
    pub(crate) async fn ids(&self, user: &str) -> Vec<String> {
        let all = self.list(user).await.unwrap().memberships;
        all.into_iter().map(|membership| membership.membership_id).collect()
    }

    pub(crate) async fn get(&self, user: &str, id: &str) -> Result<Membership, Status> {
        let request = GetMembershipRequest { caller: caller(user), membership_id: id.to_owned() };
        Ok(self.client.clone().get_membership(request).await?.into_inner().membership.unwrap())
    }

    pub(crate) async fn access(&self, user: &str, product: &str) -> Result<CheckAccessResponse, Status> {
        let request = CheckAccessRequest { caller: caller(user), product_id: product.to_owned() };
        Ok(self.client.clone().check_access(request).await?.into_inner())
    }

    /// Whop sends a webhook; whether it was taken before.
    pub(crate) async fn send(&self, message: &Value) -> Result<bool, Status> {
        let (id, body) = (message["id"].as_str().unwrap(), message.to_string().into_bytes());
        self.receive(signed(SECRET, id, self.time.now().as_second(), &body), body).await
    }

    /// Whop tells of something as it is now.
    pub(crate) async fn tell(&self, id: &str, event: &str, kind: &'static str, thing: &str) {
        self.send(&self.whop.message(id, event, kind, thing)).await.unwrap();
    }

    pub(crate) async fn receive(&self, headers: Headers, body: Vec<u8>) -> Result<bool, Status> {
        let request = ReceiveWebhookRequest {
            provider: "whop".to_owned(),
            headers,
            body: body.into(),
            ..Default::default()
        };
        Ok(self.webhooks.clone().receive_webhook(request).await?.into_inner().duplicate)
    }

    /// A portion of a look for what no webhook brought since so many seconds.
    pub(crate) async fn look(&self, seconds: i64) -> ProviderReconciliation {
        let since = self.time.now().as_second() - seconds;
        self.look_since(Some(prost_types::Timestamp { seconds: since, nanos: 0 })).await
    }

    pub(crate) async fn look_since(&self, since: Option<prost_types::Timestamp>) -> ProviderReconciliation {
        let request = ReconcileRequest { since, provider: "whop".to_owned(), ..Default::default() };
        self.reconciliation.clone().reconcile(request).await.unwrap().into_inner().providers.remove(0)
    }

    /// Looks to the end: how much was seen, and how much of it was missed.
    pub(crate) async fn reconcile(&self, seconds: i64) -> (i64, i64) {
        let since = self.time.now().as_second() - seconds;
        let since = Some(prost_types::Timestamp { seconds: since, nanos: 0 });
        let (mut seen, mut missed) = (0, 0);
        for _ in 0..100 {
            let report = self.look_since(since).await;
            assert_eq!(report.problem, "");
            (seen, missed) = (seen + report.seen, missed + report.missed);
            if !report.more {
                return (seen, missed);
            }
        }
        panic!("a look has an end");
    }

    pub(crate) async fn inbox(&self, state: InboxState) -> Vec<InboxMessage> {
        let request = ListInboxRequest { state: state.into(), ..Default::default() };
        self.operations.clone().list_inbox(request).await.unwrap().into_inner().messages
    }

    /// Waits until nothing that came in waits for work.
    pub(crate) async fn settle(&self) {
        let settled = async {
            while !self.inbox(InboxState::Waiting).await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("the inbox is worked on");
    }

    /// As [`Self::settle`], while time passes: what failed is tried again.
    pub(crate) async fn settle_in_time(&self) {
        let settled = async {
            while let Some(message) = self.inbox(InboxState::Waiting).await.first() {
                self.time.pass(2);
                self.replay(&message.message_id).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("the inbox is worked on");
    }

    /// Works on a message now.
    pub(crate) async fn replay(&self, message_id: &str) {
        let request = ReplayInboxRequest { message_id: message_id.to_owned() };
        self.operations.clone().replay_inbox(request).await.unwrap();
    }

    /// Forgets somebody; what went, by kind.
    pub(crate) async fn forget(&self, erasure: &str, person: Person) -> Vec<(String, i64)> {
        let request = ErasePersonRequest { erasure_id: erasure.into(), person: Some(person) };
        let mut waiting_for = String::new();
        for _ in 0..50 {
            let answer = self.operations.clone().erase_person(request.clone()).await.unwrap().into_inner();
            if answer.done {
                return answer.erased.into_iter().map(|count| (count.kind, count.number)).collect();
            }
            waiting_for = answer.waiting_for;
        }
        panic!("it waits for {waiting_for}");
    }
}

/// The headers of a webhook.
pub(crate) type Headers = HashMap<String, String>;

/// The headers by which a secret signs a body.
pub(crate) fn signed(secret: &str, id: &str, time: i64, body: &[u8]) -> Headers {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(body);
    let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", time.to_string()),
        ("webhook-signature", signature),
    ];
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A member whose token was checked.
pub(crate) fn caller(user: &str) -> Option<Caller> {
    let visitor_id = format!("vis_{:032x}", 1);
    Some(Caller { visitor_id, verified_whop_user_id: user.to_owned(), ..Default::default() })
}

/// What a refusal says.
pub(crate) fn said(status: &Status) -> (Kind, Reason) {
    let fault = chassis::status::fault(status);
    (fault.kind, fault.reason)
}

/// Nobody says more than that there is no such membership.
pub(crate) const NO_MEMBERSHIP: (Kind, Reason) = (Kind::NotFound, Reason::MembershipUnknown);
/// Nobody says more than that there is no such action.
pub(crate) const NO_ACTION: (Kind, Reason) = (Kind::NotFound, Reason::ActionUnknown);
