//! What members do at Whop, step by step.

use super::id;
use crate::world::World;

/// A story.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Life {
    /// A trial begins, its end is announced, and it goes on paid.
    Trial,
    /// A renewal fails and is made good; another's is not.
    Debt,
    /// Somebody cancels, stays, cancels again, and is gone with the period; another one's access is taken at once.
    Leaving,
    /// Of a payment some goes back, then the rest; another one is disputed, and lost.
    MoneyBack,
    /// Somebody goes over to a year of the same product, then to another product.
    Upgrade,
}

impl Life {
    /// How many lines it leaves in each tab, in the order of the tabs.
    pub(in super::super) fn lines(self) -> [usize; 7] {
        match self {
            Self::Trial => [1, 0, 0, 0, 1, 1, 0],
            Self::Debt => [2, 0, 0, 0, 2, 4, 0],
            Self::Leaving | Self::MoneyBack => [2, 0, 0, 0, 2, 2, 0],
            Self::Upgrade => [1, 0, 0, 0, 2, 3, 0],
        }
    }

    /// Plays it; `pause`: what happens between its steps.
    pub(in super::super) async fn play(self, world: &World, pause: impl AsyncFn()) {
        match self {
            Self::Trial => trial(world, pause).await,
            Self::Debt => debt(world, pause).await,
            Self::Leaving => leaving(world, pause).await,
            Self::MoneyBack => money_back(world, pause).await,
            Self::Upgrade => upgrade(world, pause).await,
        }
    }
}

async fn trial(world: &World, pause: impl AsyncFn()) {
    let club = world.sandbox().club();
    let mara = id(&club.join("user_mara", "plan_growthtrial").unwrap());
    pause().await;
    club.trial_ends_soon(&mara).unwrap();
    pause().await;
    club.renew(&mara, true).unwrap();
}

async fn debt(world: &World, pause: impl AsyncFn()) {
    let club = world.sandbox().club();
    let mara = id(&club.join("user_mara", "plan_growthmonthly").unwrap());
    pause().await;
    club.renew(&mara, false).unwrap();
    pause().await;
    let lena = id(&club.join("user_lena", "plan_scalemonthly").unwrap());
    pause().await;
    club.renew(&mara, true).unwrap();
    pause().await;
    club.renew(&lena, false).unwrap();
}

async fn leaving(world: &World, pause: impl AsyncFn()) {
    let club = world.sandbox().club();
    let mara = id(&club.join("user_mara", "plan_growthmonthly").unwrap());
    let jonas = id(&club.join("user_jonas", "plan_scalemonthly").unwrap());
    pause().await;
    club.set_cancel(&mara, true).unwrap();
    pause().await;
    club.set_cancel(&mara, false).unwrap();
    pause().await;
    club.revoke(&jonas).unwrap();
    pause().await;
    club.set_cancel(&mara, true).unwrap();
    pause().await;
    club.period_ends(&mara).unwrap();
}

async fn money_back(world: &World, pause: impl AsyncFn()) {
    let club = world.sandbox().club();
    club.join("user_mara", "plan_playbooklife").unwrap();
    let mara = id(&club.payments().unwrap()[0]);
    pause().await;
    club.join("user_jonas", "plan_growthyearly").unwrap();
    let jonas = id(&club.payments().unwrap()[0]);
    pause().await;
    club.refund(&mara, Some(10_000)).unwrap();
    pause().await;
    let dispute = id(&club.dispute(&jonas).unwrap());
    pause().await;
    club.refund(&mara, None).unwrap();
    pause().await;
    club.close_dispute(&dispute, false).unwrap();
}

async fn upgrade(world: &World, pause: impl AsyncFn()) {
    let club = world.sandbox().club();
    let mara = id(&club.join("user_mara", "plan_growthmonthly").unwrap());
    pause().await;
    club.upgrade(&mara, "plan_growthyearly").unwrap();
    pause().await;
    club.upgrade(&mara, "plan_scalemonthly").unwrap();
}
