//! The services behind the tools, over real gRPC: three people have something there, and everybody sees their own alone.
//!
//! They keep to their contracts: what is another's is not there, and the same request of the same caller has its effect
//! once. An answer may be lost after its effect.

// Tests of chat-agent take this file as well, by its path.
#[path = "world/books.rs"]
mod books;
#[path = "world/calendar.rs"]
mod calendar;
#[path = "world/club.rs"]
mod club;
#[path = "world/office.rs"]
mod office;
#[path = "world/till.rs"]
mod till;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use chassis::{Context, Grpc, status::status};
use domain::{Fault, Kind, Reason};
use jiff::Timestamp;
use proto::{
    booking::v1::{
        Booking, Checkout, booking_service_server::BookingServiceServer,
        payment_service_server::PaymentServiceServer,
    },
    common::v1::Caller,
    ops::v1::{notify_service_server::NotifyServiceServer, report_service_server::ReportServiceServer},
    sheets::v1::{
        contact_service_server::ContactServiceServer, event_service_server::EventServiceServer,
        lead_service_server::LeadServiceServer, ledger_service_server::LedgerServiceServer,
    },
    whop::v1::membership_service_server::MembershipServiceServer,
};
use serde_json::Value;
use tonic::{Response, Status};

/// When the tests take place.
pub(crate) const NOW: &str = "2026-11-20T08:00:00Z";
/// A start that is free, and one that somebody else has.
pub(crate) const FREE: &str = "2026-12-01T09:00:00Z";
pub(crate) const TAKEN: &str = "2026-12-01T10:00:00Z";
/// A meeting that costs nothing, and one that is sold.
pub(crate) const MEETING: &str = "intro-call";
pub(crate) const SOLD: &str = "strategy-consult";

/// Somebody who has something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) visitor: &'static str,
    pub(crate) user: &'static str,
}

/// Everybody who has something.
pub(crate) const PEOPLE: [Person; 3] = [
    Person { name: "ann", visitor: "vis_000000000000000000000000000000a1", user: "user_ann" },
    Person { name: "bob", visitor: "vis_000000000000000000000000000000b2", user: "user_bob" },
    Person { name: "cleo", visitor: "vis_000000000000000000000000000000c3", user: "user_cleo" },
];

// === impl Person ===

impl Person {
    /// A word that stands in everything that is theirs, and that nobody else may see.
    pub(crate) fn secret(&self) -> String {
        format!("canary-{}-7f3a", self.name)
    }

    /// What others may know or guess of them: ids of theirs, and where they can be reached.
    pub(crate) fn handles(&self) -> Vec<String> {
        let name = self.name;
        [
            format!("bkg_{name}"),
            format!("chk_{name}"),
            format!("mem_{name}"),
            format!("pay_{name}"),
            format!("files:{name}"),
            format!("{name}@example.com"),
            self.visitor.to_owned(),
            self.user.to_owned(),
        ]
        .into()
    }
}

/// The services.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Desk>>);

/// What is there.
#[derive(Default)]
pub(crate) struct Desk {
    /// Every call, with who was behind it.
    pub(crate) asked: Vec<(&'static str, Caller)>,
    /// Every effect by call, caller and request: what came of it.
    pub(crate) effects: BTreeMap<(&'static str, String, String), String>,
    /// Meetings and links, with the visitor whose they are.
    pub(crate) bookings: BTreeMap<String, (String, Booking)>,
    pub(crate) checkouts: BTreeMap<String, (String, Checkout)>,
    /// Leads, contacts, tickets and outcomes by their ids: the visitor whose they are, and what they say.
    pub(crate) records: BTreeMap<String, (String, String)>,
    /// What the books were told.
    pub(crate) events: Vec<Value>,
    /// How many answers are lost from now on.
    pub(crate) lose: u32,
    /// How the next calls fail without an effect, the last one first.
    pub(crate) refuse: Vec<Status>,
}

impl Desk {
    /// Takes a call down; fails if it is to fail.
    fn begin(&mut self, rpc: &'static str, caller: Option<Caller>) -> Result<Caller, Status> {
        let caller = caller.unwrap_or_default();
        self.asked.push((rpc, caller.clone()));
        self.refuse.pop().map_or(Ok(caller), Err)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let mut desk = Desk::default();
        for person in PEOPLE {
            let owner = person.visitor.to_owned();
            let (booking, checkout) = (calendar::of_person(&person), till::of_person(&person));
            desk.bookings.insert(booking.booking_id.clone(), (owner.clone(), booking));
            desk.checkouts.insert(checkout.checkout_id.clone(), (owner.clone(), checkout));
            for kind in ["led", "con", "tkt", "out"] {
                desk.records.insert(format!("{kind}_{}", person.name), (owner.clone(), person.secret()));
            }
        }
        Self(Arc::new(Mutex::new(desk)))
    }

    /// Serves all of them at one address, until the runtime ends.
    pub(crate) async fn serve(&self) -> String {
        let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .add(LeadServiceServer::new(self.clone()))
            .add(EventServiceServer::new(self.clone()))
            .add(LedgerServiceServer::new(self.clone()))
            .add(ContactServiceServer::new(self.clone()))
            .add(BookingServiceServer::new(self.clone()))
            .add(PaymentServiceServer::new(self.clone()))
            .add(MembershipServiceServer::new(self.clone()))
            .add(ReportServiceServer::new(self.clone()))
            .add(NotifyServiceServer::new(self.clone()));
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(chassis::serve(listener, grpc.into(), Context::new("world", false)));
        url
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap()
    }

    /// Everything that is kept of these people, and what was done in their name.
    pub(crate) fn kept(&self, people: &[Person]) -> Vec<String> {
        let desk = self.desk();
        let theirs = |owner: &str| people.iter().any(|person| person.visitor == owner);
        let bookings =
            desk.bookings.values().filter(|(owner, _)| theirs(owner)).map(|one| format!("{one:?}"));
        let links = desk.checkouts.values().filter(|(owner, _)| theirs(owner)).map(|one| format!("{one:?}"));
        let records =
            desk.records.iter().filter(|(_, (owner, _))| theirs(owner)).map(|one| format!("{one:?}"));
        let of =
            |who: &str| people.iter().any(|person| who.contains(person.visitor) || who.contains(person.user));
        let effects = desk.effects.iter().filter(|((_, who, _), _)| of(who)).map(|one| format!("{one:?}"));
        bookings.chain(links).chain(records).chain(effects).collect()
    }

    /// [`Desk::begin`]
    fn begin(&self, rpc: &'static str, caller: Option<Caller>) -> Result<Caller, Status> {
        self.desk().begin(rpc, caller)
    }

    /// What a request comes to: what it came to before, or `make` and its id now.
    fn once(
        &self,
        rpc: &'static str,
        caller: &Caller,
        request_id: &str,
        make: impl FnOnce(&mut Desk) -> Result<String, Status>,
    ) -> Result<String, Status> {
        assert!(domain::id::check(request_id).is_ok(), "{rpc} has a request id");
        let mut desk = self.desk();
        let key = (rpc, who(caller), request_id.to_owned());
        if let Some(known) = desk.effects.get(&key) {
            return Ok(known.clone());
        }
        let made = make(&mut desk)?;
        desk.effects.insert(key, made.clone());
        Ok(made)
    }

    /// Answers, unless the answer is lost.
    fn end<T>(&self, answer: T) -> Result<Response<T>, Status> {
        let mut desk = self.desk();
        if desk.lose > 0 {
            desk.lose -= 1;
            return Err(Status::unavailable("the answer was lost"));
        }
        Ok(Response::new(answer))
    }
}

/// Whose requests are the same: a visitor's, or those of the operator's own agent.
fn who(caller: &Caller) -> String {
    format!("{}/{}", caller.visitor_id, caller.verified_whop_user_id)
}

/// The visitor of a call, who must be somebody.
fn visitor(caller: &Caller) -> Result<String, Status> {
    let known = domain::Caller::read(&caller.visitor_id, &caller.verified_whop_user_id);
    known.map(|known| known.visitor.to_string()).map_err(|fault| status(&fault))
}

/// Whether what is a visitor's is the caller's.
fn owns(owner: &str, caller: &Caller) -> bool {
    let person = PEOPLE.iter().find(|person| person.visitor == owner);
    owner == caller.visitor_id || person.is_some_and(|person| person.user == caller.verified_whop_user_id)
}

fn refused(kind: Kind, reason: Reason, why: &str) -> Status {
    status(&Fault::new(kind, reason, why))
}

fn time(text: &str) -> Option<prost_types::Timestamp> {
    Some(proto::time::wire(text.parse::<Timestamp>().unwrap()))
}

/// The rpcs that no tool calls, as `async_trait` would write them: it does not look into a macro.
macro_rules! never {
    ($($rpc:ident($request:ty) -> $response:ty;)*) => {
        $(fn $rpc<'life0, 'async_trait>(
            &'life0 self,
            _: tonic::Request<$request>,
        ) -> std::pin::Pin<
            Box<dyn Future<Output = Result<tonic::Response<$response>, tonic::Status>> + Send + 'async_trait>,
        >
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { Err(tonic::Status::unimplemented("no tool calls this")) })
        })*
    };
}
use never;
