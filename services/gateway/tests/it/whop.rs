//! whop-gateway: it believes the tokens of these tests, and everybody has one membership and four actions of their own.

use std::collections::VecDeque;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::{Context, Grpc, status::status};
use domain::{Fault, Kind, Reason};
use prost_types::Timestamp;
use proto::{
    common::v1::{
        Caller, ReceiveWebhookRequest, ReceiveWebhookResponse,
        operations_service_server::OperationsServiceServer,
        webhook_service_server::{WebhookService, WebhookServiceServer},
    },
    whop::v1::{
        CancelMembershipRequest, CancelMembershipResponse, CheckAccessRequest, CheckAccessResponse,
        CreateUpgradeLinkRequest, CreateUpgradeLinkResponse, File, Freshness, GetMembershipRequest,
        GetMembershipResponse, IdentifyRequest, IdentifyResponse, ListFilesRequest, ListFilesResponse,
        ListMembershipsRequest, ListMembershipsResponse, ListPaymentsRequest, ListPaymentsResponse,
        ListQuickActionsRequest, ListQuickActionsResponse, Membership, MembershipStatus,
        OpenSupportTicketRequest, OpenSupportTicketResponse, QuickAction, QuickActionKind,
        ValidateLicenseRequest, ValidateLicenseResponse,
        membership_service_server::{MembershipService, MembershipServiceServer},
    },
};
use serde_json::json;
use tonic::{Request, Response, Status, async_trait};
use url::Url;

use crate::backend::Backend;

/// 2026-12-01.
const RENEWAL: i64 = 1_796_083_200;

/// What it was asked, and what is still to be answered.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) identified: Vec<IdentifyRequest>,
    /// Who asked for something of a member's.
    pub(crate) callers: Vec<Caller>,
    pub(crate) files: Vec<ListFilesRequest>,
    pub(crate) tickets: Vec<OpenSupportTicketRequest>,
    pub(crate) upgrades: Vec<CreateUpgradeLinkRequest>,
    pub(crate) cancels: Vec<CancelMembershipRequest>,
    pub(crate) received: Vec<ReceiveWebhookRequest>,
    /// What identifying answers next.
    pub(crate) users: VecDeque<Result<IdentifyResponse, Status>>,
    /// What memberships are answered next.
    pub(crate) memberships: VecDeque<Result<ListMembershipsResponse, Status>>,
    /// And what actions.
    pub(crate) actions: VecDeque<Result<ListQuickActionsResponse, Status>>,
    /// What the next call that changes something fails with.
    pub(crate) refusals: VecDeque<Status>,
}

/// A token of Whop's, as far as these tests go.
pub(crate) fn token_of(user: &str) -> String {
    format!("e30.{}.good", URL_SAFE_NO_PAD.encode(json!({"sub": user}).to_string()))
}

pub(crate) fn membership_of(user: &str) -> Membership {
    Membership {
        membership_id: format!("mem_of_{user}"),
        product_id: "prod_growthretainer".into(),
        product: "Growth Retainer".into(),
        plan_id: "plan_growthmonthly".into(),
        plan: format!("Plan of {user}"),
        status: MembershipStatus::Active.into(),
        has_access: true,
        renew_time: Some(Timestamp { seconds: RENEWAL, nanos: 0 }),
        manage_url: format!("https://whop.com/manage/{user}"),
        ..Membership::default()
    }
}

pub(crate) fn action(id: &str, label: &str, kind: QuickActionKind) -> QuickAction {
    let (action_id, label) = (id.to_owned(), label.to_owned());
    QuickAction { action_id, label, kind: kind.into(), ..QuickAction::default() }
}

pub(crate) fn fresh() -> Option<Freshness> {
    Some(Freshness { as_of: Some(Timestamp { seconds: 1_761_667_800, nanos: 0 }), stale: false })
}

fn actions_of(user: &str) -> Vec<QuickAction> {
    let url = format!("https://files.example/{user}");
    vec![
        QuickAction { url, ..action("contract", "View Contract", QuickActionKind::Link) },
        action("files", "Download Files", QuickActionKind::Files),
        action("support", "Open Support Ticket", QuickActionKind::Support),
        action("upgrade", "Upgrade Plan", QuickActionKind::Upgrade),
        action("strange", "Of another time", QuickActionKind::Unspecified),
    ]
}

/// The service, which keeps its notes where all others do.
#[derive(Clone)]
pub(crate) struct Whop(pub(crate) Backend);

impl Whop {
    /// Serves until the context ends.
    pub(crate) async fn serve(self, ctx: Context) -> Url {
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .add(MembershipServiceServer::new(self.clone()))
            .add(WebhookServiceServer::new(self.clone()))
            .add(OperationsServiceServer::new(self.0));
        tokio::spawn(chassis::serve(listener, grpc.into(), ctx));
        url
    }

    /// The caller's proven user, taken down.
    fn user(&self, caller: Option<&Caller>) -> String {
        let caller = caller.unwrap().clone();
        let user = caller.verified_whop_user_id.clone();
        assert!(!user.is_empty(), "nobody is asked for without proof");
        self.0.notes().whop.callers.push(caller);
        user
    }

    fn refuse(&self) -> Result<(), Status> {
        self.0.notes().whop.refusals.pop_front().map_or(Ok(()), Err)
    }
}

fn never<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("the gateway never asks for this"))
}

#[async_trait]
impl WebhookService for Whop {
    async fn receive_webhook(
        &self,
        request: Request<ReceiveWebhookRequest>,
    ) -> Result<Response<ReceiveWebhookResponse>, Status> {
        self.0.notes().whop.received.push(request.into_inner());
        let friendly = ReceiveWebhookResponse { message_id: "msg_1".into(), duplicate: false };
        Ok(Response::new(friendly))
    }
}

#[async_trait]
impl MembershipService for Whop {
    async fn identify(
        &self,
        request: Request<IdentifyRequest>,
    ) -> Result<Response<IdentifyResponse>, Status> {
        let request = request.into_inner();
        let wrong =
            || status(&Fault::new(Kind::Unauthenticated, Reason::UserTokenWrong, "the token is not good"));
        let read = |token: &str| {
            let payload = token.strip_prefix("e30.")?.strip_suffix(".good")?;
            let claims: serde_json::Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
            let whop_user_id = claims["sub"].as_str()?.to_owned();
            Some(IdentifyResponse { whop_user_id, expire_time: None })
        };
        let whop = &mut self.0.notes().whop;
        let answer = read(&request.user_token).ok_or_else(wrong);
        whop.identified.push(request);
        whop.users.pop_front().unwrap_or(answer).map(Response::new)
    }

    async fn list_memberships(
        &self,
        request: Request<ListMembershipsRequest>,
    ) -> Result<Response<ListMembershipsResponse>, Status> {
        let user = self.user(request.get_ref().caller.as_ref());
        let has = ListMembershipsResponse { memberships: vec![membership_of(&user)], freshness: fresh() };
        self.0.notes().whop.memberships.pop_front().unwrap_or(Ok(has)).map(Response::new)
    }

    async fn list_payments(
        &self,
        _: Request<ListPaymentsRequest>,
    ) -> Result<Response<ListPaymentsResponse>, Status> {
        never()
    }

    async fn cancel_membership(
        &self,
        request: Request<CancelMembershipRequest>,
    ) -> Result<Response<CancelMembershipResponse>, Status> {
        let request = request.into_inner();
        let user = self.user(request.caller.as_ref());
        self.refuse()?;
        let unknown = Fault::new(Kind::NotFound, Reason::MembershipUnknown, "there is no such membership");
        let own = membership_of(&user);
        let is_own = request.membership_id == own.membership_id || request.membership_id == "mem_1";
        self.0.notes().whop.cancels.push(request);
        if !is_own {
            return Err(status(&unknown));
        }
        let membership = Membership { cancel_at_period_end: true, ..own };
        Ok(Response::new(CancelMembershipResponse { membership: Some(membership) }))
    }

    async fn list_quick_actions(
        &self,
        request: Request<ListQuickActionsRequest>,
    ) -> Result<Response<ListQuickActionsResponse>, Status> {
        let user = self.user(request.get_ref().caller.as_ref());
        let may = ListQuickActionsResponse { actions: actions_of(&user), freshness: fresh() };
        self.0.notes().whop.actions.pop_front().unwrap_or(Ok(may)).map(Response::new)
    }

    async fn list_files(
        &self,
        request: Request<ListFilesRequest>,
    ) -> Result<Response<ListFilesResponse>, Status> {
        let request = request.into_inner();
        let user = self.user(request.caller.as_ref());
        self.0.notes().whop.files.push(request);
        let report = File {
            name: format!("Report of {user}.pdf"),
            url: format!("https://files.example/{user}/report"),
            media_type: "application/pdf".into(),
            update_time: Some(Timestamp { seconds: 1_761_667_800, nanos: 0 }),
            size: 2_048,
        };
        let note = File { name: "Note".into(), url: "https://files.example/note".into(), ..File::default() };
        Ok(Response::new(ListFilesResponse { files: vec![report, note], more: false }))
    }

    async fn open_support_ticket(
        &self,
        request: Request<OpenSupportTicketRequest>,
    ) -> Result<Response<OpenSupportTicketResponse>, Status> {
        let request = request.into_inner();
        let user = self.user(request.caller.as_ref());
        self.refuse()?;
        self.0.notes().whop.tickets.push(request);
        let create_time = Some(Timestamp { seconds: 1_761_667_800, nanos: 0 });
        let ticket_id = format!("tkt_of_{user}");
        Ok(Response::new(OpenSupportTicketResponse { ticket_id, channel_id: "chan_1".into(), create_time }))
    }

    async fn create_upgrade_link(
        &self,
        request: Request<CreateUpgradeLinkRequest>,
    ) -> Result<Response<CreateUpgradeLinkResponse>, Status> {
        let request = request.into_inner();
        let user = self.user(request.caller.as_ref());
        self.refuse()?;
        self.0.notes().whop.upgrades.push(request);
        let url = format!("https://whop.com/checkout/{user}");
        Ok(Response::new(CreateUpgradeLinkResponse { url, plan_id: "plan_scalemonthly".into() }))
    }

    async fn get_membership(
        &self,
        _: Request<GetMembershipRequest>,
    ) -> Result<Response<GetMembershipResponse>, Status> {
        never()
    }

    async fn check_access(
        &self,
        _: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        never()
    }

    async fn validate_license(
        &self,
        _: Request<ValidateLicenseRequest>,
    ) -> Result<Response<ValidateLicenseResponse>, Status> {
        never()
    }
}
