//! The same story through five processes that know of each other by their environment alone.

pub(crate) mod child;
pub(crate) mod fleet;

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    time::Instant,
};

use chassis::{Link, server::DRAIN_LIMIT};
use child::Process;
use fleet::Fleet;
use serde_json::json;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    chat::{
        LEAD,
        talk::{Talk, create, done, heard, kinds, said},
    },
    story::answer::{Answer, DEVICE, EVENTS, REFRESH, SESSION},
    world::{PATIENCE, booked, lines, turn, until},
};

const TABS: [&str; 7] =
    ["contacts", "leads", "engagements", "bookings", "subscriptions", "payments", "chat_events"];

#[tokio::test(flavor = "multi_thread")]
async fn the_story_runs_through_seven_processes() {
    let mut fleet = Fleet::start().await;
    let ask = json!({"deviceId": DEVICE, "traits": {"utm_source": "yt"}});
    let (status, first) = fleet.post(SESSION, &ask).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!((&first["mode"], &first["workflow"]), (&json!("hosted"), &json!("lead-concierge")));
    let mut refresh = ask.clone();
    refresh["currentClientSecret"] = first["client_secret"].clone();
    let (status, second) = fleet.post(REFRESH, &refresh).await;
    assert_eq!(status, 200, "{second}");
    assert!(second["client_secret"].is_string() && second["client_secret"] != first["client_secret"]);
    for event in [turn(), booked()] {
        let (status, answer) = fleet.post(EVENTS, &event).await;
        assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer}");
    }
    let counts = || TABS.map(|tab| lines(&fleet.sandbox, tab).len());
    until("all rows", || counts() == [2, 1, 1, 1, 0, 0, 2]).await;
    let engagement = lines(&fleet.sandbox, "engagements").remove(0);
    assert_eq!(engagement["message"], "I need a marketing automation package");
    assert_eq!(lines(&fleet.sandbox, "bookings")[0]["contact_id"], "c_456");
    for event in [turn(), booked()] {
        assert_eq!(fleet.post(EVENTS, &event).await.1["duplicates"], 1);
    }
    talk_and_leave_an_address(&fleet).await;
    join_and_look_into_the_portal(&fleet).await;

    for process in [
        &mut fleet.gateway,
        &mut fleet.agent,
        &mut fleet.till,
        &mut fleet.members,
        &mut fleet.copilot,
        &mut fleet.broker,
        &mut fleet.writer,
    ] {
        process.signal("TERM").await;
        let drained = timeout(DRAIN_LIMIT, process.gone()).await;
        assert_eq!(drained.expect("drained within its eight seconds"), 0, "{}", process.said());
        assert!(process.stderr().contains("drained"), "{}", process.stderr());
    }
}

/// A conversation of our own, streamed through all of them.
async fn talk_and_leave_an_address(fleet: &Fleet) {
    let talk =
        Talk::begin(&fleet.url(), &json!({"deviceId": DEVICE, "modes": ["self_hosted", "hosted"]})).await;
    let (thread, first) = talk.create("What does it cost?").await;
    let answer = said(&done(&first));
    assert!(answer.contains("490.00 EUR"), "{answer}");
    assert_eq!(heard(&first), answer);
    let second = talk.say(&thread, LEAD).await;
    assert_eq!(kinds(&done(&second)), ["user_message", "widget", "assistant_message"]);
    let counts = || TABS.map(|tab| lines(&fleet.sandbox, tab).len());
    until("all rows of the chat", || counts() == [3, 2, 4, 1, 0, 0, 7]).await;
    assert_eq!(talk.reload(&thread).await, [done(&first), done(&second)].concat());
}

/// A member joins, and looks into the portal with a token of Whop's.
async fn join_and_look_into_the_portal(fleet: &Fleet) {
    fleet::aim_webhooks(&fleet.sandbox, &fleet.url());
    fleet.sandbox.club().join("user_mara", "plan_growthmonthly").unwrap();
    let rows = || ["subscriptions", "payments"].map(|tab| lines(&fleet.sandbox, tab).len());
    until("the rows of a member", || rows() == [1, 1]).await;
    let token = fleet.sandbox.user_token("user_mara").unwrap();
    let portal = chassis::http::client().get(format!("{}/api/portal/membership", fleet.url()));
    let seen = Answer::of(portal.header("x-whop-user-token", token)).await.ok();
    assert_eq!(seen["memberships"][0]["status"], "active", "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_agent_the_gateway_says_so_and_goes_on() {
    let mut fleet = Fleet::start().await;
    let talk = Talk::begin(&fleet.url(), &json!({"modes": ["self_hosted"]})).await;
    fleet.agent.kill().await;
    talk.answer(&create("Hello!")).await.problem(503, "SERVICE_UNAVAILABLE");
    let (status, session) = fleet.post(SESSION, &json!({"deviceId": DEVICE})).await;
    assert_eq!(status, 200, "the rest goes on: {session}");
    let (status, answer) = fleet.post(EVENTS, &turn()).await;
    assert_eq!(status, 202, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_till_the_gateway_has_providers_send_again() {
    let mut fleet = Fleet::start().await;
    let (status, problem) = fleet.post("/webhooks/stripe", &json!({"id": "evt_1"})).await;
    assert_eq!((status, &problem["reason"]), (401, &json!("SIGNATURE_WRONG")), "{problem}");
    fleet.till.kill().await;
    let (status, problem) = fleet.post("/webhooks/stripe", &json!({"id": "evt_1"})).await;
    assert_eq!((status, &problem["reason"]), (503, &json!("SERVICE_UNAVAILABLE")), "{problem}");
    let (status, session) = fleet.post(SESSION, &json!({"deviceId": DEVICE})).await;
    assert_eq!(status, 200, "the rest goes on: {session}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_finds_its_broker_again() {
    let mut fleet = Fleet::start().await;
    let ask = json!({"deviceId": DEVICE});
    let (status, before) = fleet.post(SESSION, &ask).await;
    assert_eq!(status, 200, "{before}");
    fleet.broker.kill().await;
    let (status, problem) = fleet.post(SESSION, &ask).await;
    assert_eq!((status, &problem["reason"]), (503, &json!("SERVICE_UNAVAILABLE")), "{problem}");
    let (status, answer) = fleet.post(EVENTS, &turn()).await;
    assert_eq!(status, 202, "the rest goes on: {answer}");

    fleet.broker = fleet::broker(fleet.dir.path(), &fleet.base, fleet.broker_address.port());
    assert_eq!(fleet.broker.address("session-broker").await, fleet.broker_address, "PORT is honoured");
    let deadline = Instant::now() + PATIENCE;
    let after = loop {
        let (status, answer) = fleet.post(SESSION, &ask).await;
        if status == 200 {
            break answer;
        }
        assert_eq!(status, 503, "{answer}");
        assert!(Instant::now() < deadline, "the channel never came back: {answer}");
    };
    assert_ne!(after["client_secret"], before["client_secret"], "secrets lived in the memory that is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_listens_where_port_says() {
    let fleet = Fleet::start().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut writer = fleet::writer(dir.path(), &fleet.base, free.port());
    assert_eq!(writer.address("sheets-writer").await, free);
    assert_eq!(health(free, "").await, Ok(ServingStatus::Serving));

    let mut late = fleet::broker(dir.path(), &fleet.base, free.port());
    assert_eq!(late.gone().await, 1, "{}", late.said());
    assert!(late.stderr().contains(&format!("{free} cannot be bound")), "{}", late.stderr());
}

/// What every service with a store offers besides its own.
const EVERYWHERE: [&str; 2] = ["frontdesk.common.v1.BackupService", "frontdesk.common.v1.OperationsService"];

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer_over_the_wire() {
    let fleet = Fleet::start().await;
    let broker = ["frontdesk.session.v1.SessionService"].as_slice();
    let writer = [
        "frontdesk.sheets.v1.BookkeepingService",
        "frontdesk.sheets.v1.ContactService",
        "frontdesk.sheets.v1.DeliveryService",
        "frontdesk.sheets.v1.EventService",
        "frontdesk.sheets.v1.LeadService",
        "frontdesk.sheets.v1.LedgerService",
    ];
    let agent =
        ["frontdesk.chat.v1.ChatService", "frontdesk.chat.v1.ThreadService", "frontdesk.chat.v1.ToolService"];
    let till = [
        "frontdesk.booking.v1.BookingService",
        "frontdesk.booking.v1.PaymentService",
        "frontdesk.common.v1.ReconciliationService",
        "frontdesk.common.v1.WebhookService",
    ];
    let members = [
        "frontdesk.common.v1.ReconciliationService",
        "frontdesk.common.v1.WebhookService",
        "frontdesk.whop.v1.DirectoryService",
        "frontdesk.whop.v1.MembershipService",
    ];
    for (address, services) in [
        (fleet.broker_address, broker),
        (fleet.writer_address, &writer),
        (fleet.agent_address, &agent),
        (fleet.till_address, &till),
        (fleet.members_address, &members),
        (fleet.copilot_address, &["frontdesk.ops.v1.NotifyService", "frontdesk.ops.v1.ReportService"]),
    ] {
        let services = services.iter().copied().chain(EVERYWHERE);
        for service in services.clone().chain([""]) {
            assert_eq!(health(address, service).await, Ok(ServingStatus::Serving), "{service:?}");
        }
        assert_eq!(health(address, "frontdesk.nobody.v1.Nobody").await, Err(Code::NotFound));
        let chassis = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
        let expected: BTreeSet<_> = services.chain(chassis).map(str::to_owned).collect();
        assert_eq!(reflected(address).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_says_all_that_is_wrong_with_its_environment() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "PORT",
        "STORE",
        "LIMIT_IP",
        "LIMIT_CHAT",
        "BUDGET_DAY",
        "LEAD_SCORE_THRESHOLD",
        "ALLOWED_ORIGINS",
        "TOKEN_KEYS",
        "CALCOM_BASE_URL",
        "CHECKOUT_MINUTES",
        "WHOP_BASE_URL",
        "REPORT_AT",
        "SMTP_URL",
        "MCP_TOKENS",
    ];
    let bad = settings.map(|setting| (setting, "canary"));
    for (service, named) in [
        ("session-broker", ["PORT", "STORE", "OPENAI_API_KEY", "LIMIT_IP"].as_slice()),
        ("sheets-writer", &["PORT", "STORE", "GOOGLE_SHEETS_ID", "LEAD_SCORE_THRESHOLD"]),
        ("chat-agent", &["PORT", "STORE", "OPENAI_API_KEY", "LIMIT_CHAT", "BUDGET_DAY"]),
        ("booking-payments", &["PORT", "STORE", "CALCOM_API_KEY", "CALCOM_BASE_URL", "CHECKOUT_MINUTES"]),
        ("whop-gateway", &["PORT", "STORE", "WHOP_API_KEY", "WHOP_ACCOUNT_ID", "WHOP_BASE_URL"]),
        ("ops-copilot", &["PORT", "STORE", "REPORT_AT", "SMTP_URL"]),
        ("gateway", &["PORT", "ALLOWED_ORIGINS", "TOKEN_KEYS", "MCP_TOKENS"]),
    ] {
        let mut process = Process::start(service, dir.path(), &bad, &[]);
        assert_eq!(process.gone().await, 64, "{}", process.said());
        let said = process.said();
        for setting in named {
            assert!(said.contains(&format!("{setting}: ")), "{service}: {setting} in {said}");
        }
        assert!(!said.contains("canary"), "{said}");
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "nothing is made before the settings are right: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_names_the_settings_of_a_service() {
    let dir = tempfile::tempdir().unwrap();
    for (service, named) in [
        ("session-broker", ["PORT", "STORE", "OPENAI_API_KEY", "CHATKIT_WORKFLOW_ID", "LIMIT_VISITOR"]),
        ("sheets-writer", ["PORT", "STORE", "GOOGLE_SHEETS_ID", "SHEET_TIME_ZONE", "EVENTS_WEBHOOK_SECRET"]),
        ("chat-agent", ["PORT", "STORE", "OPENAI_API_KEY", "SHEETS_WRITER_ADDR", "LIMIT_CHAT"]),
        (
            "booking-payments",
            ["PORT", "STORE", "STRIPE_SECRET_KEY", "CALCOM_WEBHOOK_SECRETS", "SANDBOX_LEDGER_ADDR"],
        ),
        ("whop-gateway", ["PORT", "STORE", "WHOP_APP_ID", "WHOP_WEBHOOK_SECRETS", "QUICK_ACTIONS_FILE"]),
        ("ops-copilot", ["PORT", "STORE", "SLACK_WEBHOOK_URL", "NOTIFY_EVENTS", "ANOMALIES_FILE"]),
        ("gateway", ["PORT", "SESSION_BROKER_ADDR", "CHAT_AGENT_ADDR", "TOKEN_KEYS", "ALLOWED_ORIGINS"]),
    ] {
        let vars = [("TOKEN_KEYS", "canary"), ("ALLOWED_ORIGINS", "canary")];
        let mut process = Process::start(service, dir.path(), &vars, &["--help"]);
        assert_eq!(process.gone().await, 0);
        let page = process.stdout();
        named.iter().for_each(|setting| assert!(page.contains(setting), "{service}: {setting} in {page}"));
        assert!(!page.contains("canary"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_never_share_a_store() {
    let fleet = Fleet::start().await;
    let mut second = fleet::writer(fleet.dir.path(), &fleet.base, 0);
    assert_eq!(second.gone().await, 64, "{}", second.said());
    assert!(second.stderr().contains("sheets-writer.db is in use"), "{}", second.stderr());
}

fn link(address: SocketAddr) -> Link {
    Link::new(&format!("http://{address}").parse().unwrap()).unwrap()
}

async fn health(address: SocketAddr, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = timeout(PATIENCE, HealthClient::new(link(address)).check(request)).await.unwrap();
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

/// The services that reflection lists.
async fn reflected(address: SocketAddr) -> BTreeSet<String> {
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(link(address));
    let asked = client.server_reflection_info(tokio_stream::once(list));
    let mut answers = timeout(PATIENCE, asked).await.unwrap().unwrap().into_inner();
    let answer = timeout(PATIENCE, answers.message()).await.unwrap().unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}")
    };
    list.service.into_iter().map(|service| service.name).collect()
}
