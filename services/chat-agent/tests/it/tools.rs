//! The tools, as agents of others call them.

mod repetitions;

use std::{collections::BTreeSet, sync::OnceLock};

use domain::{Kind, Reason, workflow::DEFAULT};
use proptest::prelude::*;
use proto::{
    chat::v1::{CallToolRequest, CallToolResponse, ListToolsRequest, Tool},
    common::v1::Caller,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tonic::Status;

use crate::{
    desk::{Desk, Setup, ada, create, refused, until, visitor},
    world::{FREE, MEETING, PEOPLE, Person, World},
};

/// A service whose tools reach all others.
async fn start(limit: &'static str) -> (Desk, World) {
    let world = World::new();
    let url: &'static str = world.serve().await.leak();
    let names = ["SHEETS_WRITER_ADDR", "BOOKING_PAYMENTS_ADDR", "WHOP_GATEWAY_ADDR", "OPS_COPILOT_ADDR"];
    let settings = names.map(|name| (name, url)).into_iter().chain([("LIMIT_CHAT", limit)]).collect();
    (Setup { settings, ..Setup::default() }.start().await, world)
}

fn member(person: &Person) -> Caller {
    Caller {
        visitor_id: person.visitor.into(),
        verified_whop_user_id: person.user.into(),
        workflow: "client-portal".into(),
        session_id: format!("ses_{}", person.name),
        ..Caller::default()
    }
}

/// Nobody, from an address, at a workflow.
fn nobody(workflow: &str, ip_key: &str) -> Caller {
    Caller { workflow: workflow.into(), ip_key: ip_key.into(), ..Caller::default() }
}

async fn list(desk: &Desk, caller: Caller) -> Result<Vec<Tool>, Status> {
    let request = ListToolsRequest { caller: Some(caller) };
    Ok(desk.tools.clone().list_tools(request).await?.into_inner().tools)
}

async fn names(desk: &Desk, caller: Caller) -> Vec<String> {
    list(desk, caller).await.unwrap().into_iter().map(|tool| tool.name).collect()
}

async fn call(
    desk: &Desk,
    caller: Caller,
    id: &str,
    name: &str,
    arguments: &str,
) -> Result<CallToolResponse, Status> {
    let request = CallToolRequest {
        caller: Some(caller),
        request_id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        keyed: false,
    };
    Ok(desk.tools.clone().call_tool(request).await?.into_inner())
}

fn output(answer: &CallToolResponse) -> Value {
    serde_json::from_str(&answer.output).unwrap()
}

fn booking() -> String {
    json!({"meeting": MEETING, "start_time": FREE, "name": "Ada", "email": "ada@example.com"}).to_string()
}

#[tokio::test]
async fn other_agents_get_the_workflows_tools() {
    let (desk, _world) = start("off").await;
    let all = list(&desk, ada()).await.unwrap();
    let names_of = |tools: &[Tool]| tools.iter().map(|tool| tool.name.clone()).collect::<Vec<_>>();
    assert!(names_of(&all).contains(&"book_meeting".to_owned()));
    assert!(!names_of(&all).contains(&"get_page_context".to_owned()), "there is no page");
    for tool in &all {
        for schema in [&tool.input_schema, &tool.output_schema] {
            assert_eq!(serde_json::from_str::<Value>(schema).unwrap()["type"], "object", "{}", tool.name);
        }
        assert!(!tool.title.is_empty() && !tool.description.is_empty());
    }
    let cancel = all.iter().find(|tool| tool.name == "cancel_meeting").unwrap();
    assert_eq!(
        (cancel.read_only, cancel.destructive, cancel.idempotent, cancel.open_world),
        (false, true, true, true)
    );
    assert_eq!(
        names(&desk, nobody(DEFAULT, "ip_1")).await,
        ["search_knowledge", "list_offers", "list_slots"]
    );
    let portal = names(&desk, member(&PEOPLE[0])).await;
    assert!(portal.contains(&"list_files".to_owned()) && !portal.contains(&"book_meeting".to_owned()));
    let unproven = Caller { verified_whop_user_id: String::new(), ..member(&PEOPLE[0]) };
    assert!(!names(&desk, unproven).await.contains(&"list_files".to_owned()));
    let claimed = Caller { visitor_id: String::new(), ..member(&PEOPLE[0]) };
    assert!(!names(&desk, claimed).await.contains(&"list_files".to_owned()), "no session, no proof");
    assert!(names(&desk, nobody("ops-copilot", "ip_1")).await.contains(&"read_tab".to_owned()));
    refused(list(&desk, visitor(1, "none")).await, Kind::NotFound, Reason::WorkflowUnknown);
}

#[tokio::test]
async fn a_call_answers_or_says_why_not() {
    let (desk, world) = start("off").await;
    let booked = call(&desk, ada(), "req_1", "book_meeting", &booking()).await.unwrap();
    assert!(!booked.is_error, "{}", booked.output);
    assert_eq!(output(&booked)["meeting"]["status"], "booked");
    let same = call(&desk, ada(), "req_1", "book_meeting", &booking()).await.unwrap();
    assert_eq!(
        (same.output, world.desk().effects.len()),
        (booked.output, 1),
        "the same request is the same booking"
    );
    call(&desk, visitor(2, DEFAULT), "req_1", "book_meeting", &booking()).await.unwrap();
    assert_eq!(world.desk().effects.len(), 2, "another visitor's is another");
    for wrong in ["", "[]", "{", r#"{"query": 7}"#, r#"{"query": "x", "workflow": "client-portal"}"#] {
        let answer = call(&desk, ada(), "req_3", "search_knowledge", wrong).await.unwrap();
        assert!(answer.is_error && output(&answer)["advice"].is_string(), "{wrong}: {}", answer.output);
    }
    for (caller, name) in [
        (ada(), "drop_tables"),
        (ada(), "list_files"),
        (ada(), "get_page_context"),
        (ada(), "read_tab"),
        (nobody(DEFAULT, "ip_1"), "save_lead"),
        (nobody("client-portal", "ip_1"), "get_membership"),
    ] {
        refused(call(&desk, caller, "req_4", name, "{}").await, Kind::NotFound, Reason::ToolUnknown);
    }
    let odd = Caller { visitor_id: "con_1".into(), ..ada() };
    refused(call(&desk, odd, "req_5", "list_offers", "{}").await, Kind::Invalid, Reason::InvalidValue);
    refused(call(&desk, ada(), "", "list_offers", "{}").await, Kind::Invalid, Reason::InvalidValue);
}

#[tokio::test]
async fn calls_and_messages_share_one_limit_and_nobody_has_that_of_their_address() {
    let (desk, _world) = start("2/h").await;
    desk.send(create("plain")).await.unwrap().rest().await;
    call(&desk, ada(), "req_1", "list_offers", "{}").await.unwrap();
    let third = call(&desk, ada(), "req_2", "list_offers", "{}").await;
    refused(third, Kind::RateLimited, Reason::RateLimited);
    refused(desk.send(create("plain")).await, Kind::RateLimited, Reason::RateLimited);
    for (address, count) in [("ip_1", 2), ("ip_2", 2)] {
        for _ in 0..count {
            call(&desk, nobody(DEFAULT, address), "req_1", "list_offers", "{}").await.unwrap();
        }
        let more = call(&desk, nobody(DEFAULT, address), "req_1", "list_offers", "{}").await;
        refused(more, Kind::RateLimited, Reason::RateLimited);
    }
    list(&desk, ada()).await.expect("to look is not to call");
}

#[tokio::test]
async fn a_person_is_called_from_outside_too() {
    let (desk, world) = start("off").await;
    let call =
        call(&desk, ada(), "req_1", "hand_off_to_human", r#"{"reason":"wants a person"}"#).await.unwrap();
    assert!(!call.is_error && output(&call)["answers_here"] == false, "{}", call.output);
    let told = world.desk().events.clone();
    assert_eq!((&told[0]["outcome"], &told[0]["message"]), (&json!("needs_human"), &json!("wants a person")));
}

#[tokio::test]
async fn the_operators_own_agent_logs_what_it_found_and_names_nobody() {
    let (desk, world) = start("off").await;
    let copilot = || nobody("ops-copilot", "ip_1");
    assert!(names(&desk, copilot()).await.contains(&"log_outcome".to_owned()));
    for (id, day) in [("req_1", "Monday"), ("req_1", "Monday"), ("req_2", "Monday"), ("req_2", "Tuesday")] {
        let log = json!({"outcome": "anomaly_found", "note": format!("a quiet {day}")}).to_string();
        let logged = call(&desk, copilot(), id, "log_outcome", &log).await.unwrap();
        assert!(!logged.is_error, "{}", logged.output);
    }
    let events = world.desk().events.clone();
    assert_eq!(events.len(), 2, "a repetition is none, and another day is another finding");
    assert_eq!(
        (&events[0]["outcome"], &events[0]["workflow_id"], &events[0]["session_id"]),
        (&json!("anomaly_found"), &json!("ops-copilot"), &json!(""))
    );
    assert!(world.desk().asked.iter().all(|(_, caller)| caller.visitor_id.is_empty()));
}

#[tokio::test]
async fn what_finds_no_answer_is_told_of_somebody_and_of_nobody_else() {
    let (desk, world) = start("off").await;
    let search = |caller, id| call(&desk, caller, id, "search_knowledge", r#"{"query":"zyzzyva farming"}"#);
    for (caller, id) in [(nobody(DEFAULT, "ip_1"), "req_1"), (ada(), "req_2"), (ada(), "req_2")] {
        assert_eq!(output(&search(caller, id).await.unwrap())["found"], false);
    }
    search(ada(), "req_3").await.unwrap();
    let told = || world.desk().asked.iter().filter(|(rpc, _)| *rpc == "record_events").count();
    until(async || told() == 3 && world.desk().events.len() > 1).await;
    let events = world.desk().events.clone();
    assert_eq!(events.len(), 2, "each call of somebody's, once");
    for event in events {
        assert_eq!(
            (&event["type"], &event["question"], &event["session_id"], &event["workflow_id"]),
            (&json!("knowledge.unanswered"), &json!("zyzzyva farming"), &json!("ses_1"), &json!(DEFAULT))
        );
    }
    assert!(world.desk().asked.iter().all(|(_, caller)| *caller == ada()));
}

struct Scene {
    runtime: Runtime,
    desk: Desk,
    world: World,
    tools: Vec<(String, Value)>,
}

/// All tools of the concierge and of the portal, with their schemas.
fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let (desk, world, tools) = runtime.block_on(async {
            let (desk, world) = start("off").await;
            let mut tools = list(&desk, ada()).await.unwrap();
            tools.extend(list(&desk, member(&PEOPLE[0])).await.unwrap());
            tools.extend(list(&desk, nobody("ops-copilot", "ip_1")).await.unwrap());
            let schema = |tool: Tool| (tool.name, serde_json::from_str(&tool.input_schema).unwrap());
            (desk, world, tools.into_iter().map(schema).collect())
        });
        Scene { runtime, desk, world, tools }
    })
}

/// What another agent may write: what is known of others, and what is sound.
fn values() -> impl Strategy<Value = Value> {
    let mut known: Vec<Value> = PEOPLE.iter().flat_map(Person::handles).map(Value::from).collect();
    known.extend(
        [MEETING, FREE, "automation-audit", "KEY-1", "payments", "qualified", "thr_1", "0.01"]
            .map(Value::from),
    );
    prop_oneof![4 => prop::sample::select(known), 1 => Just(Value::Null), 1 => Just(json!(1))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_anothers_leaves_to_another_agent(
        place in any::<prop::sample::Index>(),
        given in prop::collection::vec(values(), 10),
        extra in prop::option::weighted(0.3, prop::sample::select(vec!["visitor_id", "session_id", "user", "caller"])),
        who in 0usize..4,
        id in "req_[a-d]",
    ) {
        let Scene { runtime, desk, world, tools } = scene();
        let (name, schema) = place.get(tools);
        let mut arguments = json!({});
        for (member, value) in schema["properties"].as_object().unwrap().keys().zip(given) {
            arguments[member] = value;
        }
        if let Some(extra) = extra {
            arguments[extra] = json!(PEOPLE[0].visitor);
        }
        // a stranger, a member without anything, a member of another visitor, nobody at all
        let caller = match who {
            0 => visitor(9, DEFAULT),
            1 => Caller { verified_whop_user_id: "user_eve".into(), ..visitor(9, "client-portal") },
            2 => member(&PEOPLE[1]),
            _ => nobody(DEFAULT, "ip_9"),
        };
        let is_own = |person: &Person| who == 2 && person.name == PEOPLE[1].name;
        let victims: Vec<Person> = PEOPLE.into_iter().filter(|person| !is_own(person)).collect();
        let before = world.desk().asked.len();
        let kept = world.kept(&victims);
        let answer = runtime.block_on(call(desk, caller.clone(), &id, name, &arguments.to_string()));
        let is_unanswered = name == "search_knowledge" && answer.as_ref().is_ok_and(|answer| output(answer)["found"] == false);
        if is_unanswered && !caller.visitor_id.is_empty() {
            // the books are told in the background
            runtime.block_on(until(async || world.desk().asked.len() > before));
        }
        let text = format!("{answer:?}");
        for person in &victims {
            prop_assert!(!text.contains(&person.secret()), "{name} {arguments}: {text}");
        }
        prop_assert_eq!(world.kept(&victims), kept, "{} {}", name, arguments);
        let noted = world.desk();
        prop_assert!(noted.asked[before..].iter().all(|(_, known)| *known == caller), "{name} {arguments}");
        if extra.is_some() {
            prop_assert_eq!(noted.asked.len(), before, "{} asked somebody", name);
        }
    }
}

#[test]
fn every_tool_is_tried() {
    let tried: BTreeSet<&str> = scene().tools.iter().map(|(name, _)| name.as_str()).collect();
    let not_offered = ["cancel_checkout_link", "get_page_context"];
    for tool in tools::ALL.iter().filter(|tool| !not_offered.contains(&tool.name)) {
        assert!(tried.contains(tool.name), "{}", tool.name);
    }
}
