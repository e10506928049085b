//! Stories as scripts: what people do at the providers, step by step, with webhooks that come at once, later, or never.

use domain::Tab;
use proto::common::v1::{TickRequest, operations_service_client::OperationsServiceClient};
use sandbox::{INTRO_CALL, Provider, STRATEGY_CONSULT, Side, Visit};

use super::{
    desk::Guest,
    members::lives::Life,
    sheet::{self, Sheet},
};
use crate::world::World;

/// Who sends webhooks.
pub(super) const SENDERS: [Provider; 3] = [Provider::CalCom, Provider::Stripe, Provider::Whop];

/// A story.
#[derive(Clone, Copy, Debug)]
pub(super) enum Script {
    /// Three meetings, moved by visitor and host; one is missed, two are called off.
    Meetings,
    /// A consult is paid at the second try and booked, and disputed in vain; another link ends, and a third one's money
    /// does not come.
    Consult,
    /// A slot is gone when it is paid, and who has it does not come.
    Lost,
    /// A card is declined, another is taken, some of it goes back, a second payment is disputed.
    Money,
    /// A retainer begins, is renewed, is not paid, and ends.
    Retainer,
    /// What members do at Whop.
    Members(Life),
}

impl Script {
    /// Plays it in a world of its own, where each step is in the books before the next one.
    pub(super) async fn in_order(self) -> Sheet {
        let world = World::shop().await;
        let settle = async || {
            world.at_rest().await;
        };
        self.play(&world, settle).await;
        let sheet = world.at_rest().await;
        assert_eq!(Tab::ALL.map(|tab| sheet[tab.as_str()].len()), self.lines(), "{self:?}: {sheet:?}");
        world.stop().await;
        sheet
    }

    /// How many lines it leaves in each tab, in the order of the tabs.
    fn lines(self) -> [usize; 7] {
        match self {
            Self::Meetings => [3, 1, 3, 3, 0, 0, 0],
            Self::Consult => [2, 1, 1, 1, 0, 2, 0],
            Self::Lost => [2, 0, 2, 1, 0, 1, 1],
            Self::Money => [2, 0, 0, 0, 0, 2, 0],
            Self::Retainer => [1, 0, 0, 0, 1, 3, 0],
            Self::Members(life) => life.lines(),
        }
    }

    /// Plays it; `pause`: what happens between its steps.
    pub(super) async fn play(self, world: &World, pause: impl AsyncFn()) {
        match self {
            Self::Meetings => meetings(world, pause).await,
            Self::Consult => consult(world, pause).await,
            Self::Lost => lost(world, pause).await,
            Self::Money => money(world, pause).await,
            Self::Retainer => retainer(world, pause).await,
            Self::Members(life) => life.play(world, pause).await,
        }
    }
}

async fn meetings(world: &World, pause: impl AsyncFn()) {
    let (calendar, starts) = (world.sandbox().calendar(), world.starts(INTRO_CALL));
    let (ann, bob, eve) = (Guest::new(1), Guest::new(2), Guest::new(3));
    ann.save_lead(world).await;
    let booking = ann.book(world, INTRO_CALL, starts[0]).await;
    pause().await;
    let uid = calendar.reschedule(&booking.uid, starts[3], Side::Attendee, Some("a train")).unwrap();
    pause().await;
    let other = calendar.book(&bob.visit(INTRO_CALL, starts[1])).unwrap();
    pause().await;
    let uid = calendar.reschedule(&uid, starts[5], Side::Host, None).unwrap();
    pause().await;
    calendar.mark_no_show(&other, true).unwrap();
    pause().await;
    let third = calendar.book(&eve.visit(INTRO_CALL, starts[7])).unwrap();
    pause().await;
    calendar.cancel(&third, Side::Attendee, None).unwrap();
    pause().await;
    calendar.cancel(&uid, Side::Host, Some("ill")).unwrap();
}

async fn consult(world: &World, pause: impl AsyncFn()) {
    let (till, starts) = (world.sandbox().till(), world.starts(STRATEGY_CONSULT));
    let (ann, bob, eve) = (Guest::new(1), Guest::new(2), Guest::new(3));
    ann.save_lead(world).await;
    let link = ann.checkout(world, "strategy-consult", Some(starts[0])).await;
    let other = bob.checkout(world, "strategy-consult", Some(starts[2])).await;
    pause().await;
    let session = world.session_id(&link.checkout_id);
    till.fail(&session).unwrap();
    pause().await;
    let paid = till.pay(&session, &ann.email).unwrap();
    pause().await;
    till.expire(&world.session_id(&other.checkout_id)).unwrap();
    pause().await;
    let dispute = till.dispute(paid["payment_intent"].as_str().unwrap()).unwrap();
    pause().await;
    let slow = eve.checkout(world, "strategy-consult", Some(starts[4])).await;
    let session = world.session_id(&slow.checkout_id);
    till.pay_async(&session, &eve.email).unwrap();
    pause().await;
    till.settle(&session, false).unwrap();
    pause().await;
    till.close_dispute(dispute["id"].as_str().unwrap(), true).unwrap();
}

async fn lost(world: &World, pause: impl AsyncFn()) {
    let start = world.starts(STRATEGY_CONSULT)[0];
    let (ann, bob) = (Guest::new(1), Guest::new(2));
    let link = ann.checkout(world, "strategy-consult", Some(start)).await;
    // Cal.com does not look at reservations when somebody books whose page was open before
    let early = Visit { page_was_open: true, ..bob.visit(STRATEGY_CONSULT, start) };
    let uid = world.sandbox().calendar().book(&early).unwrap();
    pause().await;
    world.sandbox().till().pay(&world.session_id(&link.checkout_id), &ann.email).unwrap();
    pause().await;
    world.sandbox().calendar().mark_no_show(&uid, true).unwrap();
}

async fn money(world: &World, pause: impl AsyncFn()) {
    let till = world.sandbox().till();
    let (ann, bob) = (Guest::new(1), Guest::new(2));
    let link = ann.checkout(world, "automation-audit", None).await;
    let session = world.session_id(&link.checkout_id);
    till.fail(&session).unwrap();
    pause().await;
    let paid = till.pay(&session, &ann.email).unwrap();
    let intent = paid["payment_intent"].as_str().unwrap().to_owned();
    pause().await;
    till.refund(&intent, Some(10_000)).unwrap();
    pause().await;
    let link = bob.checkout(world, "launch-deposit", None).await;
    let session = world.session_id(&link.checkout_id);
    let pending = till.pay_async(&session, &bob.email).unwrap();
    pause().await;
    till.settle(&session, true).unwrap();
    pause().await;
    let dispute = till.dispute(pending["payment_intent"].as_str().unwrap()).unwrap();
    pause().await;
    till.close_dispute(dispute["id"].as_str().unwrap(), false).unwrap();
    pause().await;
    till.refund(&intent, None).unwrap();
}

async fn retainer(world: &World, pause: impl AsyncFn()) {
    let till = world.sandbox().till();
    let ann = Guest::new(1);
    let link = ann.checkout(world, "growth", None).await;
    let paid = till.pay(&world.session_id(&link.checkout_id), &ann.email).unwrap();
    let subscription = paid["subscription"].as_str().unwrap().to_owned();
    pause().await;
    till.renew(&subscription, true).unwrap();
    pause().await;
    till.renew(&subscription, false).unwrap();
    pause().await;
    till.cancel(&subscription).unwrap();
}

impl World {
    /// A world in which nothing looks at the providers by itself for the next minutes.
    pub(super) async fn shop() -> Self {
        let world = Self::set_up().await;
        world.look_is_over().await;
        world
    }

    /// Has the tick look at the providers now, so that it does not again soon: what comes into the books comes by
    /// webhooks.
    pub(super) async fn look_is_over(&self) {
        for follower in self.followers() {
            let mut operations = OperationsServiceClient::new(follower);
            while operations.tick(TickRequest {}).await.unwrap().into_inner().more {}
        }
    }

    /// Holds all webhooks back.
    pub(super) fn hold(&self) {
        SENDERS.iter().for_each(|sender| self.sandbox().webhooks(*sender).hold());
    }

    /// How many webhooks are held back.
    pub(super) fn held(&self) -> [usize; SENDERS.len()] {
        SENDERS.map(|sender| self.sandbox().webhooks(sender).held().len())
    }

    /// Sends the webhook at this place of all that are held, twice if asked for.
    pub(super) fn release(&self, index: usize, twice: bool) {
        let place = |sender| (0..self.sandbox().webhooks(sender).held().len()).map(move |at| (sender, at));
        let (sender, index) = SENDERS.into_iter().flat_map(place).nth(index).expect("so many are held");
        let webhooks = self.sandbox().webhooks(sender);
        let id = webhooks.held()[index].0.clone();
        assert!(webhooks.release(index));
        if twice {
            assert!(webhooks.resend(&id));
        }
    }

    /// Waits until no webhook is on its way.
    pub(super) async fn delivered(&self) {
        let on_the_way = || SENDERS.iter().any(|sender| self.sandbox().webhooks(*sender).under_way() > 0);
        crate::world::until("webhooks arrive", || !on_the_way()).await;
    }

    /// No webhook is held back from now on.
    pub(super) fn flow(&self) {
        for sender in SENDERS {
            self.sandbox().webhooks(sender).deliver();
            self.sandbox().webhooks(sender).release_all();
        }
    }

    /// What the spreadsheet says now.
    pub(super) fn sheet(&self) -> Sheet {
        sheet::read(self.sandbox())
    }
}
