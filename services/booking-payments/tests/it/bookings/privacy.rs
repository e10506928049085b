//! Another visitor's booking is no booking, for every call, also where the e-mail is the same.

use std::sync::OnceLock;

use domain::{Kind, Reason};
use proptest::prelude::*;
use proto::{
    booking::v1::{
        Booking, CancelBookingRequest, GetBookingRequest, ListBookingsRequest, ListSlotsRequest,
        RescheduleBookingRequest,
    },
    common::v1::Caller,
};
use tokio::runtime::Runtime;
use tonic::Status;

use super::rig::{Rig, at, fault, order, visitor};

const NINE: &str = "2026-10-21T09:00:00Z";

/// A service in which visitor 1, who is a Whop user, has booked.
struct Scene {
    runtime: Runtime,
    rig: Rig,
    booking: Booking,
}

fn owner() -> Caller {
    Caller { verified_whop_user_id: "user_1".into(), ..visitor(1) }
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let (rig, booking) = runtime.block_on(async {
            let rig = Rig::start().await;
            let booking = rig.create(order(owner(), "r1", NINE)).await.unwrap();
            (rig, booking)
        });
        Scene { runtime, rig, booking }
    })
}

/// What every call about a booking answers to somebody.
async fn ask(rig: &Rig, caller: Caller, request_id: &str, id: &str) -> Vec<Result<(), Status>> {
    let mut client = rig.client.clone();
    let caller = Some(caller);
    let (booking_id, request_id) = (id.to_owned(), request_id.to_owned());
    let get = GetBookingRequest { caller: caller.clone(), booking_id: booking_id.clone() };
    let slots =
        ListSlotsRequest { caller: caller.clone(), booking_id: booking_id.clone(), ..Default::default() };
    let reschedule = RescheduleBookingRequest {
        caller: caller.clone(),
        request_id: request_id.clone(),
        booking_id: booking_id.clone(),
        start_time: at("2026-10-21T10:00:00Z"),
        ..Default::default()
    };
    let cancel = CancelBookingRequest { caller, request_id, booking_id, ..Default::default() };
    vec![
        client.get_booking(get).await.map(drop),
        client.list_slots(slots).await.map(drop),
        client.reschedule_booking(reschedule).await.map(drop),
        client.cancel_booking(cancel).await.map(drop),
    ]
}

fn strangers() -> impl Strategy<Value = Caller> {
    let users =
        prop_oneof![Just(String::new()), "user_[2-9]", Just("user_1.".to_owned()), Just("USER_1".to_owned())];
    (2..u32::MAX, users, "[a-z-]{0,12}", "s[0-9]{0,3}").prop_map(|(number, user, workflow, session)| Caller {
        verified_whop_user_id: user,
        workflow,
        session_id: session,
        ..visitor(number)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_strangers_every_call_is_not_found(stranger in strangers(), request_id in "[a-z0-9]{1,20}") {
        let Scene { runtime, rig, booking } = scene();
        runtime.block_on(async {
            for id in [booking.booking_id.as_str(), booking.uid.as_str(), "bkg_0", "../x", ""] {
                let answers = ask(rig, stranger.clone(), &request_id, id).await;
                for (at, answer) in answers.into_iter().enumerate().filter(|(at, _)| !(id.is_empty() && *at == 1)) {
                    let fault = fault(&answer.unwrap_err());
                    assert_eq!((fault.kind, fault.reason), (Kind::NotFound, Reason::BookingUnknown), "call {at}");
                }
            }
            let list = ListBookingsRequest { caller: Some(stranger), ..Default::default() };
            assert!(rig.client.clone().list_bookings(list).await.unwrap().into_inner().bookings.is_empty());
            assert_eq!(rig.get(owner(), &booking.booking_id).await.unwrap(), *booking);
        });
    }
}

#[tokio::test]
async fn the_same_e_mail_opens_nothing() {
    let rig = Rig::start().await;
    let first = rig.create(order(visitor(1), "r1", NINE)).await.unwrap();
    let second = rig.create(order(visitor(2), "r1", "2026-10-21T10:00:00Z")).await.unwrap();
    assert_eq!(first.attendee, second.attendee);
    assert_eq!(rig.list(visitor(1)).await, std::slice::from_ref(&first));
    assert_eq!(rig.list(visitor(2)).await, [second]);
    let stranger = fault(&rig.get(visitor(2), &first.booking_id).await.unwrap_err());
    assert_eq!((stranger.kind, stranger.reason), (Kind::NotFound, Reason::BookingUnknown));
    rig.stop().await;
}

#[tokio::test]
async fn a_verified_user_sees_what_they_booked_elsewhere() {
    let rig = Rig::start().await;
    let booking = rig.create(order(owner(), "r1", NINE)).await.unwrap();
    let elsewhere = Caller { verified_whop_user_id: "user_1".into(), ..visitor(5) };
    assert_eq!(rig.get(elsewhere.clone(), &booking.booking_id).await.unwrap(), booking);
    assert_eq!(rig.list(elsewhere).await, std::slice::from_ref(&booking));
    assert_eq!(rig.list(visitor(1)).await, [booking]);
    rig.stop().await;
}

#[tokio::test]
async fn a_long_list_comes_in_pages_the_newest_first() {
    let rig = Rig::start().await;
    let mut ids = Vec::new();
    for hour in ["08", "09", "10", "11", "12"] {
        let start = format!("2026-10-21T{hour}:00:00Z");
        ids.push(rig.create(order(visitor(1), &start, &start)).await.unwrap().booking_id);
    }
    ids.reverse();
    let (mut listed, mut token) = (Vec::new(), String::new());
    loop {
        let request =
            ListBookingsRequest { caller: Some(visitor(1)), page_size: 2, page_token: token.clone() };
        let page = rig.client.clone().list_bookings(request).await.unwrap().into_inner();
        listed.extend(page.bookings.into_iter().map(|booking| booking.booking_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let foreign =
        ListBookingsRequest { caller: Some(visitor(2)), page_token: ids[0].clone(), ..Default::default() };
    let foreign = fault(&rig.client.clone().list_bookings(foreign).await.unwrap_err());
    assert_eq!(foreign.field.as_deref(), Some("page_token"));
    rig.stop().await;
}
