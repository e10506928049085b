//! Forgetting a person everywhere: who is asked, in which order, and what is taken down.
//!
//! The books know who it is and keep the receipt; every other service does its part first, and the books come last,
//! for without them nobody could tell the others who is meant. It may stop anywhere: whoever calls again goes on. The
//! invariant: an erasure ends only after every service has said that nothing is left.

use std::time::Duration;

use chassis::{Link, deadline, request_id};
use domain::{Fault, Kind, token::Keys, visit::visitor_of_member};
use proto::{
    common::v1::{
        Caller, Count, ErasePersonRequest, ErasePersonResponse, Person,
        operations_service_client::OperationsServiceClient,
    },
    sheets::v1::{
        BeginErasureRequest, Erasure, ErasureAnswer, GetErasureRequest, RecordErasureRequest,
        contact_service_client::ContactServiceClient,
    },
};
use tokio::time::Instant;
use url::Url;

use crate::{Config, error, operator::ErasureReceipt};

/// The service that keeps the receipt.
pub const BOOKS: &str = "sheets-writer";
/// What one call takes at most, whatever is left to do.
const PASS: Duration = Duration::from_secs(10);
/// What is left of that to tell what has been done.
const REST: Duration = Duration::from_secs(2);
/// How long the books are given to see the spreadsheet written.
const SHEET: Duration = Duration::from_secs(4);
/// How often they are asked.
const LOOK: Duration = Duration::from_millis(250);
/// What is said of a service that has not answered yet.
const NOT_ASKED: &str = "its turn";
/// And of one that failed without a reason that is anybody's business.
const FAILED: &str = "the repair of a failure, which its log tells";

/// A service that keeps anything of anybody.
pub struct Keeper {
    /// Its name.
    pub name: &'static str,
    /// Where the settings say that it is.
    pub address: fn(&Config) -> &Url,
}

/// Everybody who is asked, in this order; the books are the last.
pub const KEEPERS: [Keeper; 6] = [
    Keeper { name: "session-broker", address: |config| &config.session_broker_addr },
    Keeper { name: "chat-agent", address: |config| &config.chat_agent_addr },
    Keeper { name: "booking-payments", address: |config| &config.booking_payments_addr },
    Keeper { name: "whop-gateway", address: |config| &config.whop_gateway_addr },
    Keeper { name: "ops-copilot", address: |config| &config.ops_copilot_addr },
    Keeper { name: BOOKS, address: |config| &config.sheets_writer_addr },
];

/// The ways to all who are asked. Cheap to clone.
#[derive(Clone)]
pub struct Eraser {
    keys: Option<Keys>,
    contacts: ContactServiceClient<Link>,
    keepers: Vec<(&'static str, OperationsServiceClient<Link>)>,
}

/// How far an erasure is.
#[derive(Clone, Debug)]
pub struct Report {
    /// The erasure as the books have it.
    pub erasure: Erasure,
    /// What everybody has answered, the books last. Who has never been asked is not done.
    pub answers: Vec<ErasureAnswer>,
}

// === impl Eraser ===

impl Eraser {
    /// Over the links that `link` makes, one to each of [`KEEPERS`]. From `keys`, those of our tokens, follows as whom a
    /// Whop user talks; without them nobody is forgotten who is one.
    ///
    /// # Errors
    /// Those of `link`.
    ///
    /// # Panics
    /// If the books were taken out of the list.
    pub fn over<E>(keys: Option<Keys>, link: impl Fn(&Keeper) -> Result<Link, E>) -> Result<Self, E> {
        let to = |keeper: &Keeper| Ok((keeper.name, OperationsServiceClient::new(link(keeper)?)));
        let keepers = KEEPERS.iter().map(to).collect::<Result<_, E>>()?;
        let books = KEEPERS.iter().find(|keeper| keeper.name == BOOKS).expect("the books are in the list");
        Ok(Self { keys, contacts: ContactServiceClient::new(link(books)?), keepers })
    }

    /// Forgets a contact, or goes on with it: asks everybody, for as long as the deadline leaves time, ten seconds at
    /// most. `request_id` makes a repetition recognisable.
    ///
    /// # Errors
    /// The books cannot be reached, there is no such contact, or it is a Whop user and there are no keys. What another
    /// service fails with is its answer.
    pub async fn erase(
        &self,
        caller: Caller,
        request_id: String,
        contact_id: String,
    ) -> Result<Report, Fault> {
        let limit = deadline::remaining().map_or(PASS, |left| left.min(PASS)).saturating_sub(REST);
        let until = Instant::now() + limit;
        let request = BeginErasureRequest { caller: Some(caller.clone()), request_id, contact_id };
        let mut erasure = self.begin(request).await?;
        if erasure.end_time.is_some() {
            return Ok(Report::of(erasure));
        }
        for (service, keeper) in self.keepers.iter().filter(|(service, _)| *service != BOOKS) {
            let Some(answer) = ask(service, keeper, &erasure, until).await else { break };
            let request = RecordErasureRequest {
                caller: Some(caller.clone()),
                request_id: request_id::make(),
                erasure_id: erasure.erasure_id,
                service: answer.service,
                done: answer.done,
                erased: answer.erased,
                waiting_for: answer.waiting_for,
            };
            erasure = self.record(request).await?;
        }
        self.close(caller, erasure, until).await
    }

    /// The books' own part, once everybody else has done theirs.
    async fn close(&self, caller: Caller, erasure: Erasure, until: Instant) -> Result<Report, Fault> {
        let so_far = Report::of(erasure);
        if so_far.answers.iter().any(|answer| answer.service != BOOKS && !answer.done) {
            return Ok(so_far);
        }
        let books = self.keepers.iter().find(|(service, _)| *service == BOOKS);
        let (_, books) = books.expect("the books are in the list");
        // the spreadsheet is written soon after the store, if nothing keeps it
        let patience = until.min(Instant::now() + SHEET);
        let mut last = None;
        while let Some(answer) = ask(BOOKS, books, &so_far.erasure, until).await {
            let done = answer.done;
            last = Some(answer);
            if done || Instant::now() >= patience {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let report = self.get(caller, so_far.erasure.erasure_id).await?;
        Ok(match last {
            Some(answer) => report.with(answer),
            None => report,
        })
    }

    /// How far an erasure is, or its receipt.
    ///
    /// # Errors
    /// The books cannot be reached, or there is no such erasure.
    pub async fn get(&self, caller: Caller, erasure_id: String) -> Result<Report, Fault> {
        let request = GetErasureRequest { caller: Some(caller), erasure_id };
        error::ask!(BOOKS, self.contacts, get_erasure(request))
            .await?
            .erasure
            .map(Report::of)
            .ok_or_else(|| error::nothing(BOOKS))
    }

    async fn begin(&self, request: BeginErasureRequest) -> Result<Erasure, Fault> {
        let begun = error::ask!(BOOKS, self.contacts, begin_erasure(request));
        self.with_members(begun.await?.erasure)
    }

    async fn record(&self, request: RecordErasureRequest) -> Result<Erasure, Fault> {
        let recorded = error::ask!(BOOKS, self.contacts, record_erasure(request));
        self.with_members(recorded.await?.erasure)
    }

    /// With the visitors as whom the person talks as a member: the books may never have been told of them.
    fn with_members(&self, erasure: Option<Erasure>) -> Result<Erasure, Fault> {
        let mut erasure = erasure.ok_or_else(|| error::nothing(BOOKS))?;
        let Some(Person { visitor_ids, whop_user_ids, .. }) = &mut erasure.person else { return Ok(erasure) };
        if whop_user_ids.is_empty() {
            return Ok(erasure);
        }
        let keys = self.keys.as_ref().ok_or_else(no_keys)?;
        let members = whop_user_ids.iter().map(|user| visitor_of_member(user, keys).to_string());
        visitor_ids.extend(members);
        visitor_ids.sort();
        visitor_ids.dedup();
        Ok(erasure)
    }
}

// === impl Report ===

impl Report {
    /// What the books know, with everybody in the list, in its order, and who was asked before and is no longer in it.
    fn of(erasure: Erasure) -> Self {
        let known = |name: &str| erasure.answers.iter().find(|answer| answer.service == name);
        let listed =
            KEEPERS.iter().map(|keeper| known(keeper.name).cloned().unwrap_or_else(|| not_asked(keeper)));
        let is_listed = |name: &str| KEEPERS.iter().any(|keeper| keeper.name == name);
        let gone = erasure.answers.iter().filter(|answer| !is_listed(&answer.service)).cloned();
        let answers = gone.chain(listed).collect();
        Self { erasure, answers }
    }

    /// With what the books have answered just now.
    fn with(mut self, answer: ErasureAnswer) -> Self {
        if let Some(books) = self.answers.iter_mut().find(|known| known.service == BOOKS) {
            let time = books.time.take();
            *books = ErasureAnswer { time, ..answer };
        }
        self
    }

    /// As the operator's route answers it.
    pub fn receipt(self) -> serde_json::Value {
        serde_json::to_value(ErasureReceipt::from(self)).expect("texts and numbers serialize")
    }

    /// Nothing that names the person is left anywhere.
    pub fn is_done(&self) -> bool {
        self.erasure.end_time.is_some()
    }
}

fn not_asked(keeper: &Keeper) -> ErasureAnswer {
    let (service, waiting_for) = (keeper.name.to_owned(), NOT_ASKED.to_owned());
    ErasureAnswer { service, waiting_for, ..ErasureAnswer::default() }
}

/// Asks a service until it is done or has to wait for something; `None` when there is no time left to ask.
async fn ask(
    service: &'static str,
    keeper: &OperationsServiceClient<Link>,
    erasure: &Erasure,
    until: Instant,
) -> Option<ErasureAnswer> {
    let known = erasure.answers.iter().find(|answer| answer.service == service);
    let mut erased = known.map(|answer| answer.erased.clone()).unwrap_or_default();
    let mut last = None;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return last;
        }
        let answered = deadline::within(left, step(service, keeper, erasure)).await;
        let (done, waiting_for) = match answered {
            Ok(answer) => {
                let stands = answer.done || sum(&answer.erased) <= sum(&erased);
                erased = answer.erased;
                if !stands {
                    // it got on, and may go on at once
                    last = Some(told(service, false, &erased, answer.waiting_for));
                    continue;
                }
                (answer.done, answer.waiting_for)
            }
            Err(fault) if fault.kind == Kind::Internal => (false, FAILED.to_owned()),
            Err(fault) => (false, fault.message),
        };
        return Some(told(service, done, &erased, waiting_for));
    }
}

async fn step(
    service: &'static str,
    keeper: &OperationsServiceClient<Link>,
    erasure: &Erasure,
) -> Result<ErasePersonResponse, Fault> {
    let request =
        ErasePersonRequest { erasure_id: erasure.erasure_id.clone(), person: erasure.person.clone() };
    error::ask!(service, *keeper, erase_person(request)).await
}

fn told(service: &str, done: bool, erased: &[Count], waiting_for: String) -> ErasureAnswer {
    ErasureAnswer { service: service.to_owned(), done, erased: erased.to_owned(), waiting_for, time: None }
}

fn sum(counts: &[Count]) -> i64 {
    counts.iter().map(|count| count.number).sum()
}

fn no_keys() -> Fault {
    Fault::invalid(
        "TOKEN_KEYS",
        "TOKEN_KEYS is needed: the person is a Whop user, whose chats are found by it",
    )
}
