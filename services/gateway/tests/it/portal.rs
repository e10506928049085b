//! What a member is shown and asks for inside Whop.

use domain::{Fault, Kind, Reason};
use proto::whop::v1::{
    Freshness, ListMembershipsResponse, ListQuickActionsResponse, Membership, MembershipStatus, QuickAction,
    QuickActionKind,
};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    calls::calls_nobody_else,
    whop::{action, membership_of},
    world::{ACTIONS, Answer, MEMBERSHIP, TOKEN, World},
};

const PAGE: &str = "/portal";
const MARA: &str = "user_mara";
const CANCEL: &str = "/api/portal/memberships/mem_of_user_mara/cancel";

impl World {
    async fn ask(&self, path: &str) -> Answer {
        Answer::of(self.through_whop(MARA, Method::GET, path)).await
    }

    async fn run(&self, action: &str, body: &str) -> Answer {
        let path = format!("{ACTIONS}/{action}");
        Answer::of(self.through_whop(MARA, Method::POST, &path).body(body.to_owned())).await
    }
}

/// The answer, which is nobody else's to keep.
#[track_caller]
fn told(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("cache-control").as_str()), (200, "no-store"), "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_member_sees_what_they_have_and_may_ask_for() {
    let world = World::start().await;
    assert_eq!(
        told(&world.ask(MEMBERSHIP).await),
        json!({
            "memberships": [{
                "id": "mem_of_user_mara", "product_id": "prod_growthretainer", "product": "Growth Retainer",
                "plan_id": "plan_growthmonthly", "plan": "Plan of user_mara", "status": "active", "has_access": true,
                "created_at": null, "renews_at": "2026-12-01T00:00:00Z", "expires_at": null,
                "cancel_at_period_end": false, "canceled_at": null, "manage_url": "https://whop.com/manage/user_mara",
            }],
            "as_of": "2025-10-28T16:10:00Z", "stale": false,
        })
    );
    let link = "https://files.example/user_mara";
    assert_eq!(
        told(&world.ask(ACTIONS).await)["actions"],
        json!([
            {"id": "contract", "label": "View Contract", "type": "link", "url": link, "membership_id": ""},
            {"id": "files", "label": "Download Files", "type": "files", "membership_id": ""},
            {"id": "support", "label": "Open Support Ticket", "type": "support", "membership_id": ""},
            {"id": "upgrade", "label": "Upgrade Plan", "type": "upgrade", "membership_id": ""},
        ])
    );
}

#[tokio::test]
async fn every_action_does_what_its_button_says() {
    let world = World::start().await;
    let link = json!({"type": "link", "url": "https://files.example/user_mara"});
    assert_eq!(told(&world.run("contract", "").await), link);
    assert_eq!(
        told(&world.run("files", "{}").await),
        json!({
            "type": "files", "more": false,
            "files": [
                {"name": "Report of user_mara.pdf", "url": "https://files.example/user_mara/report",
                    "media_type": "application/pdf", "updated_at": "2025-10-28T16:10:00Z", "size": 2048},
                {"name": "Note", "url": "https://files.example/note", "media_type": "", "updated_at": null, "size": null},
            ],
        })
    );
    let ticket = told(&world.run("support", r#"{"subject":"It broke","message":"On Monday."}"#).await);
    let expected =
        json!({"type": "support", "ticket_id": "tkt_of_user_mara", "created_at": "2025-10-28T16:10:00Z"});
    assert_eq!(ticket, expected);
    let upgrade = json!({"type": "upgrade", "url": "https://whop.com/checkout/user_mara"});
    assert_eq!(told(&world.run("upgrade", "").await), upgrade);
    let cancelled = world.through_whop(MARA, Method::POST, CANCEL).body(r#"{"confirmed":true}"#);
    let cancelled = told(&Answer::of(cancelled).await);
    assert_eq!(
        (&cancelled["id"], &cancelled["cancel_at_period_end"]),
        (&json!("mem_of_user_mara"), &json!(true))
    );

    let notes = world.backend.notes();
    let asked = &notes.whop.tickets[0];
    assert_eq!((asked.action_id.as_str(), asked.subject.as_str()), ("support", "It broke"));
    assert_eq!(asked.message, "On Monday.");
    assert_eq!(
        (notes.whop.files[0].action_id.as_str(), notes.whop.upgrades[0].action_id.as_str()),
        ("files", "upgrade")
    );
    assert!(notes.whop.cancels[0].confirmed);
}

#[tokio::test]
async fn the_same_key_is_the_same_request_of_the_same_member() {
    let world = World::start().await;
    let body = r#"{"subject":"s","message":"m","confirmed":true}"#;
    let path = format!("{ACTIONS}/support");
    for (user, key) in [(MARA, Some("1")), (MARA, Some("1")), ("user_jonas", Some("1")), (MARA, Some("2"))] {
        let request = world.through_whop(user, Method::POST, &path).body(body);
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        assert_eq!(Answer::of(request).await.status, 200);
    }
    for _ in 0..2 {
        assert_eq!(world.run("support", body).await.status, 200);
    }
    let ids = || {
        let notes = world.backend.notes();
        notes.whop.tickets.iter().map(|asked| asked.request_id.clone()).collect::<Vec<_>>()
    };
    let ids = ids();
    assert_eq!(ids[0], ids[1]);
    let mut others = ids[1..].to_vec();
    others.sort();
    others.dedup();
    assert_eq!(others.len(), 5, "{ids:?}");
    assert!(ids.iter().all(|id| domain::id::check(id).is_ok()));

    let reused = Fault {
        field: Some("request_id".into()),
        ..Fault::new(Kind::Invalid, Reason::RequestIdReused, "canary")
    };
    world.backend.notes().whop.refusals.push_back(chassis::status::status(&reused));
    let refused = world.through_whop(MARA, Method::POST, &path).body(body).header("idempotency-key", "1");
    let refused = Answer::of(refused).await;
    assert_eq!((refused.status, &refused.json()["field"]), (400, &json!("Idempotency-Key")));
    let bad = world.through_whop(MARA, Method::POST, &path).body(body).header("idempotency-key", "a b");
    Answer::of(bad).await.problem(400, "INVALID_VALUE");
}

#[tokio::test]
async fn without_proof_nothing_is_shown_and_nothing_is_told() {
    let world = World::start().await;
    let run = format!("{ACTIONS}/support");
    let visitor = world.keys.seal(domain::token::Purpose::Visitor, "vis_1", jiff::Timestamp::now());
    for (method, path) in
        [(Method::GET, ACTIONS), (Method::GET, MEMBERSHIP), (Method::POST, &run), (Method::POST, CANCEL)]
    {
        let body = r#"{"subject":"s","message":"m","confirmed":true}"#;
        let request = || world.request(method.clone(), path).body(body);
        for request in [
            request(),
            request().bearer_auth(world.secret()),
            request().bearer_auth(&visitor),
            request().bearer_auth(world.secret_of(Some(MARA))).bearer_auth(world.secret_of(Some(MARA))),
            request().header("x-frontdesk-visitor", world.secret_of(Some(MARA))),
            request().bearer_auth(crate::whop::token_of(MARA)),
        ] {
            let error = Answer::of(request).await.problem(401, "USER_TOKEN_WRONG");
            assert!(error.contains("Whop"), "{error}");
        }
    }
    let notes = world.backend.notes();
    assert!(notes.whop.identified.is_empty() && notes.whop.callers.is_empty());
}

#[tokio::test]
async fn what_is_not_in_the_list_is_not_there() {
    let world = World::start().await;
    for action in ["contracts", "strange", "Files", "a%2Fb", "%ff", "..%2F..", "prod_growthretainer"] {
        world.run(action, r#"{"subject":"s","message":"m"}"#).await.problem(404, "ACTION_UNKNOWN");
    }
    for id in ["mem_of_user_jonas", "a%2Fb", "%ff", &"x".repeat(200)] {
        let path = format!("/api/portal/memberships/{id}/cancel");
        let request = world.through_whop(MARA, Method::POST, &path).body(r#"{"confirmed":true}"#);
        Answer::of(request).await.problem(404, "MEMBERSHIP_UNKNOWN");
    }
    let notes = world.backend.notes();
    assert!(notes.whop.files.is_empty() && notes.whop.tickets.is_empty() && notes.whop.upgrades.is_empty());
    assert_eq!(notes.whop.cancels.len(), 1, "what is no id is nobody's membership");
}

#[tokio::test]
async fn bodies_that_are_not_what_the_portal_takes() {
    let world = World::start().await;
    let support = format!("{ACTIONS}/support");
    for (path, body, reason, error) in [
        (support.as_str(), "", "MALFORMED", "subject is required"),
        (&support, "{", "MALFORMED", "the body is not JSON: line 1, column 1"),
        (&support, "[]", "MALFORMED", "the body must be a JSON object"),
        (&support, r#"{"subject":"s"}"#, "MALFORMED", "message is required"),
        (&support, r#"{"subject":"s","message":7}"#, "MALFORMED", "message must be a string"),
        (CANCEL, "", "MALFORMED", "the body is empty; send a JSON object"),
        (CANCEL, "{}", "INVALID_VALUE", "confirmed must be true: ask the member first"),
        (CANCEL, r#"{"confirmed":false}"#, "INVALID_VALUE", "confirmed must be true: ask the member first"),
        (CANCEL, r#"{"confirmed":"true"}"#, "MALFORMED", "confirmed must be true or false"),
        (CANCEL, r#"{"confirmed":1}"#, "MALFORMED", "confirmed must be true or false"),
    ] {
        let request = world.through_whop(MARA, Method::POST, path).body(body);
        assert_eq!(Answer::of(request).await.problem(400, reason), error, "{body}");
    }
    let plain = world.through_whop(MARA, Method::POST, CANCEL).header("content-type", "text/plain");
    Answer::of(plain.body(r#"{"confirmed":true}"#)).await.problem(400, "MALFORMED");
    for path in [support.as_str(), CANCEL] {
        let large = format!(r#"{{"confirmed":true,"message":"{}"}}"#, "x".repeat(16 << 10));
        let large = Answer::of(world.through_whop(MARA, Method::POST, path).body(large)).await;
        assert_eq!(large.problem(413, "TOO_LARGE"), "the body is longer than 16 KiB");
    }
    let notes = world.backend.notes();
    assert!(notes.whop.tickets.is_empty() && notes.whop.cancels.is_empty());
}

#[tokio::test]
async fn the_page_shows_the_members_own_and_works_without_being_told_a_token() {
    let world = World::start().await;
    let page = world.ask(PAGE).await;
    assert_eq!(page.status, 200);
    for held in [
        "<strong>Growth Retainer</strong> <span class=\"badge\">Active</span>",
        "Plan of user_mara. It renews on 1 December 2026.",
        "href=\"https://whop.com/manage/user_mara\"",
        "data-cancel=\"mem_of_user_mara\" data-name=\"Growth Retainer\" data-end=\"1 December 2026\"",
        "<a class=\"action\" href=\"https://files.example/user_mara\" target=\"_blank\" rel=\"noopener noreferrer\">View Contract",
        "id=\"cancel-yes\" class=\"button danger\" disabled>",
        "data-action=\"files\" data-type=\"files\">Download Files</button>",
        "data-action=\"support\" data-type=\"support\">Open Support Ticket</button>",
        "data-action=\"upgrade\" data-type=\"upgrade\">Upgrade Plan</button>",
        "<script src=\"/widget.js\" data-workflow=\"client-portal\" data-client=\"built-in\" data-place=\"chat\"",
    ] {
        assert!(page.text.contains(held), "{held} in {}", page.text);
    }
    assert!(!page.text.contains("Of another time"), "what this page cannot do has no button");
    assert!(!page.text.contains("e30."), "no token is in it");
    assert_eq!(page.text.matches("<script").count(), 2);
    for inline in [" style=\"", " onclick", "javascript:", "@import", "url(", "<!--", "/*style*/"] {
        assert!(!page.text.contains(inline), "{inline}");
    }
    let script = page.text.split_once("<script src=\"").unwrap().1.split_once('"').unwrap().0;
    let script = world.get(script).await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let told = page.text.split_once("/portal.js?v=").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(script.header("etag"), format!("\"{told}\""), "another script has another address");
    for dangerous in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "token'", TOKEN]
    {
        assert!(!script.text.contains(dangerous), "{dangerous}");
    }
    calls_nobody_else(&script.text);
}

#[tokio::test]
async fn opened_elsewhere_it_is_words_and_nothing_else() {
    let world = World::start().await;
    let secret = world.request(Method::GET, PAGE).bearer_auth(world.secret_of(Some(MARA)));
    let forged = world.request(Method::GET, PAGE).header(TOKEN, "forged");
    let twice = world.through_whop(MARA, Method::GET, PAGE).header(TOKEN, crate::whop::token_of(MARA));
    for request in [world.request(Method::GET, PAGE), secret, forged, twice] {
        let page = Answer::of(request).await;
        assert_eq!(page.status, 401);
        assert!(page.text.contains("<h1 tabindex=\"-1\">Open this page in Whop</h1>"), "{}", page.text);
        for shown in ["<script", "<button", "<form", "data-", "id=\"chat\"", "user_mara", "forged"] {
            assert!(!page.text.contains(shown), "{shown} in {}", page.text);
        }
        assert_eq!(page.header("cache-control"), "no-store");
    }
    assert!(world.backend.notes().whop.callers.is_empty());
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_and_the_rest_is_there() {
    let world = World::start().await;
    let down = Fault::new(Kind::Unavailable, Reason::ProviderUnavailable, "canary");
    world.backend.notes().whop.memberships.push_back(Err(chassis::status::status(&down)));
    let page = world.ask(PAGE).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Your plan cannot be shown just now") && page.text.contains("Download Files"));
    assert!(page.text.contains("/widget.js") && !page.text.contains("canary"));

    let stale = Some(Freshness { stale: true, ..crate::whop::fresh().unwrap() });
    let ended = Membership {
        status: MembershipStatus::Canceled.into(),
        has_access: false,
        renew_time: None,
        ..membership_of(MARA)
    };
    let memberships = vec![ended.clone(), Membership { product: "Older".into(), ..ended }];
    let old = ListMembershipsResponse { memberships, freshness: stale };
    world.backend.notes().whop.memberships.push_back(Ok(old));
    world.backend.notes().whop.actions.push_back(Ok(ListQuickActionsResponse::default()));
    let page = world.ask(PAGE).await;
    for held in ["It has ended.", "This is what it said on 28 October 2025.", "nothing to ask for"] {
        assert!(page.text.contains(held), "{held} in {}", page.text);
    }
    assert!(!page.text.contains("data-cancel") && !page.text.contains("Older"), "{}", page.text);
    let why = "The chat is for members with an active membership, and you have none at the moment.";
    assert!(page.text.contains(why) && !page.text.contains("The chat helps"), "{}", page.text);
    assert!(page.text.contains("/portal.js") && !page.text.contains("/widget.js"), "{}", page.text);
}

#[tokio::test]
async fn whoever_cannot_be_checked_sees_nothing_and_is_told_to_come_back() {
    let world = World::start().await;
    let down = Fault::new(Kind::Unavailable, Reason::ProviderUnavailable, "canary");
    let answers = [Err(chassis::status::status(&down)), Err(Status::internal("canary"))];
    world.backend.notes().whop.users.extend(answers);
    for (status, held) in [(503, "Reload this page in a minute"), (500, "tell us this")] {
        let page = world.ask(PAGE).await;
        assert_eq!(page.status, status);
        assert!(page.text.contains(held), "{}", page.text);
        assert!(!page.text.contains("canary") && !page.text.contains("<script"), "{}", page.text);
        assert!(status == 503 || page.text.contains(&page.header("x-request-id")));
    }
}

#[tokio::test]
async fn whop_may_frame_the_page_and_a_page_of_this_machine_where_it_is_not_the_cloud() {
    let settings = [
        ("K_SERVICE", "gateway"),
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        ("PUBLIC_BASE_URL", "https://chat.example.com"),
    ];
    let (home, cloud) = (World::start().await, World::with(&settings).await);
    let local = " http://localhost:* http://*.localhost:* http://127.0.0.1:*";
    for (world, more) in [(&home, local), (&cloud, "")] {
        for page in [world.ask(PAGE).await, world.get(PAGE).await] {
            let policy = page.header("content-security-policy");
            let frames = format!("frame-ancestors https://whop.com https://*.whop.com{more}");
            assert!(policy.ends_with(&frames), "{policy}");
            assert!(policy.starts_with("default-src 'self'; style-src 'self' 'sha256-"), "{policy}");
            for rule in ["object-src 'none'", "base-uri 'none'", "form-action 'none'"] {
                assert!(policy.contains(rule), "{rule} in {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("example.com"), "{policy}");
            assert_eq!(page.header("x-frame-options"), "");
            assert_eq!(page.header("x-robots-tag"), "noindex, nofollow");
            assert_eq!(page.header("set-cookie"), "");
        }
    }
}

#[tokio::test]
async fn texts_of_others_are_texts() {
    let world = World::start().await;
    let evil = "<img src=x onerror=alert(1)>\"'&<!--actions-->/*style*/<!--body-->";
    let membership = Membership {
        membership_id: evil.into(),
        product: evil.into(),
        plan: format!("{evil} plan"),
        manage_url: "javascript:alert(1)".into(),
        ..membership_of(MARA)
    };
    let found = ListMembershipsResponse { memberships: vec![membership], freshness: None };
    world.backend.notes().whop.memberships.push_back(Ok(found));
    let actions = vec![
        action(evil, evil, QuickActionKind::Files),
        QuickAction { url: "javascript:alert(1)".into(), ..action("a", "Script", QuickActionKind::Link) },
        QuickAction { url: "https://a.example/\"><b>".into(), ..action("b", evil, QuickActionKind::Link) },
    ];
    let found = ListQuickActionsResponse { actions, freshness: None };
    world.backend.notes().whop.actions.push_back(Ok(found));
    let page = world.ask(PAGE).await;
    let shown =
        "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;&lt;!--actions--&gt;/*style*/&lt;!--body--&gt;";
    assert_eq!(page.text.matches(shown).count(), 8, "{}", page.text);
    for bad in ["<img", "javascript:", "<b>", ">Script"] {
        assert!(!page.text.contains(bad), "{bad} in {}", page.text);
    }
    assert_eq!(page.text.matches(":root {").count(), 2, "the style sheet stands in it once");
}
