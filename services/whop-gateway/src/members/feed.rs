//! Looking for what no webhook brought.
//!
//! Whop gives a delivery up after some seventy seconds, and lists nothing by when it changed. So a look reads, a portion at a
//! time: our webhook's deliveries that failed, all memberships, and payments, and compares them with what is kept. The
//! invariants: a walk that has begun is finished before what it covers counts as looked at; and it goes on from where it
//! stands only once what it found is durable.

mod walk;

use domain::id::digest;
use jiff::Timestamp;
use providers::{
    Error,
    api::Failure,
    provider::{Found, Verified, only},
};
use serde_json::Value;
use store::{Attempts, Work};

use self::walk::{Stage, WALK, WALKS, Walk};
use super::{
    Members,
    membership::MEMBERSHIPS,
    payment::{self, PAYMENTS, Payment},
};
use crate::whop::{
    Part,
    hint::{self, Hint},
    wire,
};

/// Most pages of one look.
const PAGES: usize = 10;

impl Members {
    /// Goes on with the walk for what changed since then, or begins it. What fails after the first page keeps nothing of
    /// what was found until then from being known.
    pub(super) async fn walk(&self, since: Timestamp) -> Result<Found, Error> {
        let known = WALKS.get(self.store(), WALK).await?.map(|found| found.value);
        let mut found = Found::default();
        let mut walk = match known {
            Some(walk) if walk.covers(since) => walk,
            known => self.begin(since, known.as_ref(), &mut found).await?,
        };
        // What is in the inbox already says nothing where documents are compared, and all where deliveries are.
        found.even_if_done = !walk.stage.is_deliveries();
        for page in 0..PAGES {
            if walk.stage == Stage::Done || walk.stage.is_deliveries() == found.even_if_done {
                break;
            }
            if let Err(failure) = self.page(&mut walk, &mut found).await {
                let is_lost = walk.lost(&failure);
                if page == 0 && !is_lost {
                    return Err(failure);
                }
                found.problem = why(failure);
                break;
            }
        }
        found.more = walk.stage != Stage::Done;
        // How far it has come is known at its end.
        found.until = (!found.more).then(|| walk.until());
        found.place = Some(serde_json::to_value(&walk).expect("a walk serializes to JSON"));
        Ok(found)
    }

    /// What was found up to here is durable.
    pub(super) async fn go_on(&self, place: &Value) -> Result<(), store::Error> {
        let walk = serde_json::from_value(place.clone())
            .map_err(|_| store::Error::Invalid("the place is of no walk".to_owned()))?;
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            work.get(&WALKS, WALK).await?;
            work.put(&WALKS, WALK, &walk);
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    async fn begin(&self, since: Timestamp, last: Option<&Walk>, found: &mut Found) -> Result<Walk, Error> {
        let hooks = match self.whop().webhooks().await {
            Ok(hooks) => hooks.into_iter().filter(wire::Webhook::is_ours).map(|hook| hook.id).collect(),
            // Whoever may not see them sees what has become of their messages.
            Err(failure @ Failure::Refused { .. }) => {
                found.problem = format!("failed deliveries are not seen: {failure}");
                Vec::new()
            }
            Err(failure) => return Err(failure.into()),
        };
        Ok(Walk::begin(since, self.now(), last, hooks))
    }

    async fn page(&self, walk: &mut Walk, found: &mut Found) -> Result<(), Error> {
        match walk.stage.clone() {
            Stage::Deliveries(hooks) => self.deliveries(walk, &hooks, found).await,
            Stage::Memberships => self.memberships(walk, found).await,
            Stage::Payments => self.payments(walk, found).await,
            Stage::Done => Ok(()),
        }
    }

    /// A page of deliveries, the newest first: what failed since then is a hint like any other.
    async fn deliveries(&self, walk: &mut Walk, hooks: &[String], found: &mut Found) -> Result<(), Error> {
        let Some((hook, others)) = hooks.split_first() else {
            walk.stage = Stage::Memberships;
            return Ok(());
        };
        let page = self.whop().deliveries(hook, walk.after.as_deref()).await?;
        let is_past = page.data.iter().any(|delivery| delivery.sent_at < walk.since);
        for delivery in page.data.iter().filter(|one| !one.success && one.sent_at >= walk.since) {
            found.seen += 1;
            if let Some(message) = self.failed(walk, delivery).await?
                && !found.missed.contains(&message)
            {
                found.missed.push(message);
            }
        }
        let then = match others {
            [] => Stage::Memberships,
            others => Stage::Deliveries(others.to_vec()),
        };
        walk.turn(page.next.filter(|_| !is_past), then);
        Ok(())
    }

    /// The message of a delivery that failed, unless this walk comes by what it is about. Each attempt at a message is a
    /// delivery.
    async fn failed(
        &self,
        walk: &Walk,
        delivery: &wire::Delivery,
    ) -> Result<Option<(Verified, Vec<u8>)>, Error> {
        let body = delivery.request_body.to_string().into_bytes();
        let (Some(kind), Some(hint)) = (hint::event(&body), hint::read(&body)) else { return Ok(None) };
        let is_seen = match hint {
            Hint::Nothing => true,
            Hint::Membership(id) => MEMBERSHIPS.get(self.store(), &id).await?.is_some(),
            Hint::Payment(id) => {
                let known = PAYMENTS.get(self.store(), &id).await?;
                known.is_some_and(|known| known.value.created_at > walk.payments_from)
            }
            Hint::Refund(_) | Hint::Dispute(_) | Hint::Member(_) => false,
        };
        let key = hint::id(&delivery.request_body).unwrap_or_else(|| digest(&["delivery", &delivery.id]));
        Ok((!is_seen).then(|| (Verified { key, kind }, only(&body, hint::KEPT))))
    }

    async fn memberships(&self, walk: &mut Walk, found: &mut Found) -> Result<(), Error> {
        let part = Part { created_after: None, after: walk.after.clone() };
        let page = self.whop().memberships(&part).await?;
        for one in page.data {
            found.seen += 1;
            let known = MEMBERSHIPS.get(self.store(), &one.id).await?;
            if known.is_none_or(|known| known.value.is_behind(&one)) {
                found.missed.push(missed("membership", &one.id, one.touched_at()));
            }
        }
        walk.turn(page.next, Stage::Payments);
        Ok(())
    }

    async fn payments(&self, walk: &mut Walk, found: &mut Found) -> Result<(), Error> {
        let part = Part { created_after: Some(walk.payments_from), after: walk.after.clone() };
        let page = self.whop().payments(&part).await?;
        for one in page.data {
            found.seen += 1;
            let known = PAYMENTS.get(self.store(), &one.id).await?.map(|found| found.value);
            let is_missed = match payment::picture(&one, self.whop().is_live()) {
                Ok(None) => false,
                Ok(Some(next)) => known.is_none_or(|known: Payment| known.is_behind(&next)),
                // Whoever follows it says what is wrong.
                Err(_) => true,
            };
            if is_missed {
                found.missed.push(missed("payment", &one.id, one.touched_at()));
            }
        }
        walk.turn(page.next, Stage::Done);
        Ok(())
    }
}

/// The message that a webhook would have brought of a thing that was touched then.
fn missed(thing: &str, id: &str, touched_at: Timestamp) -> (Verified, Vec<u8>) {
    let kind = format!("{thing}.{}", hint::RECONCILED);
    let body = serde_json::json!({ "type": kind, "data": { "id": id } });
    (Verified { key: digest(&[thing, id, &touched_at.to_string()]), kind }, body.to_string().into_bytes())
}

fn why(error: Error) -> String {
    store::queue::Trouble::from(error).why
}
