//! Logs at their loudest hold no secret, no token, no message text and no e-mail address.

mod members;

use sandbox::{Fault, FaultKind, Provider, Sandbox, Scripted};
use serde_json::{Value, json};

use super::Desk;
use crate::{
    chat::talk::{Talk, create, done, fill, may_retry, request, said},
    processes::child::host,
    story::answer::{Answer, EVENTS, REFRESH, SESSION},
    world::{HOSTED, lines, until},
};

const LOUD: &str = "info,gateway=trace,session_broker=trace,chat_agent=trace,sheets_writer=trace,\
                    booking_payments=trace,whop_gateway=trace,providers=trace,tools=trace,chassis=trace,store=trace,frontdesk=trace,domain=trace";
/// Not the one that the table at the start shows as an example.
const DEVICE: &str = "0190b5a3-7c1e-7d4a-9b1e-2f6d7c8a9b0c";
/// What is planted in requests and settings; every one has this in it.
const CANARY: &str = "canary";
const SECRET: &str = "canary-of-the-events-secret";
/// `canary of the token keys, 32 bytes` as base64url.
const KEY: &str = "Y2FuYXJ5IG9mIHRoZSB0b2tlbiBrZXlzLCAzMiBieXRlcw";

#[tokio::test(flavor = "multi_thread")]
async fn local_logs_hold_no_secret() {
    let said = everything_that_is_said(&[]).await;
    assert!(said.contains(" INFO ") && !said.contains("\"severity\""), "for people: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_logs_hold_no_secret() {
    let cloud = [
        ("K_SERVICE", "frontdesk"),
        ("ALLOW_SANDBOX", "1"),
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        ("STORE", "sqlite:.frontdesk"),
        ("HOST", "127.0.0.1"),
    ];
    let said = everything_that_is_said(&cloud).await;
    let lines = said.lines().filter(|line| !line.trim().is_empty());
    let parsed: Vec<Value> = lines.map(|line| line.parse().unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(parsed.iter().all(|line| line["severity"].is_string()));
}

/// Runs through everything that could be logged, and checks that nothing of it was.
async fn everything_that_is_said(more: &[(&str, &str)]) -> String {
    let sandbox = Sandbox::open(None).unwrap();
    let base = host(sandbox.providers()).await;
    let [openai, sheets, whop, jwks, drive] =
        ["openai/v1", "sheets", "whop/api/v1", "whop/.well-known/jwks.json", "drive/v3"]
            .map(|path| format!("{base}/{path}"));
    let keys = format!("k1:{KEY}");
    let vars = [
        ("RUST_LOG", LOUD),
        ("LIMIT_CHAT", "100/m:100"),
        ("OPENAI_API_KEY", sandbox::API_KEY),
        ("OPENAI_BASE_URL", &openai),
        HOSTED,
        ("GOOGLE_SHEETS_ID", sandbox::SPREADSHEET_ID),
        ("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN),
        ("SHEETS_BASE_URL", &sheets),
        ("EVENTS_WEBHOOK_SECRET", SECRET),
        ("TOKEN_KEYS", &keys),
        ("FORWARDER_SECRET", "canary-of-the-forwarder"),
        ("CALCOM_WEBHOOK_SECRETS", "canary-of-the-calendar"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_canary"),
        ("WHOP_API_KEY", sandbox::WHOP_API_KEY),
        ("WHOP_ACCOUNT_ID", sandbox::WHOP_ACCOUNT_ID),
        ("WHOP_APP_ID", sandbox::WHOP_APP_ID),
        ("WHOP_BASE_URL", &whop),
        ("WHOP_JWKS_URL", &jwks),
        ("DRIVE_BASE_URL", &drive),
        ("WHOP_WEBHOOK_SECRETS", members::SECRET),
    ];
    let desk = Desk::start(&[&vars, more].concat()).await;
    let mut forbidden = vec![KEY.to_owned(), DEVICE.to_owned()];
    let keys = [
        sandbox::API_KEY,
        sandbox::ACCESS_TOKEN,
        sandbox::CALCOM_API_KEY,
        sandbox::STRIPE_SECRET_KEY,
        sandbox::WHOP_API_KEY,
    ];
    forbidden.extend(keys.map(str::to_owned));
    ask_for_sessions(&desk, &sandbox, &mut forbidden).await;
    deliver_events(&desk, &sandbox).await;
    knock_at_the_till(&desk).await;
    talk(&desk, &sandbox, &mut forbidden).await;
    members::visit(&desk, &sandbox, &mut forbidden).await;
    let (process, _) = desk.leave("TERM").await;

    let said = process.said();
    for needed in [
        "events taken",
        "openai refused the call",
        "claimed what did not happen",
        "drained",
        "request",
        "a user token is refused",
    ] {
        assert!(said.contains(needed), "a log that could have told, with {needed:?}: {said}");
    }
    assert!(!said.to_lowercase().contains(CANARY), "{said}");
    for text in forbidden {
        assert!(!said.contains(&text), "{text} in {said}");
    }
    said
}

/// Every secret and token that is answered becomes forbidden.
async fn ask_for_sessions(desk: &Desk, sandbox: &Sandbox, forbidden: &mut Vec<String>) {
    let ask = json!({
        "deviceId": DEVICE, "userId": "canary-user", "canary": "canary-field",
        "traits": {"utm_source": "canary-trait", "canary": "canary-trait"},
    });
    let session = Answer::of(
        desk.post(&format!("{SESSION}?email=canary@example.com"), &ask)
            .header("x-frontdesk-visitor", "fd1.v.k1.canary.canary")
            .header("x-frontdesk-forwarder", "canary-forwarder")
            .header("x-forwarded-for", "canary-address")
            .header("cookie", "id=canary-cookie")
            .header("user-agent", "canary-agent"),
    )
    .await
    .ok();
    let guess = desk.post(SESSION, &ask).header("authorization", "Bearer canary-token");
    Answer::of(guess).await.problem(401, "SECRET_WRONG");
    let mut refresh = ask.clone();
    refresh["currentClientSecret"] = session["client_secret"].clone();
    refresh["visitorToken"] = session["visitor_token"].clone();
    let fresh = Answer::of(desk.post(REFRESH, &refresh)).await.ok();
    refresh["currentClientSecret"] = json!("ek_canary");
    let other = Answer::of(desk.post(REFRESH, &refresh)).await.ok();
    for answer in [&session, &fresh, &other] {
        forbidden
            .extend(["client_secret", "visitor_token"].map(|name| answer[name].as_str().unwrap().to_owned()));
    }

    for kind in [FaultKind::Status(401), FaultKind::Status(503), FaultKind::Reset] {
        sandbox.inject(Fault { provider: Provider::OpenAi, path: None, count: 2, kind });
        let failed = Answer::of(desk.post(SESSION, &json!({"traits": {"utm_source": "canary"}}))).await;
        assert!(failed.status >= 500, "{failed:?}");
        sandbox.clear_faults();
    }
    for bad in [json!({"deviceId": "canary"}), json!({"workflowId": "canary-workflow"}), json!(["canary"])] {
        let refused = Answer::of(desk.post(SESSION, &bad)).await;
        assert!((400..500).contains(&refused.status), "{refused:?}");
    }
}

/// Webhooks that are forged, and links that are guessed.
async fn knock_at_the_till(desk: &Desk) {
    let event =
        json!({"id": "evt_canary", "type": "canary", "data": {"object": {"email": "canary@example.com"}}});
    for path in ["/webhooks/calcom", "/webhooks/stripe"] {
        let forged = desk
            .post(path, &event)
            .header("stripe-signature", "t=1,v1=canary")
            .header("x-cal-signature-256", "canary");
        assert_eq!(Answer::of(forged).await.status, 401, "{path}");
    }
    let page = desk.http.get(format!("{}/checkout/fd1.t.k1.canary.canary?look=canary", desk.base));
    assert_eq!(Answer::of(page).await.status, 404);
}

async fn deliver_events(desk: &Desk, sandbox: &Sandbox) {
    let turn = json!({
        "type": "chat.turn", "session_id": "canary-session", "message": "canary message", "score": 0.9,
        "email": "canary@example.com", "phone": "+1555canary", "first_name": "Canary", "contact_id": "c_canary",
        "canary": {"canary": "canary"}, "intent": "canary",
    });
    let deliver = |body: &Value, secret: &str| {
        let path = format!("{EVENTS}?secret=canary");
        Answer::of(
            desk.post(&path, body).header("x-frontdesk-secret", secret).header("x-frontdesk-hop", "canary"),
        )
    };
    assert_eq!(deliver(&turn, SECRET).await.status, 202);
    assert_eq!(deliver(&turn, "canary-of-a-guess").await.status, 401);
    for bad in [
        json!("canary"),
        json!({"type": {"canary": 1}}),
        json!({"type": "t", "occurred_at": "canary"}),
        json!({"type": "chat.turn", "contact_id": "canary canary"}),
        json!({"type": "t", "id": "canary/canary"}),
    ] {
        assert_eq!(deliver(&bad, SECRET).await.status, 400, "{bad}");
    }
    until("the row", || lines(sandbox, "contacts").len() == 1).await;
    // Sheets refuses what comes next, and its refusal is logged.
    let refusal = FaultKind::Status(400);
    sandbox.inject(Fault {
        provider: Provider::Sheets,
        path: Some(":batchUpdate".into()),
        count: 1,
        kind: refusal,
    });
    assert_eq!(deliver(&json!({"type": "canary.kind", "message": "canary"}), SECRET).await.status, 202);
    until("the row after all", || lines(sandbox, "chat_events").len() == 2).await;
}

/// A chat in which everything happens that could be logged with its words.
async fn talk(desk: &Desk, sandbox: &Sandbox, forbidden: &mut Vec<String>) {
    let ask = json!({"deviceId": DEVICE, "modes": ["self_hosted"], "traits": {"utm_source": "canary-trait"}});
    let talk = Talk::begin(&desk.base, &ask).await;
    forbidden.extend([talk.secret.clone(), talk.visitor_token.clone()]);
    let lead =
        "My name is Canary Canary, my e-mail is canary@example.com, +49 30 canary, I want to buy canaries";
    let (thread, events) = talk.create(lead).await;
    assert!(said(&done(&events)).contains("Thank you"), "{events:?}");
    until("the lead", || lines(sandbox, "contacts").iter().any(|line| line["email"] == "canary@example.com"))
        .await;
    sandbox.script(vec![Scripted::words("I have saved your canary details.")]);
    let lie = talk.say(&thread, "What does a canary cost?").await;
    assert!(said(&done(&lie)).contains("canary"), "{lie:?}");
    sandbox
        .script(vec![Scripted::calls(&[("save_lead", json!({"email": "canary"})), ("canary", json!({}))])]);
    talk.say(&thread, "The canary is unanswered?").await;

    let path = Some("/responses".to_owned());
    sandbox.script(vec![Scripted::words("a canary that is cut off in the middle of its song")]);
    let cut =
        Fault { provider: Provider::OpenAi, path: path.clone(), count: 1, kind: FaultKind::GarbledAfter(8) };
    sandbox.inject(cut);
    let broken = talk.say(&thread, "Hello, canary!").await;
    assert!(may_retry(broken.last().unwrap()), "{broken:?}");
    sandbox.inject(Fault { provider: Provider::OpenAi, path, count: 1, kind: FaultKind::Status(401) });
    let form = done(&talk.say(&thread, "Is the canary down?").await).pop().unwrap();
    // The first address is refused, and the form is shown again.
    let refused = talk.events(&fill(&form, &["Canary Canary", "no canary address", "A canary"])).await;
    let form = done(&refused).pop().unwrap();
    let saved = talk.events(&fill(&form, &["Canary Canary", "canary@example.com", "A canary"])).await;
    assert_eq!(done(&saved).pop().unwrap()["type"], "widget", "{saved:?}");
    for bad in [
        json!("canary"),
        request("canary", json!({})),
        request("threads.get_by_id", json!({"thread_id": "thr_canary"})),
        request("items.list", json!({"thread_id": thread, "after": "canary", "limit": "canary"})),
    ] {
        let refused = talk.answer(&bad).await;
        assert!([400, 404].contains(&refused.status), "{refused:?}");
    }
    let stranger = talk.with("fd1.c.k1.canary.canary").answer(&create("canary")).await;
    assert_eq!(stranger.status, 401);
}
