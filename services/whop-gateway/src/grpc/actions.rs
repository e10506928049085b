//! The part of `MembershipService` that is about quick actions.

use proto::{
    time::wire as wire_time,
    whop::v1::{
        CreateUpgradeLinkRequest, CreateUpgradeLinkResponse, File, ListFilesRequest, ListFilesResponse,
        ListQuickActionsRequest, ListQuickActionsResponse, OpenSupportTicketRequest,
        OpenSupportTicketResponse, QuickAction, QuickActionKind,
    },
};
use providers::Error;

use super::{member, request_id, wire};
use crate::{
    actions::{Desk, Does, Offered},
    files,
};

/// What members ask for at the press of a button.
pub(crate) struct Actions(pub(crate) Desk);

impl Actions {
    pub(super) async fn list(
        &self,
        request: ListQuickActionsRequest,
    ) -> Result<ListQuickActionsResponse, Error> {
        let user = member(request.caller)?;
        let all = self.0.offered(&user).await?;
        let freshness = Some(wire::freshness(&all));
        Ok(ListQuickActionsResponse { actions: all.value.into_iter().map(action).collect(), freshness })
    }

    pub(super) async fn files(&self, request: ListFilesRequest) -> Result<ListFilesResponse, Error> {
        let user = member(request.caller)?;
        let shelf = self.0.files(&user, &request.action_id).await?;
        Ok(ListFilesResponse { files: shelf.files.into_iter().map(file).collect(), more: shelf.more })
    }

    pub(super) async fn open_ticket(
        &self,
        request: OpenSupportTicketRequest,
    ) -> Result<OpenSupportTicketResponse, Error> {
        let user = member(request.caller)?;
        let by = request_id(&request.request_id)?;
        let said = (request.subject.as_str(), request.message.as_str());
        let (id, ticket) = self.0.open_ticket(&user, &request.action_id, by, said).await?;
        Ok(OpenSupportTicketResponse {
            ticket_id: id.to_string(),
            channel_id: ticket.channel,
            create_time: Some(wire_time(ticket.created_at)),
        })
    }

    pub(super) async fn upgrade(
        &self,
        request: CreateUpgradeLinkRequest,
    ) -> Result<CreateUpgradeLinkResponse, Error> {
        let user = member(request.caller)?;
        let by = request_id(&request.request_id)?;
        let (url, plan_id) = self.0.upgrade(&user, &request.action_id, by).await?;
        Ok(CreateUpgradeLinkResponse { url, plan_id })
    }
}

fn action(offered: Offered) -> QuickAction {
    let (kind, url) = match offered.does {
        Does::Open(url) => (QuickActionKind::Link, url),
        Does::List(_) => (QuickActionKind::Files, String::new()),
        Does::Support => (QuickActionKind::Support, String::new()),
        Does::Upgrade(_) => (QuickActionKind::Upgrade, String::new()),
    };
    QuickAction {
        action_id: offered.id,
        label: offered.label,
        kind: kind.into(),
        url,
        membership_id: offered.membership.id,
    }
}

fn file(file: files::File) -> File {
    File {
        name: file.name,
        url: file.url,
        media_type: file.media_type,
        update_time: file.updated_at.map(wire_time),
        size: file.size.unwrap_or_default(),
    }
}
