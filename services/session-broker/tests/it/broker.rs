//! The service under test: served by the chassis on a port of its own, over SQLite in a directory of its own.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use chassis::{Context, Drain, Link, Vars};
use domain::{Fault, Kind, Reason};
use proto::{
    common::v1::{Caller, operations_service_client::OperationsServiceClient},
    session::v1::{
        CancelSessionRequest, CreateSessionRequest, RefreshSessionRequest, Session, SessionMode,
        SessionTarget, session_service_client::SessionServiceClient,
    },
};
use session_broker::{Config, NAME, Parts, SCHEMA};
use store::Store;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;

use crate::{
    log,
    upstream::{Time, Upstream},
};

/// The key that the service has for OpenAI.
pub(crate) const KEY: &str = "sk-key-of-the-tests";

/// How a test wants the service.
pub(crate) struct Setup {
    /// Settings beside the usual ones, or over them.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// A store in place of SQLite.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Longest wait for the provider.
    pub(crate) attempt: Duration,
    /// The caller's own deadline.
    pub(crate) deadline: Duration,
}

/// A running service.
pub(crate) struct Broker {
    pub(crate) client: SessionServiceClient<Link>,
    pub(crate) operations: OperationsServiceClient<Link>,
    pub(crate) upstream: Upstream,
    pub(crate) time: Time,
    pub(crate) dir: TempDir,
    ctx: Context,
    serving: JoinHandle<Drain>,
}

impl Default for Setup {
    fn default() -> Self {
        let long = Duration::from_secs(30);
        Self { settings: Vec::new(), store: None, attempt: long, deadline: long }
    }
}

impl Setup {
    pub(crate) fn with<const N: usize>(settings: [(&'static str, &str); N]) -> Self {
        let settings = settings.map(|(name, value)| (name, value.to_owned())).into();
        Self { settings, ..Self::default() }
    }

    pub(crate) async fn start(self) -> Broker {
        log::listen();
        let time = Time::start();
        let upstream = Upstream::start(time.clone()).await;
        let dir = tempfile::tempdir().unwrap();
        let mut vars: Vars = [
            ("STORE", format!("sqlite:{}", dir.path().display())),
            ("OPENAI_API_KEY", KEY.to_owned()),
            ("OPENAI_BASE_URL", format!("http://{}/v1/", upstream.addr)),
            ("CHATKIT_WORKFLOW_ID", "wf_lead".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        self.settings.into_iter().for_each(|(name, value)| vars.set(name, value));
        let config: Config = chassis::config::load(&vars, []).expect("sound settings");

        let clock = time.clock();
        let store = self.store.unwrap_or_else(|| config.store.open(NAME, SCHEMA, clock.clone()).unwrap());
        let ctx = Context::new(NAME, false);
        let parts = Parts { store, clock, attempt: self.attempt };
        let server = session_broker::assemble(&config, ctx.clone(), parts).unwrap();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(chassis::serve(listener, server, ctx.clone()));
        let link = Link::new(&url).unwrap().with_default_deadline(self.deadline);
        let operations = OperationsServiceClient::new(link.clone());
        Broker { client: SessionServiceClient::new(link), operations, upstream, time, dir, ctx, serving }
    }
}

impl Broker {
    pub(crate) async fn start() -> Self {
        Setup::default().start().await
    }

    pub(crate) async fn create(&self, caller: Caller, target: SessionTarget) -> Result<Session, Status> {
        let request =
            CreateSessionRequest { caller: Some(caller), target: Some(target), ..Default::default() };
        Ok(self.client.clone().create_session(request).await?.into_inner().session.unwrap())
    }

    pub(crate) async fn refresh(&self, caller: Caller, current: &str) -> Result<Session, Status> {
        self.refresh_for(caller, SessionTarget::default(), current).await
    }

    pub(crate) async fn refresh_for(
        &self,
        caller: Caller,
        target: SessionTarget,
        current: &str,
    ) -> Result<Session, Status> {
        let request = RefreshSessionRequest {
            caller: Some(caller),
            target: Some(target),
            current_client_secret: current.to_owned(),
            ..Default::default()
        };
        Ok(self.client.clone().refresh_session(request).await?.into_inner().session.unwrap())
    }

    pub(crate) async fn cancel(&self, caller: Caller, session_id: &str) -> Result<(), Status> {
        let request = CancelSessionRequest {
            caller: Some(caller),
            session_id: session_id.to_owned(),
            ..Default::default()
        };
        self.client.clone().cancel_session(request).await.map(drop)
    }

    /// How many requests have reached the provider.
    pub(crate) fn asked(&self) -> usize {
        self.upstream.asked().len()
    }

    /// Ends the service, with nothing cut off, and answers where its files are.
    pub(crate) async fn stop(self) -> TempDir {
        self.ctx.shutdown.cancel();
        assert_eq!(self.serving.await.unwrap(), Drain::Clean);
        self.dir
    }
}

/// A visitor of a site, by a digit.
pub(crate) fn visitor(number: u8) -> Caller {
    Caller {
        visitor_id: format!("vis_{number:032x}"),
        ip_key: format!("ip{number}"),
        site: "www.example.com".into(),
        ..Default::default()
    }
}

/// Nothing but the page.
pub(crate) fn on_page(page: &str) -> SessionTarget {
    SessionTarget { page: page.into(), ..Default::default() }
}

/// A client that announces these modes.
pub(crate) fn announcing(modes: &[SessionMode]) -> SessionTarget {
    SessionTarget { modes: modes.iter().map(|mode| i32::from(*mode)).collect(), ..Default::default() }
}

/// A workflow by name.
pub(crate) fn named(workflow: &str) -> SessionTarget {
    SessionTarget { workflow: workflow.into(), ..Default::default() }
}

/// A visit with these traits.
pub(crate) fn with_traits<const N: usize>(traits: [(&str, &str); N]) -> SessionTarget {
    let traits: HashMap<_, _> =
        traits.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    SessionTarget { page: "/services".into(), traits, ..Default::default() }
}

/// The fault of a refused call, which must be of this kind and reason.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, kind: Kind, reason: Reason) -> Fault {
    let fault = chassis::status::fault(&answer.expect_err("the call is refused"));
    assert_eq!((fault.kind, fault.reason), (kind, reason), "{fault:?}");
    fault
}

/// A directory with these workflow definitions.
pub(crate) fn workflows<const N: usize>(files: [(&str, &str); N]) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    for (slug, text) in files {
        std::fs::write(dir.path().join(format!("{slug}.toml")), text).unwrap();
    }
    let path = dir.path().display().to_string();
    (dir, path)
}

/// All files below a directory of the service, in one.
pub(crate) fn bytes_in(dir: &TempDir) -> Vec<u8> {
    let paths = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path: PathBuf| std::fs::read(path).unwrap()).collect()
}

/// Whether `bytes` hold `text`.
pub(crate) fn hold(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
