//! Forgetting a person: their names go, amounts and times stay.
//!
//! The invariant: what is blanked here stays blank, whatever Stripe tells of it later; what Stripe itself keeps is the
//! agency's, who must keep it for the tax office.

use proto::common::v1::Person;
use providers::{
    erasure::Forgets,
    error::Error,
    owner::Owner,
    traces::{self, Trace},
};
use store::{Attempts, Work, erasing::Erasures};

use super::{
    Till,
    checkout::{Attendee, CHECKOUTS, Checkout, Meeting, Status},
    payment::{Payer, Payment},
    record::{Record, blank},
    subscription::Subscription,
    task::{self, Call, Task},
};

/// Whom a document named.
type Named = (Owner, Payer);

/// Most portions of traces in one call.
const PORTIONS: usize = 5;

#[async_trait::async_trait]
impl Forgets for Till {
    async fn forget(
        &self,
        person: &Person,
        erasures: &Erasures,
        erasure: &str,
    ) -> Result<Option<String>, Error> {
        for _ in 0..PORTIONS {
            let traces = traces::find(self.store(), person).await?;
            if traces.is_empty() {
                return Ok(None);
            }
            for trace in traces {
                self.forget_trace(&trace, erasures, erasure).await?;
            }
        }
        Ok(Some("more payments".to_owned()))
    }
}

impl Till {
    /// Blanks what a trace leads to, and removes the trace in the same commit.
    async fn forget_trace(&self, trace: &Trace, erasures: &Erasures, erasure: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let thing = trace.thing.as_str();
            let (kind, gone) = match thing.split('_').next() {
                Some("chk") => ("checkouts", self.blank_checkout(&mut work, thing).await?),
                Some("sub") => ("subscriptions", blank_record::<Subscription>(&mut work, thing).await?),
                _ => ("payments", blank_record::<Payment>(&mut work, thing).await?),
            };
            let (owner, payer) = gone.clone().unwrap_or_default();
            traces::remove(&mut work, trace, &owner, &payer.email, &payer.phone).await?;
            if gone.is_some() {
                erasures.note_in(&mut work, erasure, |progress| progress.count(kind, 1)).await?;
            }
            if attempts.commit(work).await? {
                self.wake();
                return Ok(());
            }
        }
    }

    async fn blank_checkout(&self, work: &mut Work<'_>, id: &str) -> Result<Option<Named>, store::Error> {
        let Some(mut checkout) = work.get(&CHECKOUTS, id).await? else { return Ok(None) };
        if checkout.erased {
            return Ok(None);
        }
        let named = (checkout.owner.clone(), Payer::of_attendee(&checkout.attendee));
        // The tasks read nothing but the link's id.
        if checkout.meeting == Meeting::Held {
            checkout.meeting = Meeting::Released;
            task::put(work, &Task::Release(id.to_owned()), self.now()).await?;
        }
        if checkout.status == Status::Open {
            checkout.called_off = true;
            task::put(work, &Task::Expire(id.to_owned()), self.now()).await?;
        }
        for task in [Task::Prepare(id.to_owned()), Task::Renew(id.to_owned()), Task::Book(id.to_owned())] {
            task::drop(work, &task).await?;
        }
        blank_link(&mut checkout);
        if checkout.meeting == Meeting::Booking {
            checkout.meeting = Meeting::SlotLost;
            self.call_people(work, &checkout, Call::ForgottenUnmet).await?;
        }
        work.put(&CHECKOUTS, id, &checkout);
        Ok(Some(named))
    }
}

fn blank_link(checkout: &mut Checkout) {
    let Owner { workflow, site, .. } = std::mem::take(&mut checkout.owner);
    checkout.owner = Owner { workflow, site, ..Owner::default() };
    checkout.attendee = Attendee::default();
    checkout.holder = String::new();
    checkout.guest = None;
    checkout.fingerprint = String::new();
    checkout.url = String::new();
    checkout.erased = true;
    if checkout.status == Status::Preparing {
        checkout.status = Status::Canceled;
    }
}

async fn blank_record<R: Record>(work: &mut Work<'_>, id: &str) -> Result<Option<Named>, store::Error> {
    let Some(mut record) = work.get(&R::COLLECTION, id).await? else { return Ok(None) };
    if *record.erased() {
        return Ok(None);
    }
    let (owner, payer) = record.people();
    let named = (owner.clone(), payer.clone());
    blank(&mut record);
    work.put(&R::COLLECTION, id, &record);
    Ok(Some(named))
}
