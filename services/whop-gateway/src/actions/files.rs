//! The files that an action lists.
//!
//! The invariant: only places that the configuration or Whop's own note of this membership names are looked into.

use providers::Error;

use super::{Desk, Does, Place, unknown};
use crate::files::Shelf;

/// Most files of one answer.
const MOST: usize = 100;

impl Desk {
    /// The files of an action, or of all the user's, the newest first.
    pub(crate) async fn files(&self, user: &str, action: &str) -> Result<Shelf, Error> {
        let offered = self.offered(user).await?.value;
        let mut places: Vec<Place> = Vec::new();
        for one in offered.into_iter().filter(|one| action.is_empty() || one.id == action) {
            if let Does::List(place) = one.does
                && !places.contains(&place)
            {
                places.push(place);
            }
        }
        if places.is_empty() && !action.is_empty() {
            return Err(unknown());
        }
        if !places.is_empty() {
            self.0.members.limits().read(user).await?;
        }
        let mut all = Shelf::default();
        for place in places {
            let shelf = self.shelf(&place).await?;
            all.more |= shelf.more;
            all.files.extend(shelf.files);
        }
        all.files.sort_by_key(|file| std::cmp::Reverse(file.updated_at));
        all.more |= all.files.len() > MOST;
        all.files.truncate(MOST);
        Ok(all)
    }

    async fn shelf(&self, place: &Place) -> Result<Shelf, Error> {
        match (place, &self.0.notion) {
            (Place::Drive(folder), _) => Ok(self.0.drive.files(folder).await?),
            (Place::Notion(source), Some(notion)) => Ok(notion.files(source).await?),
            (Place::Notion(_), None) => Err(unknown()),
        }
    }
}
