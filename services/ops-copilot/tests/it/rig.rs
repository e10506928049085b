//! The service under test, over SQLite in a directory of its own, with a clock that is told what time it is.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chassis::{Context, Drain, Link, Vars};
use jiff::{SignedDuration, Timestamp};
use ops_copilot::{Config, NAME, Parts, SCHEMA};
use proto::{
    common::v1::{TickRequest, operations_service_client::OperationsServiceClient},
    ops::v1::{
        ListNoticesRequest, Notice, NoticeState, NotifyEventRequest, NotifyRequest, NotifyResponse,
        notify_service_client::NotifyServiceClient, report_service_client::ReportServiceClient,
    },
};
use serde_json::{Value, json};
use store::Clock;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::Instant};

use crate::{books::Books, mail::Mail, slack::Slack};

/// A time that a test sets.
#[derive(Clone)]
pub(crate) struct Time(Arc<Mutex<Timestamp>>);

impl Time {
    pub(crate) fn pass(&self, time: SignedDuration) {
        *self.0.lock().unwrap() += time;
    }

    pub(crate) fn set(&self, time: Timestamp) {
        *self.0.lock().unwrap() = time;
    }

    fn clock(&self) -> Clock {
        let time = self.0.clone();
        Arc::new(move || *time.lock().unwrap())
    }
}

/// How a test wants the service.
pub(crate) struct Setup {
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) now: Timestamp,
    /// The clock is the system's.
    pub(crate) real: bool,
    pub(crate) slack: bool,
    pub(crate) mail: bool,
    /// Where the store is; a new directory if none is given.
    pub(crate) dir: Option<TempDir>,
}

/// A running service, and everybody around it.
pub(crate) struct Rig {
    pub(crate) notify: NotifyServiceClient<Link>,
    pub(crate) reports: ReportServiceClient<Link>,
    pub(crate) operations: OperationsServiceClient<Link>,
    pub(crate) books: Books,
    pub(crate) slack: Slack,
    pub(crate) mail: Mail,
    pub(crate) time: Time,
    pub(crate) dir: TempDir,
    ctx: Context,
    serving: JoinHandle<Drain>,
}

impl Default for Setup {
    fn default() -> Self {
        let now = "2026-10-05T09:00:00Z".parse().unwrap();
        Self { settings: Vec::new(), now, real: false, slack: true, mail: true, dir: None }
    }
}

impl Setup {
    pub(crate) fn with<const N: usize>(settings: [(&'static str, &str); N]) -> Self {
        let settings = settings.map(|(name, value)| (name, value.to_owned())).into();
        Self { settings, ..Self::default() }
    }

    pub(crate) async fn start(self) -> Rig {
        let books = Books::default();
        self.start_with(books).await
    }

    pub(crate) async fn start_with(self, books: Books) -> Rig {
        let (slack, mail) = (Slack::default(), Mail::default());
        let dir = self.dir.unwrap_or_else(|| tempfile::tempdir().unwrap());
        let mut vars = Vars::default();
        vars.set("STORE", format!("sqlite:{}", dir.path().display()));
        vars.set("SHEETS_WRITER_ADDR", books.serve().await);
        vars.set("PUBLIC_BASE_URL", "https://chat.example.com");
        vars.set("LIMIT_NOTICES", "off");
        if self.slack {
            vars.set("SLACK_WEBHOOK_URL", slack.serve().await);
        }
        if self.mail {
            vars.set("SMTP_URL", mail.serve().await);
            vars.set("NOTIFY_EMAIL_FROM", "Desk <desk@example.com>");
            vars.set("NOTIFY_EMAIL_TO", "owner@example.com");
        }
        self.settings.into_iter().for_each(|(name, value)| vars.set(name, value));
        let config: Config = chassis::config::load(&vars, []).unwrap();
        let time = Time(Arc::new(Mutex::new(self.now)));
        let clock = if self.real { store::system_clock() } else { time.clock() };
        let store = config.store.open(NAME, SCHEMA, clock.clone()).unwrap();
        let ctx = Context::new(NAME, false);
        let parts = Parts { store, clock, pace: Duration::from_millis(1) };
        let server = ops_copilot::assemble(&config, ctx.clone(), parts).unwrap();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(chassis::serve(listener, server, ctx.clone()));
        let link = Link::new(&url).unwrap().with_default_deadline(Duration::from_secs(60));
        Rig {
            notify: NotifyServiceClient::new(link.clone()),
            reports: ReportServiceClient::new(link.clone()),
            operations: OperationsServiceClient::new(link),
            books,
            slack,
            mail,
            time,
            dir,
            ctx,
            serving,
        }
    }
}

// === impl Rig ===

impl Rig {
    /// Tells it of an event; whether people hear of it.
    pub(crate) async fn event(&self, event: &Value) -> bool {
        let request = NotifyEventRequest { event: event.to_string().into(), ..Default::default() };
        self.notify.clone().notify_event(request).await.unwrap().into_inner().wanted
    }

    /// Has it tell people something.
    pub(crate) async fn say(&self, request_id: &str, title: &str) -> NotifyResponse {
        let request = NotifyRequest {
            request_id: request_id.into(),
            title: title.into(),
            text: "text".into(),
            ..Default::default()
        };
        self.notify.clone().notify(request).await.unwrap().into_inner()
    }

    pub(crate) async fn notices(&self) -> Vec<Notice> {
        let request = ListNoticesRequest { page_size: 500, ..Default::default() };
        self.notify.clone().list_notices(request).await.unwrap().into_inner().notices
    }

    /// Does what is due by the clock, until there is no more of it.
    pub(crate) async fn tick(&self) {
        while self.operations.clone().tick(TickRequest {}).await.unwrap().into_inner().more {}
    }

    /// Waits until nothing is on its way: what is under way when hours pass at once would be taken for dead, and done again.
    pub(crate) async fn settle(&self) {
        let is_waiting = |notice: &Notice| notice.state() == NoticeState::Waiting;
        self.until("everything is sent", async || !self.notices().await.iter().any(is_waiting)).await;
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so().await {
            assert!(Instant::now() < deadline, "{what} did not happen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it, with nothing cut off, and answers where its files are.
    pub(crate) async fn stop(self) -> TempDir {
        self.ctx.shutdown.cancel();
        assert_eq!(self.serving.await.unwrap(), Drain::Clean);
        self.dir
    }
}

/// A person is called for.
pub(crate) fn handoff(id: &str) -> Value {
    json!({"id": id, "type": "handoff.requested", "version": 1, "occurred_at": "2026-10-05T09:00:00Z", "data": {
        "session_id": "ses_1", "workflow_id": "lead-concierge", "contact_id": "con_1", "visitor_id": "vis_1",
        "thread_id": "thr_1", "channel": "chat", "page": "/services?who=canary", "outcome": "needs_human",
        "message": "Canary wants a refund", "intent": "", "score": null, "event_id": format!("{id}_0"),
        "traits": {"utm_source": "yt"},
        "contact": {"id": "con_1", "email": "ann@canary.example", "phone": "+4930901820", "first_name": "Ann",
            "last_name": "Canary", "company": "Canary Ltd"},
    }})
}
