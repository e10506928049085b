//! The till as its callers, Stripe and the books meet it.

mod books;
mod parked;
mod rig;
mod stripe;

use domain::Reason;
use proto::{
    booking::v1::{
        CheckoutStatus, CreateCheckoutRequest, GetCheckoutRequest, GetReturnPageRequest, ListItemsRequest,
    },
    common::v1::Caller,
};
use rig::{Rig, ann, fault, order, signed};
use tonic::Code;

#[tokio::test]
async fn a_link_is_made_paid_heard_of_and_told_to_the_books_once() {
    let rig = Rig::start().await;
    let made = rig.create(order(ann(), "r1")).await.unwrap();
    assert_eq!(made.status(), CheckoutStatus::Open);
    assert_eq!(made.url, "https://checkout.stripe.com/c/pay/cs_test_1");
    let event = rig.stripe.pay("cs_test_1");
    assert!(!rig.send(&event).await.unwrap());
    let told = rig.books.until(|payment| payment.status == "paid").await;
    let (party, payment) = (told.party.unwrap(), told.payment.unwrap());
    let first = payment.version;
    assert_eq!((payment.payment_id.as_str(), payment.amount.unwrap().minor_units), ("pi_1", 49_000));
    assert_eq!(
        (party.visitor_id.as_str(), party.email.as_str()),
        (ann().visitor_id.as_str(), "ann@example.com")
    );
    assert!(rig.send(&event).await.unwrap(), "it was taken before");
    let get = GetCheckoutRequest { caller: Some(ann()), checkout_id: made.checkout_id };
    let shown = rig.client.clone().get_checkout(get).await.unwrap().into_inner().checkout.unwrap();
    assert_eq!(
        (shown.status(), shown.payment_id.as_str(), shown.url.as_str()),
        (CheckoutStatus::Paid, "pi_1", "")
    );
    let refund = rig.stripe.refund(4_000);
    rig.send(&refund).await.unwrap();
    let told = rig.books.until(|payment| payment.status == "partially_refunded").await;
    let payment = told.payment.unwrap();
    assert_eq!(payment.refunded.unwrap().minor_units, 4_000);
    assert_eq!(payment.version, first + 1, "a change within the same microsecond counts too");
    assert_eq!(rig.books.told().len(), 2, "each change is told once");
    rig.stop().await;
}

#[tokio::test]
async fn a_message_that_stripe_did_not_sign_changes_nothing() {
    let rig = Rig::start().await;
    rig.create(order(ann(), "r1")).await.unwrap();
    let event = rig.stripe.pay("cs_test_1");
    let now = rig.now();
    let asked = rig.stripe.asked();
    for signature in [
        String::new(),
        signed("whsec_other", now, &event),
        signed(rig::SECRET, now - 301, &event),
        signed(rig::SECRET, now + 301, &event),
        signed(rig::SECRET, now, b"{}"),
        signed(rig::SECRET, now, &event).replace("v1=", "v0="),
    ] {
        let refused = rig.receive(&event, &signature).await.unwrap_err();
        assert_eq!((refused.code(), fault(&refused).reason), (Code::Unauthenticated, Reason::SignatureWrong));
    }
    assert_eq!((rig.stripe.asked(), rig.books.told().len()), (asked, 0));
    rig.stop().await;
}

#[tokio::test]
async fn what_no_webhook_brought_is_found() {
    let rig = Rig::start().await;
    rig.create(order(ann(), "r1")).await.unwrap();
    rig.stripe.pay("cs_test_1");
    assert_eq!(rig.reconcile().await, (1, 1));
    rig.books.until(|payment| payment.payment_id == "pi_1" && payment.status == "paid").await;
    assert_eq!(rig.reconcile().await, (1, 0), "it is known by now");
    rig.stop().await;
}

#[tokio::test]
async fn the_page_of_a_link_is_shown_to_whoever_holds_its_token() {
    let rig = Rig::start().await;
    rig.create(order(ann(), "r1")).await.unwrap();
    let page = |token: String| {
        let mut client = rig.client.clone();
        async move { client.get_return_page(GetReturnPageRequest { caller: None, token }).await }
    };
    let token = rig.stripe.token();
    let shown = page(token).await.unwrap().into_inner();
    assert_eq!((shown.status(), shown.item_name.as_str()), (CheckoutStatus::Open, "Automation Audit"));
    assert_eq!(
        (shown.back_url.as_str(), shown.pay_url.is_empty()),
        ("https://www.example.com/services", false)
    );
    let refused = page("fd1.r.k1.e30.x".to_owned()).await.unwrap_err();
    assert_eq!(fault(&refused).reason, Reason::CheckoutUnknown);
    rig.stop().await;
}

#[tokio::test]
async fn who_comes_back_from_paying_sees_it_before_any_message() {
    let rig = Rig::start().await;
    rig.create(order(ann(), "r1")).await.unwrap();
    rig.stripe.pay("cs_test_1");
    let request = GetReturnPageRequest { caller: None, token: rig.stripe.token() };
    let shown = rig.client.clone().get_return_page(request).await.unwrap().into_inner();
    assert_eq!((shown.status(), shown.pay_url.as_str()), (CheckoutStatus::Paid, ""));
    rig.stop().await;
}

#[tokio::test]
async fn items_are_listed_and_nothing_else_is_sold() {
    let rig = Rig::start().await;
    let list = ListItemsRequest { caller: Some(ann()) };
    let items = rig.client.clone().list_items(list).await.unwrap().into_inner().items;
    assert!(items.iter().any(|item| item.item_id == "automation-audit"));
    let unsold = CreateCheckoutRequest { item_id: "launch".into(), ..order(ann(), "r1") };
    let refused = rig.create(unsold).await.unwrap_err();
    assert_eq!((refused.code(), fault(&refused).reason), (Code::NotFound, Reason::ItemNotSold));
    let nobody = CreateCheckoutRequest { caller: Some(Caller::default()), ..order(ann(), "r1") };
    assert_eq!(rig.create(nobody).await.unwrap_err().code(), Code::Unauthenticated);
    rig.stop().await;
}
