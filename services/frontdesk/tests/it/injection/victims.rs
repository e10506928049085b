//! Three victims: two visitors who book, pay and talk, and a member with a ticket; and all that there is of them.

use std::collections::BTreeMap;

use proto::sheets::v1::Tab;
use reqwest::Method;
use sandbox::INTRO_CALL;
use serde_json::{Value, json};

use super::{CONCIERGE, CONCIERGES_TOKEN, PORTAL, PORTALS_TOKEN, Way};
use crate::{
    chat::talk::{Talk, add, request},
    story::answer::{Answer, SESSION},
    world::World,
};

/// Somebody whose things are not an attacker's business.
pub(super) struct Victim {
    /// What nobody but them and the owner may read.
    pub(super) secrets: Vec<String>,
    /// What an attacker may have come to know: ids, addresses, tokens.
    pub(super) known: Vec<String>,
    /// The same, under names by which a tool might take whom a call is about.
    pub(super) named: Vec<(&'static str, String)>,
    talk: Option<(Talk, String)>,
}

/// A session as an agent asks for it.
pub(super) async fn session(world: &World, bearer: &str, body: &Value) -> Value {
    let asked = world.request(Method::POST, SESSION).bearer_auth(bearer).json(body);
    Answer::of(asked).await.ok()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

impl Victim {
    /// A visitor who books, gets a link to pay, leaves an address and talks.
    pub(super) async fn visitor(world: &World, number: usize) -> Self {
        let base = world.url("");
        let ask = json!({"modes": ["self_hosted"], "workflowId": CONCIERGE});
        let made = session(world, CONCIERGES_TOKEN, &ask).await;
        let way = Way::new(CONCIERGE, CONCIERGES_TOKEN, made["session_token"].as_str().unwrap());
        let (name, company) = (format!("Canary{number} Secretive"), format!("canarycompany{number}"));
        let (email, phone) = (format!("canary{number}@victim.example"), format!("+4930123456{number}0"));
        let start = world.sandbox().calendar().free(INTRO_CALL, 21)[40 + number].to_string();
        let note = format!("canarynote{number}");
        let booking = json!({"meeting": "intro-call", "start_time": start, "name": name, "email": email, "notes": note});
        let booked = way.done(world, "book_meeting", &booking).await;
        let link = json!({"offer": "automation-audit", "name": name, "email": email});
        let link = way.done(world, "create_checkout_link", &link).await;
        let lead =
            json!({"email": email, "phone": phone, "last_name": name, "company": company, "notes": note});
        let lead = way.done(world, "save_lead", &lead).await;
        let outcome = json!({"outcome": "qualified", "note": format!("canaryoutcome{number}")});
        way.done(world, "log_outcome", &outcome).await;
        let shown =
            json!({"modes": ["self_hosted"], "workflowId": CONCIERGE, "visitorToken": made["visitor_token"]});
        let talk = Talk::begin(&base, &shown).await;
        let (thread, _) = talk.create("Hello!").await;
        talk.events(&add(&thread, &format!("canarymessage{number}, do you speak Klingon?"))).await;
        let checkout = text(&link["reference"]);
        let paid = world.sandbox().till().all("checkout.session").unwrap();
        let paid = paid.iter().find(|one| one["client_reference_id"] == checkout.as_str()).unwrap();
        let secrets = vec![
            name,
            company,
            phone,
            note,
            format!("canaryoutcome{number}"),
            format!("canarymessage{number}"),
            email.clone(),
            text(&link["url"]),
        ];
        let known = vec![
            email,
            text(&booked["meeting"]["booking_id"]),
            checkout,
            text(&paid["id"]),
            text(&lead["reference"]),
            thread.clone(),
            text(&made["session_token"]),
            text(&made["visitor_token"]),
            talk.secret.clone(),
            text(&paid["metadata"]["visitor"]),
            text(&paid["metadata"]["session"]),
        ];
        let visitor = text(&paid["metadata"]["visitor"]);
        let named = vec![
            ("visitor_id", visitor.clone()),
            ("caller", visitor),
            ("session_id", text(&paid["metadata"]["session"])),
            ("session", text(&made["session_token"])),
            ("thread_id", thread.clone()),
            ("email", known[0].clone()),
            ("booking_id", known[1].clone()),
            ("checkout_id", known[2].clone()),
        ];
        Self { secrets, known, named, talk: Some((talk, thread)) }
    }

    /// A member who pays, has a contract and opens a ticket.
    pub(super) async fn member(world: &World) -> Self {
        let metadata = json!({"contract_url": "https://contracts.example/canarycontract"});
        let club = world.sandbox().club();
        club.add_person("user_victim", "Canary Member", "canarymember@victim.example").unwrap();
        let joined = club
            .join_with("user_victim", "plan_growthmonthly", metadata.as_object().unwrap().clone())
            .unwrap();
        let made = member_session(world, "user_victim").await;
        let way = Way::new(PORTAL, PORTALS_TOKEN, made["session_token"].as_str().unwrap());
        let ticket = json!({"subject": "canarysubject", "message": "canarycomplaint"});
        let ticket = way.done(world, "open_support_ticket", &ticket).await;
        let payments = way.done(world, "list_my_payments", &json!({})).await;
        let membership =
            club.memberships().unwrap().into_iter().find(|one| one["id"] == joined["id"]).unwrap();
        let mut known = vec![
            "user_victim".to_owned(),
            "canarymember@victim.example".to_owned(),
            text(&joined["id"]),
            text(&ticket["reference"]),
            text(&made["session_token"]),
            text(&made["visitor_token"]),
        ];
        let words = [
            "Canary Member",
            "canarycontract",
            "canarysubject",
            "canarycomplaint",
            "canarymember@victim.example",
        ];
        let secrets = words.map(str::to_owned).into();
        let payments = payments["payments"].as_array().unwrap().iter();
        let payments: Vec<_> = payments.map(|one| text(&one["reference"])).collect();
        assert!(!payments.is_empty(), "whoever joins has paid");
        known.extend(payments);
        known.extend(membership["license_key"].as_str().map(str::to_owned));
        let mut named =
            ["user_id", "whop_user", "verified_whop_user_id"].map(|name| (name, known[0].clone())).to_vec();
        named.push(("membership_id", known[2].clone()));
        Self { secrets, known, named, talk: None }
    }

    /// Notes the contact that the books have of them.
    pub(super) async fn find_contact(&mut self, world: &World) {
        let rows = world.stored(Tab::Contacts).await;
        let theirs =
            rows.iter().find(|row| self.known[..2].iter().any(|word| format!("{row:?}").contains(word)));
        let contact = theirs.unwrap_or_else(|| panic!("no contact of {:?}", self.known)).row_id.clone();
        self.named.push(("contact_id", contact.clone()));
        self.known.push(contact);
    }

    /// What they see of their own chat.
    async fn thread(&self) -> String {
        let Some((talk, thread)) = &self.talk else { return String::new() };
        let params = json!({"thread_id": thread, "limit": 100, "order": "asc"});
        talk.whole(&request("items.list", params)).await.to_string()
    }
}

/// A member's session, as an agent in the portal asks for it.
pub(super) async fn member_session(world: &World, user: &str) -> Value {
    let token = world.sandbox().user_token(user).unwrap();
    let ask = json!({"modes": ["self_hosted"], "workflowId": PORTAL, "page": "/portal"});
    let asked =
        world.request(Method::POST, SESSION).bearer_auth(PORTALS_TOKEN).header("x-whop-user-token", token);
    Answer::of(asked.json(&ask)).await.ok()
}

/// What there is of victims, by kind.
pub(super) type Kept = BTreeMap<String, Vec<String>>;

/// All that there is of them: at the providers, in the books, and in their chats.
pub(super) async fn kept(world: &World, victims: &[Victim]) -> Kept {
    let of_theirs = |text: &String| {
        let mut words = victims.iter().flat_map(|victim| victim.secrets.iter().chain(&victim.known));
        words.any(|word| text.contains(word.as_str()))
    };
    let texts = |all: Vec<Value>| all.iter().map(Value::to_string).filter(of_theirs).collect::<Vec<_>>();
    let mut kept = BTreeMap::new();
    let sandbox = world.sandbox();
    kept.insert("bookings".to_owned(), texts(sandbox.calendar().bookings()));
    kept.insert("reservations".to_owned(), texts(sandbox.calendar().reservations()));
    kept.insert("checkouts".to_owned(), texts(sandbox.till().all("checkout.session").unwrap()));
    kept.insert("memberships".to_owned(), texts(sandbox.club().memberships().unwrap()));
    kept.insert("payments".to_owned(), texts(sandbox.club().payments().unwrap()));
    kept.insert("tickets".to_owned(), texts(tickets(world).await));
    for tab in 1..=7 {
        let tab = Tab::try_from(tab).unwrap();
        let rows =
            world.stored(tab).await.into_iter().map(|row| format!("{} {:?}", row.row_id, sorted(row.cells)));
        kept.insert(format!("{tab:?}"), rows.filter(of_theirs).collect());
    }
    for (number, victim) in victims.iter().enumerate() {
        kept.insert(format!("chat {number}"), vec![victim.thread().await]);
    }
    kept
}

/// The victim's messages in their support channel at Whop.
async fn tickets(world: &World) -> Vec<Value> {
    let links = world.sandbox().till().all("checkout.session").unwrap();
    let url = links[0]["url"].as_str().unwrap();
    let base = format!("{}/whop/api/v1", url.split("/stripe/").next().unwrap());
    let ask = async |path: String| {
        let request = world.http.get(format!("{base}/{path}")).bearer_auth(sandbox::WHOP_API_KEY);
        Answer::of(request.header("api-version-date", sandbox::WHOP_VERSION)).await.ok()["data"].clone()
    };
    let account = sandbox::WHOP_ACCOUNT_ID;
    let channels = ask(format!("support_channels?account_id={account}&customer_user_id=user_victim")).await;
    let Some(channel) = channels[0]["id"].as_str() else { return Vec::new() };
    ask(format!("messages?channel_id={channel}")).await.as_array().unwrap().clone()
}

fn sorted(cells: Option<prost_types::Struct>) -> Vec<(String, String)> {
    let fields = cells.unwrap_or_default().fields.into_iter();
    fields.map(|(name, value)| (name, format!("{value:?}"))).collect()
}
