//! The page to which links return.

use domain::{Kind, Reason, token::Keys};
use proto::booking::v1::{
    Booking, BookingStatus, GetReturnPageRequest, MeetingOutcome, payment_service_server::PaymentService as _,
};
use tonic::Request;

use super::world::{World, fault};
use crate::{grpc::payments::Service, till::Status};

fn token_of(world: &World) -> String {
    let books = world.stripe.books();
    books.form["success_url"].rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_comes_back_sees_what_is_stored_and_the_way_to_the_chat() {
    let world = World::start().await;
    let link = world.link("automation-audit").await;
    let token = token_of(&world);
    let shown = world.till.return_page(&token).await.unwrap();
    assert_eq!(
        (shown.checkout.status, shown.back_url.as_str()),
        (Status::Open, "https://www.example.com/services")
    );
    world.stripe.books().pay(&link.session);
    let asked = world.stripe.books().asked.len();
    assert_eq!(world.till.return_page(&token).await.unwrap().checkout.status, Status::Open);
    assert_eq!(world.stripe.books().asked.len(), asked, "Stripe is not asked with every view");
    world.time.advance(10);
    let shown = world.till.return_page(&token).await.unwrap();
    assert_eq!(shown.checkout.status, Status::Paid, "before any message of Stripe's");
    assert_eq!(world.payment().await.payment.unwrap().status, "paid");
}

#[tokio::test]
async fn it_shows_what_is_known_while_stripe_is_away() {
    let world = World::start().await;
    world.link("automation-audit").await;
    world.stripe.books().refusing.extend([(503, "none"), (503, "none")]);
    let shown = world.till.return_page(&token_of(&world)).await.unwrap();
    assert_eq!(shown.checkout.status, Status::Open);
    assert!(!shown.checkout.pay_url(world.time.now()).is_empty());
    world.time.advance(3_600);
    assert!(shown.checkout.pay_url(world.time.now()).is_empty(), "too late to pay");
}

#[tokio::test]
async fn a_token_that_is_not_ours_opens_nothing() {
    let world = World::start().await;
    world.link("automation-audit").await;
    let token = token_of(&world);
    let keys = Keys::parse(&Keys::generate()).unwrap();
    let forged = keys.seal(domain::token::Purpose::ReturnPage, "chk_1", world.time.now());
    for wrong in ["", "fd1.r.k1.x.y", &forged, &token[..token.len() - 1], &token.replacen(".r.", ".v.", 1)] {
        let refused = world.till.return_page(wrong).await.unwrap_err();
        assert_eq!(fault(refused), (Kind::NotFound, Reason::CheckoutUnknown), "{wrong}");
    }
    world.time.advance(91 * 86_400);
    assert_eq!(fault(world.till.return_page(&token).await.unwrap_err()).0, Kind::NotFound, "it has ended");
}

#[tokio::test]
async fn it_shows_the_meeting_and_the_money_as_they_stand_now() {
    let world = World::start().await;
    let link = world.consult().await;
    let token = token_of(&world);
    let intent = world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    world.work().await;
    let service = Service { till: world.till.clone() };
    let page = async || {
        let request = Request::new(GetReturnPageRequest { token: token.clone(), ..Default::default() });
        service.get_return_page(request).await.unwrap().into_inner()
    };
    let shown = page().await;
    assert_eq!((shown.meeting(), shown.refunded.clone()), (MeetingOutcome::Booked, None));
    let moved = Booking {
        status: BookingStatus::Booked.into(),
        start_time: Some(crate::grpc::wire_time("2050-09-05T09:00:00Z".parse().unwrap())),
        ..Booking::default()
    };
    *world.calendar.meeting.lock().unwrap() = Some(moved.clone());
    assert_eq!(page().await.local_start, "2050-09-05T11:00:00+02:00");
    let status = BookingStatus::Canceled.into();
    *world.calendar.meeting.lock().unwrap() = Some(Booking { status, ..moved });
    world.stripe.books().refund(&intent, 15_000);
    let charge = world.stripe.books().charge_of(&intent);
    world.hear("charge.refunded", &charge).await;
    let shown = page().await;
    assert_eq!((shown.meeting(), shown.refunded.unwrap().minor_units), (MeetingOutcome::Canceled, 15_000));
}
