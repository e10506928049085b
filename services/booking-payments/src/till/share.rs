//! How many slots one visitor keeps from others without having paid.
//!
//! A link with a meeting holds a slot for as long as it can be paid, and costs nothing. The invariant: a visitor has at
//! most [`MOST`] of them, however many are asked for at once, since each is claimed in one document of theirs.

use domain::{Fault, Kind, Reason, id::digest};
use jiff::{SignedDuration, Timestamp};
use providers::error::Error;
use serde::{Deserialize, Serialize};
use store::{Collection, Work};

use super::checkout::{CHECKOUTS, Checkout};

/// The links with a meeting, by the hash of the visitor. They expire.
pub(crate) const SHARES: Collection<Share> = Collection::new("shares");
/// Most of them that can be paid at the same time.
const MOST: usize = 3;
/// Longer than any link lives.
const KEPT: SignedDuration = SignedDuration::from_hours(48);

/// What a visitor holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    /// `chk_…`, some of which may be over.
    links: Vec<String>,
}

/// Counts as part of `work` a link that is begun.
///
/// # Errors
/// `STATE_WRONG` if its visitor holds enough of them.
pub(super) async fn claim(work: &mut Work<'_>, checkout: &Checkout, now: Timestamp) -> Result<(), Error> {
    let id = digest(&["share", &checkout.owner.visitor]);
    let known: Share = work.get(&SHARES, &id).await?.unwrap_or_default();
    let mut share = Share::default();
    for link in known.links {
        let held: Option<Checkout> = work.get(&CHECKOUTS, &link).await?;
        if held.is_some_and(|held| held.keeps_slot(now)) {
            share.links.push(link);
        }
    }
    if share.links.len() >= MOST {
        let why = format!(
            "{MOST} links that hold a slot are open: one must be paid, called off or run out before there is another"
        );
        return Err(Fault::new(Kind::Precondition, Reason::StateWrong, why).into());
    }
    share.links.push(checkout.id.clone());
    work.put_until(&SHARES, &id, &share, now.checked_add(KEPT).ok());
    Ok(())
}
