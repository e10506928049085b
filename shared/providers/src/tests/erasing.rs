//! A person is forgotten where messages and tellings are.

use jiff::{SignedDuration, Timestamp};
use proto::common::v1::{ErasePersonRequest, ErasePersonResponse, Person};
use store::queue::Trouble;
use tonic::Code;

use super::world::Service;
use crate::books::Telling;

const ANN: &str = "ann@canary.example";

async fn erase(service: &Service, id: &str) -> Result<ErasePersonResponse, tonic::Status> {
    let person = Person { emails: vec![ANN.into()], ..Default::default() };
    let request = ErasePersonRequest { erasure_id: id.into(), person: Some(person) };
    service.operations.clone().erase_person(request).await.map(|answer| answer.into_inner())
}

#[tokio::test]
async fn what_names_a_person_goes_and_the_rest_stays() {
    let service = Service::in_cloud().await;
    for (key, who) in [("a", ANN), ("b", "bob@canary.example")] {
        service.world.things.lock().unwrap().insert(key.into(), 1);
        let body = serde_json::json!({"id": key, "thing": key, "email": who});
        service.deliver(&body.to_string()).await.unwrap();
    }
    service.until("the rows", |service| service.books.told().len() == 2).await;
    service.books.refuses();
    service
        .tell(Telling::Event {
            id: "e".into(),
            body: format!("{{\"e\":\"{ANN}\"}}"),
            payment: String::new(),
            live: true,
        })
        .await;
    service.until("the refusal", |service| service.books.asked().len() == 3).await;
    service.until_parked().await;

    let answer = erase(&service, "era_1").await.unwrap();
    assert!(answer.done, "{answer:?}");
    let mut erased: Vec<_> = answer.erased.iter().map(|count| (count.kind.as_str(), count.number)).collect();
    erased.sort_unstable();
    assert_eq!(erased, [("inbox", 1), ("tellings", 1)]);
    let mut left = service.everything().await;
    assert!(left.contains("bob@canary.example") && !left.contains(ANN), "{left}");
    assert_eq!(erase(&service, "era_1").await.unwrap().erased, answer.erased, "it counts once");
    left = service.everything().await;
    assert!(!left.contains(ANN));
    assert_eq!(erase(&service, "no/id").await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_still_waits_for_its_provider_is_waited_for() {
    let service = Service::in_cloud().await;
    service.world.fails(Some(Trouble::new("away")));
    service.world.things.lock().unwrap().insert("a".into(), 1);
    let body = serde_json::json!({"id": "a", "thing": "a", "email": ANN}).to_string();
    service.deliver(&body).await.unwrap();
    let answer = erase(&service, "era_1").await.unwrap();
    assert!(!answer.done && answer.waiting_for.contains("waits for its provider"), "{answer:?}");
    service.world.fails(None);
    let answer = erase(&service, "era_1").await.unwrap();
    assert!(answer.done && !service.everything().await.contains(ANN));
    assert_eq!(service.told(1).await, ["booking a 1"], "what it was a hint of is not lost");
}

#[tokio::test]
async fn what_is_still_to_be_told_of_them_is_told_to_nobody() {
    let service = Service::in_cloud().await;
    service.books.is_away(1_000);
    for (id, who) in [("a", ANN), ("b", "bob@canary.example")] {
        let body = serde_json::json!({"id": id, "email": who}).to_string();
        service.tell(Telling::Event { id: id.into(), body, payment: String::new(), live: true }).await;
    }
    let notice = serde_json::json!({"id": "chk_1:paid", "thread": "thr_1", "visitor": ANN, "workflow": "w",
        "title": "t", "lines": []});
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    service.tell_at(Telling::Notice(serde_json::from_value(notice).unwrap()), later).await;
    service.until("a try", |service| service.books.asked().len() >= 2).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let answer = loop {
        let answer = erase(&service, "era_1").await.unwrap();
        if answer.done {
            break answer;
        }
        assert_eq!(answer.waiting_for, "something that is being told of them");
        assert!(tokio::time::Instant::now() < deadline, "{answer:?}");
    };
    assert_eq!((answer.erased[0].kind.as_str(), answer.erased[0].number), ("tellings", 2));
    assert!(!service.everything().await.contains(ANN));
    service.books.is_back();
    service.minutes(90).await;
    let told = service.told(1).await;
    assert!(told.len() == 1 && told[0].contains("bob@canary.example"), "{told:?}");
}

impl Service {
    /// All documents, as text.
    async fn everything(&self) -> String {
        let mut walk = self.store.scan().await.unwrap();
        let mut all = String::new();
        loop {
            let records = walk.next().await.unwrap();
            if records.is_empty() {
                return all;
            }
            records.into_iter().for_each(|record| all += &record.body);
        }
    }

    /// Waits until a telling is parked.
    async fn until_parked(&self) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !self.everything().await.contains("\"parked\"") {
            assert!(tokio::time::Instant::now() < deadline, "nothing is parked");
            tokio::task::yield_now().await;
        }
    }
}
