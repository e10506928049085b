//! The tools against services that keep to their contracts.

mod answering;
mod injection;
mod offering;
mod once;
mod over;
pub(crate) mod world;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use chassis::Link;
use domain::workflow::{Audience, Registry, Workflow};
use proto::common::v1::Caller;
use serde_json::{Value, json};
use tonic::Status;

use self::world::{FREE, MEETING, NOW, PEOPLE, Person, World};
use crate::{ALL, HandOff, Knowledge, Links, Outcome, Session, Tool, Toolbox, Whom, find};

/// Whoever is called when a person is wanted: under which request, by which visitor, and what for.
#[derive(Default)]
struct Caught(Mutex<Vec<(String, String, String)>>);

#[async_trait::async_trait]
impl HandOff for Caught {
    async fn hand_off(&self, session: &Session, request_id: &str, reason: &str) -> Result<(), Status> {
        let mut calls = self.0.lock().unwrap();
        if !calls.iter().any(|(known, ..)| known == request_id) {
            let visitor = session.caller.visitor_id.clone();
            calls.push((request_id.to_owned(), visitor, format!("{}: {reason}", session.thread_id)));
        }
        Ok(())
    }
}

/// Tools, and the world behind them.
struct Bench {
    toolbox: Toolbox,
    world: World,
    called: Arc<Caught>,
}

impl Bench {
    async fn new() -> Self {
        let world = World::new();
        let link = link(&world).await;
        let links = Links {
            sheets_writer: link.clone(),
            booking_payments: Some(link.clone()),
            whop_gateway: Some(link.clone()),
            ops_copilot: Some(link),
        };
        let called = Arc::<Caught>::default();
        let toolbox = Toolbox::new(links, knowledge(), called.clone());
        Self { toolbox, world, called }
    }

    async fn call(&self, tool: &str, arguments: Value, session: &Session) -> Outcome {
        self.toolbox.call(tool, arguments, session).await
    }
}

/// The way to all services of a world.
async fn link(world: &World) -> Link {
    Link::new(&world.serve().await.parse().unwrap()).unwrap()
}

fn knowledge() -> Arc<Knowledge> {
    Arc::new(Knowledge::new([]).unwrap())
}

/// The concierge, with every tool that there is.
fn workflow(audience: Audience) -> Arc<Workflow> {
    let registry = Registry::built_in();
    let concierge = registry.iter().find(|workflow| workflow.slug == "lead-concierge").unwrap().clone();
    let tools = ALL.iter().map(|tool| tool.name.to_owned()).collect();
    Arc::new(Workflow { audience, tools, ..concierge })
}

/// A session of a visitor, who may be a verified user too, at the concierge.
fn session(visitor: &str, user: &str) -> Session {
    let caller = Caller {
        visitor_id: visitor.to_owned(),
        verified_whop_user_id: user.to_owned(),
        workflow: "lead-concierge".to_owned(),
        session_id: "ses_1".to_owned(),
        ip_key: "ip_1".to_owned(),
        site: "www.example.com".to_owned(),
    };
    let traits = [("time_zone", "Europe/Berlin"), ("page", "/services"), ("locale", "de-DE")];
    Session {
        caller,
        thread_id: "thr_1".to_owned(),
        turn: "msg_1".to_owned(),
        workflow: workflow(Audience::Anyone),
        traits: traits.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        now: NOW.parse().unwrap(),
    }
}

fn of(person: &Person) -> Session {
    session(person.visitor, person.user)
}

/// The same at a workflow of the operator's.
fn of_operator(session: Session) -> Session {
    Session { workflow: workflow(Audience::Operator), ..session }
}

/// Arguments with which a tool does its work for the first of the people.
fn sound(tool: &Tool) -> Value {
    let name = PEOPLE[0].name;
    match tool.name {
        "search_knowledge" => json!({"query": "prices"}),
        "list_slots" => {
            json!({"meeting": MEETING, "from_time": null, "to_time": null, "time_zone": null, "booking_id": null})
        }
        "book_meeting" => {
            json!({"meeting": MEETING, "start_time": FREE, "name": "Ada L", "email": "ada@example.com",
            "phone": null, "time_zone": null, "notes": "n"})
        }
        "reschedule_meeting" => {
            json!({"booking_id": format!("bkg_{name}"), "start_time": FREE, "reason": null, "time_zone": null})
        }
        "cancel_meeting" => json!({"booking_id": format!("bkg_{name}"), "reason": "ill"}),
        "create_checkout_link" => json!({"offer": "strategy-consult", "start_time": FREE, "name": "Ada L",
            "email": null, "time_zone": null}),
        "cancel_checkout_link" => json!({"reference": format!("chk_{name}")}),
        "validate_license" => json!({"license_key": "KEY-1"}),
        "list_files" | "get_upgrade_link" => json!({"action_id": null}),
        "open_support_ticket" => json!({"subject": "Broken", "message": "It is broken.", "action_id": null}),
        "read_tab" => json!({"tab": "payments", "from_time": null, "to_time": null, "status": null,
            "contact_id": null, "limit": 5, "page_token": null}),
        "list_contacts" => json!({"limit": null, "page_token": null}),
        "weekly_summary" => json!({"week_of": "2026-11-10", "publish": true}),
        "notify" => json!({"title": "Look", "text": null}),
        "save_lead" => {
            json!({"email": "ada@example.com", "phone": null, "first_name": null, "last_name": null,
            "company": null, "intent": null, "budget_range": null, "timeframe": null, "notes": null})
        }
        "log_outcome" => json!({"outcome": "qualified", "note": null}),
        "hand_off_to_human" => json!({"reason": "wants a person", "summary": "It is urgent."}),
        _ => json!({}),
    }
}

/// A session in which a tool may be called.
fn session_for(tool: &Tool) -> Session {
    match tool.scope {
        Audience::Operator => of_operator(of(&PEOPLE[0])),
        _ => of(&PEOPLE[0]),
    }
}

/// Everything of an outcome that somebody gets to see, as text.
fn seen(outcome: &Outcome) -> String {
    format!("{} {:?} {:?}", outcome.output, outcome.receipt, outcome.unanswered)
}

/// Calls in which something is done.
fn effects(world: &World) -> BTreeMap<(&'static str, String, String), String> {
    world.desk().effects.clone()
}

fn tool(name: &str) -> &'static Tool {
    find(name).unwrap()
}
