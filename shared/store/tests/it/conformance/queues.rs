//! The inbox and its queue.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use store::{
    inbox::{INBOX, Inbox, Message},
    queue::{Handler, Next, State, Trouble, Worker},
};

use super::Stage;

/// Fails with what stands in a message, if anything does.
#[derive(Default)]
struct Hand(Mutex<Vec<Vec<u8>>>);

#[async_trait::async_trait]
impl Handler<Message> for Hand {
    async fn handle(&self, _: &str, message: &Message) -> Result<Next, Trouble> {
        let body = message.body.bytes().to_vec();
        self.0.lock().unwrap().push(body.clone());
        match &body[..] {
            b"fails" => Err(Trouble::new("it fails")),
            b"hopeless" => Err(Trouble::hopeless("it is hopeless")),
            _ => Ok(Next::Done),
        }
    }
}

fn inbox(stage: &Stage) -> Inbox {
    Inbox::new(stage.store.clone(), stage.clock())
}

fn worker(stage: &Stage, hand: &Arc<Hand>) -> Worker<Message> {
    Worker::new(&INBOX, stage.store.clone(), stage.clock(), hand.clone())
}

pub(crate) async fn what_many_deliver_at_once_is_taken_once_and_done_once(stage: Stage) {
    let (inbox, hand) = (inbox(&stage), Arc::new(Hand::default()));
    let key = |at: usize| ["one", "two", "three"][at % 3];
    let takes = (0..9).map(|at| inbox.take("stripe", key(at), "x", key(at).as_bytes()));
    let taken = join_all(takes).await;
    let fresh = taken.into_iter().filter(|taken| !taken.as_ref().unwrap().duplicate).count();
    assert_eq!(fresh, 3);
    let (one, other) = (worker(&stage, &hand), worker(&stage, &hand));
    let (one, other) = tokio::join!(one.tick(10), other.tick(10));
    one.unwrap();
    other.unwrap();
    let mut done = hand.0.lock().unwrap().clone();
    done.sort();
    assert_eq!(done, [&b"one"[..], b"three", b"two"]);
}

pub(crate) async fn what_fails_waits_and_what_is_hopeless_is_parked(stage: Stage) {
    let (inbox, hand) = (inbox(&stage), Arc::new(Hand::default()));
    let id = inbox.take("stripe", "1", "x", b"fails").await.unwrap().id;
    let hopeless = inbox.take("stripe", "2", "x", b"hopeless").await.unwrap().id;
    let worker = worker(&stage, &hand);
    worker.tick(10).await.unwrap();
    worker.tick(10).await.unwrap();
    assert_eq!(hand.0.lock().unwrap().len(), 2, "it is not due at once");
    let waits = inbox.get(id.as_str()).await.unwrap().unwrap();
    assert_eq!((waits.state, waits.tries, waits.problem.as_str()), (State::Waiting, 1, "it fails"));
    assert!(waits.next_at.is_some());
    let parked = inbox.get(hopeless.as_str()).await.unwrap().unwrap();
    assert_eq!((parked.state, parked.problem.as_str()), (State::Parked, "it is hopeless"));
    stage.pass_seconds(1);
    worker.tick(10).await.unwrap();
    assert_eq!(inbox.get(id.as_str()).await.unwrap().unwrap().tries, 2);
    assert_eq!(worker.work_on(hopeless.as_str()).await.unwrap(), Some(State::Parked));
    assert_eq!(inbox.get(hopeless.as_str()).await.unwrap().unwrap().tries, 2);
}

pub(crate) async fn the_inbox_is_listed_by_age_and_state(stage: Stage) {
    let (inbox, hand) = (inbox(&stage), Arc::new(Hand::default()));
    for body in ["a", "hopeless", "b"] {
        inbox.take("stripe", body, "x", body.as_bytes()).await.unwrap();
        stage.pass_seconds(1);
    }
    worker(&stage, &hand).tick(10).await.unwrap();
    let bodies = async |state| {
        let (mut bodies, mut after) = (Vec::new(), None);
        loop {
            let page = inbox.list(state, 2, after).await.unwrap();
            bodies.extend(page.jobs.into_iter().map(|found| found.payload.unwrap().body.bytes().to_vec()));
            after = page.next;
            if after.is_none() {
                return bodies;
            }
        }
    };
    assert_eq!(bodies(None).await, [&b"b"[..], b"hopeless", b"a"]);
    assert_eq!(bodies(Some(State::Done)).await, [b"b", b"a"]);
    assert!(bodies(Some(State::Waiting)).await.is_empty());
    // What is done is forgotten, what is parked stays.
    stage.pass_seconds(31 * 86_400);
    assert_eq!(bodies(None).await, [b"hopeless"]);
}
