//! What a member shows and writes: the user's token, a licence key, the e-mail that Whop has, the words of a ticket.

use proto::{
    common::v1::Caller,
    whop::v1::{
        FindMembersRequest, LookUpLicenseRequest, ValidateLicenseRequest,
        directory_service_client::DirectoryServiceClient, membership_service_client::MembershipServiceClient,
    },
};
use reqwest::RequestBuilder;
use sandbox::{Fault, FaultKind, Provider, Sandbox, UserToken};
use serde_json::{Value, json};

use crate::{
    chat::talk::{create, done, thread_of},
    life::{Desk, addresses},
    story::answer::{Answer, SESSION},
    world::until,
};

const USER: &str = "user_otto";
/// What signs Whop's webhooks.
pub(super) const SECRET: &str = "ws_canary";
const TOKEN: &str = "x-whop-user-token";
const EMAIL: &str = "canary-of-a-member@example.com";
const MEMBERSHIP: &str = "/api/portal/membership";
const SUPPORT: &str = "/api/portal/actions/support";

/// Somebody with a membership, in the portal.
struct Member<'a> {
    desk: &'a Desk,
    token: String,
}

impl Member<'_> {
    fn shows(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(TOKEN, &self.token)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.shows(self.desk.http.get(format!("{}{path}", self.desk.base)))
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.shows(self.desk.post(path, body))
    }
}

/// Goes through everything that members may do, and that strangers may try in their place.
pub(super) async fn visit(desk: &Desk, sandbox: &Sandbox, forbidden: &mut Vec<String>) {
    sandbox.set_webhook(Provider::Whop, &format!("{}/webhooks/whop", desk.base), SECRET);
    let club = sandbox.club();
    club.add_person(USER, "Canary Canary", EMAIL).unwrap();
    let noted = json!({"contract_url": "https://canary.example/contract"}).as_object().unwrap().clone();
    let joined = club.join_with(USER, "plan_growthmonthly", noted).unwrap();
    let license = joined["license_key"].as_str().expect("the product is licensed").to_owned();
    let member = Member { desk, token: sandbox.user_token(USER).unwrap() };
    // of a token it is the signature that must not be known
    let signature = member.token.rsplit('.').next().unwrap().to_owned();
    forbidden.extend([member.token.clone(), signature, license.clone()]);

    let is_fetched = || sandbox.requests().iter().any(|asked| asked.path.contains("/payments/"));
    until("webhooks bring the payment, which has the e-mail", is_fetched).await;

    use_portal(&member, sandbox).await;
    talk(&member, &license, forbidden).await;
    show_wrong_tokens(desk, sandbox, forbidden).await;
    look_up(desk, &license).await;
    let event =
        json!({"type": "membership.activated", "data": {"id": "mem_canary", "user": {"email": EMAIL}}});
    let forged = desk.post("/webhooks/whop", &event).header("webhook-signature", "v1,canary");
    let forged = forged.header("webhook-id", "msg_1").header("webhook-timestamp", "1");
    assert_eq!(Answer::of(forged).await.status, 401);
}

async fn use_portal(member: &Member<'_>, sandbox: &Sandbox) {
    let page = Answer::of(member.get("/portal?email=canary@example.com")).await;
    assert!(page.status == 200 && page.text.contains("Growth Retainer"), "{page:?}");
    for path in [MEMBERSHIP, "/api/portal/actions"] {
        Answer::of(member.get(path)).await.ok();
    }
    Answer::of(member.post("/api/portal/actions/files", &json!({}))).await.ok();
    let ticket = json!({"subject": "A canary subject", "message": "My canary is unwell."});
    let open = async || Answer::of(member.post(SUPPORT, &ticket)).await;
    assert!(open().await.ok()["ticket_id"].is_string());
    for kind in [FaultKind::Status(400), FaultKind::Status(503), FaultKind::Status(401)] {
        sandbox.inject(Fault { provider: Provider::Whop, path: Some("messages".into()), count: 9, kind });
        let failed = open().await;
        assert!(failed.status >= 400 && !failed.text.contains("canary"), "{failed:?}");
        sandbox.clear_faults();
    }
    let bad = member.post(SUPPORT, &json!({"subject": ["canary"]}));
    assert_eq!(Answer::of(bad).await.status, 400);
}

async fn talk(member: &Member<'_>, license: &str, forbidden: &mut Vec<String>) {
    let asked = json!({"modes": ["self_hosted"], "workflowId": "client-portal", "page": "/portal?canary=1"});
    let session = Answer::of(member.post(SESSION, &asked)).await.ok();
    let told = ["client_secret", "visitor_token"].map(|name| session[name].as_str().unwrap().to_owned());
    let say = |words: &str| member.post("/chatkit", &create(words)).bearer_auth(&told[0]);
    let events = crate::chat::talk::Events::of(say(&format!("My key is {license}, what is it worth?"))).await;
    let events = events.rest().await;
    assert!(!thread_of(&events[0]).is_empty() && !done(&events).is_empty(), "{events:?}");
    // the token of one beside the secret of another
    let torn = member.desk.post("/chatkit", &create("canary")).bearer_auth(&told[0]);
    assert_eq!(Answer::of(torn.header(TOKEN, "e30.canary.canary")).await.status, 401);
    forbidden.extend(told);
}

async fn show_wrong_tokens(desk: &Desk, sandbox: &Sandbox, forbidden: &mut Vec<String>) {
    let mut ended = UserToken::of(USER);
    ended.claims.insert("exp".into(), json!(1));
    let mut elsewhere = UserToken::of(USER);
    elsewhere.claims.insert("aud".into(), json!("app_canary"));
    let mut stranger = UserToken::of("user_canary");
    stranger.signer = sandbox::Signer::Stranger;
    let signed = [ended, elsewhere, stranger].map(|token| sandbox.sign_user_token(&token).unwrap());
    for token in signed.iter().map(String::as_str).chain(["canary", "e30.canary.canary"]) {
        let member = Member { desk, token: token.to_owned() };
        for request in [member.get(MEMBERSHIP), member.get("/portal"), member.post(SESSION, &json!({}))] {
            assert_eq!(Answer::of(request).await.status, 401);
        }
    }
    forbidden.extend(signed.iter().map(|token| token.rsplit('.').next().unwrap().to_owned()));
    forbidden.extend(signed);
}

/// Straight at the service that knows members, as the agent's tools and the command line ask it.
async fn look_up(desk: &Desk, license: &str) {
    let known = addresses(desk.dir.path()).unwrap();
    let url = known["whop-gateway"].as_str().unwrap().parse().unwrap();
    let link = chassis::Link::new(&url).unwrap();
    let (mut members, mut directory) =
        (MembershipServiceClient::new(link.clone()), DirectoryServiceClient::new(link));
    let caller = || {
        let (visitor_id, verified_whop_user_id) = (format!("vis_{:0>32}", 1), USER.to_owned());
        Some(Caller { visitor_id, verified_whop_user_id, ..Caller::default() })
    };
    let mut ask = async |license_key: String| {
        let request = ValidateLicenseRequest { caller: caller(), license_key };
        members.validate_license(request).await.map(|answer| answer.into_inner().license.unwrap().valid)
    };
    assert!(ask(license.to_owned()).await.unwrap());
    assert!(!ask("canary-of-a-key".to_owned()).await.unwrap());
    ask("canary".repeat(99)).await.unwrap_err();
    let request = LookUpLicenseRequest { license_key: license.to_owned(), ..Default::default() };
    assert!(directory.look_up_license(request).await.unwrap().into_inner().owner.is_some());
    for (email, found) in [(EMAIL, 1), ("canary@example.org", 0)] {
        let request = FindMembersRequest { email: email.into(), ..Default::default() };
        assert_eq!(directory.find_members(request).await.unwrap().into_inner().members.len(), found);
    }
}
