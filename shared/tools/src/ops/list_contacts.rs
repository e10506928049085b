//! `list_contacts`: people in the books.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use jiff::tz::TimeZone;
use proto::sheets::v1::{Contact, ListContactsRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::how_many;
use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    schema::{list, object, optional_integer, optional_text, some, text, texts},
    times,
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

/// Contacts of a page if nobody says how many, and at most.
const DEFAULT: i32 = 25;
const MOST: i32 = 100;

pub(crate) static TOOL: Tool = Tool {
    name: "list_contacts",
    title: "List contacts",
    description: "Lists people in the books, the newest first, with where they came from. Call it to see who is new or to find a \
        contact_id.",
    input: |_| {
        object([
            ("limit", optional_integer("At most this many, 1 to 100; null for 25.")),
            ("page_token", optional_text("next_page_token of the answer before, to go on; else null.")),
        ])
    },
    output: || {
        let contact = object([
            ("contact_id", text("Its id.")),
            ("created_at", optional_text("When we first heard of them, RFC 3339.")),
            ("name", optional_text("Full name.")),
            ("email", optional_text("E-mail.")),
            ("phone", optional_text("Phone.")),
            ("company", optional_text("Employer or business.")),
            ("source", optional_text("What brought them.")),
            ("campaign", optional_text("First-touch campaign: source, medium, name.")),
            ("tags", texts("Labels.")),
        ]);
        object([
            ("contacts", list(&contact)),
            ("next_page_token", optional_text("To go on; null on the last page.")),
        ])
    },
    annotations: Annotations::READS,
    scope: Audience::Operator,
    touches: Whom::Nobody,
    needs: &[],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The contacts cannot be listed right now. Say so; do not name anybody from memory.",
    progress: "Reading the books…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    limit: Option<i64>,
    page_token: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    contacts: Vec<Told>,
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct Told {
    contact_id: String,
    created_at: Option<String>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    company: Option<String>,
    source: Option<String>,
    campaign: Option<String>,
    tags: Vec<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let zone = call.session.zone();
    let request = ListContactsRequest {
        caller: call.caller(),
        page_size: how_many(input.limit, DEFAULT, MOST)?,
        page_token: arguments::maybe("page_token", input.page_token, 2_000)?,
        newest_first: true,
    };
    let answer = call.clients.list_contacts(request).await?;
    let contacts = answer.contacts.into_iter().map(|contact| told(contact, &zone)).collect();
    let next_page_token = some(answer.next_page_token);
    Ok(Reply::of(json!(Output { contacts, next_page_token })))
}

fn told(contact: Contact, zone: &TimeZone) -> Told {
    let campaign = [contact.utm_source, contact.utm_medium, contact.utm_campaign];
    let campaign: Vec<String> = campaign.into_iter().filter(|part| !part.is_empty()).collect();
    Told {
        contact_id: contact.contact_id,
        created_at: times::told(contact.create_time, zone),
        name: some([contact.first_name, contact.last_name].join(" ").trim()),
        email: some(contact.email),
        phone: some(contact.phone),
        company: some(contact.company),
        source: some(contact.source),
        campaign: some(campaign.join(" / ")),
        tags: contact.tags,
    }
}
