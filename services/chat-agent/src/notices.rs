//! Notices: what happened to a booking or a payment of a visitor, told in the thread in which it was asked for.
//!
//! They come from other services, long after the turn. The invariant: a notice stands in its thread once, in the thread
//! of its visitor and workflow and nowhere else.

use domain::id;
use store::Error;

use crate::{
    card::card,
    protocol::Head,
    threads::{Owner, Threads},
};

/// What the ids of notices begin with.
const PREFIX: &str = "ntc_";
/// Most lines of a notice.
pub(crate) const LINES: usize = 20;

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// What it is known by within its thread.
    pub(crate) id: String,
    /// What happened.
    pub(crate) title: String,
    /// What is stored of it.
    pub(crate) lines: Vec<(String, String)>,
}

/// Whether an item of a thread is a notice: what happened stays told, whatever becomes of the turns around it.
pub(crate) fn is_notice(item_id: &str) -> bool {
    item_id.starts_with(PREFIX)
}

/// Puts a notice into a thread; false if the owner has no such thread.
pub(crate) async fn add(
    threads: &Threads,
    owner: &Owner,
    thread: &str,
    notice: &Notice,
) -> Result<bool, Error> {
    let head = Head {
        // it follows from the notice, so a second one is the same item
        id: format!("{PREFIX}{}", id::digest(&["notice", &notice.id])),
        thread_id: thread.to_owned(),
        created_at: threads.now(),
    };
    threads.add_once(owner, thread, card(head, &notice.title, &notice.lines)).await
}
