//! Making a session, or serving one again.
//!
//! A hosted session is minted at OpenAI. One of our own is a record and nothing else: whoever signs its client secret
//! does so without asking us, so there is nothing worth serving again.
//!
//! The invariant: whatever the number of concurrent calls, one visitor has at most one mint under way for the same
//! workflow, version and state, and it comes to its end even if every caller has hung up.

use std::{collections::BTreeMap, sync::Arc};

use chassis::{Context, deadline, request_id};
use domain::{
    id::VisitorId,
    token::Purpose,
    workflow::{Audience, Registry, Workflow},
};
use jiff::Timestamp;
use secrecy::SecretString;
use store::Clock;
use tracing::Instrument as _;

use crate::{
    error::Error,
    failure::Failure,
    limits::Limits,
    memory::{Held, Key, Memory},
    mode::{Mode, Way},
    openai,
    sessions::{self, Record, Sessions},
    state::{self, Standing},
};

/// How often a refresh asks anew when it is given the very secret that it was shown.
const ATTEMPTS: u32 = 2;

/// Who asks.
pub(crate) struct Caller {
    /// The visitor.
    pub(crate) visitor: VisitorId,
    /// The Whop user that the visitor has proved to be.
    pub(crate) whop_user: Option<String>,
    /// Keyed hash of the network address; may be empty.
    pub(crate) ip_key: String,
    /// Host of the site; empty outside a browser.
    pub(crate) site: String,
}

/// What the session is for.
pub(crate) struct Target {
    /// Slug or `wf_…`; empty for the page's own.
    pub(crate) workflow: String,
    /// Path of the page.
    pub(crate) page: String,
    /// The traits of the visit that may travel.
    pub(crate) traits: BTreeMap<String, String>,
    /// What the member has, if the caller is one and it is known.
    pub(crate) standing: Option<Standing>,
    /// The ways of running a chat that the client announced, the one that it likes best first.
    pub(crate) modes: Vec<Mode>,
}

/// A session as it is answered.
pub(crate) struct Session<'a> {
    /// Its id.
    pub(crate) id: String,
    /// Its client secret, if it is hosted.
    pub(crate) secret: Option<SecretString>,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
    /// Its workflow.
    pub(crate) workflow: &'a Workflow,
}

/// A hosted session that is to be had: all that tells it from others.
struct Plan {
    visitor: VisitorId,
    user: String,
    workflow: String,
    hosted: String,
    version: Option<String>,
    state: BTreeMap<String, String>,
}

/// The use case.
pub(crate) struct Mint {
    /// The workflows.
    pub(crate) registry: Registry,
    /// How often.
    pub(crate) limits: Limits,
    /// Who makes sessions.
    pub(crate) openai: openai::Client,
    /// What was made.
    pub(crate) memory: Memory,
    /// The record of it.
    pub(crate) sessions: Sessions,
    /// Where the time is read.
    pub(crate) clock: Clock,
    /// Where a mint lives on when its caller is gone.
    pub(crate) ctx: Context,
}

// === impl Plan ===

impl Plan {
    fn of(caller: Caller, workflow: &Workflow, hosted: &str, state: BTreeMap<String, String>) -> Self {
        Self {
            user: caller.whop_user.unwrap_or_else(|| caller.visitor.to_string()),
            visitor: caller.visitor,
            workflow: workflow.slug.clone(),
            hosted: hosted.to_owned(),
            version: workflow.version.clone(),
            state,
        }
    }

    fn key(&self) -> Key {
        let version = self.version.as_deref().unwrap_or_default();
        let mut parts = vec![self.visitor.as_str(), &self.user, &self.workflow, &self.hosted, version];
        parts.extend(self.state.iter().flat_map(|(name, value)| [name.as_str(), value]));
        Key::of(&parts)
    }

    fn order(&self) -> openai::Order<'_> {
        openai::Order {
            user: &self.user,
            workflow: &self.hosted,
            version: self.version.as_deref(),
            state: &self.state,
        }
    }
}

// === impl Mint ===

impl Mint {
    /// A session for this caller, whose secret is not `shown`.
    pub(crate) async fn obtain(
        self: &Arc<Self>,
        caller: Caller,
        target: Target,
        shown: Option<SecretString>,
    ) -> Result<Session<'_>, Error> {
        self.limits.check(&caller).await.map_err(Error::Limited)?;
        let workflow = self
            .registry
            .choose(&target.workflow, &caller.site, &target.page)
            .ok_or(Error::WorkflowUnknown)?;
        admit(workflow, &caller, target.standing.as_ref())?;
        match Way::choose(workflow, &target.modes)? {
            Way::SelfHosted => Ok(self.issue(caller.visitor, workflow).await),
            Way::Hosted(hosted) => {
                let state = state::of(caller.whop_user.as_deref(), target.standing, target.traits);
                let plan = Plan::of(caller, workflow, hosted, state);
                let Held { id, secret, expires_at } = self.hold(plan, shown).await?;
                Ok(Session { id, secret: Some(secret), expires_at, workflow })
            }
        }
    }

    /// A session of our own.
    async fn issue<'a>(&self, visitor: VisitorId, workflow: &'a Workflow) -> Session<'a> {
        let now = (self.clock)();
        let (id, expires_at) = (sessions::own_id(now), now + Purpose::ClientSecret.lifetime());
        self.record(&id, Record::new(visitor, &workflow.slug, expires_at, None)).await;
        tracing::info!(session.id = id, workflow.slug = workflow.slug, "session issued");
        Session { id, secret: None, expires_at, workflow }
    }

    async fn hold(self: &Arc<Self>, plan: Plan, shown: Option<SecretString>) -> Result<Held, Error> {
        let key = plan.key();
        if let Some(held) = self.memory.get(&key, shown.as_ref()).await {
            if !self.sessions.is_cancelled_elsewhere(&held.id).await {
                return Ok(held);
            }
            self.memory.forget(&key, &held.id).await;
        }
        let mint = Arc::clone(self);
        self.detach(async move { mint.make(&plan, shown.as_ref()).await }).await
    }

    /// Does `work` in a task of its own, under the caller's deadline, request id and span.
    async fn detach<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (rest, id) = (deadline::remaining(), request_id::current());
        let work = async move {
            match rest {
                Some(rest) => deadline::within(rest, work).await,
                None => work.await,
            }
        };
        let work = async move {
            match id {
                Some(id) => request_id::scope(id, work).await,
                None => work.await,
            }
        };
        self.ctx.tasks.spawn(work.in_current_span()).await.unwrap_or(Err(Error::Lost))
    }

    async fn make(&self, plan: &Plan, shown: Option<&SecretString>) -> Result<Held, Error> {
        let key = plan.key();
        for _ in 0..ATTEMPTS {
            let held =
                self.memory.get_or(&key, shown, self.mint(plan, &key)).await.map_err(Error::Provider)?;
            if !shown.is_some_and(|shown| held.has_secret(shown)) {
                return Ok(held);
            }
        }
        let failure = Failure::Malformed("it holds a secret that was answered before");
        failure.report(&plan.workflow);
        Err(Error::Provider(failure.into()))
    }

    async fn mint(&self, plan: &Plan, key: &Key) -> Result<Held, Failure> {
        let made = self
            .openai
            .create(plan.order(), (self.clock)())
            .await
            .inspect_err(|failure| failure.report(&plan.workflow))?;
        let openai::Made { id, secret, expires_at } = made;
        let record = Record::new(plan.visitor.clone(), &plan.workflow, expires_at, Some(key.clone()));
        self.record(&id, record).await;
        tracing::info!(session.id = id, workflow.slug = plan.workflow, "session minted");
        Ok(Held { id, secret, expires_at })
    }

    async fn record(&self, id: &str, record: Record) {
        if let Err(error) = self.sessions.add(id, &record).await {
            // The visitor's chat is worth more than the record: without it the session cannot be cancelled and
            // ends by itself.
            tracing::error!(
                session.id = id,
                error = &error as &dyn std::error::Error,
                "session not recorded"
            );
        }
    }
}

/// Whether the workflow is for this caller. A Whop user is a member while something that they have gives access.
fn admit(workflow: &Workflow, caller: &Caller, standing: Option<&Standing>) -> Result<(), Error> {
    let slug = || workflow.slug.clone();
    match (workflow.audience, &caller.whop_user, standing) {
        (Audience::Anyone, _, _) => Ok(()),
        (Audience::Operator, _, _) | (Audience::Member, None, _) => Err(Error::WorkflowNotAllowed(slug())),
        (Audience::Member, Some(_), None) => Err(Error::StandingUnknown),
        (Audience::Member, Some(_), Some(standing)) if standing.has_access => Ok(()),
        (Audience::Member, Some(_), Some(_)) => Err(Error::NoAccess(slug())),
    }
}
