//! Two contacts become one: the loser is an alias of the survivor from one commit on.
//!
//! Identities and rows keep the id that they were written with. In the spreadsheet the survivor's row shows what both
//! knew; the loser's row keeps its id and its date and says in `source` where it went, with everything else blank: who
//! counts sources, looks up an address or writes to a list meets the person once, and who follows an old id still
//! reads where it leads. The invariant: a contact that is an alias is never written again.

use domain::{Fault, Kind, Reason, tab};
use jiff::Timestamp;
use store::{Attempts, Store, Work};

use super::{ContactDoc, directory::load_alive, save};
use crate::{bookings, error::Error, leads};

/// What the operator's merge came to.
#[derive(Clone, Debug)]
pub(crate) struct Merged {
    pub(crate) contact: tab::Contact,
    /// They were two before.
    pub(crate) merged: bool,
}

/// Makes `loser` an alias of `survivor`, by the operator's word. Nothing happens if they are one already.
///
/// # Errors
/// A contact that is not there, or two verified Whop users.
pub(crate) async fn merge(store: &dyn Store, survivor: &str, loser: &str) -> Result<Merged, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let survivor = load_alive(&mut work, survivor).await?;
        let loser = load_alive(&mut work, loser).await?;
        if survivor.id() == loser.id() {
            return Ok(Merged { contact: survivor.contact, merged: false });
        }
        if !super::is_compatible(&survivor.whop_user, &loser.whop_user) {
            let why = "these are two verified Whop users, and so two people";
            return Err(Fault::new(Kind::Precondition, Reason::ContactsDiffer, why).into());
        }
        let mut doc = absorb(&mut work, survivor, loser).await?;
        let row = doc.contact.clone();
        save(&mut work, &mut doc, row).await?;
        if attempts.commit(work).await? {
            return Ok(Merged { contact: doc.contact, merged: true });
        }
    }
}

/// Makes one of the two contacts an alias of the other, and answers that one, which the caller has to save: the older
/// one, of two of one moment the one with the smaller id.
pub(super) async fn join(
    work: &mut Work<'_>,
    one: ContactDoc,
    other: ContactDoc,
) -> Result<ContactDoc, Error> {
    let age = |doc: &ContactDoc| (doc.contact.created_at.unwrap_or(Timestamp::MAX), doc.contact.id.clone());
    let (survivor, loser) = if age(&one) <= age(&other) { (one, other) } else { (other, one) };
    absorb(work, survivor, loser).await
}

async fn absorb(
    work: &mut Work<'_>,
    mut survivor: ContactDoc,
    mut loser: ContactDoc,
) -> Result<ContactDoc, Error> {
    survivor.learn(loser.contact.clone(), &loser.told);
    for (mine, theirs) in [(&mut survivor.whop_user, &loser.whop_user), (&mut survivor.named, &loser.named)] {
        if mine.is_empty() {
            mine.clone_from(theirs);
        }
    }
    survivor.standing = survivor.standing().max(loser.standing());
    // Whoever was to be forgotten is, under whatever id.
    survivor.erasure = survivor.erasure.or_else(|| loser.erasure.clone());
    survivor.aliases.push(loser.contact.id.clone());
    survivor.aliases.append(&mut loser.aliases);
    loser.alias_of = Some(survivor.contact.id.clone());
    let row = tab::Contact {
        id: loser.contact.id.clone(),
        created_at: loser.contact.created_at,
        source: format!("merged into {}", survivor.id()),
        ..Default::default()
    };
    save(work, &mut loser, row).await?;
    leads::join(work, survivor.id(), &loser.contact.id).await?;
    bookings::join(work, survivor.id(), &loser.contact.id).await?;
    tracing::info!(contact.id = survivor.id(), alias = loser.id(), "contacts merged");
    Ok(survivor)
}
