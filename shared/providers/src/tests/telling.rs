//! The books are told, whatever becomes of sheets-writer meanwhile.

use proto::common::v1::Count;
use store::queue::State;

use super::{
    books::Books,
    world::{Service, Setup},
};
use crate::books::{TELLINGS, Telling};

fn event(id: &str, live: bool) -> Telling {
    Telling::Event { id: id.into(), body: format!("{{\"id\":\"{id}\"}}"), payment: String::new(), live }
}

#[tokio::test]
async fn each_telling_reaches_its_door_under_an_id_of_its_own() {
    let service = Service::in_cloud().await;
    service.tell(Telling::Payment("pi_1".into())).await;
    service.tell(Telling::Subscription("sub_1".into())).await;
    service.tell(event("evt_1", true)).await;
    service.tell(Telling::Booking("gone".into())).await;
    service.until("the rows", |service| service.books.told().len() == 3).await;
    let mut told = service.books.told();
    told.sort();
    assert_eq!(told, ["event {\"id\":\"evt_1\"}", "payment pi_1", "subscription sub_1"]);
    let mut ids = service.books.asked();
    ids.sort();
    ids.dedup();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

#[tokio::test]
async fn sheets_writer_may_be_away_for_hours() {
    let service = Service::in_cloud().await;
    service.books.is_away(12);
    for payment in ["pi_1", "pi_2", "pi_3"] {
        service.tell(Telling::Payment(payment.into())).await;
    }
    service.minutes(120).await;
    assert_eq!(service.told(3).await, ["payment pi_1", "payment pi_2", "payment pi_3"]);
    assert!(service.books.asked().len() >= 15, "it was away twelve times");
}

#[tokio::test]
async fn by_itself_it_is_told_as_soon_as_sheets_writer_is_back() {
    let service = Service::start().await;
    service.books.is_away(2);
    service.tell(Telling::Payment("pi_1".into())).await;
    service.until("the row", |service| service.books.told() == ["payment pi_1"]).await;
}

#[tokio::test]
async fn what_is_invented_stays_out_of_the_live_books() {
    let service = Service::in_cloud().await;
    service.tell(Telling::Payment("test_1".into())).await;
    service.tell(event("evt_1", false)).await;
    service.until_told_nowhere(2).await;
    assert!(service.books.asked().is_empty());

    let sandbox = Books::default();
    let setup = Setup { cloud: true, sandbox: Some(sandbox.serve().await), ..Setup::new().await };
    let service = setup.start().await;
    service.tell(Telling::Payment("test_1".into())).await;
    service.tell(event("evt_1", false)).await;
    service.tell(Telling::Payment("pi_1".into())).await;
    service.until("the rows", |service| !service.books.told().is_empty() && sandbox.told().len() == 2).await;
    assert_eq!(service.books.told(), ["payment pi_1"]);
}

impl Service {
    /// Waits until nothing is left to tell.
    async fn until_told_nowhere(&self, tellings: i64) {
        let mut done = 0;
        while done < tellings {
            let count = |counts: Vec<Count>| counts.into_iter().map(|count| count.number).sum::<i64>();
            done += count(self.tick().await.done);
            let query = store::Query::new(TELLINGS.index(), [serde_json::to_value(State::Waiting).unwrap()]);
            if self.store.query(query).await.unwrap().documents.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
