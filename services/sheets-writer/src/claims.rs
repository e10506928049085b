//! What a visitor said about themselves in a chat: a contact and its open lead.
//!
//! An e-mail or a phone given in a chat is a claim, not a proof: it joins rows in the owner's books, and the answer
//! holds nothing that the books knew before. The invariants: one request is one lead, however often it comes; and what was
//! said before somebody was forgotten brings nothing of them back.

use domain::{Fault, Kind, Reason, id, tab};
use jiff::{SignedDuration, Timestamp};
use proto::sheets::v1::{LeadFacts, SaveLeadRequest, SaveLeadResponse};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Store, Work};

use crate::{
    error::Error,
    leads::{self, Signal},
    people::{self, Identity},
};

/// Answers of requests that were done, by request id.
const SAVED: Collection<Saved> = Collection::new("saved_leads");
/// For how long a repetition of a request is recognised.
pub(crate) const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Longest field, in characters.
const MAX_FIELD: usize = 2_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    lead_id: String,
    contact_id: String,
    created: bool,
    /// Where the visitor was, for those who are told of the lead.
    #[serde(default)]
    workflow: String,
    #[serde(default)]
    site: String,
}

/// Writes the visitor's contact and lead.
pub(crate) async fn save(
    store: &dyn Store,
    request: SaveLeadRequest,
    now: Timestamp,
) -> Result<SaveLeadResponse, Error> {
    let caller = request.caller.unwrap_or_default();
    let visitor = caller.visitor_id;
    if visitor.is_empty() {
        return Err(Fault::new(Kind::Unauthenticated, Reason::CallerMissing, "a visitor is required").into());
    }
    if request.request_id.is_empty() {
        return Err(Fault::invalid("request_id", "request_id is required").into());
    }
    let facts = request.facts.unwrap_or_default();
    check(&facts)?;
    let said_at = match request.said_time.map(proto::time::read) {
        None => now,
        Some(Some(said_at)) => said_at,
        Some(None) => return Err(Fault::invalid("said_time", "said_time must be a time").into()),
    };
    let key = id::digest(&["lead", &visitor, &request.request_id]);
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let saved = match work.get(&SAVED, &key).await? {
            Some(saved) => saved,
            None => {
                let identity = identity(&visitor, &caller.verified_whop_user_id, &facts);
                if people::left_at(&mut work, &identity).await?.is_some_and(|left_at| said_at <= left_at) {
                    let why = "who said this was forgotten since, so nothing was saved";
                    return Err(Fault::new(Kind::Precondition, Reason::Erased, why).into());
                }
                let place = (caller.workflow.as_str(), caller.site.as_str());
                write(&mut work, &key, &identity, &facts, place, now).await?
            }
        };
        if attempts.commit(work).await? {
            let Saved { lead_id, contact_id, created, .. } = saved;
            return Ok(SaveLeadResponse { lead_id, contact_id, created });
        }
    }
}

fn check(facts: &LeadFacts) -> Result<(), Fault> {
    let fields = [
        ("email", &facts.email),
        ("phone", &facts.phone),
        ("first_name", &facts.first_name),
        ("last_name", &facts.last_name),
        ("company", &facts.company),
        ("intent", &facts.intent),
        ("budget_range", &facts.budget_range),
        ("timeframe", &facts.timeframe),
        ("notes", &facts.notes),
    ];
    if let Some((name, _)) = fields.iter().find(|(_, value)| value.chars().count() > MAX_FIELD) {
        return Err(Fault::invalid(*name, format!("{name} must be at most {MAX_FIELD} characters")));
    }
    let email = facts.email.trim();
    let (local, host) = email.rsplit_once('@').unwrap_or_default();
    let sound = !local.is_empty() && host.contains('.') && !email.contains(char::is_whitespace);
    if !email.is_empty() && !sound {
        return Err(Fault::invalid("email", "email must be an e-mail address such as ann@example.com"));
    }
    Ok(())
}

/// The visitor and the Whop user were proven at the door; the addresses are claims.
fn identity(visitor: &str, whop_user: &str, facts: &LeadFacts) -> Identity {
    Identity {
        whop_user: whop_user.to_owned(),
        email: facts.email.clone(),
        phone: facts.phone.clone(),
        visitor: visitor.to_owned(),
        session: String::new(),
        claimed: true,
    }
}

async fn write(
    work: &mut Work<'_>,
    key: &str,
    identity: &Identity,
    facts: &LeadFacts,
    (workflow, site): (&str, &str),
    now: Timestamp,
) -> Result<Saved, Error> {
    let visit_trait = |name: &str| facts.traits.get(name).cloned().unwrap_or_default();
    let known = tab::Contact {
        first_name: facts.first_name.trim().to_owned(),
        last_name: facts.last_name.trim().to_owned(),
        company: facts.company.trim().to_owned(),
        source: "chat".to_owned(),
        utm_source: visit_trait("utm_source"),
        utm_medium: visit_trait("utm_medium"),
        utm_campaign: visit_trait("utm_campaign"),
        ..tab::Contact::default()
    };
    let contact_id = people::resolve(work, identity, known, now).await?.contact.id;
    let signal = Signal {
        intent: facts.intent.trim().to_owned(),
        score: None,
        budget_range: facts.budget_range.trim().to_owned(),
        timeframe: facts.timeframe.trim().to_owned(),
        notes: facts.notes.trim().to_owned(),
    };
    let recorded = leads::record(work, &contact_id, &signal, now, now).await?;
    let saved = Saved {
        lead_id: recorded.lead_id,
        contact_id,
        created: recorded.created,
        workflow: workflow.to_owned(),
        site: site.to_owned(),
    };
    work.put_until(&SAVED, key, &saved, Some(now + REMEMBERED));
    Ok(saved)
}
