//! The gRPC calls that tools make.
//!
//! The invariant: a call is repeated only when nobody answered, and always as it was, under the same request id.

use std::time::Duration;

use chassis::{
    client::Link,
    retry::{Policy, Verdict, retry},
};
use proto::{
    booking::v1::{
        CancelBookingRequest, CancelBookingResponse, CreateBookingRequest, CreateBookingResponse,
        CreateCheckoutRequest, CreateCheckoutResponse, ExpireCheckoutRequest, ExpireCheckoutResponse,
        GetCheckoutRequest, GetCheckoutResponse, ListBookingsRequest, ListBookingsResponse,
        ListCheckoutsRequest, ListCheckoutsResponse, ListEventTypesRequest, ListEventTypesResponse,
        ListSlotsRequest, ListSlotsResponse, RescheduleBookingRequest, RescheduleBookingResponse,
        booking_service_client::BookingServiceClient, payment_service_client::PaymentServiceClient,
    },
    ops::v1::{
        FindAnomaliesRequest, FindAnomaliesResponse, GetWeeklySummaryRequest, GetWeeklySummaryResponse,
        NotifyRequest, NotifyResponse, PublishWeeklySummaryRequest, PublishWeeklySummaryResponse,
        notify_service_client::NotifyServiceClient, report_service_client::ReportServiceClient,
    },
    sheets::v1::{
        ListContactsRequest, ListContactsResponse, ListRowsRequest, ListRowsResponse, RecordEventsRequest,
        RecordEventsResponse, SaveLeadRequest, SaveLeadResponse,
        contact_service_client::ContactServiceClient, event_service_client::EventServiceClient,
        lead_service_client::LeadServiceClient, ledger_service_client::LedgerServiceClient,
    },
    whop::v1::{
        CreateUpgradeLinkRequest, CreateUpgradeLinkResponse, ListFilesRequest, ListFilesResponse,
        ListMembershipsRequest, ListMembershipsResponse, ListPaymentsRequest, ListPaymentsResponse,
        ListQuickActionsRequest, ListQuickActionsResponse, OpenSupportTicketRequest,
        OpenSupportTicketResponse, ValidateLicenseRequest, ValidateLicenseResponse,
        membership_service_client::MembershipServiceClient,
    },
};
use tonic::{Code, Response, Status};

use crate::Links;

const RETRY: Policy =
    Policy { attempts: 3, base: Duration::from_millis(100), cap: Duration::from_millis(1_000) };

macro_rules! calls {
    ($($service:ident($client:ident) { $($rpc:ident($request:ty) -> $response:ty;)* })*) => {
        /// The services; one that is not there refuses its calls.
        #[derive(Clone, Debug)]
        pub(crate) struct Clients { $($service: Option<$client<Link>>,)* }

        impl Clients {$($(
            pub(crate) async fn $rpc(&self, request: $request) -> Result<$response, Status> {
                let client = self.$service.clone();
                let client = client.ok_or_else(|| Status::unimplemented("there is no such service here"))?;
                let again = move || {
                    let (mut client, request) = (client.clone(), request.clone());
                    async move { client.$rpc(request).await }
                };
                retry(RETRY, verdict, again).await.map(Response::into_inner)
            }
        )*)*}
    };
}

calls! {
    leads(LeadServiceClient) {
        save_lead(SaveLeadRequest) -> SaveLeadResponse;
    }
    events(EventServiceClient) {
        record_events(RecordEventsRequest) -> RecordEventsResponse;
    }
    ledger(LedgerServiceClient) {
        list_rows(ListRowsRequest) -> ListRowsResponse;
    }
    contacts(ContactServiceClient) {
        list_contacts(ListContactsRequest) -> ListContactsResponse;
    }
    bookings(BookingServiceClient) {
        list_event_types(ListEventTypesRequest) -> ListEventTypesResponse;
        list_slots(ListSlotsRequest) -> ListSlotsResponse;
        create_booking(CreateBookingRequest) -> CreateBookingResponse;
        reschedule_booking(RescheduleBookingRequest) -> RescheduleBookingResponse;
        cancel_booking(CancelBookingRequest) -> CancelBookingResponse;
        list_bookings(ListBookingsRequest) -> ListBookingsResponse;
    }
    payments(PaymentServiceClient) {
        create_checkout(CreateCheckoutRequest) -> CreateCheckoutResponse;
        expire_checkout(ExpireCheckoutRequest) -> ExpireCheckoutResponse;
        get_checkout(GetCheckoutRequest) -> GetCheckoutResponse;
        list_checkouts(ListCheckoutsRequest) -> ListCheckoutsResponse;
    }
    members(MembershipServiceClient) {
        list_memberships(ListMembershipsRequest) -> ListMembershipsResponse;
        validate_license(ValidateLicenseRequest) -> ValidateLicenseResponse;
        list_payments(ListPaymentsRequest) -> ListPaymentsResponse;
        list_quick_actions(ListQuickActionsRequest) -> ListQuickActionsResponse;
        list_files(ListFilesRequest) -> ListFilesResponse;
        open_support_ticket(OpenSupportTicketRequest) -> OpenSupportTicketResponse;
        create_upgrade_link(CreateUpgradeLinkRequest) -> CreateUpgradeLinkResponse;
    }
    reports(ReportServiceClient) {
        get_weekly_summary(GetWeeklySummaryRequest) -> GetWeeklySummaryResponse;
        publish_weekly_summary(PublishWeeklySummaryRequest) -> PublishWeeklySummaryResponse;
        find_anomalies(FindAnomaliesRequest) -> FindAnomaliesResponse;
    }
    notices(NotifyServiceClient) {
        notify(NotifyRequest) -> NotifyResponse;
    }
}

// === impl Clients ===

impl Clients {
    pub(crate) fn new(links: &Links) -> Self {
        let Links { sheets_writer, booking_payments, whop_gateway, ops_copilot } = links.clone();
        Self {
            leads: Some(LeadServiceClient::new(sheets_writer.clone())),
            events: Some(EventServiceClient::new(sheets_writer.clone())),
            ledger: Some(LedgerServiceClient::new(sheets_writer.clone())),
            contacts: Some(ContactServiceClient::new(sheets_writer)),
            bookings: booking_payments.clone().map(BookingServiceClient::new),
            payments: booking_payments.map(PaymentServiceClient::new),
            members: whop_gateway.map(MembershipServiceClient::new),
            reports: ops_copilot.clone().map(ReportServiceClient::new),
            notices: ops_copilot.map(NotifyServiceClient::new),
        }
    }
}

fn verdict(status: &Status) -> Verdict {
    match status.code() {
        Code::Unavailable => Verdict::Again(chassis::status::fault(status).retry_after),
        _ => Verdict::Stop,
    }
}
