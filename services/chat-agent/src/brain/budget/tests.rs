//! Two instances, one budget: turns that are under way count before they have ended.

use chassis::Vars;
use tempfile::TempDir;

use super::*;
use crate::{
    config::Config,
    protocol::{InferenceOptions, UserContent, UserMessage},
    turn::{Input, testing::Scene},
};

const MODEL: &str = "gpt-5-mini";

/// Instances over one store.
struct Instances {
    budgets: [Budget; 2],
    scene: Scene,
    _dir: TempDir,
}

/// A random-looking number below `below`, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

impl Instances {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let vars: Vars = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_MODEL", MODEL)]
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config: Config = chassis::config::load(&vars, []).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = store::Config::at(store::Location::Sqlite(dir.path().to_owned()));
        let store = store.open(crate::NAME, crate::SCHEMA, store::system_clock()).unwrap();
        let budget = || Budget::new(&config, store.clone()).unwrap();
        let message = UserMessage {
            head: crate::protocol::Head {
                id: "msg_1".into(),
                thread_id: "thr_test".into(),
                created_at: jiff::Timestamp::UNIX_EPOCH,
            },
            content: vec![UserContent::InputText { text: "hi".into() }],
            attachments: Vec::new(),
            quoted_text: None,
            inference_options: InferenceOptions::default(),
        };
        let scene = Scene::new(Input::Message(message), Vec::new()).await;
        Self { budgets: [budget(), budget()], scene, _dir: dir }
    }

    async fn reserve(&self, instance: usize) -> Result<Reservation, Spent> {
        self.budgets[instance].reserve(&self.scene.turn, MODEL).await.unwrap()
    }

    async fn spend(&self, instance: usize, reservation: Reservation, tokens: u64) {
        let taken = Taken { input_tokens: tokens / 2, output_tokens: tokens - tokens / 2 };
        self.budgets[instance].spend(&self.scene.turn, reservation, MODEL, taken).await;
    }

    async fn counters(&self) -> [Counter; 2] {
        let mut work = self.budgets[0].begin(&self.scene.turn).await.unwrap();
        load(&mut work, &self.scene.turn).await.unwrap().map(|(_, counter)| counter)
    }

    /// Crowds of turns at once, most of them at the first instance, until one of a crowd is refused. Each takes a
    /// thousand tokens, give or take a half.
    async fn use_up(&self, crowd: usize) -> Spent {
        let mut dice = Dice(7);
        for _ in 0..100 {
            let reserve = (0..crowd).map(|n| async move { (n, self.reserve(usize::from(n % 4 == 0)).await) });
            for (n, answer) in futures_util::future::join_all(reserve).await {
                if let Ok(reservation) = answer {
                    self.spend(usize::from(n % 4 == 0), reservation, 500 + dice.below(1_001)).await;
                }
            }
            match self.reserve(0).await {
                Ok(reservation) => self.spend(0, reservation, 0).await,
                Err(spent) => return spent,
            }
        }
        panic!("the budget never ends");
    }
}

fn assert_within_a_tenth(used: u64, most: u64) {
    assert!(used >= most && used <= most + most / 10, "{used} of {most}");
}

#[tokio::test]
async fn a_visitors_tokens_hold_across_instances() {
    let instances = Instances::new(&[("LIMIT_TOKENS_DAY", "60000"), ("BUDGET_DAY", "off")]).await;
    assert_eq!(instances.use_up(24).await, Spent::Tokens);
    let [visitor, site] = instances.counters().await;
    assert_within_a_tenth(visitor.tokens(), 60_000);
    assert_eq!((visitor.turns, visitor.reserved.len()), (site.turns, 0));
}

#[tokio::test]
async fn a_sites_money_holds_across_instances() {
    // a thousand tokens cost a cent
    let settings =
        [("LIMIT_TOKENS_DAY", "off"), ("BUDGET_DAY", "0.60 USD"), ("MODEL_PRICES", "gpt-5-mini=10/10")];
    let instances = Instances::new(&settings).await;
    assert_eq!(instances.use_up(24).await, Spent::Money);
    let [visitor, site] = instances.counters().await;
    assert_within_a_tenth(site.cost_billionths, 600_000_000);
    assert_eq!((visitor.reserved.len(), site.reserved.len()), (0, 0));
}

#[tokio::test]
async fn what_is_promised_is_taken_until_it_is_counted() {
    let instances = Instances::new(&[("LIMIT_TOKENS_DAY", "3000")]).await;
    let [first, second] = [instances.reserve(0).await.unwrap(), instances.reserve(1).await.unwrap()];
    assert_eq!(instances.reserve(0).await.unwrap_err(), Spent::Tokens, "two first turns are 4600");
    instances.spend(0, first, 0).await;
    let third = instances.reserve(0).await.unwrap();
    for reservation in [second, third] {
        instances.spend(1, reservation, 100).await;
    }
    let [visitor, site] = instances.counters().await;
    assert_eq!((visitor.turns, visitor.tokens(), visitor.reserved.len()), (2, 200, 0));
    assert_eq!((site.turns, site.tokens(), site.reserved.len()), (2, 200, 0), "a turn of nothing is none");
    let several = futures_util::future::join_all((0..6).map(|n| instances.reserve(n % 2))).await;
    assert!(several.iter().all(Result::is_ok), "turns take a hundred tokens here");
}

#[tokio::test]
async fn what_a_dead_process_was_promised_is_free_in_time() {
    let mut counter = Counter::default();
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    counter.reserve("res_1", 500, now);
    let [before, after] = [299, 300].map(|seconds| now + SignedDuration::from_secs(seconds));
    assert_eq!((counter.promised(before), counter.promised(after)), (500, 0));
    counter.reserve("res_2", 200, after);
    assert_eq!((counter.promised(after), counter.reserved.len()), (200, 1));
}
