//! `DirectoryService` on the wire: who is who, for the operator alone.

use domain::Fault;
use proto::whop::v1::{
    FindMembersRequest, FindMembersResponse, LookUpLicenseRequest, LookUpLicenseResponse, Member,
    directory_service_server::DirectoryService,
};
use providers::{Error, error::refuse};
use tonic::{Request, Response, Status};

use super::{memberships::license_key, wire};
use crate::{members::Members, whop::wire::User};

/// Who is who.
pub(crate) struct Service {
    pub(crate) members: Members,
}

impl Service {
    async fn find(&self, email: &str) -> Result<Vec<Member>, Error> {
        if !email.contains('@') {
            return Err(Fault::invalid("email", "email must be an e-mail address").into());
        }
        let mut found = Vec::new();
        for member in self.members.whop().members(email).await? {
            if let Some(user) = member.user {
                found.push(Member { member_id: member.id, ..self.shown(user).await? });
            }
        }
        Ok(found)
    }

    async fn shown(&self, user: User) -> Result<Member, Error> {
        let memberships = self.members.memberships_of(&user.id).await?.value;
        Ok(Member {
            whop_user_id: user.id,
            member_id: String::new(),
            username: user.username.unwrap_or_default(),
            name: user.name.unwrap_or_default(),
            memberships: memberships.iter().map(wire::membership).collect(),
        })
    }

    async fn license(&self, request: LookUpLicenseRequest) -> Result<LookUpLicenseResponse, Error> {
        let key = license_key(request.license_key)?;
        let found = self.members.whop().license(&key).await?;
        let license = Some(wire::license(found.as_ref()));
        let Some(found) = found else { return Ok(LookUpLicenseResponse { license, owner: None }) };
        let owner = match found.user {
            Some(user) => {
                let member_id = found.member_id.unwrap_or_default();
                Some(Member { member_id, ..self.shown(user).await? })
            }
            None => None,
        };
        Ok(LookUpLicenseResponse { license, owner })
    }
}

#[tonic::async_trait]
impl DirectoryService for Service {
    async fn find_members(
        &self,
        request: Request<FindMembersRequest>,
    ) -> Result<Response<FindMembersResponse>, Status> {
        let email = request.into_inner().email;
        let members = self.find(email.trim()).await.map_err(refuse)?;
        Ok(Response::new(FindMembersResponse { members }))
    }

    async fn look_up_license(
        &self,
        request: Request<LookUpLicenseRequest>,
    ) -> Result<Response<LookUpLicenseResponse>, Status> {
        self.license(request.into_inner()).await.map(Response::new).map_err(refuse)
    }
}
