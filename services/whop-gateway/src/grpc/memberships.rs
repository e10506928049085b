//! `MembershipService` on the wire. What members ask for at the press of a button is in [`super::actions`].

use domain::Fault;
use proto::{
    common::v1::Caller,
    time::wire as wire_time,
    whop::v1::{
        CancelMembershipRequest, CancelMembershipResponse, CheckAccessRequest, CheckAccessResponse,
        CreateUpgradeLinkRequest, CreateUpgradeLinkResponse, GetMembershipRequest, GetMembershipResponse,
        IdentifyRequest, IdentifyResponse, ListFilesRequest, ListFilesResponse, ListMembershipsRequest,
        ListMembershipsResponse, ListPaymentsRequest, ListPaymentsResponse, ListQuickActionsRequest,
        ListQuickActionsResponse, OpenSupportTicketRequest, OpenSupportTicketResponse,
        ValidateLicenseRequest, ValidateLicenseResponse, membership_service_server::MembershipService,
    },
};
use providers::{Error, error::refuse};
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use super::{actions::Actions, member, membership_unknown, request_id, wire};
use crate::{
    identity::{Unknown, Verifier},
    members::{Fresh, Members, Membership},
    whop,
};

/// Longest licence key.
const LONGEST_KEY: usize = 256;

/// What members ask for.
pub(crate) struct Service {
    pub(crate) members: Members,
    pub(crate) verifier: Verifier,
    pub(crate) actions: Actions,
}

impl Service {
    async fn identify(&self, request: IdentifyRequest) -> Result<IdentifyResponse, Error> {
        let Caller { visitor_id, .. } = request.caller.unwrap_or_default();
        let came_at = self.members.now();
        let known = self.verifier.verify(&request.user_token).await.map_err(unknown)?;
        if !visitor_id.is_empty() {
            let caller = domain::Caller::read(&visitor_id, "")?;
            self.members.introduce(&known.user, caller.visitor.as_str(), came_at).await?;
        }
        Ok(IdentifyResponse { whop_user_id: known.user, expire_time: Some(wire_time(known.expires_at)) })
    }

    /// One of a user's memberships.
    async fn own(&self, user: &str, id: &str) -> Result<Fresh<Membership>, Error> {
        let all = self.members.memberships_of(user).await?;
        let found = all.value.iter().find(|membership| membership.id == id).cloned();
        let found = found.ok_or_else(membership_unknown)?;
        Ok(all.map(|_| found))
    }

    /// Whoever has no membership may have access for another reason: as one of the team. That only Whop knows.
    async fn check_access(&self, request: CheckAccessRequest) -> Result<CheckAccessResponse, Error> {
        let user = member(request.caller)?;
        let product = request.product_id.as_str();
        if domain::id::check(product).is_err() || product.starts_with('.') {
            return Err(Fault::invalid("product_id", "product_id must be an id").into());
        }
        let all = self.members.memberships_of(&user).await?;
        let gives = |membership: &Membership| membership.product_id == product && membership.gives_access();
        let by_membership = all.value.iter().any(gives);
        let has_access = match by_membership {
            true => all.map(|_| true),
            false => self.members.has_access(&user, product, all.as_of).await?,
        };
        Ok(CheckAccessResponse {
            has_access: has_access.value,
            freshness: Some(wire::freshness(&has_access)),
        })
    }

    async fn validate(&self, request: ValidateLicenseRequest) -> Result<ValidateLicenseResponse, Error> {
        let user = member(request.caller)?;
        let key = license_key(request.license_key)?;
        let found = self.members.license(&user, &key).await?;
        Ok(ValidateLicenseResponse { license: Some(wire::license(found.as_ref())) })
    }

    async fn cancel(&self, request: CancelMembershipRequest) -> Result<CancelMembershipResponse, Error> {
        let user = member(request.caller)?;
        let own = self.own(&user, &request.membership_id).await?.value;
        let id = request_id(&request.request_id)?;
        if !request.confirmed {
            let why = "the member must confirm that the membership is to end";
            return Err(Fault::invalid("confirmed", why).into());
        }
        self.members.limits().act(&user).await?;
        let by = whop::Request { user: &user, id };
        let ended = self.members.end(&own.id, by).await?.ok_or_else(membership_unknown)?;
        Ok(CancelMembershipResponse { membership: Some(wire::membership(&ended)) })
    }
}

/// A licence key as it is looked up.
pub(super) fn license_key(key: String) -> Result<SecretString, Error> {
    match key.trim().len() {
        1..=LONGEST_KEY => Ok(SecretString::from(key)),
        _ => Err(Fault::invalid("license_key", "license_key must have 1 to 256 characters").into()),
    }
}

/// Why nobody is recognised. Which of many things is wrong with a token is for the log alone.
fn unknown(unknown: Unknown) -> Error {
    if let Unknown::Wrong(why) = &unknown {
        tracing::info!(problem = *why, "a user token is refused");
    }
    Fault::from(unknown).into()
}

#[tonic::async_trait]
impl MembershipService for Service {
    async fn identify(
        &self,
        request: Request<IdentifyRequest>,
    ) -> Result<Response<IdentifyResponse>, Status> {
        self.identify(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn list_memberships(
        &self,
        request: Request<ListMembershipsRequest>,
    ) -> Result<Response<ListMembershipsResponse>, Status> {
        let user = member(request.into_inner().caller).map_err(refuse)?;
        let all = self.members.memberships_of(&user).await.map_err(refuse)?;
        Ok(Response::new(ListMembershipsResponse {
            memberships: all.value.iter().map(wire::membership).collect(),
            freshness: Some(wire::freshness(&all)),
        }))
    }

    async fn get_membership(
        &self,
        request: Request<GetMembershipRequest>,
    ) -> Result<Response<GetMembershipResponse>, Status> {
        let GetMembershipRequest { caller, membership_id } = request.into_inner();
        let user = member(caller).map_err(refuse)?;
        let own = self.own(&user, &membership_id).await.map_err(refuse)?;
        Ok(Response::new(GetMembershipResponse {
            membership: Some(wire::membership(&own.value)),
            freshness: Some(wire::freshness(&own)),
        }))
    }

    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        self.check_access(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn validate_license(
        &self,
        request: Request<ValidateLicenseRequest>,
    ) -> Result<Response<ValidateLicenseResponse>, Status> {
        self.validate(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> Result<Response<ListPaymentsResponse>, Status> {
        let user = member(request.into_inner().caller).map_err(refuse)?;
        let all = self.members.payments_of(&user).await.map_err(|error| refuse(error.into()))?;
        Ok(Response::new(ListPaymentsResponse { payments: all.iter().map(wire::payment).collect() }))
    }

    async fn cancel_membership(
        &self,
        request: Request<CancelMembershipRequest>,
    ) -> Result<Response<CancelMembershipResponse>, Status> {
        self.cancel(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn list_quick_actions(
        &self,
        request: Request<ListQuickActionsRequest>,
    ) -> Result<Response<ListQuickActionsResponse>, Status> {
        self.actions.list(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn list_files(
        &self,
        request: Request<ListFilesRequest>,
    ) -> Result<Response<ListFilesResponse>, Status> {
        self.actions.files(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn open_support_ticket(
        &self,
        request: Request<OpenSupportTicketRequest>,
    ) -> Result<Response<OpenSupportTicketResponse>, Status> {
        self.actions.open_ticket(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn create_upgrade_link(
        &self,
        request: Request<CreateUpgradeLinkRequest>,
    ) -> Result<Response<CreateUpgradeLinkResponse>, Status> {
        self.actions.upgrade(request.into_inner()).await.map(Response::new).map_err(refuse)
    }
}
