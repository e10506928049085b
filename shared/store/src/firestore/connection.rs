//! The connection: made when it is first needed, made anew when it does not answer.
//!
//! The invariant: nothing waits longer than its limit, and no call is made before the database's schema version was
//! found to be one that this program knows.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use firestore::{
    FirestoreDb, FirestoreDbOptions,
    gcloud_sdk::{
        GoogleAuthMiddleware, RequestTimeouts,
        google::firestore::v1::{
            BatchGetDocumentsRequest, BatchGetDocumentsResponse, CommitRequest, CommitResponse,
            ListCollectionIdsRequest, ListCollectionIdsResponse, RunQueryRequest, RunQueryResponse,
            firestore_client::FirestoreClient,
        },
        tonic::{Code, Request, Response, Status, Streaming},
    },
};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::names::Names;
use crate::{Error, backoff::jittered};

mod credentials;
mod shape;

pub(super) use shape::name as shape_name;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How often a read is tried.
const READS: u32 = 3;

/// The generated client with its credentials.
pub(super) type Client = FirestoreClient<GoogleAuthMiddleware>;

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Id of the Google Cloud project.
    pub project: String,
    /// Id of the database in it, such as `(default)`.
    pub database: String,
    /// HOST:PORT of an emulator to use in place of Firestore.
    pub emulator: Option<String>,
}

/// A connection to a database.
pub(super) struct Connection {
    place: Place,
    names: Names,
    /// Version of the documents' shape that this program knows.
    schema: u32,
    /// How often connecting was tried.
    tries: AtomicU64,
    made: Mutex<Result<Held, Error>>,
}

/// A client, and which connection it is of.
#[derive(Clone)]
pub(super) struct Held {
    number: u64,
    client: Client,
}

impl Connection {
    pub(super) fn new(place: Place, names: Names, schema: u32) -> Self {
        let made = Mutex::new(Err(Error::Unavailable("not connected yet".into())));
        Self { place, names, schema, tries: AtomicU64::new(0), made }
    }

    pub(super) fn is_emulator(&self) -> bool {
        self.place.emulator.is_some()
    }

    /// The client, after connecting where that is still to be done. Those who ask while somebody tries share what
    /// comes of it.
    pub(super) async fn client(&self) -> Result<Held, Error> {
        let before = self.tries.load(Ordering::Acquire);
        let mut made = self.made.lock().await;
        if made.is_err() && self.tries.load(Ordering::Acquire) == before {
            *made = self.connect(before).await;
            self.tries.fetch_add(1, Ordering::Release);
        }
        match &*made {
            Ok(held) => Ok(held.clone()),
            Err(Error::TooNew { found, known }) => Err(Error::TooNew { found: *found, known: *known }),
            Err(error) => Err(Error::Unavailable(chain(error).into())),
        }
    }

    /// Reads, a few times if need be.
    pub(super) async fn read<Q: Clone, A, F: Future<Output = Result<A, Status>>>(
        &self,
        request: Q,
        call: impl Fn(Client, Request<Q>) -> F,
    ) -> Result<A, Error> {
        let mut tries = 0;
        loop {
            let held = self.client().await?;
            let status = match call(held.client.clone(), limited(request.clone())).await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            self.judge(&held, &status).await;
            tries += 1;
            if tries == READS || !may_pass(status.code()) {
                return Err(failed(&status));
            }
            sleep(jittered(tries)).await;
        }
    }

    /// Commits once. The status tells whether it may have happened all the same.
    pub(super) async fn commit(&self, request: CommitRequest) -> Result<CommitResponse, Refusal> {
        let mut held = self.client().await.map_err(Refusal::NotSent)?;
        match held.client.commit(limited(request)).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => {
                self.judge(&held, &status).await;
                Err(Refusal::Answer(status))
            }
        }
    }

    /// A connection that does not answer is left: its keep-alive would notice after two minutes.
    async fn judge(&self, held: &Held, status: &Status) {
        if status.code() != Code::DeadlineExceeded {
            return;
        }
        let mut made = self.made.lock().await;
        if made.as_ref().is_ok_and(|made| made.number == held.number) {
            *made = Err(Error::Unavailable("the connection did not answer".into()));
        }
    }

    async fn connect(&self, number: u64) -> Result<Held, Error> {
        let mut options = FirestoreDbOptions::new(self.place.project.clone())
            .with_database_id(self.place.database.clone())
            .with_request_timeout(ANSWER);
        options.firebase_api_url = self.place.emulator.as_ref().map(|host| format!("http://{host}"));
        let connecting = async {
            match self.place.emulator {
                Some(_) => FirestoreDb::with_options_auth(options, credentials::emulator()).await,
                None => FirestoreDb::with_options(options).await,
            }
        };
        let connected = timeout(CONNECT, connecting).await.map_err(|late| Error::Unavailable(late.into()))?;
        let client = connected.map_err(|error| Error::Unavailable(error.into()))?.client().get();
        shape::check(client.clone(), &self.names, self.schema).await?;
        Ok(Held { number, client })
    }
}

/// An error and what is behind it, in one line.
fn chain(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why a commit has no answer to show.
pub(super) enum Refusal {
    /// It never left.
    NotSent(Error),
    /// What Firestore or the way there said.
    Answer(Status),
}

/// A request with its limit, which Firestore is told as well.
fn limited<Q>(request: Q) -> Request<Q> {
    let mut request = Request::new(request);
    request.extensions_mut().insert(RequestTimeouts::new().with_total(ANSWER));
    request
}

/// Whether the same request may fare better in a moment.
pub(super) fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
            | Code::Cancelled
    )
}

/// Whether a precondition did not hold.
pub(super) fn is_conflict(code: Code) -> bool {
    matches!(code, Code::AlreadyExists | Code::FailedPrecondition | Code::NotFound)
}

/// A status as callers see it. Its text may quote documents, so only the code goes on.
pub(super) fn failed(status: &Status) -> Error {
    Error::Unavailable(format!("firestore says {:?}", status.code()).into())
}

/// All answers to a batch of names.
pub(super) async fn batch_get(
    mut client: Client,
    request: Request<BatchGetDocumentsRequest>,
) -> Result<Vec<BatchGetDocumentsResponse>, Status> {
    collect(client.batch_get_documents(request).await?).await
}

/// All answers to a query.
pub(super) async fn run_query(
    mut client: Client,
    request: Request<RunQueryRequest>,
) -> Result<Vec<RunQueryResponse>, Status> {
    collect(client.run_query(request).await?).await
}

/// One page of the ids of collections.
pub(super) async fn list_collections(
    mut client: Client,
    request: Request<ListCollectionIdsRequest>,
) -> Result<ListCollectionIdsResponse, Status> {
    client.list_collection_ids(request).await.map(Response::into_inner)
}

async fn collect<A>(answer: Response<Streaming<A>>) -> Result<Vec<A>, Status> {
    let mut stream = answer.into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await? {
        answers.push(answer);
    }
    Ok(answers)
}
