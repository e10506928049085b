//! Two visitors, also with one e-mail: what is another's is not there, whatever is called.

use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use proto::{
    booking::v1::{
        CancelBookingRequest, ExpireCheckoutRequest, GetBookingRequest, GetCheckoutRequest,
        ListBookingsRequest, ListCheckoutsRequest, ListSlotsRequest, RescheduleBookingRequest,
    },
    common::v1::Caller,
};
use sandbox::INTRO_CALL;
use tokio::runtime::Runtime;
use tonic::{Code, Status};

use super::{
    cases,
    desk::{Guest, wire},
};
use crate::world::World;

/// Calls, unless `PROPTEST_CASES` asks for others.
const CALLS: u32 = 96;

/// Everything that a caller can ask about something of somebody's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rpc {
    GetBooking,
    ListSlots,
    Reschedule,
    Cancel,
    ListBookings,
    GetCheckout,
    ExpireCheckout,
    ListCheckouts,
}

const ALL: [Rpc; 8] = [
    Rpc::GetBooking,
    Rpc::ListSlots,
    Rpc::Reschedule,
    Rpc::Cancel,
    Rpc::ListBookings,
    Rpc::GetCheckout,
    Rpc::ExpireCheckout,
    Rpc::ListCheckouts,
];

/// Somebody and what is theirs.
struct Owner {
    guest: Guest,
    booking: String,
    checkout: String,
}

struct Scene {
    world: World,
    owners: Vec<Owner>,
}

impl Scene {
    /// Two with one e-mail, one with another, and a Whop user.
    async fn new() -> Self {
        let world = World::shop().await;
        let starts = world.starts(INTRO_CALL);
        let mut owners = Vec::new();
        for number in 71..75 {
            let mut guest = Guest::new(number);
            if number < 73 {
                (guest.name, guest.email) = ("Ann Example".into(), "ann@example.com".into());
            }
            if number == 74 {
                guest.caller.verified_whop_user_id = "user_1".to_owned();
            }
            let booking = guest.book(&world, INTRO_CALL, starts[2 * owners.len()]).await.booking_id;
            let checkout = guest.checkout(&world, "automation-audit", None).await.checkout_id;
            owners.push(Owner { guest, booking, checkout });
        }
        Self { world, owners }
    }

    /// The ids in an answer.
    async fn ask(&self, rpc: Rpc, caller: &Caller, of: &Owner) -> Result<Vec<String>, Status> {
        let (mut meetings, mut payments) = (self.world.meetings(), self.world.payments());
        let (caller, booking_id, checkout_id) =
            (Some(caller.clone()), of.booking.clone(), of.checkout.clone());
        let request_id = "theirs".to_owned();
        let start_time = wire(*self.world.starts(INTRO_CALL).last().unwrap());
        Ok(match rpc {
            Rpc::GetBooking => {
                let answer = meetings.get_booking(GetBookingRequest { caller, booking_id }).await?;
                vec![answer.into_inner().booking.unwrap().booking_id]
            }
            Rpc::ListSlots => {
                let request = ListSlotsRequest { caller, booking_id, ..Default::default() };
                let answer = meetings.list_slots(request).await?;
                answer.into_inner().slots.into_iter().map(|slot| slot.local_start).collect()
            }
            Rpc::Reschedule => {
                let request = RescheduleBookingRequest {
                    caller,
                    request_id,
                    booking_id,
                    start_time,
                    reason: String::new(),
                };
                vec![meetings.reschedule_booking(request).await?.into_inner().booking.unwrap().booking_id]
            }
            Rpc::Cancel => {
                let request = CancelBookingRequest { caller, request_id, booking_id, reason: String::new() };
                vec![meetings.cancel_booking(request).await?.into_inner().booking.unwrap().booking_id]
            }
            Rpc::ListBookings => {
                let request = ListBookingsRequest { caller, ..Default::default() };
                let answer = meetings.list_bookings(request).await?.into_inner();
                answer.bookings.into_iter().map(|one| one.booking_id).collect()
            }
            Rpc::GetCheckout => {
                let answer = payments.get_checkout(GetCheckoutRequest { caller, checkout_id }).await?;
                vec![answer.into_inner().checkout.unwrap().checkout_id]
            }
            Rpc::ExpireCheckout => {
                let request = ExpireCheckoutRequest { caller, request_id, checkout_id };
                vec![payments.expire_checkout(request).await?.into_inner().checkout.unwrap().checkout_id]
            }
            Rpc::ListCheckouts => {
                let request = ListCheckoutsRequest { caller, ..Default::default() };
                let answer = payments.list_checkouts(request).await?.into_inner();
                answer.checkouts.into_iter().map(|one| one.checkout_id).collect()
            }
        })
    }

    async fn check(&self, rpc: Rpc, asker: usize, owner: usize, borrows: bool) {
        let of = &self.owners[owner];
        let mut caller = self.owners[asker].guest.caller.clone();
        if borrows {
            // what a session says of itself proves nothing
            let Caller { session_id, workflow, site, .. } = of.guest.caller.clone();
            caller = Caller { session_id, workflow, site, ..caller };
        }
        let answer = self.ask(rpc, &caller, of).await;
        match (rpc, answer) {
            (Rpc::ListBookings | Rpc::ListCheckouts, Ok(ids)) => {
                let own = &self.owners[asker];
                let expected = if rpc == Rpc::ListBookings { &own.booking } else { &own.checkout };
                assert_eq!(ids, std::slice::from_ref(expected), "{rpc:?}: their own and nothing else");
            }
            (_, answer) => {
                let refused = answer.expect_err(&format!("{rpc:?} of {owner} answers {asker}"));
                assert_eq!(refused.code(), Code::NotFound, "{rpc:?}: {refused:?}");
                assert!(!refused.message().contains(['@']), "{refused:?}");
            }
        }
    }
}

#[test]
fn what_is_anothers_is_not_there() {
    let runtime = Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::new());
    let before = runtime.block_on(scene.world.at_rest());
    let config = Config { cases: cases(CALLS), failure_persistence: None, ..Config::default() };
    let pairs = (0..4_usize, 1..4_usize).prop_map(|(asker, by)| (asker, (asker + by) % 4));
    TestRunner::new(config)
        .run(&(select(&ALL[..]), pairs, any::<bool>()), |(rpc, (asker, owner), borrows)| {
            runtime.block_on(scene.check(rpc, asker, owner, borrows));
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        assert_eq!(scene.world.at_rest().await, before, "nothing was changed by it");
        for owner in &scene.owners {
            for rpc in [Rpc::GetBooking, Rpc::GetCheckout] {
                let found = scene.ask(rpc, &owner.guest.caller, owner).await.unwrap();
                assert!(found == [owner.booking.clone()] || found == [owner.checkout.clone()]);
            }
        }
        scene.world.stop().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_user_finds_theirs_from_another_browser_and_nobody_else_does() {
    let scene = Scene::new().await;
    let whop = &scene.owners[3];
    let elsewhere = |user: &str| Caller { verified_whop_user_id: user.to_owned(), ..Guest::new(79).caller };
    for rpc in [Rpc::GetBooking, Rpc::GetCheckout, Rpc::ListBookings, Rpc::ListCheckouts] {
        let found = scene.ask(rpc, &elsewhere("user_1"), whop).await.unwrap();
        assert!(found == [whop.booking.clone()] || found == [whop.checkout.clone()], "{rpc:?}: {found:?}");
    }
    for user in ["", "user_2", "USER_1"] {
        for rpc in ALL {
            match scene.ask(rpc, &elsewhere(user), whop).await {
                Ok(found) => assert_eq!(found, Vec::<String>::new(), "{rpc:?} of {user:?}"),
                Err(refused) => assert_eq!(refused.code(), Code::NotFound, "{rpc:?} of {user:?}"),
            }
        }
    }
    scene.world.stop().await;
}
