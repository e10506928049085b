//! The books or a provider are away for a while: webhooks are taken, and the rows follow.

mod minute;
mod trade;

use std::time::Duration;

use sandbox::{Delivery, Fault, FaultKind, INTRO_CALL, Outcome, Provider, Sandbox};

use super::desk::Guest;
use crate::world::{World, until};

/// So long a provider that hangs says nothing.
const HANGS: Duration = Duration::from_millis(500);

/// What a provider has sent; all of it was taken.
fn answered(sandbox: &Sandbox, provider: Provider) -> Vec<Delivery> {
    let log = sandbox.webhooks(provider).log();
    let outcomes: Vec<_> = log.iter().map(|sent| sent.outcome.clone()).collect();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Answered(200)), "{outcomes:?}");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_that_is_away_loses_nothing() {
    let world = World::shop().await;
    let calendar = world.sandbox().calendar();
    let starts = world.starts(INTRO_CALL);
    for (number, kind) in
        [FaultKind::Status(503), FaultKind::Hang(HANGS), FaultKind::Reset].into_iter().enumerate()
    {
        let count = 4;
        world.sandbox().inject(Fault { provider: Provider::CalCom, path: None, count, kind });
        let guest = Guest::new(50 + u32::try_from(number).unwrap());
        let uid = calendar.book(&guest.visit(INTRO_CALL, starts[2 * number])).unwrap();
        until("the webhook is taken", || answered(world.sandbox(), Provider::CalCom).len() > number).await;
        until("its row is there", || {
            world.lines("bookings").iter().any(|line| line["cal_event_id"] == uid.as_str())
        })
        .await;
        world.faults_met().await;
    }
    world.at_rest().await;
    assert_eq!((world.lines("bookings").len(), world.lines("engagements").len()), (3, 3));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_that_is_away_loses_nothing() {
    let world = World::shop().await;
    let till = world.sandbox().till();
    for (number, kind) in
        [FaultKind::Status(503), FaultKind::Hang(HANGS), FaultKind::Reset].into_iter().enumerate()
    {
        let guest = Guest::new(54 + u32::try_from(number).unwrap());
        let link = guest.checkout(&world, "automation-audit", None).await;
        world.sandbox().inject(Fault { provider: Provider::Stripe, path: None, count: 6, kind });
        let before = answered(world.sandbox(), Provider::Stripe).len();
        let paid = till.pay(&world.session_id(&link.checkout_id), &guest.email).unwrap();
        until("webhooks are taken", || answered(world.sandbox(), Provider::Stripe).len() > before).await;
        until("its row is there", || {
            let mut rows = world.lines("payments").into_iter();
            rows.any(|line| line["id"] == paid["payment_intent"] && line["status"] == "paid")
        })
        .await;
        world.faults_met().await;
    }
    world.at_rest().await;
    assert_eq!(world.lines("payments").len(), 3);
    answered(world.sandbox(), Provider::Stripe);
    world.stop().await;
}
