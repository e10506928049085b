//! Whose a member's session is, whatever else a request says.

use domain::{
    Fault, Kind, Reason,
    token::Purpose,
    visit::{visitor_of_device, visitor_of_member},
};
use jiff::Timestamp;
use proto::{
    common::v1::Caller,
    session::v1::{Session, SessionMode},
    whop::v1::{IdentifyResponse, ListMembershipsResponse, Membership, MembershipStatus},
};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tonic::Status;

use crate::{
    backend::session,
    whop::{membership_of, token_of},
    world::{ACTIONS, Answer, CHAT, DEVICE, MEMBERSHIP, REFRESH, SESSION, TOKEN, World},
};

fn own() -> Session {
    let mode = SessionMode::SelfHosted.into();
    let workflow = "client-portal".into();
    Session { session_id: "ses_1".into(), client_secret: String::new(), mode, workflow, ..session() }
}

impl World {
    /// A session as the page inside Whop asks for it.
    fn join(&self, user: &str, path: &str, body: &str) -> RequestBuilder {
        self.through_whop(user, Method::POST, path).body(body.to_owned())
    }

    fn last_caller(&self) -> Caller {
        self.backend.notes().creates.last().unwrap().caller.clone().unwrap()
    }

    fn visitor_of(&self, user: &str) -> String {
        visitor_of_member(user, &self.keys).to_string()
    }
}

#[tokio::test]
async fn a_member_has_a_session_of_their_own() {
    let world = World::with(&[("PUBLIC_BASE_URL", "https://chat.example.com")]).await;
    world.backend.notes().sessions.push_back(Ok(own()));
    let answer = Answer::of(world.join("user_mara", SESSION, r#"{"modes":["self_hosted"]}"#)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    assert_eq!(json["url"], "/chatkit", "it goes through Whop's proxy, as the page does");

    let caller = world.last_caller();
    assert_eq!(caller.verified_whop_user_id, "user_mara");
    assert_eq!(caller.visitor_id, world.visitor_of("user_mara"));
    let notes = world.backend.notes();
    let asked = &notes.whop.identified[0];
    assert_eq!(asked.user_token, token_of("user_mara"));
    assert_eq!(asked.caller.as_ref().unwrap().visitor_id, caller.visitor_id, "the books learn who talks");
    assert_eq!(asked.caller.as_ref().unwrap().verified_whop_user_id, "");
    let has = notes.creates[0].target.as_ref().unwrap().member.clone().unwrap();
    assert_eq!((has.plan.as_str(), has.status.as_str()), ("Plan of user_mara", "active"));

    let now = Timestamp::now();
    let secret = json["client_secret"].as_str().unwrap();
    let claims = world.keys.open(Purpose::ClientSecret, secret, now).unwrap();
    assert_eq!((claims.subject, claims.whop_user), (caller.visitor_id.clone(), Some("user_mara".into())));
    assert!((claims.expires_at - now.as_second() - 600).abs() <= 1);
    let shown = json["visitor_token"].as_str().unwrap();
    let browser = world.keys.open(Purpose::Visitor, shown, now).unwrap();
    assert_ne!(browser.subject, caller.visitor_id, "no long-lived token opens a member's chats");
    assert_eq!(browser.whop_user, None);
}

#[tokio::test]
async fn the_browser_stays_who_it_is_while_members_come_and_go() {
    let world = World::start().await;
    let device = visitor_of_device(DEVICE, &world.keys).unwrap().to_string();
    let body = format!(r#"{{"deviceId":"{DEVICE}"}}"#);
    let first = world.session(&body).await.json()["visitor_token"].as_str().unwrap().to_owned();
    assert_eq!(world.last_caller().visitor_id, device);
    for user in ["user_mara", "user_jonas", "user_mara"] {
        let request = world.join(user, SESSION, &body).header("x-frontdesk-visitor", &first);
        assert_eq!(Answer::of(request).await.json()["visitor_token"], first);
        let caller = world.last_caller();
        let expected = (world.visitor_of(user), user.to_owned());
        assert_eq!((caller.visitor_id, caller.verified_whop_user_id), expected);
    }
    let anonymous = world.post(SESSION, body).header("x-frontdesk-visitor", &first);
    assert_eq!(Answer::of(anonymous).await.status, 200);
    let caller = world.last_caller();
    assert_eq!((caller.visitor_id, caller.verified_whop_user_id), (device, String::new()));
}

/// Everything that a request may say beside its proof, for every user, on every route: the proof alone decides.
#[tokio::test]
async fn nothing_but_the_proof_says_who_it_is() {
    let world = World::start().await;
    let users = ["user_mara", "user_jonas", "user_lena"];
    let now = Timestamp::now();
    let mut tried = 0;
    for user in users {
        for other in users {
            let visitor = world.keys.seal(Purpose::Visitor, &world.visitor_of(other), now);
            let body = json!({
                "userId": other, "whop_user_id": other, "verifiedWhopUserId": other, "visitorToken": visitor,
                "deviceId": DEVICE, "currentClientSecret": world.secret_of(Some(other)), "member": {"plan": other},
                "traits": {"whop_user_id": other, "plan": other, "membership_status": "active", "page": "/portal"},
                "subject": "s", "message": other, "confirmed": true,
            })
            .to_string();
            let say = |request: RequestBuilder| {
                let said = [
                    ("x-frontdesk-visitor", visitor.as_str()),
                    ("x-whop-user-id", other),
                    ("x-whop-user", other),
                    ("cookie", other),
                    ("content-type", "application/json"),
                ];
                said.into_iter().fold(request, |request, (name, value)| request.header(name, value))
            };
            let cancel = format!("/api/portal/memberships/mem_of_{user}/cancel");
            let run = |action: &str| (Method::POST, format!("{ACTIONS}/{action}"));
            let paths = [
                (Method::GET, ACTIONS.to_owned()),
                (Method::GET, MEMBERSHIP.to_owned()),
                run("contract"),
                run("files"),
                run("support"),
                run("upgrade"),
                (Method::POST, cancel),
            ];
            for (method, path) in paths {
                let with = |request: RequestBuilder| match method {
                    Method::GET => say(request),
                    _ => say(request).body(body.clone()),
                };
                let by_token = with(world.through_whop(user, method.clone(), &path));
                let secret = world.secret_of(Some(user));
                let by_secret = with(world.request(method.clone(), &path)).bearer_auth(&secret);
                let by_both = with(world.through_whop(user, method.clone(), &path)).bearer_auth(&secret);
                for request in [by_token, by_secret, by_both] {
                    let answer = Answer::of(request).await;
                    assert_eq!(answer.status, 200, "{path} {answer:?}");
                    let caller = world.backend.notes().whop.callers.last().cloned().unwrap();
                    assert_eq!(caller.verified_whop_user_id, user, "{path}");
                    assert_eq!(caller.visitor_id, world.visitor_of(user), "{path}");
                    assert!(user == other || !answer.text.contains(other), "{path} {answer:?}");
                    tried += 1;
                }
                if user != other {
                    let torn = with(world.through_whop(user, method.clone(), &path));
                    let torn = torn.bearer_auth(world.secret_of(Some(other)));
                    Answer::of(torn).await.problem(401, "USER_TOKEN_WRONG");
                }
            }
            for path in [SESSION, REFRESH] {
                let answer = Answer::of(say(world.join(user, path, &body))).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                let notes = world.backend.notes();
                let (caller, target) = match path {
                    SESSION => notes.creates.last().map(|asked| (asked.caller.clone(), asked.target.clone())),
                    _ => notes.refreshes.last().map(|asked| (asked.caller.clone(), asked.target.clone())),
                }
                .unwrap();
                let (caller, target) = (caller.unwrap(), target.unwrap());
                assert_eq!(caller.verified_whop_user_id, user);
                assert_eq!(caller.visitor_id, world.visitor_of(user));
                assert_eq!(target.member.unwrap().plan, format!("Plan of {user}"));
                assert_eq!(target.traits.len(), 1, "no browser says what a member has: {:?}", target.traits);
            }
        }
    }
    assert_eq!(tried, 9 * 7 * 3);
}

#[tokio::test]
async fn whose_a_chat_is_follows_from_its_secret_and_no_token_beside_it_names_another() {
    let world = World::start().await;
    let talk = |secret: Option<&str>| world.post(CHAT, "{}").bearer_auth(world.secret_of(secret));
    let good = token_of("user_mara");
    for request in [talk(Some("user_mara")), talk(Some("user_mara")).header(TOKEN, &good)] {
        assert_eq!(Answer::of(request).await.status, 200);
    }
    let callers =
        || world.backend.notes().talks.iter().map(|talk| talk.caller.clone().unwrap()).collect::<Vec<_>>();
    assert!(callers().iter().all(|caller| caller.verified_whop_user_id == "user_mara"), "{:?}", callers());
    for (secret, tokens) in [
        (Some("user_jonas"), &[good.as_str()][..]),
        (None, &[&good]),
        (Some("user_mara"), &[&good, &good]),
        (Some("user_mara"), &["forged"]),
        (Some("user_mara"), &[""]),
        (None, &["forged"]),
    ] {
        let request = tokens.iter().fold(talk(secret), |request, token| request.header(TOKEN, *token));
        let answer = Answer::of(request).await;
        let error = answer.problem(401, "USER_TOKEN_WRONG");
        assert!(!error.contains("mara") && !error.contains("jonas"), "{error}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(callers().len(), 2, "nothing was said");
    assert!(world.backend.notes().whop.identified.is_empty(), "nobody is asked for what the secret proves");
}

#[tokio::test]
async fn no_secret_makes_a_member_again() {
    let world = World::start().await;
    let body = json!({"currentClientSecret": world.secret_of(Some("user_mara"))}).to_string();
    let shown = world.post(REFRESH, body.clone()).bearer_auth(world.secret_of(Some("user_mara")));
    Answer::of(shown).await.problem(401, "SECRET_WRONG");
    assert_eq!(Answer::of(world.post(REFRESH, body)).await.status, 200);
    let notes = world.backend.notes();
    let asked = &notes.refreshes[0];
    assert_eq!(asked.caller.as_ref().unwrap().verified_whop_user_id, "");
    assert_ne!(asked.caller.as_ref().unwrap().visitor_id, world.visitor_of("user_mara"));
    assert_eq!(asked.target.as_ref().unwrap().member, None);
    assert!(notes.whop.identified.is_empty() && notes.whop.callers.is_empty());
}

#[tokio::test]
async fn a_token_that_is_wrong_is_worse_than_none() {
    let world = World::start().await;
    let good = token_of("user_mara");
    let forged = format!("{}x", good);
    let shown: [&[&[u8]]; 7] = [
        &[b""],
        &[b"forged"],
        &[forged.as_bytes()],
        &[good.as_bytes(), good.as_bytes()],
        &[good.as_bytes(), b""],
        &[b"\xff\xfe"],
        &[b"user_mara"],
    ];
    for tokens in shown {
        for (method, path) in [
            (Method::POST, SESSION),
            (Method::POST, REFRESH),
            (Method::GET, ACTIONS),
            (Method::GET, MEMBERSHIP),
            (Method::POST, "/api/portal/actions/files"),
            (Method::POST, "/api/portal/memberships/mem_1/cancel"),
        ] {
            let body = r#"{"currentClientSecret":"ek_1","confirmed":true}"#;
            let request = world.request(method, path).bearer_auth(world.secret_of(Some("user_mara")));
            let request = tokens.iter().fold(request.body(body), |request, token| {
                request.header(TOKEN, reqwest::header::HeaderValue::from_bytes(token).unwrap())
            });
            let answer = Answer::of(request).await;
            let error = answer.problem(401, "USER_TOKEN_WRONG");
            assert!(!error.contains("mara") && !error.contains("forged"), "{error}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let notes = world.backend.notes();
    assert!(notes.creates.is_empty() && notes.refreshes.is_empty() && notes.whop.callers.is_empty());
}

#[tokio::test]
async fn a_token_that_a_browser_sent_for_another_page_is_nobodys() {
    let world = World::with(&[("ALLOWED_ORIGINS", "https://www.example.com")]).await;
    for site in ["cross-site", "same-site", ""] {
        for path in [SESSION, "/api/portal/actions/upgrade"] {
            let request = world.post(path, "{}").header(TOKEN, token_of("user_mara"));
            let request = request.header("origin", "https://www.example.com").header("sec-fetch-site", site);
            Answer::of(request).await.problem(403, "ORIGIN_NOT_ALLOWED");
        }
        let page = world.request(Method::GET, "/portal").header(TOKEN, token_of("user_mara"));
        let page = page.header("origin", "https://www.example.com").header("sec-fetch-site", site);
        assert_eq!(Answer::of(page).await.status, 401, "a script of another page reads no member's page");
    }
    assert!(world.backend.notes().whop.identified.is_empty());
}

#[tokio::test]
async fn a_chat_does_not_wait_for_what_its_member_has() {
    let world = World::start().await;
    let none = ListMembershipsResponse::default();
    let strange = Membership { status: MembershipStatus::Unspecified.into(), ..membership_of("user_mara") };
    let late = Membership { status: MembershipStatus::PastDue.into(), ..membership_of("user_mara") };
    let ended = Membership {
        status: MembershipStatus::Canceled.into(),
        has_access: false,
        ..membership_of("user_mara")
    };
    let down = Fault::new(Kind::Unavailable, Reason::ProviderUnavailable, "whop did not answer");
    let slow = Fault::new(Kind::Deadline, Reason::DeadlineExceeded, "this took too long");
    let of = |membership| Ok(ListMembershipsResponse { memberships: vec![membership], freshness: None });
    world.backend.notes().whop.memberships.extend([
        of(late),
        of(ended),
        of(strange),
        Ok(none),
        Err(chassis::status::status(&down)),
        Err(chassis::status::status(&slow)),
        Err(Status::internal("canary")),
    ]);
    let expected = [
        Some(("Plan of user_mara", "past_due", true)),
        Some(("Plan of user_mara", "canceled", false)),
        Some(("Plan of user_mara", "unknown", true)),
        Some(("", "", false)),
        None,
        None,
        None,
    ];
    for expected in expected {
        assert_eq!(Answer::of(world.join("user_mara", SESSION, "{}")).await.status, 200);
        let notes = world.backend.notes();
        let asked = notes.creates.last().unwrap();
        let has = asked.target.as_ref().unwrap().member.as_ref();
        let has = has.map(|has| (has.plan.as_str(), has.status.as_str(), has.has_access));
        assert_eq!(has, expected);
        assert_eq!(asked.caller.as_ref().unwrap().verified_whop_user_id, "user_mara");
    }
}

#[tokio::test]
async fn nobody_is_a_member_on_half_a_word() {
    let world = World::start().await;
    let named = |user: &str| Ok(IdentifyResponse { whop_user_id: user.into(), expire_time: None });
    let keys = Fault::new(Kind::Unavailable, Reason::ProviderUnavailable, "whop's keys cannot be fetched");
    world.backend.notes().whop.users.extend([named(""), named("user_jonas"), named("a b")]);
    for _ in 0..3 {
        Answer::of(world.join("user_mara", SESSION, "{}")).await.problem(500, "INTERNAL");
    }
    world.backend.notes().whop.users.push_back(Err(chassis::status::status(&keys)));
    Answer::of(world.join("user_mara", SESSION, "{}")).await.problem(503, "PROVIDER_UNAVAILABLE");
    assert!(world.backend.notes().creates.is_empty());
}

#[tokio::test]
async fn a_flood_of_forged_tokens_ends_at_the_door() {
    let world = World::with(&[("LIMIT_WRONG_TOKENS", "3/h:3"), ("TRUSTED_PROXY_HOPS", "1")]).await;
    let show = |token: String, ip: &'static str| {
        let request = world.request(Method::GET, MEMBERSHIP).header(TOKEN, token);
        request.header("sec-fetch-site", "same-origin").header("x-forwarded-for", ip)
    };
    let asked = || world.backend.notes().whop.identified.len();
    for _ in 0..5 {
        assert_eq!(
            Answer::of(show(token_of("user_mara"), "192.0.2.1")).await.status,
            200,
            "good ones count nowhere"
        );
    }
    for _ in 0..5 {
        world.backend.notes().whop.users.push_back(Err(Status::internal("away")));
        assert_eq!(
            Answer::of(show(token_of("user_mara"), "192.0.2.1")).await.status,
            500,
            "nor do troubles of ours"
        );
    }
    for _ in 0..3 {
        let forged = format!("{}x", token_of("user_mara"));
        Answer::of(show(forged, "192.0.2.1")).await.problem(401, "USER_TOKEN_WRONG");
    }
    let before = asked();
    for token in [format!("{}x", token_of("user_mara")), token_of("user_mara")] {
        let refused = Answer::of(show(token, "192.0.2.1")).await;
        refused.problem(429, "RATE_LIMITED");
        assert_eq!(refused.header("ratelimit-limit"), "3");
        assert!((1..=1_200).contains(&refused.header("retry-after").parse::<u32>().unwrap()), "{refused:?}");
    }
    assert_eq!(asked(), before, "nobody was asked inward");
    assert_eq!(Answer::of(show(token_of("user_mara"), "192.0.2.2")).await.status, 200, "others go on");
}

#[tokio::test]
async fn a_token_that_names_nobody_asks_nobody() {
    let world = World::start().await;
    let request = world.request(Method::GET, MEMBERSHIP).header(TOKEN, "e30.e30.good");
    Answer::of(request).await.problem(401, "USER_TOKEN_WRONG");
    assert!(world.backend.notes().whop.identified.is_empty());
}
