//! Whop's API v1, dated 2026-10-15-1, and its webhooks, user tokens and the proxy before an app.
//!
//! It exists so that the production client meets Whop's own shapes, as its Python SDK 2.6.0 describes them. The
//! invariant: a request that Whop refuses is refused here, in Whop's error shape, and changes nothing.
//!
//! Where it is stricter than Whop is known to be, so that a mistake of a client shows at once: parameters and fields that
//! no document names are refused, and the legacy version is played for memberships and payments alone.

pub(crate) mod app;
mod ask;
mod back;
mod catalogue;
mod checkouts;
mod error;
mod hand;
mod hooks;
mod idempotency;
mod legacy;
mod life;
mod list;
mod memberships;
mod notice;
pub(crate) mod page;
mod people;
mod proxy;
mod records;
mod routes;
mod shelf;
mod support;
mod till;
mod token;
mod version;
mod view;
mod world;

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU16, Ordering},
};

use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;

use self::{
    error::{Refusal, Taken},
    notice::Notice,
    shelf::Desk,
};
pub use self::{
    hand::Club,
    notice::Generation,
    proxy::serve_app,
    token::{Signer, UserToken},
    version::API_VERSION_DATE,
};
pub(crate) use self::{routes::answer, token::keys};
use crate::{Provider, Sandbox, db::Db};

/// The key of the account that the stand-in takes; it has no version stored.
pub const WHOP_API_KEY: &str = "apik_sandbox_A0000000000000000000000000000000000000000000000000000";
/// The account, the seller.
pub const WHOP_ACCOUNT_ID: &str = "biz_frontdesk0001";
/// The app that user tokens are for.
pub const WHOP_APP_ID: &str = "app_frontdesk0001";

/// The far side.
pub(crate) struct Whop {
    db: Db,
    generation: Mutex<Generation>,
    /// Where the app's proxy listens; 0 while it does not.
    proxy: AtomicU16,
}

// === impl Whop ===

impl Whop {
    pub(crate) fn open(db: Db) -> anyhow::Result<Self> {
        db.lock().execute_batch(shelf::SCHEMA)?;
        let whop = Self { db, generation: Mutex::default(), proxy: AtomicU16::new(0) };
        let seeded = whop.transact(Timestamp::now(), |desk| {
            world::seed(desk)?;
            token::seed(desk)
        });
        seeded.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        Ok(whop)
    }

    fn speak(&self, generation: Generation) {
        *self.lock() = generation;
    }

    fn generation(&self) -> Generation {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Generation> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port of the app's proxy, once it listens.
    pub(crate) fn proxy_port(&self) -> Option<u16> {
        Some(self.proxy.load(Ordering::Relaxed)).filter(|port| *port != 0)
    }

    fn set_proxy_port(&self, port: u16) {
        self.proxy.store(port, Ordering::Relaxed);
    }

    /// One transaction; what is to be told of it is returned.
    fn transact<T>(
        &self,
        now: Timestamp,
        act: impl FnOnce(&Desk<'_>) -> Taken<T>,
    ) -> Taken<(T, Vec<Notice>)> {
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        let (done, told) = {
            let desk = Desk::new(&transaction, now);
            (act(&desk)?, desk.told.take())
        };
        transaction.commit()?;
        Ok((done, told))
    }
}

impl Sandbox {
    /// Does something at Whop, and tells of it.
    fn at_whop<T>(&self, now: Timestamp, act: impl FnOnce(&Desk<'_>) -> Taken<T>) -> Taken<T> {
        let (done, told) = self.0.whop.transact(now, act)?;
        let generation = self.0.whop.generation();
        for notice in told {
            self.announce(Provider::Whop, notice.message(generation));
        }
        Ok(done)
    }
}

/// An error of this status in Whop's shape, as a fault answers it.
pub(crate) fn refusal(status: StatusCode) -> Response {
    Refusal::of_status(status).into_response()
}
