//! A model that was talked into everything: whatever it passes to whatever tool, nothing of another visitor's leaves or
//! changes.

use std::sync::OnceLock;

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;

/// Names under which somebody else might be meant; no tool has an argument of such a name.
const IDENTITIES: [&str; 12] = [
    "visitor_id",
    "user_id",
    "whop_user_id",
    "verified_whop_user_id",
    "session_id",
    "thread_id",
    "token",
    "caller",
    "price",
    "amount",
    "workflow",
    "ip_key",
];
const EVE: &str = "vis_000000000000000000000000000000ee";

struct Scene {
    runtime: Runtime,
    bench: Bench,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let bench = runtime.block_on(Bench::new());
        Scene { runtime, bench }
    })
}

/// What an attacker may write: handles of others, things that look like tokens, amounts, paths, and what is sound.
fn values() -> impl Strategy<Value = Value> {
    let handles: Vec<Value> = PEOPLE.iter().flat_map(Person::handles).map(Value::from).collect();
    let odd = [
        "fd1.v.k1.eyJ2IjoidmlzXzEifQ.c2ln",
        "thr_of_ann",
        "ses_of_bob",
        "0.01",
        "../bkg_ann",
        "*",
        "",
        "{}",
        "payments",
        "support",
        "upgrade",
        "strategy-consult",
        MEETING,
        FREE,
        "bkg_ann bkg_bob",
        "KEY-1",
        "booked",
    ];
    prop_oneof![
        6 => prop::sample::select(handles),
        3 => prop::sample::select(odd.to_vec()).prop_map(Value::from),
        1 => prop_oneof![Just(Value::Null), Just(json!(1)), Just(json!(0.01)), Just(json!(true)), Just(json!(["bkg_ann"]))],
    ]
}

/// A tool with arguments: sound ones, some of them put in another's words, and sometimes one that does not exist.
fn calls() -> impl Strategy<Value = (&'static Tool, Value, bool)> {
    let known: Vec<&'static Tool> = ALL.iter().copied().filter(|tool| !tool.is_of_browser()).collect();
    let extra = prop::option::weighted(0.3, (prop::sample::select(IDENTITIES.to_vec()), values()));
    (prop::sample::select(known), prop::collection::vec(prop::option::weighted(0.6, values()), 12), extra)
        .prop_map(|(tool, put, extra)| {
            let mut arguments = sound(tool);
            let members = arguments.as_object_mut().unwrap();
            for (value, put) in members.values_mut().zip(put) {
                if let Some(put) = put {
                    *value = put;
                }
            }
            let has_extra = extra.is_some();
            if let Some((name, value)) = extra {
                members.insert(name.to_owned(), value);
            }
            (tool, arguments, has_extra)
        })
}

/// Who attacks: a stranger, a member of whom we have nothing, or one of the people, after the others.
fn attackers() -> impl Strategy<Value = (Session, Option<Person>)> {
    prop_oneof![
        Just((session(EVE, ""), None)),
        Just((session(EVE, "user_eve"), None)),
        prop::sample::select(PEOPLE.to_vec()).prop_map(|person| (of(&person), Some(person))),
        Just((Session { caller: Caller::default(), ..session(EVE, "") }, None)),
    ]
}

/// Everybody but the attacker.
fn victims(attacker: Option<Person>) -> Vec<Person> {
    let is_victim = |person: &Person| attacker.is_none_or(|attacker| attacker.name != person.name);
    PEOPLE.into_iter().filter(is_victim).collect()
}

/// What the victims have and what was done in their name, as the services keep it and as people were called.
fn kept(bench: &Bench, victims: &[Person]) -> Vec<String> {
    let mut kept = bench.world.kept(victims);
    let called = bench.called.0.lock().unwrap();
    let theirs =
        called.iter().filter(|(_, visitor, _)| victims.iter().any(|victim| victim.visitor == visitor));
    kept.extend(theirs.map(|call| format!("{call:?}")));
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_anothers_leaves_or_changes(
        (session, attacker) in attackers(),
        ((tool, arguments, has_extra), turn) in (calls(), "msg_[a-e]"),
    ) {
        let Scene { runtime, bench } = scene();
        let victims = victims(attacker);
        let before = kept(bench, &victims);
        let asked = bench.world.desk().asked.len();
        let session = Session { turn, ..session };
        let outcome = runtime.block_on(bench.call(tool.name, arguments.clone(), &session));
        let text = seen(&outcome);
        for victim in &victims {
            prop_assert!(!text.contains(&victim.secret()), "{} {arguments}: {text}", tool.name);
        }
        prop_assert_eq!(kept(bench, &victims), before, "{} {}", tool.name, arguments);
        let desk = bench.world.desk();
        for (rpc, caller) in &desk.asked[asked..] {
            prop_assert_eq!(caller, &session.caller, "{} asks {}", tool.name, rpc);
        }
        if has_extra || tool.scope == Audience::Operator {
            prop_assert!(outcome.is_error, "{} {arguments}", tool.name);
            prop_assert_eq!(desk.asked.len(), asked, "{} asked somebody", tool.name);
        }
        for (_, checkout) in desk.checkouts.values() {
            let price = checkout.item.as_ref().and_then(|item| item.price.clone()).unwrap();
            prop_assert!([15_000, 49_000, 90_000, 149_000].contains(&price.minor_units), "the catalogue's prices");
        }
    }
}

#[test]
fn no_tool_has_an_argument_that_says_who_somebody_is() {
    for audience in [Audience::Anyone, Audience::Operator] {
        let workflow = workflow(audience);
        for tool in ALL.iter().filter(|tool| tool.scope != Audience::Operator) {
            let schema = (tool.input)(&workflow);
            for name in IDENTITIES.iter().chain(&["contact_id"]) {
                assert!(schema["properties"].get(name).is_none(), "{} takes {name}", tool.name);
            }
        }
    }
}
