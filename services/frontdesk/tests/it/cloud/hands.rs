//! What the agents do and what people are told of it, by two instances of every service over one Firestore: whoever
//! answers, an effect happens once and a notice goes out once.

use std::net::{Ipv4Addr, SocketAddr};

use chassis::Link;
use futures_util::future::join_all;
use proto::{
    common::v1::{Caller, TickRequest, operations_service_client::OperationsServiceClient},
    ops::v1::{PublishWeeklySummaryRequest, report_service_client::ReportServiceClient},
};
use reqwest::Client;
use serde_json::{Value, json};

use super::{
    emulator,
    fleet::{Ground, INSTANCES, instances},
    relay::Relay,
};
use crate::{
    chat::talk::{Talk, said},
    processes::{
        child::Process,
        fleet::{self, agent_vars, broker_vars, members_paths, members_vars, start, till_vars, writer_vars},
    },
    story::answer::{Answer, SESSION},
    world::{PATIENCE, lines, until},
};

const BEARER: &str = "the-bearer-of-the-concierge";
const OPERATOR: &str = "the-bearer-of-the-operator";
/// A meeting that is free of charge.
const MEETING: &str = "intro-call";

/// Two instances of every service.
struct Hands {
    ground: Ground,
    /// In front of both instances of each private service, by its name.
    relays: Vec<(&'static str, Relay)>,
    copilots: Vec<SocketAddr>,
    /// Everything that ticks.
    ticking: Vec<SocketAddr>,
    gateways: Vec<SocketAddr>,
    _processes: Vec<Process>,
    http: Client,
}

// === impl Hands ===

impl Hands {
    async fn start() -> Self {
        let (ground, at) = (Ground::new().await, emulator());
        let names = [
            "session-broker",
            "sheets-writer",
            "chat-agent",
            "booking-payments",
            "whop-gateway",
            "ops-copilot",
        ];
        // services know each other in circles, so every front stands before what is behind it
        let nowhere = [SocketAddr::from((Ipv4Addr::LOCALHOST, 1)); INSTANCES];
        let fronts = join_all(names.map(|_| Relay::over(&nowhere))).await;
        let [broker, writer, agent, till, members, copilot] =
            [0, 1, 2, 3, 4, 5].map(|n: usize| fronts[n].url());
        let base = &ground.base;
        let [openai, sheets, calcom, stripe, slack] =
            ["/openai/v1", "/sheets", "/calcom", "/stripe", &format!("/slack{}", sandbox::SLACK_WEBHOOK)]
                .map(|path| format!("{base}{path}"));
        let whop = members_paths(base);
        let vars: [Vec<(&str, &str)>; 6] = [
            broker_vars(&openai).to_vec(),
            [&writer_vars(&sheets)[..], &[("OPS_COPILOT_ADDR", &copilot)]].concat(),
            [
                &agent_vars(&openai, &writer)[..],
                &[
                    ("BOOKING_PAYMENTS_ADDR", &till),
                    ("WHOP_GATEWAY_ADDR", &members),
                    ("OPS_COPILOT_ADDR", &copilot),
                ],
            ]
            .concat(),
            [&till_vars(&calcom, &stripe, &writer)[..], &[("CHAT_AGENT_ADDR", &agent)]].concat(),
            members_vars(&whop, &writer).to_vec(),
            vec![("SHEETS_WRITER_ADDR", &writer), ("SLACK_WEBHOOK_URL", &slack)],
        ];
        let (mut processes, mut ticking) = (Vec::new(), Vec::new());
        for ((name, front), vars) in names.into_iter().zip(&fronts).zip(&vars) {
            for (number, (process, address)) in
                instances(name, || ground.start(name, at, vars)).await.into_iter().enumerate()
            {
                front.set_upstream(number, address);
                processes.push(process);
                ticking.push(address);
            }
        }
        let copilots = ticking[ticking.len() - INSTANCES..].to_vec();
        let tokens = format!("lead-concierge:{BEARER}");
        let inward = [
            ("SESSION_BROKER_ADDR", broker.as_str()),
            ("SHEETS_WRITER_ADDR", &writer),
            ("CHAT_AGENT_ADDR", &agent),
            ("BOOKING_PAYMENTS_ADDR", &till),
            ("WHOP_GATEWAY_ADDR", &members),
            ("OPS_COPILOT_ADDR", &copilot),
            ("TOKEN_KEYS", ground.keys()),
            ("MCP_TOKENS", &tokens),
            ("OPERATOR_TOKEN", OPERATOR),
        ];
        let started = instances("gateway", || start("gateway", ground.dir(), 0, &inward)).await;
        let (doors, gateways): (Vec<_>, Vec<_>) = started.into_iter().unzip();
        processes.extend(doors);
        fleet::aim_webhooks(&ground.sandbox, &format!("http://{}", gateways[0]));
        let relays = names.into_iter().zip(fronts).collect();
        let http = chassis::http::client();
        Self { ground, relays, copilots, ticking, gateways, _processes: processes, http }
    }

    fn url(&self, gateway: usize, path: &str) -> String {
        format!("http://{}{path}", self.gateways[gateway])
    }

    /// A visitor's session for an agent of somebody else.
    async fn session(&self) -> String {
        let asked =
            self.http.post(self.url(0, SESSION)).bearer_auth(BEARER).json(&json!({"modes": ["self_hosted"]}));
        Answer::of(asked).await.ok()["session_token"].as_str().unwrap().to_owned()
    }

    /// What a tool answers to the call of this number.
    async fn tool(&self, gateway: usize, session: &str, number: u32, name: &str, arguments: &Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call",
            "params": {"name": name, "arguments": arguments}});
        let called = self.http.post(self.url(gateway, "/mcp/lead-concierge")).bearer_auth(BEARER);
        let called = called.header("x-frontdesk-session", session).json(&message);
        let answer = Answer::of(called.header("accept", "application/json, text/event-stream")).await.ok();
        let result = &answer["result"];
        assert_eq!(result["isError"], false, "{answer}");
        result["structuredContent"].clone()
    }

    /// Every instance does what is due, all at once.
    async fn tick(&self) {
        let tick = async |address: &SocketAddr| {
            let link = Link::new(&format!("http://{address}").parse().unwrap()).unwrap();
            OperationsServiceClient::new(link).tick(TickRequest {}).await
        };
        join_all(self.ticking.iter().map(tick)).await;
    }

    /// Waits until people were told so often.
    async fn told(&self, many: usize) -> Vec<String> {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let told = self.ground.sandbox.told().unwrap();
            if told.len() >= many {
                return told.into_iter().map(|told| told.text).collect();
            }
            assert!(std::time::Instant::now() < deadline, "{told:?}");
            self.tick().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn the_agents_hands_are_two_of_each_and_do_everything_once() {
    let hands = Hands::start().await;
    book_through_both_doors(&hands).await;
    call_a_person_who_answers(&hands).await;
    join_at_whop(&hands).await;
    report_the_week_twice(&hands).await;
    for (service, relay) in &hands.relays {
        let served = relay.served();
        assert!(served.iter().all(|calls| *calls > 0), "{service}: one instance did it all: {served:?}");
    }
}

/// The same call arrives at both gateways at once and again: one meeting, one row.
async fn book_through_both_doors(hands: &Hands) {
    let session = hands.session().await;
    let slots = hands.tool(1, &session, 1, "list_slots", &json!({"meeting": MEETING})).await;
    let start = slots["slots"].as_array().unwrap().last().unwrap_or_else(|| panic!("{slots}")).clone();
    let wish =
        json!({"meeting": MEETING, "start_time": start, "name": "Ann Example", "email": "ann@example.com"});
    let [one, other] = [0, 1].map(|gateway| hands.tool(gateway, &session, 2, "book_meeting", &wish));
    let (one, other) = tokio::join!(one, other);
    let again = hands.tool(1, &session, 2, "book_meeting", &wish).await;
    assert_eq!((&one, &other), (&again, &again));
    assert_eq!(hands.ground.sandbox.calendar().bookings().len(), 1);
    let mine = hands.tool(0, &session, 3, "list_my_bookings", &json!({})).await;
    assert_eq!(mine["meetings"].as_array().map(Vec::len), Some(1), "{mine}");
    until("its row", || lines(&hands.ground.sandbox, "bookings").len() == 1).await;
    assert_eq!(lines(&hands.ground.sandbox, "bookings")[0]["status"], "booked");
}

/// Somebody waits for a person, who is told once, answers at one door and is read at the other.
async fn call_a_person_who_answers(hands: &Hands) {
    let here = Talk::begin(&hands.url(0, ""), &json!({"modes": ["self_hosted"]})).await;
    let there = here.moved_to(&hands.url(1, ""));
    let (thread, _) = here.create("Let me talk to a human").await;
    let told = hands.told(1).await;
    assert!(told[0].contains(&format!("/operator?thread={thread}")), "{told:?}");
    let reply = hands.http.post(hands.url(1, &format!("/api/operator/threads/{thread}/messages")));
    let reply = reply.bearer_auth(OPERATOR).json(&json!({"text": "I am here.", "author": "Anna"}));
    Answer::of(reply).await.ok();
    for talk in [&here, &there] {
        assert!(said(&talk.items(&thread).await).contains("**Anna:** I am here."));
    }
    for _ in 0..3 {
        hands.tick().await;
    }
    assert_eq!(hands.told(1).await.len(), 1, "however often it is looked for");
    let engaged = || lines(&hands.ground.sandbox, "engagements");
    until("the hand-off's row", || engaged().iter().any(|row| row["outcome"] == "needs_human")).await;
    assert_eq!(engaged().iter().filter(|row| row["outcome"] == "needs_human").count(), 1);
}

/// A membership comes by webhook and has its rows.
async fn join_at_whop(hands: &Hands) {
    hands.ground.sandbox.club().join("user_mara", "plan_growthmonthly").unwrap();
    let rows = || ["subscriptions", "payments"].map(|tab| lines(&hands.ground.sandbox, tab).len());
    until("the rows of a member", || rows() == [1, 1]).await;
}

/// Both instances are asked for the week at once: it is written and told once.
async fn report_the_week_twice(hands: &Hands) {
    let before = hands.ground.sandbox.told().unwrap().len();
    let publish = async |address: &SocketAddr| {
        let link = Link::new(&format!("http://{address}").parse().unwrap()).unwrap();
        let caller = Caller { workflow: "ops-copilot".to_owned(), ..Caller::default() };
        let request = PublishWeeklySummaryRequest {
            caller: Some(caller),
            request_id: format!("by-{address}"),
            ..PublishWeeklySummaryRequest::default()
        };
        ReportServiceClient::new(link).publish_weekly_summary(request).await.unwrap().into_inner().published
    };
    let published = join_all(hands.copilots.iter().map(publish)).await;
    assert_eq!(published.iter().filter(|published| **published).count(), 1, "{published:?}");
    hands.told(before + 1).await;
    hands.tick().await;
    assert_eq!(hands.told(before + 1).await.len(), before + 1);
    let written = || lines(&hands.ground.sandbox, "engagements");
    until("the week's row", || written().iter().any(|row| row["outcome"] == "weekly_summary")).await;
    assert_eq!(written().iter().filter(|row| row["outcome"] == "weekly_summary").count(), 1);
}
