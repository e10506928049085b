//! Deliveries of destinations that are no longer set: nobody would ever send them.
//!
//! They are parked when the process starts and when a restore has ended, and can be sent once the destination is back.
//! The invariant: nothing waits that no task looks at.

use std::ops::Bound;

use serde_json::json;
use store::{Commit, Error, Query, Range};

use tokio_util::sync::CancellationToken;

use super::{
    Deliveries,
    record::{self, BY_STATE, DELIVERIES, State},
};
use crate::error::Chain;

const PAGE: u32 = 200;
const REMOVED: &str = "the destination is not set any more";

// === impl Deliveries ===

impl Deliveries {
    /// Parks what waits for destinations that are not set, when the process starts and after each restore.
    pub(super) async fn keep_parking(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            if let Err(error) = self.park_removed().await {
                tracing::warn!(error = %Chain(&error), "deliveries of removed destinations were not looked for");
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.restored.notified() => {}
            }
        }
    }

    /// Parks what waits for destinations that are not set; nothing before a restore has ended.
    pub(super) async fn park_removed(&self) -> Result<(), Error> {
        let mut last = String::new();
        while let Some(name) = self.next_waiting(&last).await? {
            if store::backup::is_under_way(&*self.store).await? {
                return Ok(());
            }
            if !self.outlets.iter().any(|outlet| outlet.destination.name == name) {
                let parked = self.park_all(&name).await?;
                tracing::warn!(delivery.destination = name, parked, "{REMOVED}: its deliveries are parked");
            }
            last = name;
        }
        Ok(())
    }

    /// The next destination by name for which something waits.
    async fn next_waiting(&self, after: &str) -> Result<Option<String>, Error> {
        let range = Range { from: Bound::Excluded(json!(after)), to: Bound::Unbounded };
        let query = Query { range: Some(range), ..Query::new(&BY_STATE, [json!(State::Waiting)]).limit(1) };
        let first = self.store.query(query).await?.documents.pop();
        first.map(|document| Ok(DELIVERIES.read(document)?.value.destination)).transpose()
    }

    async fn park_all(&self, destination: &str) -> Result<u32, Error> {
        let (mut parked, mut after) = (0, None);
        loop {
            let (page, next) = record::list(&*self.store, State::Waiting, destination, PAGE, after).await?;
            for mut found in page {
                found.value.park(REMOVED);
                parked += u32::from(matches!(record::save(&*self.store, &found).await?, Commit::Done(_)));
            }
            after = next;
            if after.is_none() {
                return Ok(parked);
            }
        }
    }
}
