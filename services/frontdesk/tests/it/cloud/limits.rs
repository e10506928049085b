//! A limit is one limit, however its calls are spread over the instances.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::Link;
use proto::{
    common::v1::Caller,
    session::v1::{
        CreateSessionRequest, SessionMode, SessionTarget, session_service_client::SessionServiceClient,
    },
};
use tokio::{task::JoinSet, time::sleep_until};
use tonic::Code;

use super::fleet::Fleet;
use crate::world::PATIENCE;

/// Calls a minute and a burst.
const LIMIT: &str = "200/m:100";
const PER_MINUTE: f64 = 200.0;
const BURST: f64 = 100.0;
/// How far from the limit the instances may be together.
const TOLERANCE: f64 = 0.1 * PER_MINUTE;

/// Calls at once in the beginning, and how long the load goes on from there: more than the limit lets through.
const AT_ONCE: usize = 160;
const EVERY: Duration = Duration::from_millis(100);
const SPAN: Duration = Duration::from_secs(40);

/// A load upon one site.
struct Load {
    site: &'static str,
    /// Of ten calls, how many go to the first instance.
    first: usize,
}

/// What came of a load.
#[derive(Debug)]
struct Outcome {
    passed: f64,
    refused: usize,
    /// Until the first call could be over, and until the last one was.
    seconds: f64,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn the_limit_of_a_site_holds_across_instances() {
    let limits = [("LIMIT_VISITOR", "off"), ("LIMIT_IP", "off"), ("LIMIT_SITE", LIMIT)];
    let fleet = Fleet::start(&limits).await;
    let url = |number: usize| format!("http://{}", fleet.brokers[number].1).parse().unwrap();
    let brokers = Arc::new([0, 1].map(|number| SessionServiceClient::new(Link::new(&url(number)).unwrap())));
    let loads =
        [Load { site: "even.example.com", first: 5 }, Load { site: "lopsided.example.com", first: 9 }];
    let outcomes = loads.map(|load| {
        let brokers = Arc::clone(&brokers);
        (load.site, tokio::spawn(load.run(brokers)))
    });
    for (site, outcome) in outcomes {
        let outcome = outcome.await.unwrap();
        let allowed = BURST + outcome.seconds * PER_MINUTE / 60.0;
        println!("{site}: {outcome:?}, allowed {allowed:.0}");
        let off = outcome.passed - allowed;
        assert!(off.abs() <= TOLERANCE, "{site}: {off:+.0} calls of {allowed:.0}: {outcome:?}");
        assert!(outcome.refused > 200, "{site}: nothing was limited: {outcome:?}");
    }
}

impl Load {
    async fn run(self, brokers: Arc<[SessionServiceClient<Link>; 2]>) -> Outcome {
        let began = Instant::now();
        let steady = (SPAN.as_millis() / EVERY.as_millis()) as usize;
        let mut calls = JoinSet::new();
        for number in 0..AT_ONCE + steady {
            let broker = &brokers[usize::from(number % 10 >= self.first)];
            calls.spawn(call(broker.clone(), self.site));
            if number >= AT_ONCE {
                sleep_until((began + EVERY * (number - AT_ONCE) as u32).into()).await;
            }
        }
        let answers = calls.join_all().await;
        let seconds = began.elapsed().as_secs_f64();
        let refused = answers.iter().filter(|passed| !**passed).count();
        Outcome { passed: (answers.len() - refused) as f64, refused, seconds }
    }
}

/// Whether a call of some visitor of the site was let through.
async fn call(mut broker: SessionServiceClient<Link>, site: &str) -> bool {
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    let visitor_id = format!("vis_{:032x}", u128::from_be_bytes(random));
    let caller = Caller { visitor_id, site: site.to_owned(), ..Default::default() };
    let target = SessionTarget { modes: vec![SessionMode::SelfHosted.into()], ..Default::default() };
    let request = CreateSessionRequest { caller: Some(caller), target: Some(target), ..Default::default() };
    match tokio::time::timeout(PATIENCE, broker.create_session(request)).await.unwrap() {
        Ok(_) => true,
        Err(status) if status.code() == Code::ResourceExhausted => false,
        Err(status) => panic!("{status:?}"),
    }
}
