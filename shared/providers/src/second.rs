//! Forgetting a person in the second ledger, the one for what is only invented.
//!
//! One service that writes into it, booking-payments, has it forget, also what others wrote there: it finds the person
//! there by what they are known by, begins an erasure of that ledger's own and has it done. That ledger keeps the
//! receipt and counts what goes; here it is only waited for. The invariant: no erasure that was begun there is lost.
//! The open ones are asked for each time, for once a person is cut off there, nothing leads to them any more; so one of
//! somebody else is driven on, and waited for, as well.

use std::time::Duration;

use chassis::{Link, status::fault};
use domain::Kind;
use proto::{
    common::v1::{
        ErasePersonRequest, ErasePersonResponse, Person, operations_service_client::OperationsServiceClient,
    },
    sheets::v1::{
        BeginErasureRequest, FindContactsRequest, ListErasuresRequest,
        contact_service_client::ContactServiceClient,
    },
};
use store::erasing::Erasures;
use tokio::time::Instant;
use tonic::Status;

use crate::{books::Settings, erasure::Forgets, error::Error};

/// What one call may take: the spreadsheet is written soon after the store, if nothing keeps it.
const PORTION: Duration = Duration::from_secs(3);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(250);
/// Erasures of one page.
const PAGE: i32 = 100;

/// A ledger for what is only invented, beside that of what is real.
pub struct SecondLedger {
    contacts: ContactServiceClient<Link>,
    operations: OperationsServiceClient<Link>,
}

// === impl SecondLedger ===

impl SecondLedger {
    /// The one that the settings name, unless it is the only one: that is asked by whoever drives the erasure. Call it
    /// within the runtime.
    ///
    /// # Errors
    /// Its address is none.
    pub fn of(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let another =
            settings.sandbox_ledger_addr.as_ref().filter(|addr| **addr != settings.sheets_writer_addr);
        another.map(|addr| Ok(Self::over(Link::new(addr)?))).transpose()
    }

    fn over(link: Link) -> Self {
        Self {
            contacts: ContactServiceClient::new(link.clone()),
            operations: OperationsServiceClient::new(link),
        }
    }

    /// Begins to forget whoever is found there.
    async fn begin(&self, person: &Person) -> Result<(), Status> {
        for identity in identities(person) {
            let found = match self.contacts.clone().find_contacts(identity).await {
                Ok(found) => found.into_inner().contacts,
                // What is no identity there leads to nobody.
                Err(status) if fault(&status).kind == Kind::Invalid => continue,
                Err(status) => return Err(status),
            };
            for contact in found.into_iter().filter(|contact| contact.erase_time.is_none()) {
                let request = BeginErasureRequest {
                    request_id: chassis::request_id::make(),
                    contact_id: contact.contact_id,
                    ..Default::default()
                };
                self.contacts.clone().begin_erasure(request).await?;
            }
        }
        Ok(())
    }

    /// Goes on with all that were begun there; what they wait for.
    async fn go_on(&self) -> Result<Option<String>, Status> {
        let (mut waiting_for, mut page_token) = (None, String::new());
        loop {
            let request =
                ListErasuresRequest { open_only: true, page_size: PAGE, page_token, ..Default::default() };
            let page = self.contacts.clone().list_erasures(request).await?.into_inner();
            for erasure in page.erasures {
                let request = ErasePersonRequest { erasure_id: erasure.erasure_id, person: erasure.person };
                let answer = self.operations.clone().erase_person(request).await?.into_inner();
                let ErasePersonResponse { done, waiting_for: what, .. } = answer;
                waiting_for = waiting_for.or((!done).then_some(what));
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(waiting_for);
            }
        }
    }

    async fn forget_within(&self, person: &Person, until: Instant) -> Result<Option<String>, Status> {
        self.begin(person).await?;
        while let Some(waiting_for) = self.go_on().await? {
            if Instant::now() >= until {
                return Ok(Some(format!("the second ledger, which waits for {waiting_for}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(None)
    }
}

#[async_trait::async_trait]
impl Forgets for SecondLedger {
    async fn forget(&self, person: &Person, _: &Erasures, _: &str) -> Result<Option<String>, Error> {
        match self.forget_within(person, Instant::now() + PORTION).await {
            Ok(waiting_for) => Ok(waiting_for),
            Err(status) => {
                let fault = fault(&status);
                tracing::warn!(reason = fault.reason.as_str(), "the second ledger forgot nobody");
                Ok(Some(said(fault.kind).to_owned()))
            }
        }
    }
}

/// What is waited for where the second ledger fails: its own words are not kept.
fn said(kind: Kind) -> &'static str {
    match kind {
        Kind::Unavailable | Kind::Deadline => "the second ledger, which does not answer",
        _ => "the second ledger, whose log tells of a failure",
    }
}

/// A question for each thing that the person is known by.
fn identities(person: &Person) -> impl Iterator<Item = FindContactsRequest> + '_ {
    let by = |fill: fn(&mut FindContactsRequest, String)| {
        move |value: &String| {
            let mut request = FindContactsRequest::default();
            fill(&mut request, value.clone());
            request
        }
    };
    let emails = person.emails.iter().map(by(|request, email| request.email = email));
    let phones = person.phones.iter().map(by(|request, phone| request.phone = phone));
    let visitors = person.visitor_ids.iter().map(by(|request, visitor| request.visitor_id = visitor));
    let users = person.whop_user_ids.iter().map(by(|request, user| request.verified_whop_user_id = user));
    emails.chain(phones).chain(visitors).chain(users)
}
