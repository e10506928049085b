//! Says to sheets-writer what there is to tell.
//!
//! The invariant: what is invented never goes to the live books, and what cannot be said is kept with its reason.

use std::sync::Arc;

use chassis::{Link, request_id};
use domain::{Kind, Reason};
use proto::{
    chat::v1::thread_service_client::ThreadServiceClient,
    sheets::v1::{
        RecordEventsRequest, ResolveContactRequest, bookkeeping_service_client::BookkeepingServiceClient,
        contact_service_client::ContactServiceClient, event_service_client::EventServiceClient,
    },
};
use store::queue::{Handler, Next, Trouble};
use tonic::Status;

use super::{Settings, Stated, Statement, Telling};
use crate::notice::Notice;

/// Who keeps the books.
const BOOKS: &str = "sheets-writer";

/// Where the documents are that are told of.
#[async_trait::async_trait]
pub trait Documents: Send + Sync + 'static {
    /// What the document of a telling states as it stands now; `None` if it is gone.
    ///
    /// # Errors
    /// The store's.
    async fn state(&self, telling: &Telling) -> Result<Option<Stated>, store::Error>;
}

/// Does the tellings.
pub struct Teller {
    documents: Arc<dyn Documents>,
    live: Books,
    invented: Option<Books>,
    chats: Option<ThreadServiceClient<Link>>,
}

/// A sheets-writer.
#[derive(Clone)]
struct Books {
    statements: BookkeepingServiceClient<Link>,
    events: EventServiceClient<Link>,
    contacts: ContactServiceClient<Link>,
}

// === impl Teller ===

impl Teller {
    /// Tells the books of `settings` what `documents` state. Call it within the runtime.
    ///
    /// # Errors
    /// An address is none.
    pub fn new(settings: &Settings, documents: Arc<dyn Documents>) -> anyhow::Result<Self> {
        let live = Books::new(Link::new(&settings.sheets_writer_addr)?);
        let invented = match &settings.sandbox_ledger_addr {
            Some(addr) => Some(Books::new(Link::new(addr)?)),
            None => None,
        };
        let chats = match &settings.chat_agent_addr {
            Some(addr) => Some(ThreadServiceClient::new(Link::new(addr)?)),
            None => None,
        };
        Ok(Self { documents, live, invented, chats })
    }

    fn books(&self, live: bool) -> Option<Books> {
        if live { Some(self.live.clone()) } else { self.invented.clone() }
    }

    async fn tell(&self, telling: &Telling) -> Result<(), Trouble> {
        if let Telling::Event { body, live, payment, .. } = telling {
            if !payment.is_empty() {
                let payment = Telling::Payment(payment.clone());
                let stated = self.documents.state(&payment).await?;
                let Stated { statement, live } =
                    stated.ok_or_else(|| Trouble::new("the payment that it is about is not there yet"))?;
                if let Some(books) = self.books(live) {
                    books.state(statement).await.or_else(|status| trouble(BOOKS, &status))?;
                }
            }
            return match self.books(*live) {
                Some(books) => books.event(body).await.or_else(|status| trouble(BOOKS, &status)),
                None => nowhere(),
            };
        }
        if let Telling::Notice(notice) = telling {
            return self.notify(notice).await;
        }
        if let Telling::Contact { whop_user, visitor, live } = telling {
            return match self.books(*live) {
                Some(books) => {
                    books.introduce(whop_user, visitor).await.or_else(|status| trouble(BOOKS, &status))
                }
                None => nowhere(),
            };
        }
        let Some(Stated { statement, live }) = self.documents.state(telling).await? else {
            tracing::debug!("what was to be told is gone");
            return Ok(());
        };
        match self.books(live) {
            Some(books) => books.state(statement).await.or_else(|status| trouble(BOOKS, &status)),
            None => nowhere(),
        }
    }
}

impl Teller {
    /// Tells a visitor in their chat. A thread that is gone wants nothing.
    async fn notify(&self, notice: &Notice) -> Result<(), Trouble> {
        let Some(mut chats) = self.chats.clone() else { return Ok(()) };
        let request = notice.request(request_id::current().unwrap_or_else(request_id::make));
        chats.add_notice(request).await.map(drop).or_else(|status| trouble("chat-agent", &status))
    }
}

#[async_trait::async_trait]
impl Handler<Telling> for Teller {
    async fn handle(&self, _id: &str, telling: &Telling) -> Result<Next, Trouble> {
        // One id for the call and for the logs of both.
        request_id::scope(request_id::make(), self.tell(telling)).await.map(|()| Next::Done)
    }
}

// === impl Books ===

impl Books {
    fn new(link: Link) -> Self {
        Self {
            statements: BookkeepingServiceClient::new(link.clone()),
            events: EventServiceClient::new(link.clone()),
            contacts: ContactServiceClient::new(link),
        }
    }

    async fn state(mut self, statement: Statement) -> Result<(), Status> {
        let id = request_id::current().unwrap_or_else(request_id::make);
        match statement {
            Statement::Booking(mut request) => {
                request.request_id = id;
                self.statements.record_booking(request).await.map(drop)
            }
            Statement::Payment(mut request) => {
                request.request_id = id;
                self.statements.record_payment(request).await.map(drop)
            }
            Statement::Subscription(mut request) => {
                request.request_id = id;
                self.statements.record_subscription(request).await.map(drop)
            }
        }
    }

    async fn introduce(mut self, whop_user: &str, visitor: &str) -> Result<(), Status> {
        let request = ResolveContactRequest {
            request_id: request_id::current().unwrap_or_else(request_id::make),
            verified_whop_user_id: whop_user.to_owned(),
            visitor_id: visitor.to_owned(),
            ..Default::default()
        };
        self.contacts.resolve_contact(request).await.map(drop)
    }

    async fn event(mut self, body: &str) -> Result<(), Status> {
        let request = RecordEventsRequest {
            caller: None,
            request_id: request_id::current().unwrap_or_else(request_id::make),
            events: body.to_owned().into(),
        };
        self.events.record_events(request).await.map(drop)
    }
}

fn nowhere() -> Result<(), Trouble> {
    tracing::info!("something invented is written into no spreadsheet");
    Ok(())
}

/// What it means that a service did not take it. Its words are not kept.
fn trouble(service: &str, status: &Status) -> Result<(), Trouble> {
    let fault = chassis::status::fault(status);
    let reason = fault.reason.as_str();
    match (fault.kind, fault.reason) {
        // Whom it is about, the books have forgotten.
        (_, Reason::Erased) => Ok(()),
        (Kind::Invalid, _) => {
            let field = fault.field.as_deref().unwrap_or("the request");
            Err(Trouble::hopeless(format!("{service} refused {field} ({reason})")))
        }
        _ => {
            let why = format!("{service} took no telling ({reason})");
            Err(Trouble { retry_after: fault.retry_after, ..Trouble::new(why) })
        }
    }
}
