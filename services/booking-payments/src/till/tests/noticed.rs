//! What a visitor is told in their chat of a link that webhooks reported on.

use providers::owner::Owner;

use super::world::{World, ann, order};

fn in_chat() -> Owner {
    Owner { thread: "thr_1".into(), ..ann() }
}

/// Ids, titles and lines of the notices so far.
fn told(world: &World) -> Vec<(String, String, usize)> {
    let notices = world.told.notices.lock().unwrap();
    notices.iter().map(|one| (one.notice_id.clone(), one.title.clone(), one.lines.len())).collect()
}

#[tokio::test]
async fn a_payment_is_told_once_in_its_thread() {
    let world = World::start().await;
    let link = world.till.create(in_chat(), order("r1", "launch-deposit")).await.unwrap();
    world.tell().await;
    assert_eq!(told(&world), [], "nobody has paid");
    world.stripe.books().pay(&link.session);
    for _ in 0..2 {
        world.hear("checkout.session.completed", &link.session).await;
        world.tell().await;
    }
    assert_eq!(told(&world), [(format!("{}:paid", link.id), "Your payment has arrived".into(), 2)]);
    let notice = world.told.notices.lock().unwrap()[0].clone();
    let caller = notice.caller.unwrap();
    assert_eq!(
        (&*notice.thread_id, &*caller.visitor_id, &*caller.workflow),
        ("thr_1", "vis_ann", "lead-concierge")
    );
}

#[tokio::test]
async fn of_a_paid_meeting_its_outcome_is_told_and_nothing_before() {
    for (taken, what, lines) in [(false, "met", 3), (true, "lost", 5)] {
        let world = World::start().await;
        let link = world.till.create(in_chat(), world.consult_order("r1")).await.unwrap();
        world.stripe.books().pay(&link.session);
        world.hear("checkout.session.completed", &link.session).await;
        world.tell().await;
        assert_eq!(told(&world), []);
        *world.calendar.taken.lock().unwrap() = taken;
        world.work().await;
        world.tell().await;
        let told = told(&world);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].0.clone(), told[0].2), (format!("{}:{what}", link.id), lines));
    }
}

#[tokio::test]
async fn outside_a_chat_nobody_is_told() {
    let world = World::start().await;
    let link = world.till.create(ann(), order("r1", "launch-deposit")).await.unwrap();
    world.stripe.books().pay(&link.session);
    world.hear("checkout.session.completed", &link.session).await;
    world.tell().await;
    assert_eq!(told(&world), []);
}

#[tokio::test]
async fn what_is_told_as_paid_is_what_stripe_charged() {
    let world = World::start().await;
    let link = world.till.create(in_chat(), order("r1", "launch-deposit")).await.unwrap();
    world.stripe.books().pay(&link.session);
    world.stripe.books().thing(&link.session)["amount_total"] = 12_345.into();
    world.hear("checkout.session.completed", &link.session).await;
    world.tell().await;
    let notice = world.told.notices.lock().unwrap()[0].clone();
    let paid = notice.lines.iter().find(|line| line.name == "Paid").unwrap();
    assert_eq!(paid.value, "123.45 EUR");
}
