//! The service on the wire: decodes, calls, encodes.

use std::{collections::BTreeMap, sync::Arc};

use domain::workflow::Workflow;
use proto::{
    common::v1::{Caller as WireCaller, Person},
    session::v1::{
        CancelSessionRequest, CancelSessionResponse, CreateSessionRequest, CreateSessionResponse,
        RefreshSessionRequest, RefreshSessionResponse, Session as WireSession, SessionMode, SessionTarget,
        StartScreen, StarterPrompt, session_service_server::SessionService,
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use store::erasing::{Erased, Eraser};
use tonic::{Request, Response, Status};

use crate::{
    cancel::Cancel,
    erasure::Erasure,
    error::{Error, fault},
    mint::{Caller, Mint, Session, Target},
    mode::Mode,
    state::Standing,
};

/// `SessionService`.
pub(crate) struct Service {
    /// Makes sessions.
    pub(crate) mint: Arc<Mint>,
    /// Ends them.
    pub(crate) cancel: Cancel,
}

#[tonic::async_trait]
impl SessionService for Service {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let CreateSessionRequest { caller, target, .. } = request.into_inner();
        let session = self.obtain(caller, target, None).await.map_err(refuse)?;
        Ok(Response::new(CreateSessionResponse { session: Some(session) }))
    }

    async fn refresh_session(
        &self,
        request: Request<RefreshSessionRequest>,
    ) -> Result<Response<RefreshSessionResponse>, Status> {
        let RefreshSessionRequest { caller, target, current_client_secret, .. } = request.into_inner();
        let shown = (!current_client_secret.is_empty()).then(|| current_client_secret.into());
        let session = self.obtain(caller, target, shown).await.map_err(refuse)?;
        Ok(Response::new(RefreshSessionResponse { session: Some(session) }))
    }

    async fn cancel_session(
        &self,
        request: Request<CancelSessionRequest>,
    ) -> Result<Response<CancelSessionResponse>, Status> {
        let CancelSessionRequest { caller, session_id, .. } = request.into_inner();
        let caller = decode_caller(caller).map_err(refuse)?;
        self.cancel.cancel(&caller.visitor, &session_id).await.map_err(refuse)?;
        Ok(Response::new(CancelSessionResponse {}))
    }
}

impl Service {
    async fn obtain(
        &self,
        caller: Option<WireCaller>,
        target: Option<SessionTarget>,
        shown: Option<SecretString>,
    ) -> Result<WireSession, Error> {
        let caller = decode_caller(caller)?;
        let target = decode_target(target.unwrap_or_default(), &caller)?;
        Ok(encode(self.mint.obtain(caller, target, shown).await?))
    }
}

fn decode_caller(caller: Option<WireCaller>) -> Result<Caller, Error> {
    let WireCaller { visitor_id, verified_whop_user_id, ip_key, site, .. } = caller.unwrap_or_default();
    let domain::Caller { visitor, whop_user } =
        domain::Caller::read(&visitor_id, &verified_whop_user_id).map_err(Error::Caller)?;
    Ok(Caller { visitor, whop_user, ip_key, site })
}

fn decode_target(target: SessionTarget, caller: &Caller) -> Result<Target, Error> {
    let SessionTarget { workflow, page, traits, modes, member } = target;
    let modes = Mode::read(&modes)?;
    let standing = Standing::read(member, caller.whop_user.as_deref())?;
    // Sorted first, so that the same traits are the same state however many are too many.
    let traits: BTreeMap<_, _> = traits.iter().collect();
    Ok(Target { workflow, page, traits: domain::visit::allowed_traits(traits), standing, modes })
}

fn encode(session: Session<'_>) -> WireSession {
    let Session { id, secret, expires_at, workflow } = session;
    let mode = if secret.is_some() { SessionMode::Hosted } else { SessionMode::SelfHosted };
    WireSession {
        session_id: id,
        client_secret: secret.map(|secret| secret.expose_secret().to_owned()).unwrap_or_default(),
        expire_time: Some(proto::time::wire(expires_at)),
        mode: mode.into(),
        workflow: workflow.slug.clone(),
        start_screen: Some(encode_screen(workflow)),
    }
}

fn encode_screen(workflow: &Workflow) -> StartScreen {
    let prompts = workflow.prompts.iter();
    StartScreen {
        greeting: workflow.greeting.clone(),
        prompts: prompts
            .map(|one| StarterPrompt { label: one.label.clone(), prompt: one.prompt.clone() })
            .collect(),
    }
}

#[tonic::async_trait]
impl Eraser for Erasure {
    async fn erase_person(&self, erasure_id: &str, person: Person) -> Result<Erased, Status> {
        self.erase(erasure_id, &person.visitor_ids, &person.whop_user_ids).await.map_err(refuse)
    }
}

/// The status of an error. What the provider did is in the log already; what the store did goes there now.
fn refuse(error: Error) -> Status {
    if let Error::Store(error) = &error {
        tracing::error!(error = error as &dyn std::error::Error, "the store failed");
    }
    chassis::status::status(&fault(&error))
}
