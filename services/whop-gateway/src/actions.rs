//! What members may ask for at the press of a button.
//!
//! The configuration says what a product gives; a member is offered what their memberships with access give. The
//! invariant: an action is done for whoever it would be listed for at that moment, and for nobody else.

mod book;
mod files;
pub(crate) mod tickets;

use std::sync::Arc;

use domain::{Fault, Kind, Reason, id::digest};
use jiff::SignedDuration;
use providers::Error;

use crate::{
    drive,
    members::{Fresh, Members, Membership},
    notion, whop,
};

pub(crate) use book::{Book, Problem};

/// How old an answer of Whop's may be for something to be done by it.
const OLDEST: SignedDuration = SignedDuration::from_hours(24);

/// Something that this member may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Unique for the member.
    pub(crate) id: String,
    /// What its button says.
    pub(crate) label: String,
    /// What it does.
    pub(crate) does: Does,
    /// The membership that gives it.
    pub(crate) membership: Membership,
}

/// What an action does for this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Opens a link.
    Open(String),
    /// Lists files.
    List(Place),
    /// Opens a ticket.
    Support,
    /// Makes a link by which this plan is bought.
    Upgrade(String),
}

/// Where files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A folder of Google Drive, by id.
    Drive(String),
    /// A data source of Notion, by id.
    Notion(String),
}

/// What members may ask for.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Parts>);

struct Parts {
    members: Members,
    book: Book,
    drive: drive::Client,
    notion: Option<notion::Client>,
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(
        members: Members,
        book: Book,
        drive: drive::Client,
        notion: Option<notion::Client>,
    ) -> Self {
        Self(Arc::new(Parts { members, book, drive, notion }))
    }

    /// What a user may ask for now, in the order of the configuration. What Whop said long ago offers nothing.
    pub(crate) async fn offered(&self, user: &str) -> Result<Fresh<Vec<Offered>>, Error> {
        let members = &self.0.members;
        let memberships = members.memberships_of(user).await?;
        if memberships.stale && members.now().duration_since(memberships.as_of) > OLDEST {
            return Err(members.whop().silent().into());
        }
        let has_notion = self.0.notion.is_some();
        Ok(memberships.map(|memberships| self.0.book.offered(&memberships, has_notion)))
    }

    /// The action of this id, or the first of its sort where none is named.
    async fn one(&self, user: &str, id: &str, fits: impl Fn(&Does) -> bool) -> Result<Offered, Error> {
        let all = self.offered(user).await?.value;
        let found = all.into_iter().find(|action| fits(&action.does) && (id.is_empty() || action.id == id));
        found.ok_or_else(unknown)
    }

    /// A link by which the user buys what an action offers.
    pub(crate) async fn upgrade(
        &self,
        user: &str,
        action: &str,
        request: &str,
    ) -> Result<(String, String), Error> {
        let action = self.one(user, action, |does| matches!(does, Does::Upgrade(_))).await?;
        let Does::Upgrade(plan) = action.does else { return Err(unknown()) };
        self.0.members.limits().act(user).await?;
        // What is bought by it says from where it came.
        let metadata = [("upgrade_of", &action.membership.id), ("asked_by", &user.to_owned())];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value.as_str().into()));
        let by = whop::Request { user, id: &digest(&["upgrade", &action.id, request]) };
        let whop = self.0.members.whop();
        let checkout = whop.create_checkout(&plan, &metadata.into_iter().collect(), None, by).await?;
        let url = checkout.purchase_url.ok_or_else(|| whop.odd("the link leads nowhere"))?;
        Ok((url, plan))
    }
}

/// No such action, or not for this member.
fn unknown() -> Error {
    Fault::new(Kind::NotFound, Reason::ActionUnknown, "there is no such action").into()
}
