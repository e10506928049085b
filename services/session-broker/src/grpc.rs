//! The service on the wire: decodes, calls, encodes.

use std::{collections::BTreeMap, sync::Arc};

use domain::id::VisitorId;
use proto::{
    common::v1::Caller as WireCaller,
    session::v1::{
        CancelSessionRequest, CancelSessionResponse, CreateSessionRequest, CreateSessionResponse,
        RefreshSessionRequest, RefreshSessionResponse, Session as WireSession, SessionMode, SessionTarget,
        session_service_server::SessionService,
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use tonic::{Request, Response, Status};

use crate::{
    cancel::Cancel,
    error::{Error, fault},
    mint::{Caller, Mint, Session, Target},
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
        Ok(Response::new(CreateSessionResponse { session: Some(encode(session)) }))
    }

    async fn refresh_session(
        &self,
        request: Request<RefreshSessionRequest>,
    ) -> Result<Response<RefreshSessionResponse>, Status> {
        let RefreshSessionRequest { caller, target, current_client_secret, .. } = request.into_inner();
        let shown = (!current_client_secret.is_empty()).then(|| current_client_secret.into());
        let session = self.obtain(caller, target, shown).await.map_err(refuse)?;
        Ok(Response::new(RefreshSessionResponse { session: Some(encode(session)) }))
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
    ) -> Result<Session, Error> {
        let caller = decode_caller(caller)?;
        let target = decode_target(target.unwrap_or_default())?;
        self.mint.obtain(caller, target, shown).await
    }
}

fn decode_caller(caller: Option<WireCaller>) -> Result<Caller, Error> {
    let WireCaller { visitor_id, verified_whop_user_id, ip_key, site, .. } = caller.unwrap_or_default();
    if visitor_id.is_empty() {
        return Err(Error::CallerMissing);
    }
    let visitor = visitor_id.parse().ok().filter(|id: &VisitorId| id.as_str().starts_with(VisitorId::PREFIX));
    let visitor = visitor.ok_or(Error::Invalid { field: "caller.visitor_id", why: "must be vis_…" })?;
    let whop_user = (!verified_whop_user_id.is_empty()).then_some(verified_whop_user_id);
    if whop_user.as_deref().is_some_and(|id| domain::id::check(id).is_err()) {
        return Err(Error::Invalid { field: "caller.verified_whop_user_id", why: "must be an id" });
    }
    Ok(Caller { visitor, whop_user, ip_key, site })
}

fn decode_target(target: SessionTarget) -> Result<Target, Error> {
    let SessionTarget { workflow, page, traits, modes } = target;
    if !modes.is_empty() && !modes.contains(&SessionMode::Hosted.into()) {
        return Err(Error::Invalid { field: "target.modes", why: "must hold SESSION_MODE_HOSTED" });
    }
    // Sorted first, so that the same traits are the same state however many are too many.
    let traits: BTreeMap<_, _> = traits.iter().collect();
    Ok(Target { workflow, page, traits: domain::visit::allowed_traits(traits) })
}

fn encode(session: Session) -> WireSession {
    let Session { held, workflow } = session;
    WireSession {
        session_id: held.id,
        client_secret: held.secret.expose_secret().to_owned(),
        expire_time: Some(prost_types::Timestamp {
            seconds: held.expires_at.as_second(),
            nanos: held.expires_at.subsec_nanosecond(),
        }),
        mode: SessionMode::Hosted.into(),
        workflow,
    }
}

/// The status of an error. What the provider did is in the log already; what the store did goes there now.
fn refuse(error: Error) -> Status {
    if let Error::Store(error) = &error {
        tracing::error!(error = error as &dyn std::error::Error, "the store failed");
    }
    chassis::status::status(&fault(&error))
}
