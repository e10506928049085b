//! `save_lead`: what a visitor said about themselves becomes a contact and its open lead.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use proto::sheets::v1::{LeadFacts, SaveLeadRequest, SaveLeadResponse};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Receipt, Tool, arguments,
    failure::Failure,
    schema::{boolean, object, optional_text, text},
    tool::{Claim, Run, Whom},
    toolbox::{Call, Reply},
};

/// First-touch facts of the visit that go with a lead.
const TRAITS: [&str; 3] = ["utm_source", "utm_medium", "utm_campaign"];
const LONGEST: usize = 500;
const LONGEST_NOTES: usize = 4_000;

pub(crate) static TOOL: Tool = Tool {
    name: "save_lead",
    title: "Save a lead",
    description: "Saves what the visitor said about themselves and passes it on to the team. Call it once the visitor \
        gave an e-mail address or a phone number and agreed to be contacted; again only if something new was said. \
        Use null for whatever the visitor did not say; never guess.",
    input: |_| {
        object([
            ("email", optional_text("E-mail address, as the visitor wrote it.")),
            ("phone", optional_text("Phone number, as the visitor wrote it.")),
            ("first_name", optional_text("Given name.")),
            ("last_name", optional_text("Family name.")),
            ("company", optional_text("Employer or business.")),
            (
                "intent",
                optional_text("What they want, in one or two words, e.g. buy_inquiry, support, partnership."),
            ),
            ("budget_range", optional_text("Budget, as the visitor said it.")),
            ("timeframe", optional_text("When it is needed, as the visitor said it.")),
            ("notes", optional_text("What else the team should know, in at most five sentences.")),
        ])
    },
    output: || {
        object([
            ("saved", boolean("The lead is stored.")),
            ("reference", text("The lead's id.")),
            ("is_new", boolean("False if an open lead of the same person was added to.")),
        ])
    },
    annotations: Annotations { read_only: false, destructive: false, idempotent: true, open_world: false },
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[],
    secrets: &[],
    claims: &[
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)?(?: \S+){0,2} (?:saved|stored|recorded|noted|registered|logged|added|entered|captured|taken)\b[^.!?]{0,60}\b(?:details?|information|info|contact|e-?mail|address|lead|request|inquiry|enquiry|message|data|number)\b",
            r"\b(?:details?|information|info|contact|e-?mail|address|lead|request|inquiry|enquiry|data|number)\b(?: \S+){0,3}(?:'s| is| are| has been| have been| was| were| got)(?: \S+){0,2} (?:saved|stored|recorded|noted|on file|registered|added|captured)\b",
            r"^\W*(?:(?:ok|okay|done|great|perfect|thanks|thank you|all set|alright)\b\W*)*(?:just )?(?:saved|stored|recorded|noted|forwarded|submitted)(?: \S+){0,3} (?:details?|information|info|contact|e-?mail|address|lead|request|data)\b",
            r"\b(?:habe|haben)\b[^.!?]{0,80}\b(?:daten|angaben|adresse|mail|e-?mail-?adresse|anfrage|nummer|anliegen|kontakt\S*|informationen)\b[^.!?]{0,40}\b(?:gespeichert|notiert|eingetragen|hinterlegt|aufgenommen|erfasst|vermerkt)\b",
            r"\b(?:daten|angaben|adresse|e-?mail|e-?mail-?adresse|anfrage|nummer|anliegen|kontakt\S*|informationen)\b[^.!?]{0,40}\b(?:wurden?|sind|ist)\b[^.!?]{0,40}\b(?:gespeichert|notiert|eingetragen|hinterlegt|aufgenommen|erfasst|vermerkt)\b",
        ]),
        Claim::act(&[
            r"\b(?:i|we)(?:'ve| have)?(?: \S+){0,2} (?:submitted|forwarded|passed|sent|shared)\b[^.!?]{0,60}\b(?:details?|information|info|contact|e-?mail|address|lead|request|inquiry|enquiry|message|data|number)\b",
            r"\b(?:details?|information|info|contact|e-?mail|address|lead|request|inquiry|enquiry|data|number)\b(?: \S+){0,3}(?:'s| is| are| has been| have been| was| were| got)(?: \S+){0,2} (?:submitted|forwarded|passed|sent|shared)\b",
            r"\b(?:team|colleagues?|specialists?|sales) (?:now )?(?:has|have)(?: now)?(?: been (?:notified|informed)| received| got)?\b[^.!?]{0,20}\b(?:notified|informed|your (?:\S+ )?(?:details?|information|info|contact|e-?mail|request|data))\b",
            r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:notified|informed|alerted)(?: \S+){0,3} (?:team|colleagues?|specialists?|sales)\b",
            r"\b(?:habe|haben)\b[^.!?]{0,80}\b(?:daten|angaben|adresse|mail|e-?mail-?adresse|anfrage|nummer|anliegen|kontakt\S*|team|informationen)\b[^.!?]{0,40}\b(?:weitergeleitet|weitergegeben|übermittelt|gesendet|geschickt|informiert)\b",
            r"\b(?:daten|angaben|adresse|e-?mail|e-?mail-?adresse|anfrage|nummer|anliegen|kontakt\S*|informationen)\b[^.!?]{0,40}\b(?:wurden?|sind|ist)\b[^.!?]{0,40}\b(?:weitergeleitet|weitergegeben|übermittelt)\b",
        ])
        .or(&["hand_off_to_human", "open_support_ticket", "notify"]),
    ],
    correction: [
        "nothing has been saved or passed on to the team yet",
        "es wurde noch nichts gespeichert oder an das Team weitergegeben",
    ],
    on_failure: "It is NOT certain that the details are saved. Call it once more with exactly the same arguments, which saves \
        nothing twice. If that fails too, tell the visitor so, apologise, and offer to try again in a moment. Do not say that \
        anything was saved or passed on.",
    progress: "Saving your details…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    email: Option<String>,
    phone: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    company: Option<String>,
    intent: Option<String>,
    budget_range: Option<String>,
    timeframe: Option<String>,
    notes: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    saved: bool,
    reference: String,
    is_new: bool,
}

async fn run(call: Call<'_>) -> Result<Reply, Failure> {
    let Call { clients, session, request_id, arguments, .. } = call;
    let facts = read(arguments)?;
    let traits =
        TRAITS.into_iter().filter_map(|name| Some((name.to_owned(), session.traits.get(name)?.clone())));
    let request = SaveLeadRequest {
        caller: Some(session.caller.clone()),
        request_id,
        facts: Some(LeadFacts { traits: traits.collect(), ..facts.clone() }),
        said_time: Some(proto::time::wire(session.now)),
    };
    let stored = clients.save_lead(request).await?;
    let receipt = receipt(&facts, &stored);
    let output = Output { saved: true, reference: stored.lead_id, is_new: stored.created };
    Ok(Reply::shown(json!(output), receipt))
}

fn read(arguments: serde_json::Value) -> Result<LeadFacts, Failure> {
    let input: Input = arguments::read(arguments)?;
    let short = |field: &str, given| arguments::maybe(field, given, LONGEST);
    let facts = LeadFacts {
        email: short("email", input.email)?,
        phone: short("phone", input.phone)?,
        first_name: short("first_name", input.first_name)?,
        last_name: short("last_name", input.last_name)?,
        company: short("company", input.company)?,
        intent: short("intent", input.intent)?,
        budget_range: short("budget_range", input.budget_range)?,
        timeframe: short("timeframe", input.timeframe)?,
        notes: arguments::maybe("notes", input.notes, LONGEST_NOTES)?,
        traits: Default::default(),
    };
    if facts.email.is_empty() && facts.phone.is_empty() {
        return Err(Failure::Arguments("email or phone is required; ask the visitor for one".into()));
    }
    if !facts.email.is_empty() && !is_address(&facts.email) {
        return Err(Failure::Arguments("email is not an e-mail address; ask the visitor to check it".into()));
    }
    Ok(facts)
}

/// What the books answered, and of the facts only what was committed with it.
fn receipt(facts: &LeadFacts, stored: &SaveLeadResponse) -> Receipt {
    let title = if stored.created { "Your details are saved" } else { "Your details are up to date" };
    let name = [facts.first_name.as_str(), facts.last_name.as_str()].join(" ");
    let lines = [
        ("Name", name.trim().to_owned()),
        ("E-mail", facts.email.clone()),
        ("Phone", facts.phone.clone()),
        ("Company", facts.company.clone()),
        ("Reference", stored.lead_id.clone()),
    ];
    Receipt::new(title, lines)
}

/// Looks like `somebody@host.tld`. Whether it exists, nobody knows before a letter was sent.
pub(crate) fn is_address(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c == '@' || c.is_control())
    };
    text.len() <= 254
        && text.rsplit_once('@').is_some_and(|(somebody, host)| {
            plain(somebody)
                && plain(host)
                && host.split('.').count() > 1
                && host.split('.').all(|part| !part.is_empty())
        })
}

#[cfg(test)]
mod tests {
    use domain::workflow::Registry;
    use serde_json::Value;

    use super::*;
    use crate::schema::check::mismatch;

    fn why(arguments: Value) -> String {
        match read(arguments) {
            Err(Failure::Arguments(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn types_and_schemas_agree() {
        let full = Input {
            email: Some("ada@example.com".into()),
            phone: Some("+49 30 1".into()),
            first_name: Some("Ada".into()),
            last_name: Some("L".into()),
            company: Some("A".into()),
            intent: Some("buy_inquiry".into()),
            budget_range: Some("5k".into()),
            timeframe: Some("Q1".into()),
            notes: Some("n".into()),
        };
        let registry = Registry::built_in();
        let schema = (TOOL.input)(registry.choose("", "", "").unwrap());
        for input in [full, Input::default()] {
            let value = serde_json::to_value(&input).unwrap();
            assert!(mismatch(&schema, &value, "input").is_empty());
            assert_eq!(serde_json::from_value::<Input>(value).unwrap(), input);
        }
        let output = json!(Output { saved: true, reference: "led_1".into(), is_new: false });
        assert!(mismatch(&(TOOL.output)(), &output, "output").is_empty());
    }

    #[test]
    fn a_lead_can_be_reached() {
        assert!(why(json!({"first_name": "Ada"})).contains("email or phone is required"));
        assert!(why(json!({"email": "  ", "phone": null})).contains("email or phone is required"));
        for bad in
            ["ada", "ada@", "@example.com", "ada@example", "a b@example.com", "a@b@example.com", "a@.com"]
        {
            assert!(why(json!({"email": bad})).contains("is not an e-mail address"), "{bad}");
        }
        assert_eq!(read(json!({"email": " Ada@Example.com "})).unwrap().email, "Ada@Example.com");
        assert!(why(json!({"email": "a@b.de", "visitor_id": "vis_1"})).contains("unknown field"));
    }

    #[test]
    fn a_receipt_shows_what_was_stored() {
        let facts = LeadFacts { email: "a@b.de".into(), last_name: "L".into(), ..Default::default() };
        let stored = SaveLeadResponse { lead_id: "led_7".into(), contact_id: "con_1".into(), created: true };
        let receipt = receipt(&facts, &stored);
        assert_eq!(receipt.title, "Your details are saved");
        let lines: Vec<_> = receipt.lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(lines, ["Name: L", "E-mail: a@b.de", "Reference: led_7"]);
    }
}
