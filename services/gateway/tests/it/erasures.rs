//! Being forgotten, as the operator asks for it: who is asked, in which order, and what is answered.

use std::collections::BTreeSet;

use domain::{Fault, Kind, Reason, visit::visitor_of_member};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    books::Asked,
    keepers::Said::{Done, End, Waits},
    world::{Answer, OPERATOR, World},
};

const ERASE: &str = "/api/operator/contacts/con_1/erase";
const ERASURE: &str = "/api/operator/erasures/era_1";

impl World {
    async fn erase(&self) -> Answer {
        Answer::of(self.request(Method::POST, ERASE).bearer_auth(OPERATOR)).await
    }

    /// Service and done of everybody to whom an answer was taken down.
    fn recorded(&self) -> Vec<(String, bool)> {
        let notes = self.backend.notes();
        let recorded = notes.books.iter().filter_map(|asked| match asked {
            Asked::Record(request) => Some((request.service.clone(), request.done)),
            _ => None,
        });
        recorded.collect()
    }
}

/// What a service is said to have answered: done, threads, what it waits for.
fn of<'a>(receipt: &'a Value, service: &str) -> (bool, i64, &'a str) {
    let services = receipt["services"].as_array().unwrap();
    let answer = services.iter().find(|answer| answer["service"] == service).unwrap();
    let threads = answer["erased"]["threads"].as_i64().unwrap_or_default();
    (answer["done"].as_bool().unwrap(), threads, answer["waiting_for"].as_str().unwrap())
}

fn unreached() -> Status {
    Status::unavailable("canary of a status")
}

#[tokio::test]
async fn everybody_is_asked_and_the_books_come_last() {
    let world = World::start().await;
    world.backend.forgets([
        Ok(Done(1)),
        Ok(Waits(200, "more threads")),
        Ok(Done(300)),
        Ok(Done(2)),
        Ok(Done(4)),
        Ok(Done(6)),
        Ok(End),
    ]);
    let answer = world.erase().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let receipt = answer.json();
    assert_eq!(
        receipt,
        json!({
            "id": "era_1", "contact_id": "con_1", "created_at": "2025-10-28T16:10:00Z",
            "ended_at": "2025-10-28T16:13:20Z", "done": true,
            "services": [
                {"service": "session-broker", "done": true, "erased": {"threads": 1}, "waiting_for": "",
                    "answered_at": "2025-10-28T16:11:40Z"},
                {"service": "chat-agent", "done": true, "erased": {"threads": 300}, "waiting_for": "",
                    "answered_at": "2025-10-28T16:11:40Z"},
                {"service": "booking-payments", "done": true, "erased": {"threads": 2}, "waiting_for": "",
                    "answered_at": "2025-10-28T16:11:40Z"},
                {"service": "whop-gateway", "done": true, "erased": {"threads": 4}, "waiting_for": "",
                    "answered_at": "2025-10-28T16:11:40Z"},
                {"service": "ops-copilot", "done": true, "erased": {"threads": 6}, "waiting_for": "",
                    "answered_at": "2025-10-28T16:11:40Z"},
                {"service": "sheets-writer", "done": true, "erased": {"threads": 0}, "waiting_for": "",
                    "answered_at": null},
            ],
        })
    );
    let told = ["session-broker", "chat-agent", "booking-payments", "whop-gateway", "ops-copilot"]
        .map(|name| (name.to_owned(), true));
    assert_eq!(world.recorded(), told, "the books take down their own answer themselves");
    let members = ["user_mara", "user_of_old"].map(|user| visitor_of_member(user, &world.keys).to_string());
    let visitors: BTreeSet<_> = members.into_iter().chain(["vis_1".to_owned()]).collect();
    for asked in &world.backend.notes().forgetting.asked {
        assert_eq!(asked.erasure_id, "era_1");
        let person = asked.person.as_ref().unwrap();
        assert_eq!(person.emails, ["ann@example.com"]);
        // the books were never told as whom these users talk
        assert_eq!(person.visitor_ids.iter().cloned().collect::<BTreeSet<_>>(), visitors);
    }
    assert!(!answer.text.contains("ann@"), "{}", answer.text);

    let again = world.erase().await;
    assert_eq!((again.status, &again.json()["done"]), (200, &json!(true)));
    assert_eq!(world.backend.notes().forgetting.asked.len(), 7, "nobody is asked again");
}

#[tokio::test]
async fn what_fails_leaves_it_open_and_the_next_call_goes_on() {
    let world = World::start().await;
    let waits = "openai, which takes no calls for 40 s";
    // what cannot be reached is tried twice
    world.backend.forgets([
        Ok(Waits(2, waits)),
        Ok(Waits(2, waits)),
        Err(unreached()),
        Err(unreached()),
        Ok(Done(1)),
        Ok(Done(0)),
        Ok(Done(0)),
    ]);
    let answer = world.erase().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let receipt = answer.json();
    assert_eq!((&receipt["done"], &receipt["ended_at"]), (&json!(false), &Value::Null));
    assert_eq!(of(&receipt, "session-broker"), (false, 2, waits));
    let (done, _, why) = of(&receipt, "chat-agent");
    assert!(!done && why == "a service is not available, try again later", "{why}");
    assert_eq!(of(&receipt, "sheets-writer"), (false, 0, "its turn"), "the books are not asked before");
    assert!(!answer.text.contains("canary"), "{}", answer.text);
    let told = [
        ("session-broker", false),
        ("chat-agent", false),
        ("booking-payments", true),
        ("whop-gateway", true),
        ("ops-copilot", true),
    ];
    assert_eq!(world.recorded(), told.map(|(name, done)| (name.to_owned(), done)));

    let looked = Answer::of(world.request(Method::GET, ERASURE).bearer_auth(OPERATOR)).await;
    assert_eq!((looked.status, looked.json()), (200, receipt));
    let last = world.backend.notes().books.last().cloned().unwrap();
    assert!(matches!(&last, Asked::Erasure(request) if request.erasure_id == "era_1"), "{last:?}");

    let internal = chassis::status::status(&Fault::internal());
    world.backend.forgets([Ok(Done(5)), Err(internal), Ok(Done(1)), Ok(Done(0)), Ok(Done(0))]);
    let receipt = world.erase().await.json();
    assert_eq!(of(&receipt, "session-broker"), (true, 5, ""));
    assert_eq!(of(&receipt, "chat-agent").2, "the repair of a failure, which its log tells");

    world.backend.forgets([
        Ok(Done(5)),
        Ok(Done(7)),
        Ok(Done(1)),
        Ok(Done(0)),
        Ok(Done(0)),
        Ok(Waits(0, "rows wait for the spreadsheet")),
        Ok(End),
    ]);
    let last = world.erase().await;
    assert_eq!((last.status, of(&last.json(), "chat-agent")), (200, (true, 7, "")));
}

#[tokio::test]
async fn the_count_of_a_service_that_fails_is_not_lost() {
    let world = World::start().await;
    world.backend.forgets([Ok(Done(3)), Ok(Waits(0, "a turn")), Ok(Done(0)), Ok(Done(0)), Ok(Done(0))]);
    assert_eq!(world.erase().await.status, 202);
    let others = (0..4).map(|_| Ok(Done(0)));
    world.backend.forgets([Err(unreached()), Err(unreached())].into_iter().chain(others));
    let receipt = world.erase().await.json();
    let (done, threads, _) = of(&receipt, "session-broker");
    assert_eq!((done, threads), (false, 3), "{receipt}");
}

#[tokio::test]
async fn the_books_must_be_there_and_know_the_contact() {
    let world = World::start().await;
    let unknown = Fault::new(Kind::NotFound, Reason::ContactUnknown, "there is no such contact");
    world.backend.notes().refusals.push_back(chassis::status::status(&unknown));
    world.erase().await.problem(404, "CONTACT_UNKNOWN");
    world.backend.notes().refusals.extend([unreached(), unreached()]);
    world.erase().await.problem(503, "SERVICE_UNAVAILABLE");
    let unknown = Fault::new(Kind::NotFound, Reason::ErasureUnknown, "there is no such erasure");
    world.backend.notes().refusals.push_back(chassis::status::status(&unknown));
    Answer::of(world.request(Method::GET, ERASURE).bearer_auth(OPERATOR))
        .await
        .problem(404, "ERASURE_UNKNOWN");
    for (method, path) in [(Method::POST, ERASE), (Method::GET, ERASURE)] {
        Answer::of(world.request(method, path)).await.problem(401, "SECRET_WRONG");
    }
    assert!(world.backend.notes().forgetting.asked.is_empty());
}

#[tokio::test]
async fn the_same_key_is_the_same_request_inward() {
    let world = World::start().await;
    for _ in 0..2 {
        world.backend.forgets((0..5).map(|_| Ok(Waits(0, "x"))));
        let request =
            world.request(Method::POST, ERASE).bearer_auth(OPERATOR).header("idempotency-key", "k1");
        assert_eq!(Answer::of(request).await.status, 202);
    }
    let notes = world.backend.notes();
    let begun = notes.books.iter().filter_map(|asked| match asked {
        Asked::Begin(request) => Some((request.request_id.as_str(), request.contact_id.as_str())),
        _ => None,
    });
    let begun: Vec<_> = begun.collect();
    assert!(begun.len() == 2 && begun[0] == begun[1] && begun[0].1 == "con_1", "{begun:?}");
}

#[tokio::test]
async fn nobody_outside_reaches_the_clock() {
    let world = World::start().await;
    for method in [Method::GET, Method::POST] {
        let knocked = world.request(method, "/internal/tick").bearer_auth(OPERATOR);
        Answer::of(knocked).await.problem(404, "ROUTE_UNKNOWN");
    }
}
