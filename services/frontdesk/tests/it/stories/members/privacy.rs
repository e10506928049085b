//! Members, somebody without a membership, and somebody unknown: what is another's is not there, whatever is asked for by
//! whichever proof.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use proto::{
    common::v1::Caller,
    whop::v1::{
        CancelMembershipRequest, CheckAccessRequest, CreateUpgradeLinkRequest, GetMembershipRequest,
        ListFilesRequest, ListMembershipsRequest, ListQuickActionsRequest, OpenSupportTicketRequest,
        ValidateLicenseRequest,
    },
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tonic::{Code, Response, Status};

use super::{ACTIONS, LEADS, MEMBERSHIP, PORTAL, id};
use crate::{
    chat::talk::{create, request, thread_of},
    stories::cases,
    story::answer::Answer,
    world::World,
};

/// Calls, unless `PROPTEST_CASES` asks for others.
const CALLS: u32 = 192;

/// What is asked for, about things of an owner's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Memberships,
    Membership,
    Access,
    License,
    Cancel,
    QuickActions,
    Files,
    Ticket,
    Upgrade,
    Page,
    PortalMembership,
    PortalActions,
    PortalRun,
    PortalCancel,
    Threads,
    Thread,
}

const ALL: [Way; 16] = [
    Way::Memberships,
    Way::Membership,
    Way::Access,
    Way::License,
    Way::Cancel,
    Way::QuickActions,
    Way::Files,
    Way::Ticket,
    Way::Upgrade,
    Way::Page,
    Way::PortalMembership,
    Way::PortalActions,
    Way::PortalRun,
    Way::PortalCancel,
    Way::Threads,
    Way::Thread,
];

/// Somebody, and what is theirs.
struct Somebody {
    /// The first label of their host; of nobody, none.
    label: &'static str,
    caller: Caller,
    secret: String,
    thread: String,
    membership: String,
    license: String,
    product: &'static str,
    actions: Vec<String>,
    /// What nobody else may read.
    marks: Vec<String>,
}

struct Scene {
    world: World,
    people: Vec<Somebody>,
}

/// What was answered, in words, and whether it was a success.
type Told = (bool, String);

fn told<T: Debug>(answer: Result<Response<T>, Status>) -> Told {
    match answer {
        Ok(answer) => (true, format!("{:?}", answer.into_inner())),
        Err(status) => {
            let known = [Code::NotFound, Code::Unauthenticated, Code::InvalidArgument];
            assert!(known.contains(&status.code()), "{status:?}");
            (false, format!("{status:?}"))
        }
    }
}

async fn read(request: RequestBuilder) -> Told {
    let answer = Answer::of(request).await;
    assert!([200, 400, 401, 404].contains(&answer.status), "{answer:?}");
    (answer.status == 200, answer.text)
}

impl Somebody {
    /// A member of a plan, or nobody's member.
    async fn new(world: &World, label: &'static str, plan: Option<(&str, &'static str)>) -> Self {
        let (club, user) = (world.sandbox().club(), format!("user_{label}"));
        let contract = format!("https://contracts.example/of-{label}");
        let mut marks = vec![contract.clone(), format!("word-of-{label}"), format!("mber_{label}")];
        let (mut membership, mut license, mut product) = (String::new(), String::new(), "prod_none");
        if let Some((plan, of)) = plan {
            let noted = json!({"contract_url": contract}).as_object().unwrap().clone();
            let joined = club.join_with(&user, plan, noted).unwrap();
            (membership, product) = (id(&joined), of);
            license = joined["license_key"].as_str().unwrap_or_default().to_owned();
        }
        marks.extend([&membership, &license].map(String::to_owned));
        let workflow = if plan.is_some() { PORTAL } else { LEADS };
        let session = world.session_in(workflow, label).await.ok();
        let secret = session["client_secret"].as_str().unwrap().to_owned();
        let begun = world.through_whop(label, Method::POST, "/chatkit").bearer_auth(&secret);
        let begun = Answer::of(begun.json(&create(&format!("word-of-{label}")))).await;
        let first = begun.text.lines().next().unwrap().strip_prefix("data: ").unwrap();
        let thread = thread_of(&serde_json::from_str(first).unwrap());
        marks.push(thread.clone());
        let actions = world.seen_by(label, ACTIONS).await["actions"].take();
        let actions: Vec<_> = actions.as_array().unwrap().iter().map(id).collect();
        let caller = Caller {
            visitor_id: format!("vis_{:0>32}", actions.len()),
            verified_whop_user_id: user,
            workflow: "client-portal".to_owned(),
            ..Caller::default()
        };
        marks.retain(|mark| !mark.is_empty());
        Self { label, caller, secret, thread, membership, license, product, actions, marks }
    }

    /// Somebody of whom nothing is known: no proof, no user.
    fn nobody() -> Self {
        Self {
            label: "",
            caller: Caller { visitor_id: format!("vis_{:0>32}", 99), ..Caller::default() },
            secret: "fd1.c.k1.nothing.nothing".to_owned(),
            thread: "thr_none".to_owned(),
            membership: "mem_none".to_owned(),
            license: "none".to_owned(),
            product: "prod_none",
            actions: Vec::new(),
            marks: Vec::new(),
        }
    }
}

impl Scene {
    async fn new() -> Self {
        let off = ["LIMIT_CHAT", "LIMIT_VISITOR", "LIMIT_IP", "LIMIT_SITE"];
        let off = off.into_iter().chain(["LIMIT_MEMBER_ACTIONS", "LIMIT_MEMBER_READS"]);
        let world = World::with(&off.map(|limit| (limit, "off")).collect::<Vec<_>>()).await;
        world.look_is_over().await;
        world.sandbox().club().add_person("user_otto", "Otto Ohne", "otto@example.com").unwrap();
        let growth = Some(("plan_growthmonthly", "prod_growthretainer"));
        let scale = Some(("plan_scalemonthly", "prod_scaleretainer"));
        let playbook = Some(("plan_playbooklife", "prod_playbooklife"));
        let mut people = Vec::new();
        for (label, plan) in [("mara", growth), ("jonas", scale), ("lena", playbook), ("otto", None)] {
            people.push(Somebody::new(&world, label, plan).await);
        }
        people[0].marks.push("Brand assets.zip".to_owned());
        people[1].marks.push("Media plan.xlsx".to_owned());
        people.push(Somebody::nobody());
        Self { world, people }
    }

    /// Asks about what is an owner's; `by_secret`: not through Whop's proxy, or as the owner's visitor.
    async fn ask(
        &self,
        way: Way,
        asker: &Somebody,
        owner: &Somebody,
        (action, by_secret): (&str, bool),
    ) -> Told {
        let visitor_id = if by_secret { &owner.caller.visitor_id } else { &asker.caller.visitor_id };
        let caller = Some(Caller { visitor_id: visitor_id.clone(), ..asker.caller.clone() });
        let (mut club, request_id) = (self.world.memberships(), "one".to_owned());
        let (membership_id, action_id) = (owner.membership.clone(), action.to_owned());
        // who owns it shall have it afterwards as well
        let confirmed = !std::ptr::eq(asker, owner);
        match way {
            Way::Memberships => told(club.list_memberships(ListMembershipsRequest { caller }).await),
            Way::Membership => {
                told(club.get_membership(GetMembershipRequest { caller, membership_id }).await)
            }
            Way::Access => {
                let request = CheckAccessRequest { caller, product_id: owner.product.to_owned() };
                told(club.check_access(request).await)
            }
            Way::License => {
                let request = ValidateLicenseRequest { caller, license_key: owner.license.clone() };
                told(club.validate_license(request).await)
            }
            Way::Cancel => {
                let request = CancelMembershipRequest { caller, request_id, membership_id, confirmed };
                told(club.cancel_membership(request).await)
            }
            Way::QuickActions => told(club.list_quick_actions(ListQuickActionsRequest { caller }).await),
            Way::Files => told(club.list_files(ListFilesRequest { caller, action_id }).await),
            Way::Ticket => {
                let (subject, message) = ("s".to_owned(), "m".to_owned());
                let request = OpenSupportTicketRequest { caller, request_id, action_id, subject, message };
                told(club.open_support_ticket(request).await)
            }
            Way::Upgrade => told(
                club.create_upgrade_link(CreateUpgradeLinkRequest { caller, request_id, action_id }).await,
            ),
            Way::Page => read(self.at_the_door(asker, Method::GET, "/portal", by_secret)).await,
            Way::PortalMembership => read(self.at_the_door(asker, Method::GET, MEMBERSHIP, by_secret)).await,
            Way::PortalActions => read(self.at_the_door(asker, Method::GET, ACTIONS, by_secret)).await,
            Way::PortalRun => {
                let path = format!("{ACTIONS}/{action}");
                let body = json!({"subject": "s", "message": "m"});
                read(self.at_the_door(asker, Method::POST, &path, by_secret).json(&body)).await
            }
            Way::PortalCancel => {
                let path = format!("/api/portal/memberships/{membership_id}/cancel");
                let body = json!({"confirmed": confirmed});
                read(self.at_the_door(asker, Method::POST, &path, by_secret).json(&body)).await
            }
            Way::Threads => self.chat(asker, &request("threads.list", json!({}))).await,
            Way::Thread => {
                self.chat(asker, &request("threads.get_by_id", json!({"thread_id": owner.thread}))).await
            }
        }
    }

    /// A request with one of the proofs, if the asker has any.
    fn at_the_door(&self, asker: &Somebody, method: Method, path: &str, by_secret: bool) -> RequestBuilder {
        if by_secret || asker.label.is_empty() {
            self.world.request(method, path).bearer_auth(&asker.secret)
        } else {
            self.world.through_whop(asker.label, method, path)
        }
    }

    async fn chat(&self, asker: &Somebody, body: &Value) -> Told {
        read(self.world.request(Method::POST, "/chatkit").bearer_auth(&asker.secret).json(body)).await
    }

    /// Checks a call; whether its owner made it and got what is theirs.
    async fn check(&self, way: Way, (asker, owner): (usize, usize), action: usize, by_secret: bool) -> bool {
        let (asking, owning) = (&self.people[asker], &self.people[owner]);
        let action = match &owning.actions[..] {
            [] => "files",
            actions => &actions[action % actions.len()],
        };
        let (is_success, text) = self.ask(way, asking, owning, (action, by_secret)).await;
        for other in self.people.iter().filter(|other| !std::ptr::eq(*other, asking)) {
            // the owner's ids were in the question
            let asked_with = [&owning.membership, &owning.thread, &owning.license];
            let secret = other.marks.iter().filter(|mark| is_success || !asked_with.contains(mark));
            let seen: Vec<_> = secret.filter(|mark| text.contains(mark.as_str())).collect();
            assert!(
                seen.is_empty(),
                "{way:?} shows {} to {:?}: {seen:?} in {text}",
                other.label,
                asking.label
            );
        }
        if asker != owner && [Way::Membership, Way::Cancel, Way::PortalCancel, Way::Thread].contains(&way) {
            assert!(!is_success, "{way:?} of {} by {:?}: {text}", owning.label, asking.label);
        }
        if asking.label.is_empty() {
            assert!(!is_success, "{way:?} by nobody: {text}");
        }
        is_success && asker == owner && asking.marks.iter().any(|mark| text.contains(mark.as_str()))
    }
}

#[test]
fn whoever_asks_sees_what_is_theirs_alone() {
    let runtime = Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::new());
    let club = scene.world.sandbox().club();
    let before = club.memberships().unwrap();
    let config = Config { cases: cases(CALLS), failure_persistence: None, ..Config::default() };
    let pairs = (0..5_usize, 0..4_usize);
    let call = (select(&ALL[..]), pairs, any::<usize>(), any::<bool>());
    let theirs = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&call, |(way, pair, action, by_secret)| {
            let found = runtime.block_on(scene.check(way, pair, action, by_secret));
            theirs.set(theirs.get() + usize::from(found));
            Ok(())
        })
        .unwrap();
    assert!(theirs.get() > 0, "nobody found anything at all");
    assert_eq!(club.memberships().unwrap(), before, "nothing was changed by it");
    runtime.block_on(async {
        for (at, somebody) in scene.people.iter().enumerate().take(3) {
            for way in [Way::Memberships, Way::Membership, Way::PortalMembership, Way::Threads, Way::Thread] {
                let found = scene.check(way, (at, at), 0, false).await;
                assert!(found, "{way:?} of {}", somebody.label);
            }
        }
        scene.world.stop().await;
    });
}
