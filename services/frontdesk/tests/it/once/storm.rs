//! A thousand wishes and more over MCP, in a storm.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use sandbox::{INTRO_CALL, Provider};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    check::check,
    desk::Desk,
    effects::Effects,
    line::Broken,
    people::{Somebody, Wanted, join},
    wish::{Known, Tally},
};

/// Another seed is another storm.
const SEED: u64 = 20_261_123;
/// So many systems are in it side by side, each with so many wishes at once: Cal.com's pace is one system's.
const DESKS: u64 = 3;
const ABREAST: usize = 10;
/// So many meetings are at it at once: a till asks Cal.com 70 times a minute, whatever for.
const MEETINGS_ABREAST: usize = 3;
/// How many of each are wanted at a desk. A meeting is three wishes: it is booked, moved, called off.
const MEETINGS: usize = 15;
const EACH: usize = 50;
/// How many want the week's figures sent, all the same ones.
const WEEKS: usize = 8;

/// How likely each thing is that may befall a wish, in percent.
const TROUBLE: u64 = 30;
/// Nobody is killed any more once so many of a hundred wishes are fulfilled: what the dead had claimed waits for a minute.
const CALM: usize = 65;

/// The providers behind the tools.
const PROVIDERS: [(&str, Provider); 3] =
    [("Cal.com", Provider::CalCom), ("Stripe", Provider::Stripe), ("Whop", Provider::Whop)];

/// Kinds of wishes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Meeting,
    Checkout,
    Lead,
    Outcome,
    HandOff,
    Ticket,
    Notice,
    Week,
}

/// Kills one of these after the other until it is over; how often.
pub(super) async fn kill(
    desk: Arc<Desk>,
    seed: u64,
    victims: &[&'static str],
    over: Arc<AtomicBool>,
) -> usize {
    let mut dice = Rng::with_seed(seed);
    let (mut killed, mut pause) = (0, Duration::ZERO);
    while !over.load(Ordering::SeqCst) {
        tokio::time::sleep(pause + Duration::from_millis(dice.u64(400..2_000))).await;
        let begin = Instant::now();
        desk.restart(dice.choice(victims).unwrap()).await;
        // on a slow machine they live longer, too
        pause = begin.elapsed() * 2;
        killed += 1;
    }
    killed
}

/// What is wanted at a desk, in the order in which it is.
fn order(dice: &mut Rng) -> Vec<Kind> {
    let each = [Kind::Checkout, Kind::Lead, Kind::Outcome, Kind::HandOff, Kind::Ticket, Kind::Notice];
    let mut kinds: Vec<_> = each.into_iter().flat_map(|kind| [kind; EACH]).collect();
    kinds.extend([Kind::Week; WEEKS]);
    dice.shuffle(&mut kinds);
    for _ in 0..MEETINGS {
        kinds.insert(dice.usize(..kinds.len() / 2), Kind::Meeting);
    }
    kinds
}

/// One desk's storm; what was wished there, what there is of it, and how often somebody was killed.
async fn storm(number: u64, tally: Arc<Tally>) -> (Arc<Desk>, Vec<Wanted>, Effects, usize) {
    let desk = Arc::new(Desk::start(SEED + 1_000 * number).await);
    let members = join(&desk);
    // each would have the till ask once more, and it asks Cal.com no more than so often
    desk.sandbox.webhooks(Provider::CalCom).lose(usize::MAX);
    let starts = desk.sandbox.calendar().free(INTRO_CALL, 30);
    let mut starts = starts.into_iter().skip(40);
    let [turn, booking] = [ABREAST, MEETINGS_ABREAST].map(|many| Arc::new(Semaphore::new(many)));
    // the pace towards Cal.com is kept by the process, so a till that is killed often may ask more often
    let [till_over, over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let others = &["chat-agent", "gateway", "sheets-writer", "whop-gateway", "ops-copilot"];
    let mut killing = JoinSet::new();
    killing.spawn(kill(Arc::clone(&desk), SEED ^ number, &["booking-payments"], Arc::clone(&till_over)));
    killing.spawn(kill(Arc::clone(&desk), SEED ^ number, others, Arc::clone(&over)));
    desk.set_wild(true);
    let mut wishes = JoinSet::new();
    for (place, kind) in (0..).zip(order(&mut Rng::with_seed(SEED + number))) {
        let is_meeting = matches!(kind, Kind::Meeting);
        let turn = Arc::clone(if is_meeting { &booking } else { &turn });
        let (desk, tally) = (Arc::clone(&desk), Arc::clone(&tally));
        let slots = [(); 2].map(|()| is_meeting.then(|| starts.next().unwrap()));
        wishes.spawn(async move {
            let _turn = turn.acquire_owned().await.unwrap();
            let somebody = Somebody::new(number * 10_000 + place, TROUBLE);
            match kind {
                Kind::Meeting => somebody.meet(&desk, &tally, slots.map(Option::unwrap)).await,
                Kind::Checkout => somebody.pay(&desk, &tally).await,
                Kind::Lead => somebody.leave(&desk, &tally).await,
                Kind::Outcome => somebody.end(&desk, &tally).await,
                Kind::HandOff => somebody.call_a_person(&desk, &tally).await,
                Kind::Ticket => somebody.complain(&desk, &tally).await,
                Kind::Notice => somebody.tell(&desk, &tally).await,
                Kind::Week => somebody.publish(&desk, &tally).await,
            }
        });
    }
    let (all, mut wanted) = (wishes.len(), Vec::new());
    while let Some(one) = wishes.join_next().await {
        wanted.push(one.unwrap());
        let meetings = wanted.iter().filter(|one| matches!(one, Wanted::Meeting { .. })).count();
        let is_calm = (wanted.len() - meetings) * 100 > (all - MEETINGS) * CALM;
        over.fetch_or(is_calm, Ordering::SeqCst);
        till_over.fetch_or(is_calm && meetings == MEETINGS, Ordering::SeqCst);
    }
    let killed = killing.join_all().await.into_iter().sum();
    desk.set_wild(false);
    desk.sandbox.clear_faults();
    let effects = desk.effects(&members, MEETINGS).await;
    (desk, wanted, effects, killed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wishes_in_a_storm_have_one_effect_each() {
    let begin = Instant::now();
    let tally = Arc::new(Tally::default());
    let mut storms = JoinSet::new();
    for number in 0..DESKS {
        storms.spawn(storm(number, Arc::clone(&tally)));
    }
    let (mut killed, mut broken, mut lost) = (0, BTreeMap::<_, Broken>::new(), BTreeMap::new());
    for (desk, wanted, effects, kills) in storms.join_all().await {
        check(&wanted, &effects);
        killed += kills;
        for (line, how) in desk.broken() {
            let all = broken.entry(line).or_default();
            how.into_iter().for_each(|(how, count)| *all.entry(how).or_default() += count);
        }
        for (name, provider) in PROVIDERS {
            let asked = desk.sandbox.requests().into_iter().filter(|asked| asked.provider == provider);
            *lost.entry(name).or_insert(0) +=
                asked.filter(|asked| asked.handled && asked.status.is_none()).count();
        }
    }
    let tally = Arc::into_inner(tally).unwrap();
    println!(
        "{:?}: {killed} killed, lines {broken:?}, answers of providers lost {lost:?}, {tally:?}",
        begin.elapsed()
    );
    // a storm in which little went wrong proves little
    assert!(killed >= 50 && lost.values().all(|count| *count >= 20), "{killed} {lost:?}");
    for line in
        ["chat-agent", "booking-payments", "sheets-writer", "whop-gateway", "ops-copilot", "providers"]
    {
        let all: usize = broken[line].values().sum();
        assert!(all >= 8 && broken[line].len() >= 3, "{line}: {broken:?}");
    }
    for (end, least) in [("unanswered", 300), ("problem 503", 50), ("unknown", 30), ("rounds at once", 100)] {
        assert!(tally.of(end) >= least, "{end}: {tally:?}");
    }
    assert_eq!(tally.of("problem 500"), 0, "what broke off is no fault of ours: {tally:?}");
    for known in [Known::Id, Known::Wish, Known::Key] {
        assert!(tally.of(&format!("{known:?}")) >= 200, "{tally:?}");
    }
    assert!(tally.of("wishes") >= 1_000, "{tally:?}");
}
