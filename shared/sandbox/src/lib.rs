//! Stand-ins for the providers, over real HTTP: as strict as their published schemas, and with knobs for faults.
//!
//! They exist so that the whole system runs and is tested with no key at all, by the production clients. The
//! invariant: a stand-in refuses what the provider's schema refuses, and an answered 200 survives `kill -9`.

mod calcom;
mod db;
mod drive;
mod edge;
mod faults;
mod log;
mod openai;
mod pages;
mod person;
mod random;
mod receiver;
mod serve;
mod sheets;
mod slack;
mod smtp;
mod stripe;
mod told;
mod webhooks;
mod whop;

use std::{path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, get},
};
use serde_json::Value;

pub use calcom::{CALCOM_API_KEY, Calendar, Declined, INTRO_CALL, STRATEGY_CONSULT, Side, Visit};
pub use drive::{GROWTH_FOLDER, SCALE_FOLDER};
pub use faults::{Chaos, Fault, FaultKind, Provider};
pub use log::Asked;
pub use openai::{API_KEY, Output, Scripted};
pub use person::{Mishap, Person};
pub use receiver::{Got, Mood, Receiver};
pub use serve::serve;
pub use sheets::{ACCESS_TOKEN, Applied, Call, SPREADSHEET_ID};
pub use slack::SLACK_WEBHOOK;
pub use smtp::{LONGEST_LETTER, serve_mail};
pub use stripe::{API_VERSION as STRIPE_VERSION, MONTHLY_PRICE, ONE_TIME_PRICE, STRIPE_SECRET_KEY, Till};
pub use told::{Letter, Told};
pub use webhooks::{Delivery, Outcome, Webhooks};
pub use whop::{
    API_VERSION_DATE as WHOP_VERSION, Club, Generation, Signer, UserToken, WHOP_ACCOUNT_ID, WHOP_API_KEY,
    WHOP_APP_ID, serve_app as serve_whop_app,
};

/// All stand-ins and what they remember. Clones share one state.
#[derive(Clone)]
pub struct Sandbox(Arc<State>);

struct State {
    log: log::Log,
    faults: faults::Faults,
    openai: openai::OpenAi,
    sheets: sheets::Sheets,
    calcom: calcom::CalCom,
    stripe: stripe::Stripe,
    whop: whop::Whop,
    drive: drive::Drive,
    webhooks: webhooks::Sender,
    slack: slack::Pace,
    notices: told::Notices,
}

impl Sandbox {
    /// The stand-ins with their state in this SQLite file, or in memory for as long as this value lives.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let db = db::Db::open(path)?;
        Ok(Self(Arc::new(State {
            log: log::Log::default(),
            faults: faults::Faults::default(),
            openai: openai::OpenAi::open(db.clone())?,
            sheets: sheets::Sheets::open(db.clone())?,
            calcom: calcom::CalCom::open(db.clone())?,
            stripe: stripe::Stripe::open(db.clone())?,
            whop: whop::Whop::open(db.clone())?,
            drive: drive::Drive::default(),
            webhooks: webhooks::Sender::default(),
            slack: slack::Pace::default(),
            notices: told::Notices::open(db)?,
        })))
    }

    /// The providers' endpoints: `/openai/v1/…`, `/sheets/v4/spreadsheets/…`, `/calcom/v2/…`, `/stripe/v1/…`,
    /// `/whop/api/v1/…`, `/whop/.well-known/jwks.json`, `/drive/v3/…` and `/slack/services/…`, and the pages on which their
    /// links are paid, `/stripe/pay/…` and `/whop/checkout/…`. Mail has a port of its own: [`serve_mail`].
    pub fn providers(&self) -> Router {
        Router::new()
            .route("/openai/v1/{*path}", any(openai::answer))
            .route("/sheets/v4/{*path}", any(sheets::answer))
            .route("/calcom/v2/{*path}", any(calcom::answer))
            .route("/stripe/v1/{*path}", any(stripe::answer))
            .route("/whop/api/v1/{*path}", any(whop::answer))
            .route("/whop/.well-known/jwks.json", get(whop::keys))
            .route("/drive/v3/{*path}", any(drive::answer))
            .route("/slack/services/{*path}", any(slack::answer))
            .layer(middleware::from_fn_with_state(self.clone(), edge::pass))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
            .merge(stripe::page::router(self.clone()))
            .merge(whop::page::router(self.clone()))
    }

    /// The pages people look at, under `/sandbox`. They answer loopback only, and need `ConnectInfo`.
    pub fn pages(&self) -> Router {
        pages::router(self.clone())
    }

    /// What was asked, oldest first. Old entries are dropped when there are many.
    pub fn requests(&self) -> Vec<Asked> {
        self.0.log.entries()
    }

    /// Queues a fault; faults are used in the order in which they were queued.
    pub fn inject(&self, fault: Fault) {
        self.0.faults.push(fault);
    }

    /// Sets or ends random faults.
    pub fn set_chaos(&self, chaos: Option<Chaos>) {
        self.0.faults.set_chaos(chaos);
    }

    /// Forgets queued and random faults.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// The cells of a tab as typed JSON values, header row included; formulas as their text, empty cells null.
    pub fn tab(&self, title: &str) -> Option<Vec<Vec<Value>>> {
        self.0.sheets.tab(title)
    }

    /// Keeps every batch that is applied to the spreadsheet and every call from now on, for as long as this lives.
    pub fn keep_truth(&self) {
        self.0.sheets.keep_truth();
    }

    /// The batches that were applied since [`Self::keep_truth`], from the `from`th on, whatever their client was told.
    pub fn applied(&self, from: usize) -> Vec<Applied> {
        self.0.sheets.applied(from)
    }

    /// The calls that reached the spreadsheet's quota since [`Self::keep_truth`], refused ones included.
    pub fn calls(&self) -> Vec<Call> {
        self.0.sheets.calls()
    }

    /// The titles of the tabs, in order.
    pub fn tabs(&self) -> Vec<String> {
        self.0.sheets.book().sheets.iter().map(|sheet| sheet.title.clone()).collect()
    }

    /// Makes a hosted workflow known; those that begin with `wf_sandbox` always are.
    pub fn add_workflow(&self, id: &str) {
        self.0.openai.add_workflow(id);
    }

    /// Somebody talks in a hosted chat: makes a thread of this user at OpenAI, and answers its id.
    ///
    /// # Errors
    /// The database's.
    pub fn talk_hosted(&self, user: &str) -> anyhow::Result<String> {
        Ok(self.0.openai.talk(user)?)
    }

    /// What the model answers next, before its own rules apply again.
    pub fn script(&self, answers: Vec<Scripted>) {
        self.0.openai.script.extend(answers);
    }

    /// Scripted answers that nobody has asked for yet.
    pub fn unplayed(&self) -> usize {
        self.0.openai.script.unplayed()
    }

    /// The pause before each event of a streamed response; none at first.
    pub fn set_pace(&self, per_event: Duration) {
        self.0.openai.set_pace(per_event);
    }

    /// Requests to Sheets that one user may make in 60 seconds; Google's are 60 and 60.
    pub fn set_quota(&self, writes: usize, reads: usize) {
        self.0.sheets.set_quota(writes, reads);
    }

    /// The owner's hand in the spreadsheet: edits that no quota counts and no fault hits.
    pub fn person(&self) -> Person<'_> {
        Person::new(&self.0.sheets)
    }
}
