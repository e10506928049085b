//! Units of work.

use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Attempts, Collection, Commit, Error, Work};

use super::{Stage, assert_invalid, done, person};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    age: i64,
}

const PEOPLE: Collection<Person> = Collection::new("people");

async fn age(stage: &Stage, id: &str) -> Option<i64> {
    PEOPLE.get(&*stage.store, id).await.unwrap().map(|found| found.value.age)
}

pub(crate) async fn a_work_sees_its_own_writes(stage: Stage) {
    stage.put("ada", json!({ "age": 1 })).await;
    stage.put("bob", json!({ "age": 1 })).await;
    let mut work = Work::new(&*stage.store);
    assert_eq!(work.get(&PEOPLE, "ada").await.unwrap(), Some(Person { age: 1 }));
    assert_eq!(work.get(&PEOPLE, "bob").await.unwrap(), Some(Person { age: 1 }));
    assert_eq!(work.get(&PEOPLE, "eve").await.unwrap(), None);
    work.put(&PEOPLE, "ada", &Person { age: 2 });
    work.put_until(&PEOPLE, "eve", &Person { age: 3 }, Some(stage.in_seconds(5)));
    work.delete(&PEOPLE, "bob");
    assert_eq!(work.get(&PEOPLE, "ada").await.unwrap(), Some(Person { age: 2 }));
    assert_eq!(work.get(&PEOPLE, "bob").await.unwrap(), None);
    // Nobody else sees them yet.
    assert_eq!((age(&stage, "ada").await, age(&stage, "eve").await), (Some(1), None));
    done(work.commit().await.unwrap());
    assert_eq!((age(&stage, "ada").await, age(&stage, "bob").await), (Some(2), None));
    assert_eq!(age(&stage, "eve").await, Some(3));
    stage.pass_seconds(5);
    assert_eq!(age(&stage, "eve").await, None);
}

pub(crate) async fn a_work_that_conflicts_is_done_again(stage: Stage) {
    stage.put("ada", json!({ "age": 1 })).await;
    let mut attempts = Attempts::default();
    let mut rounds = 0;
    loop {
        let mut work = Work::new(&*stage.store);
        let ada = work.get(&PEOPLE, "ada").await.unwrap().unwrap();
        work.get(&PEOPLE, "bob").await.unwrap();
        rounds += 1;
        match rounds {
            1 => drop(stage.put("ada", json!({ "age": 10 })).await),
            2 => drop(stage.put("bob", json!({ "age": 20 })).await),
            _ => {}
        }
        work.put(&PEOPLE, "ada", &Person { age: ada.age + 1 });
        work.put(&PEOPLE, "bob", &Person { age: 0 });
        if attempts.commit(work).await.unwrap() {
            break;
        }
    }
    assert_eq!(rounds, 3);
    assert_eq!((age(&stage, "ada").await, age(&stage, "bob").await), (Some(11), Some(0)));
}

pub(crate) async fn a_work_creates_only_what_is_new(stage: Stage) {
    let mut work = Work::new(&*stage.store);
    work.create(&PEOPLE, "ada", &Person { age: 1 });
    assert_eq!(work.get(&PEOPLE, "ada").await.unwrap(), Some(Person { age: 1 }));
    done(work.commit().await.unwrap());
    let mut work = Work::new(&*stage.store);
    work.create(&PEOPLE, "ada", &Person { age: 2 });
    work.create(&PEOPLE, "bob", &Person { age: 2 });
    assert_eq!(work.commit().await.unwrap(), Commit::Conflict);
    assert_eq!((age(&stage, "ada").await, age(&stage, "bob").await), (Some(1), None));
}

pub(crate) async fn a_work_does_not_write_what_it_has_not_read(stage: Stage) {
    let mut work = Work::new(&*stage.store);
    work.get(&PEOPLE, "bob").await.unwrap();
    work.put(&PEOPLE, "ada", &Person { age: 1 });
    work.put(&PEOPLE, "bob", &Person { age: 1 });
    assert_invalid(work.commit().await);
    assert_eq!((age(&stage, "ada").await, age(&stage, "bob").await), (None, None));
}

pub(crate) async fn attempts_are_counted(stage: Stage) {
    let mut attempts = Attempts::default();
    for round in 1.. {
        let mut work = Work::new(&*stage.store);
        work.get(&PEOPLE, "ada").await.unwrap();
        stage.put("ada", json!({ "age": round })).await;
        work.put(&PEOPLE, "ada", &Person { age: -1 });
        match attempts.commit(work).await {
            Ok(done) => assert!(!done),
            Err(Error::Contended(after)) => {
                assert_eq!(after, round);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let mut work = Work::new(&*stage.store);
    work.get(&PEOPLE, "ada").await.unwrap();
    work.put(&PEOPLE, "ada", &Person { age: -1 });
    assert!(Attempts::default().commit(work).await.unwrap());
    assert_eq!(age(&stage, "ada").await, Some(-1));
}

pub(crate) async fn a_work_that_is_dropped_writes_nothing(stage: Stage) {
    let mut work = Work::new(&*stage.store);
    work.create(&PEOPLE, "ada", &Person { age: 1 });
    drop(work);
    assert_eq!(age(&stage, "ada").await, None);
}

pub(crate) async fn a_work_prefetches(stage: Stage) {
    stage.put("ada", json!({ "age": 1 })).await;
    let mut work = Work::new(&*stage.store);
    work.prefetch(vec![person("ada"), person("bob")]).await.unwrap();
    // What was fetched is what the work goes by, and what its writes are guarded with.
    stage.put("ada", json!({ "age": 2 })).await;
    assert_eq!(work.get(&PEOPLE, "ada").await.unwrap(), Some(Person { age: 1 }));
    assert_eq!(work.get(&PEOPLE, "bob").await.unwrap(), None);
    work.put(&PEOPLE, "ada", &Person { age: 3 });
    assert_eq!(work.commit().await.unwrap(), Commit::Conflict);
    assert_eq!(age(&stage, "ada").await, Some(2));
}

pub(crate) async fn an_empty_work_is_done(stage: Stage) {
    let mut work = Work::new(&*stage.store);
    assert_eq!(work.get(&PEOPLE, "ada").await.unwrap(), None);
    assert!(work.is_empty());
    done(work.commit().await.unwrap());
}
