//! Any order of what can happen to a hand-off, against a reference that knows only who spoke when.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Standing, State, Times, books::body};

const TIMES: Times =
    Times { patience: SignedDuration::from_mins(2), timeout: SignedDuration::from_mins(480) };
const THREAD: &str = "thr_1";

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The visitor writes, and a turn answers.
    Message,
    /// The model calls a person, twice if the turn is made again.
    Call { again: bool },
    /// A person writes.
    Answer,
    /// A person gives the thread back.
    Release,
    /// Time goes by.
    Wait(i64),
    /// The clock is looked at. The books take what they are told or do not; whoever tells may die before it is noted.
    Tick { taken: bool, dies: bool },
    /// The process dies: what is not in the store is gone.
    Die,
}

/// A thread, its books, and what should be so.
struct World {
    standing: Standing,
    now: Timestamp,
    /// What the books were told, and how often.
    books: BTreeMap<String, u32>,
    /// Since when a person is called or there, and when they wrote last.
    reference: Option<(Timestamp, Option<Timestamp>)>,
    calls: usize,
    comings: usize,
    announced: BTreeSet<u32>,
    asked: BTreeSet<u32>,
}

impl World {
    fn new() -> Self {
        Self {
            standing: Standing::default(),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            books: BTreeMap::new(),
            reference: None,
            calls: 0,
            comings: 0,
            announced: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }

    /// Whether a person has the thread, as whoever only watches knows it.
    fn is_taken(&mut self) -> bool {
        let over = |(since, last): (Timestamp, Option<Timestamp>)| {
            self.now.duration_since(last.unwrap_or(since)) >= TIMES.timeout
        };
        if self.reference.is_some_and(over) {
            self.reference = None;
        }
        self.reference.is_some()
    }

    fn step(&mut self, step: Step) {
        let taken = self.is_taken();
        match step {
            Step::Message => {
                self.standing.expire(self.now, &TIMES);
                assert_eq!(self.standing.is_silent(), taken, "the model speaks exactly where no person does");
                self.announce();
                self.ask();
            }
            Step::Call { again } => {
                self.standing.expire(self.now, &TIMES);
                let called = self.standing.call("they ask for one", "ses_1", self.now);
                assert_eq!(called, !taken);
                if called {
                    (self.calls, self.reference) = (self.calls + 1, Some((self.now, None)));
                }
                assert!(!again || !self.standing.call("they ask again", "ses_2", self.now));
            }
            Step::Answer => {
                self.standing.expire(self.now, &TIMES);
                self.standing.answer(self.now);
                let (since, last) = self.reference.unwrap_or((self.now, None));
                self.comings += usize::from(last.is_none());
                self.reference = Some((since, Some(self.now)));
            }
            Step::Release => {
                self.standing.release();
                self.reference = None;
            }
            Step::Wait(minutes) => self.now += SignedDuration::from_mins(minutes),
            Step::Tick { taken, dies } => self.tick(taken, dies),
            Step::Die => {
                let kept = serde_json::to_string(&self.standing).unwrap();
                self.standing = serde_json::from_str(&kept).unwrap();
            }
        }
        self.check();
    }

    fn tick(&mut self, taken: bool, dies: bool) {
        for untold in self.standing.untold().to_vec() {
            if !taken {
                break;
            }
            let id = body(&untold, THREAD)["id"].as_str().unwrap().to_owned();
            *self.books.entry(id).or_default() += 1;
            if dies {
                return;
            }
            self.standing.told(&untold);
        }
        if self.standing.expire(self.now, &TIMES).is_none() {
            self.ask();
        }
    }

    fn announce(&mut self) {
        if let Some(hand_off) = self.standing.announce() {
            assert!(self.announced.insert(hand_off.number), "told twice who answers");
        }
    }

    fn ask(&mut self) {
        if let Some(hand_off) = self.standing.ask(self.now, &TIMES) {
            assert!(self.asked.insert(hand_off.number), "asked twice for an address");
            let (since, last) = self.reference.expect("somebody is called");
            assert_eq!(last, None, "asked for an address although a person is there");
            assert!(self.now.duration_since(since) >= TIMES.patience);
        }
    }

    fn check(&mut self) {
        let state = match (self.is_taken(), self.reference) {
            (true, Some((_, None))) => State::Waiting,
            (true, Some((_, Some(_)))) => State::Person,
            _ => State::Active,
        };
        assert_eq!(self.standing.state(self.now, &TIMES), state);
        let wanted = self.standing.is_silent() || !self.standing.untold().is_empty();
        assert_eq!(self.standing.attention().is_some(), wanted);
        let known = self.books.len() + self.standing.untold().len();
        let twice = self
            .standing
            .untold()
            .iter()
            .filter(|untold| self.books.contains_key(body(untold, THREAD)["id"].as_str().unwrap()));
        assert_eq!(
            known - twice.count(),
            self.calls + self.comings,
            "each call and each coming is told of once"
        );
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Message),
        3 => any::<bool>().prop_map(|again| Step::Call { again }),
        2 => Just(Step::Answer),
        1 => Just(Step::Release),
        3 => prop_oneof![0..5_i64, 100..700_i64].prop_map(Step::Wait),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(taken, dies)| Step::Tick { taken, dies }),
        1 => Just(Step::Die),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_one_answers_and_the_books_hear_of_it(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        // in the end the books are there, and everything is given back
        world.step(Step::Tick { taken: true, dies: false });
        prop_assert!(world.standing.untold().is_empty());
        prop_assert_eq!(world.books.len(), world.calls + world.comings);
        world.step(Step::Release);
        prop_assert_eq!(world.standing.attention(), None);
        world.step(Step::Message);
    }
}

#[test]
fn documents_from_before_are_read() {
    assert_eq!(serde_json::from_str::<Standing>("{}").unwrap(), Standing::default());
}

#[test]
fn a_wait_is_told_only_where_somebody_has_waited() {
    let begin = Timestamp::from_second(1_800_000_000).unwrap();
    let waited = |standing: &Standing| {
        let told: Vec<_> = standing.untold().iter().map(|untold| body(untold, THREAD)).collect();
        told.iter().find(|event| event["type"] == "chat.person_answered").unwrap()["waited_seconds"].clone()
    };
    let mut called = Standing::default();
    assert!(called.call("why", "", begin));
    called.answer(begin + SignedDuration::from_secs(90));
    called.answer(begin + SignedDuration::from_secs(900));
    assert_eq!((waited(&called), called.untold().len()), (90.into(), 2));
    let mut uncalled = Standing::default();
    uncalled.answer(begin);
    assert_eq!((waited(&uncalled), uncalled.untold().len()), (serde_json::Value::Null, 1));
}
