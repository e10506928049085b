//! The calls that are made for one member.
//!
//! The invariant: every one of them carries the same proven caller.

use domain::{Fault, Kind, Reason, id};
use proto::{
    common::v1::Caller,
    whop::v1::{
        CancelMembershipRequest, CreateUpgradeLinkRequest, CreateUpgradeLinkResponse, ListFilesRequest,
        ListFilesResponse, ListMembershipsRequest, ListMembershipsResponse, ListQuickActionsRequest,
        ListQuickActionsResponse, Membership, OpenSupportTicketRequest, OpenSupportTicketResponse,
        QuickAction,
    },
};

use crate::{
    caller::Client,
    door::Door,
    error,
    member::{Member, SERVICE},
};

/// What is asked for a member.
pub(super) struct Desk<'a> {
    door: &'a Door,
    caller: Caller,
}

/// What a ticket says.
pub(super) struct Ticket {
    pub(super) subject: String,
    pub(super) message: String,
}

// === impl Desk ===

impl<'a> Desk<'a> {
    pub(super) fn new(door: &'a Door, member: &Member, client: &Client) -> Self {
        Self { door, caller: member.caller(client) }
    }

    pub(super) async fn memberships(&self) -> Result<ListMembershipsResponse, Fault> {
        let request = ListMembershipsRequest { caller: self.caller() };
        error::ask!(SERVICE, self.door.memberships(), list_memberships(request)).await
    }

    pub(super) async fn actions(&self) -> Result<ListQuickActionsResponse, Fault> {
        let request = ListQuickActionsRequest { caller: self.caller() };
        error::ask!(SERVICE, self.door.memberships(), list_quick_actions(request)).await
    }

    /// The member's action with this id.
    pub(super) async fn action(&self, action_id: &str) -> Result<QuickAction, Fault> {
        let known = self.actions().await?.actions.into_iter().find(|action| action.action_id == action_id);
        known.ok_or_else(|| Fault::new(Kind::NotFound, Reason::ActionUnknown, "there is no such action"))
    }

    pub(super) async fn files(&self, action_id: String) -> Result<ListFilesResponse, Fault> {
        let request = ListFilesRequest { caller: self.caller(), action_id };
        error::ask!(SERVICE, self.door.memberships(), list_files(request)).await
    }

    pub(super) async fn open_ticket(
        &self,
        request_id: String,
        action_id: String,
        ticket: Ticket,
    ) -> Result<OpenSupportTicketResponse, Fault> {
        let Ticket { subject, message } = ticket;
        let caller = self.caller();
        let request = OpenSupportTicketRequest { caller, request_id, action_id, subject, message };
        error::ask!(SERVICE, self.door.memberships(), open_support_ticket(request)).await
    }

    pub(super) async fn upgrade(
        &self,
        request_id: String,
        action_id: String,
    ) -> Result<CreateUpgradeLinkResponse, Fault> {
        let request = CreateUpgradeLinkRequest { caller: self.caller(), request_id, action_id };
        error::ask!(SERVICE, self.door.memberships(), create_upgrade_link(request)).await
    }

    /// Ends a membership with its period; the member has said so.
    pub(super) async fn cancel(
        &self,
        request_id: String,
        membership_id: String,
    ) -> Result<Membership, Fault> {
        if id::check(&membership_id).is_err() {
            return Err(Fault::new(Kind::NotFound, Reason::MembershipUnknown, "there is no such membership"));
        }
        let caller = self.caller();
        let request = CancelMembershipRequest { caller, request_id, membership_id, confirmed: true };
        let ended = error::ask!(SERVICE, self.door.memberships(), cancel_membership(request)).await?;
        ended.membership.ok_or_else(nothing)
    }

    fn caller(&self) -> Option<Caller> {
        Some(self.caller.clone())
    }
}

/// An answer without what was asked for.
pub(super) fn nothing() -> Fault {
    error::nothing(SERVICE)
}
