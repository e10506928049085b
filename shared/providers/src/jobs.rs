//! What waits in the queues of a service, as an operator sees it and has it done once more.
//!
//! The invariant: of a job of our own an operator is told its kind and the id of the thing that it is about, and nothing
//! that it says: that may name somebody.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use store::{
    Error,
    inbox::Message,
    queue::{Listed, Listing, State, Worker},
};

use crate::books::{TELLINGS, Telling};

/// What an operator is told of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Who sent it; of a job of our own its queue.
    pub source: String,
    /// Its kind, in the words of its source.
    pub kind: String,
    /// What it is about.
    pub body: Vec<u8>,
}

/// Something that is done for a queue.
pub trait Told {
    /// What an operator is told of it.
    fn about(&self) -> About;
}

/// The jobs of a queue.
#[async_trait::async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// The queue's name.
    fn queue(&self) -> &'static str;

    /// A page of the jobs in this state.
    async fn list(&self, state: State, limit: u32, after: Option<String>) -> Result<Listing<About>, Error>;

    /// One job.
    async fn get(&self, id: &str) -> Result<Option<Listed<About>>, Error>;

    /// Does one job now, whatever its state; how it stands then.
    async fn replay(&self, id: &str) -> Result<Option<Listed<About>>, Error>;
}

// === impl About ===

impl About {
    /// About a job of our own, which is of a kind and about the thing under an id.
    pub fn own(queue: &str, (kind, id): (&str, &str)) -> Self {
        let body = json!({ kind: id }).to_string().into_bytes();
        Self { source: queue.to_owned(), kind: kind.to_owned(), body }
    }
}

impl Told for Message {
    fn about(&self) -> About {
        let Self { source, kind, body } = self.clone();
        About { source, kind, body: body.bytes().to_vec() }
    }
}

impl Told for Telling {
    fn about(&self) -> About {
        About::own(TELLINGS.collection(), self.subject())
    }
}

#[async_trait::async_trait]
impl<T: Told + Serialize + DeserializeOwned + Send + Sync + 'static> Jobs for Worker<T> {
    fn queue(&self) -> &'static str {
        self.queue().collection()
    }

    async fn list(&self, state: State, limit: u32, after: Option<String>) -> Result<Listing<About>, Error> {
        let Listing { jobs, next } = self.list(state, limit, after).await?;
        Ok(Listing { jobs: jobs.into_iter().map(told).collect(), next })
    }

    async fn get(&self, id: &str) -> Result<Option<Listed<About>>, Error> {
        Ok(self.get(id).await?.map(told))
    }

    async fn replay(&self, id: &str) -> Result<Option<Listed<About>>, Error> {
        Ok(self.replay(id).await?.map(told))
    }
}

/// A job, and what an operator is told of it.
pub(crate) fn told<T: Told>(job: Listed<T>) -> Listed<About> {
    job.map(|payload| payload.about())
}
