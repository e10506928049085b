//! Members.

use domain::{Kind, Reason, id::digest};
use proto::{
    common::v1::{Caller, Money},
    whop::v1::{
        CancelMembershipRequest, CancelMembershipResponse, CheckAccessRequest, CheckAccessResponse,
        CreateUpgradeLinkRequest, CreateUpgradeLinkResponse, File, Freshness, GetMembershipRequest,
        GetMembershipResponse, IdentifyRequest, IdentifyResponse, License, ListFilesRequest,
        ListFilesResponse, ListMembershipsRequest, ListMembershipsResponse, ListPaymentsRequest,
        ListPaymentsResponse, ListQuickActionsRequest, ListQuickActionsResponse, Membership,
        MembershipStatus, OpenSupportTicketRequest, OpenSupportTicketResponse, Payment, QuickAction,
        QuickActionKind, ValidateLicenseRequest, ValidateLicenseResponse,
        membership_service_server::MembershipService,
    },
};
use tonic::{Request, Response, Status};

use super::{PEOPLE, Person, World, never, refused, time};

/// The verified user of a call, and whom of ours that is, if anybody.
fn member(caller: &Caller) -> Result<Option<&'static Person>, Status> {
    match caller.verified_whop_user_id.as_str() {
        "" => Err(refused(Kind::Unauthenticated, Reason::UserTokenWrong, "this is for members")),
        user => Ok(PEOPLE.iter().find(|person| person.user == user)),
    }
}

/// Whether an action is none of a member's.
fn check_action(id: &str, person: Option<&Person>) -> Result<(), Status> {
    let own = person.map(|person| format!("files:{}", person.name));
    if id.is_empty() || own.as_deref() == Some(id) || id == "support" || id == "upgrade" {
        return Ok(());
    }
    Err(refused(Kind::NotFound, Reason::ActionUnknown, "there is no such action"))
}

fn membership(person: &Person) -> Membership {
    Membership {
        membership_id: format!("mem_{}", person.name),
        product: "Growth".into(),
        plan: format!("Plan {}", person.secret()),
        status: MembershipStatus::Active.into(),
        has_access: true,
        renew_time: time("2026-12-01T00:00:00Z"),
        manage_url: format!("https://whop.example/{}", person.secret()),
        ..Membership::default()
    }
}

#[tonic::async_trait]
impl MembershipService for World {
    async fn list_memberships(
        &self,
        request: Request<ListMembershipsRequest>,
    ) -> Result<Response<ListMembershipsResponse>, Status> {
        let person = member(&self.begin("list_memberships", request.into_inner().caller)?)?;
        let freshness = Some(Freshness { as_of: time(super::NOW), stale: false });
        self.end(ListMembershipsResponse {
            memberships: person.map(membership).into_iter().collect(),
            freshness,
        })
    }

    async fn validate_license(
        &self,
        request: Request<ValidateLicenseRequest>,
    ) -> Result<Response<ValidateLicenseResponse>, Status> {
        let request = request.into_inner();
        member(&self.begin("validate_license", request.caller)?)?;
        let valid = request.license_key == "KEY-1";
        let product = if valid { "Growth".to_owned() } else { String::new() };
        self.end(ValidateLicenseResponse { license: Some(License { valid, product, ..License::default() }) })
    }

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> Result<Response<ListPaymentsResponse>, Status> {
        let person = member(&self.begin("list_payments", request.into_inner().caller)?)?;
        let payment = |person: &Person| Payment {
            payment_id: format!("pay_{}", person.secret()),
            status: "paid".into(),
            amount: Some(Money { minor_units: 149_000, currency_code: "EUR".into() }),
            pay_time: time("2026-11-01T00:00:00Z"),
            create_time: time("2026-11-01T00:00:00Z"),
            ..Payment::default()
        };
        self.end(ListPaymentsResponse { payments: person.map(payment).into_iter().collect() })
    }

    async fn list_quick_actions(
        &self,
        request: Request<ListQuickActionsRequest>,
    ) -> Result<Response<ListQuickActionsResponse>, Status> {
        let person = member(&self.begin("list_quick_actions", request.into_inner().caller)?)?;
        let action = |person: &Person| QuickAction {
            action_id: format!("files:{}", person.name),
            label: person.secret(),
            kind: QuickActionKind::Files.into(),
            ..QuickAction::default()
        };
        self.end(ListQuickActionsResponse {
            actions: person.map(action).into_iter().collect(),
            freshness: None,
        })
    }

    async fn list_files(
        &self,
        request: Request<ListFilesRequest>,
    ) -> Result<Response<ListFilesResponse>, Status> {
        let request = request.into_inner();
        let person = member(&self.begin("list_files", request.caller)?)?;
        check_action(&request.action_id, person)?;
        let file = |person: &Person| File {
            name: format!("{}.pdf", person.secret()),
            url: format!("https://files.example/{}", person.secret()),
            ..File::default()
        };
        self.end(ListFilesResponse { files: person.map(file).into_iter().collect(), more: false })
    }

    async fn open_support_ticket(
        &self,
        request: Request<OpenSupportTicketRequest>,
    ) -> Result<Response<OpenSupportTicketResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("open_support_ticket", request.caller)?;
        check_action(&request.action_id, member(&caller)?)?;
        let ticket_id = self.once("open_support_ticket", &caller, &request.request_id, |desk| {
            let id = format!("tkt_{}", digest(&[&caller.verified_whop_user_id, &request.request_id]));
            desk.records.insert(id.clone(), (caller.visitor_id.clone(), request.message.clone()));
            Ok(id)
        })?;
        self.end(OpenSupportTicketResponse {
            ticket_id,
            channel_id: "feed_1".into(),
            create_time: time(super::NOW),
        })
    }

    async fn create_upgrade_link(
        &self,
        request: Request<CreateUpgradeLinkRequest>,
    ) -> Result<Response<CreateUpgradeLinkResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("create_upgrade_link", request.caller)?;
        check_action(&request.action_id, member(&caller)?)?;
        let url = self.once("create_upgrade_link", &caller, &request.request_id, |_| {
            Ok(format!("https://whop.example/checkout/{}", digest(&[&request.request_id])))
        })?;
        self.end(CreateUpgradeLinkResponse { url, plan_id: "plan_1".into() })
    }

    never! {
        identify(IdentifyRequest) -> IdentifyResponse;
        get_membership(GetMembershipRequest) -> GetMembershipResponse;
        check_access(CheckAccessRequest) -> CheckAccessResponse;
        cancel_membership(CancelMembershipRequest) -> CancelMembershipResponse;
    }
}
