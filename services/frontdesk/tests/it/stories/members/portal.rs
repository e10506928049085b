//! The portal as Whop shows it: the page, its buttons and its chat are the member's, on every device.

use reqwest::Method;
use sandbox::UserToken;
use serde_json::{Value, json};

use super::{ACTIONS, LEADS, MEMBERSHIP, PORTAL, id};
use crate::{
    chat::talk::{Events, create, request, said, thread_of},
    story::answer::{Answer, SESSION},
    world::{World, until},
};

const TOKEN: &str = "x-whop-user-token";

impl World {
    /// What a member is answered in the chat, through the proxy.
    async fn chat_of(&self, label: &str, secret: &str, body: &Value) -> Answer {
        Answer::of(self.through_whop(label, Method::POST, "/chatkit").bearer_auth(secret).json(body)).await
    }

    /// The facts with which the model was asked last.
    fn facts(&self) -> Value {
        let asked = self.sandbox().requests().into_iter().rev();
        let body = asked.map(|asked| asked.body).find(|body| body["input"].is_array()).expect("it was asked");
        let block = body["input"][0]["content"].as_str().unwrap().to_owned();
        serde_json::from_str(block.lines().nth(2).unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_the_members_and_nobody_elses() {
    let world = World::shop().await;
    let contract = json!({"contract_url": "https://contracts.example/mara"});
    let contract = contract.as_object().unwrap().clone();
    world.sandbox().club().join_with("user_mara", "plan_growthmonthly", contract).unwrap();
    let page = Answer::of(world.through_whop("mara", Method::GET, "/portal")).await;
    assert_eq!(page.status, 200, "{page:?}");
    for shown in ["Growth Retainer", "https://contracts.example/mara", "Download Files", "Upgrade Plan"] {
        assert!(page.text.contains(shown), "{shown} in {page:?}");
    }
    assert!(page.header("content-security-policy").contains("frame-ancestors https://whop.com"), "{page:?}");
    let jonas = Answer::of(world.through_whop("jonas", Method::GET, "/portal")).await;
    assert!(jonas.status == 200 && !jonas.text.contains("contracts.example"), "{jonas:?}");
    let outside = world.get("/portal").await;
    assert_eq!(outside.status(), 401);
    assert!(outside.text().await.unwrap().contains("Open this page in Whop"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_button_does_what_it_says() {
    let world = World::shop().await;
    world.sandbox().club().join("user_jonas", "plan_scalemonthly").unwrap();
    let press = async |action: &str, body: Value| {
        let request = world.through_whop("jonas", Method::POST, &format!("{ACTIONS}/{action}"));
        Answer::of(request.header("idempotency-key", "once").json(&body)).await
    };
    let files = press("files", json!({})).await.ok();
    let names: Vec<_> = files["files"].as_array().unwrap().iter().map(|file| file["name"].clone()).collect();
    assert!(names.contains(&json!("Scale agreement.pdf")), "{files}");
    let ticket = json!({"subject": "It broke", "message": "On Monday."});
    let opened = press("support", ticket.clone()).await.ok();
    assert_eq!(press("support", ticket).await.ok(), opened, "one ticket");
    let messages = || {
        let asked = world.sandbox().requests().into_iter();
        asked.filter(|asked| asked.method == "POST" && asked.path.contains("/messages")).count()
    };
    assert_eq!(messages(), 1, "one message at Whop");
    let other = press("support", json!({"subject": "Other", "message": "words"})).await;
    other.problem(400, "REQUEST_ID_REUSED");
    for unknown in ["upgrade", "contract", "nothing", "files:mem_1"] {
        press(unknown, json!({})).await.problem(404, "ACTION_UNKNOWN");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_talks_as_one_on_every_device_and_the_agent_knows_what_they_have() {
    let world = World::shop().await;
    world.sandbox().club().join("user_mara", "plan_growthmonthly").unwrap();
    world.at_rest().await;
    let (desktop, phone) = (world.session_of("mara").await, world.session_of("mara").await);
    assert_ne!(desktop["visitor_token"], phone["visitor_token"], "each browser has its own");
    let secret = |session: &Value| session["client_secret"].as_str().unwrap().to_owned();
    let request_chat = world.through_whop("mara", Method::POST, "/chatkit").bearer_auth(secret(&desktop));
    let events = Events::of(request_chat.json(&create("What is my plan?"))).await.rest().await;
    let thread = thread_of(&events[0]);
    let facts = world.facts();
    let [known] = &facts["memberships"]["all"].as_array().unwrap()[..] else { panic!("{facts}") };
    assert_eq!(
        (&known["product"], &known["plan"], &known["status"], &known["has_access"]),
        (&json!("Growth Retainer"), &json!("Growth, monthly"), &json!("active"), &json!(true))
    );
    assert_eq!(facts["is_verified_member"], true);

    let read = request("threads.get_by_id", json!({"thread_id": thread}));
    let there = world.chat_of("mara", &secret(&phone), &read).await.ok();
    assert!(!said(there["items"]["data"].as_array().unwrap()).is_empty(), "{there}");
    let stranger = world.session_in(LEADS, "jonas").await.ok();
    assert_eq!(world.chat_of("jonas", &secret(&stranger), &read).await.status, 404);
    // the browser's own visitor, which outlives the session, sees nothing of it
    let asked = json!({"modes": ["self_hosted"], "workflowId": "lead-concierge", "visitorToken": desktop["visitor_token"]});
    let own = world.session(&asked).await.ok();
    let own = world.talk().await.with(&secret(&own));
    let list = own.whole(&request("threads.list", json!({}))).await;
    assert_eq!(list["data"], json!([]), "{list}");

    // who was seen in the portal and who pays are one person in the books
    until("the user and the visitor are one", || world.lines("contacts").len() == 1).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portals_chat_is_for_whoever_has_access_now() {
    let world = World::shop().await;
    let club = world.sandbox().club();
    let refused = async || {
        let told = world.session_in(PORTAL, "jonas").await.problem(403, "WORKFLOW_NOT_ALLOWED");
        assert!(told.contains("for members with an active membership"), "{told}");
        let page = Answer::of(world.through_whop("jonas", Method::GET, "/portal")).await;
        assert!(page.text.contains("The chat is for members with an active membership"), "{page:?}");
    };
    refused().await;
    let joined = club.join("user_jonas", "plan_growthmonthly").unwrap();
    world.lines_when("subscriptions", 1).await;
    world.session_of("jonas").await;
    let page = Answer::of(world.through_whop("jonas", Method::GET, "/portal")).await;
    assert!(page.text.contains("id=\"chat\" class=\"chat\"></div>"), "{page:?}");
    club.revoke(&id(&joined)).unwrap();
    until("the end is known", || {
        world.lines("subscriptions").iter().any(|line| line["status"] == "canceled")
    })
    .await;
    refused().await;
    assert_eq!(world.session_in(LEADS, "jonas").await.status, 200, "what is for anybody is for him too");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_only_as_whop_gave_it() {
    let world = World::shop().await;
    world.sandbox().club().join("user_mara", "plan_growthmonthly").unwrap();
    let good = world.sandbox().user_token("user_mara").unwrap();
    let ask = async |token: &str| {
        let request = world.request(Method::GET, MEMBERSHIP).header(TOKEN, token);
        Answer::of(request).await
    };
    assert_eq!(id(&ask(&good).await.ok()["memberships"][0]).split('_').next(), Some("mem"));
    let mut expired = UserToken::of("user_mara");
    expired.claims.insert("exp".into(), json!(1));
    let mut other_app = UserToken::of("user_mara");
    other_app.claims.insert("aud".into(), json!("app_other"));
    let mut stranger = UserToken::of("user_mara");
    stranger.signer = sandbox::Signer::Stranger;
    let wrong = [expired, other_app, stranger].map(|token| world.sandbox().sign_user_token(&token).unwrap());
    for wrong in wrong.iter().map(String::as_str).chain(["a.b.c", "fd1.c.k1.x.y"]) {
        ask(wrong).await.problem(401, "USER_TOKEN_WRONG");
        let session = world.send(SESSION, json!({"modes": ["self_hosted"]}).to_string()).header(TOKEN, wrong);
        Answer::of(session).await.problem(401, "USER_TOKEN_WRONG");
    }
    // what comes to Whop's proxy under the header's name is dropped there
    let forged = world.through_whop("jonas", Method::GET, MEMBERSHIP).header(TOKEN, &good);
    assert_eq!(Answer::of(forged).await.ok()["memberships"], json!([]));
    let elsewhere = world.request(Method::GET, MEMBERSHIP).header(TOKEN, &good);
    let elsewhere = Answer::of(elsewhere.header("sec-fetch-site", "cross-site")).await;
    assert_eq!(elsewhere.status, 403, "{elsewhere:?}");
    world.stop().await;
}
