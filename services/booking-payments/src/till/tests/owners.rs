//! Whose a link is: over the service's own door, for every call.

use domain::Reason;
use proptest::prelude::*;
use proto::{
    booking::v1::{
        Attendee, CreateCheckoutRequest, ExpireCheckoutRequest, GetCheckoutRequest, ListCheckoutsRequest,
        ListItemsRequest, payment_service_server::PaymentService as _,
    },
    common::v1::Caller,
};
use tonic::{Code, Request, Status};

use super::world::World;
use crate::grpc::payments::Service;

fn caller(visitor: &str, whop_user: &str) -> Caller {
    Caller {
        visitor_id: visitor.into(),
        verified_whop_user_id: whop_user.into(),
        workflow: "lead-concierge".into(),
        session_id: "ses_1".into(),
        site: "www.example.com".into(),
        ..Caller::default()
    }
}

fn create(by: &Caller, request: &str) -> Request<CreateCheckoutRequest> {
    Request::new(CreateCheckoutRequest {
        caller: Some(by.clone()),
        request_id: request.into(),
        item_id: "automation-audit".into(),
        // The same address for all: it opens nothing.
        attendee: Some(Attendee { email: "ann@example.com".into(), ..Attendee::default() }),
        page: "/services".into(),
        ..CreateCheckoutRequest::default()
    })
}

fn reason(status: &Status) -> Reason {
    chassis::status::fault(status).reason
}

async fn ids(service: &Service, by: &Caller, size: i32) -> Vec<String> {
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListCheckoutsRequest { caller: Some(by.clone()), page_size: size, page_token: token };
        let page = service.list_checkouts(Request::new(request)).await.unwrap().into_inner();
        assert!(page.checkouts.len() <= usize::try_from(size).unwrap());
        ids.extend(page.checkouts.into_iter().map(|checkout| checkout.checkout_id));
        token = page.next_page_token;
        if token.is_empty() {
            return ids;
        }
    }
}

#[tokio::test]
async fn a_list_has_everything_of_its_caller_the_newest_first() {
    let world = World::start().await;
    let service = Service { till: world.till.clone() };
    let (guest, member) = (caller("vis_ann", ""), caller("vis_ann", "user_ann"));
    let mut made = Vec::new();
    for (number, by) in [&guest, &member, &guest, &member, &member].into_iter().enumerate() {
        world.time.advance(1);
        let answer = service.create_checkout(create(by, &format!("r{number}"))).await.unwrap().into_inner();
        made.insert(0, answer.checkout.unwrap().checkout_id);
    }
    for size in [1, 2, 5, 100] {
        assert_eq!(ids(&service, &member, size).await, made, "pages of {size}");
    }
    assert_eq!(
        ids(&service, &caller("vis_phone", "user_ann"), 2).await.len(),
        3,
        "the member on another device"
    );
}

#[tokio::test]
async fn what_was_made_while_logged_in_is_the_visitors_without_the_login() {
    let world = World::start().await;
    let service = Service { till: world.till.clone() };
    let (guest, member) = (caller("vis_ann", ""), caller("vis_ann", "user_ann"));
    let made = service.create_checkout(create(&member, "r1")).await.unwrap().into_inner().checkout.unwrap();
    let id = made.checkout_id;
    let request = GetCheckoutRequest { caller: Some(guest.clone()), checkout_id: id.clone() };
    assert!(service.get_checkout(Request::new(request)).await.is_ok());
    assert_eq!(ids(&service, &guest, 10).await, std::slice::from_ref(&id));
    assert_eq!(ids(&service, &member, 10).await, [id], "and it stands there once");
}

#[tokio::test]
async fn items_are_those_of_the_callers_workflow() {
    let world = World::start().await;
    let service = Service { till: world.till.clone() };
    let list = |workflow: &str| {
        let caller = Caller { workflow: workflow.into(), ..caller("vis_ann", "") };
        service.list_items(Request::new(ListItemsRequest { caller: Some(caller) }))
    };
    let items = list("lead-concierge").await.unwrap().into_inner().items;
    let ids: Vec<_> = items.iter().map(|item| item.item_id.as_str()).collect();
    assert_eq!(ids, ["strategy-consult", "automation-audit", "launch-deposit", "growth"]);
    assert_eq!(
        (items[0].event_type_slug.as_str(), items[3].interval.as_str()),
        ("strategy-consult", "month")
    );
    assert!(list("client-portal").await.unwrap().into_inner().items.is_empty());
    assert_eq!(list("").await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_link_shows_what_was_paid_and_paid_back() {
    let world = World::start().await;
    let service = Service { till: world.till.clone() };
    let by = caller("vis_ann", "");
    let made = service.create_checkout(create(&by, "r1")).await.unwrap().into_inner().checkout.unwrap();
    assert!(made.url.starts_with("https://checkout.stripe.com/") && made.paid.is_none());
    let session = world.stored(&made.checkout_id).await.session;
    let intent = world.stripe.books().pay(&session);
    world.stripe.books().refund(&intent, 900);
    world.hear("checkout.session.completed", &session).await;
    let request = GetCheckoutRequest { caller: Some(by), checkout_id: made.checkout_id };
    let shown = service.get_checkout(Request::new(request)).await.unwrap().into_inner().checkout.unwrap();
    assert_eq!((shown.paid.unwrap().minor_units, shown.refunded.unwrap().minor_units), (49_000, 900));
    assert_eq!((shown.payment_id, shown.url.as_str()), (intent, ""));
}

#[tokio::test]
async fn a_call_that_says_too_little_or_nonsense_is_refused() {
    let world = World::start().await;
    let service = Service { till: world.till.clone() };
    let by = caller("vis_ann", "");
    let changes: [fn(&mut CreateCheckoutRequest); 8] = [
        |request| request.caller = None,
        |request| request.caller.as_mut().unwrap().workflow.clear(),
        |request| request.request_id.clear(),
        |request| request.request_id = "a/b".into(),
        |request| request.thread_id = "a b".into(),
        |request| request.page = "x".repeat(2_000),
        |request| request.attendee.as_mut().unwrap().email = "no address".into(),
        |request| request.attendee.as_mut().unwrap().name = "a\nb".into(),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut request = create(&by, "r1").into_inner();
        change(&mut request);
        let status = service.create_checkout(Request::new(request)).await.unwrap_err();
        let expected = if number == 0 { Code::Unauthenticated } else { Code::InvalidArgument };
        assert_eq!(status.code(), expected, "{number}");
    }
    for (size, token) in [(-1, ""), (101, ""), (1, "a/b")] {
        let request =
            ListCheckoutsRequest { caller: Some(by.clone()), page_size: size, page_token: token.into() };
        let status = service.list_checkouts(Request::new(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    assert!(world.stripe.books().asked.is_empty());
}

async fn nothing_is_seen(visitor: String, whop_user: String) {
    let world = World::start().await;
    let service = Service { till: world.till.clone() };
    let owner = caller("vis_ann", "user_ann");
    let made = service.create_checkout(create(&owner, "r1")).await.unwrap().into_inner().checkout.unwrap();
    let other = caller(&visitor, &whop_user);
    let is_unknown = |status: Status| {
        assert_eq!((status.code(), reason(&status)), (Code::NotFound, Reason::CheckoutUnknown));
    };
    for id in [made.checkout_id.as_str(), "chk_none", "a/b", ""] {
        let get = GetCheckoutRequest { caller: Some(other.clone()), checkout_id: id.into() };
        is_unknown(service.get_checkout(Request::new(get)).await.unwrap_err());
        let expire = ExpireCheckoutRequest {
            caller: Some(other.clone()),
            request_id: "r9".into(),
            checkout_id: id.into(),
        };
        is_unknown(service.expire_checkout(Request::new(expire)).await.unwrap_err());
    }
    assert!(ids(&service, &other, 10).await.is_empty());
    let own = service.create_checkout(create(&other, "r1")).await.unwrap().into_inner().checkout.unwrap();
    assert_ne!((own.checkout_id.as_str(), own.url.as_str()), (made.checkout_id.as_str(), made.url.as_str()));
    assert_eq!(ids(&service, &owner, 10).await, [made.checkout_id]);
    assert_eq!(ids(&service, &other, 10).await, [own.checkout_id]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn another_visitor_sees_nothing(visitor in "vis_[a-zA-Z0-9]{1,12}", whop_user in "(user_[a-z]{1,8})?") {
        prop_assume!(visitor != "vis_ann" && whop_user != "user_ann");
        tokio::runtime::Runtime::new().unwrap().block_on(nothing_is_seen(visitor, whop_user));
    }
}
