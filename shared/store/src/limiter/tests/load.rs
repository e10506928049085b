//! How much goes through, beside one process that sees all calls.

use chassis::gate::{Gate, Rate};
use proptest::prelude::*;

use super::rig::{SECOND, World};

/// Calls as they come: nanoseconds after the one before, and at which instance.
type Load = Vec<(i64, usize)>;

/// What went through: when.
struct Passed {
    together: Vec<i64>,
    by_one: usize,
}

fn rate(limit: &str) -> Rate {
    Rate::new(limit.parse().unwrap()).unwrap()
}

async fn play(limit: &str, instances: usize, load: &Load) -> Passed {
    let (world, one) = (World::new(limit, instances), Gate::new(rate(limit)));
    let mut passed = Passed { together: Vec::new(), by_one: 0 };
    let mut now = 0;
    for (pause, instance) in load {
        world.pass(*pause);
        now += pause;
        if world.call(*instance).await {
            passed.together.push(now);
        }
        passed.by_one += usize::from(one.take("ada", now).is_ok());
    }
    passed
}

/// Asserts what the module promises of every stretch of time.
fn assert_bound(limit: &str, passed: &[i64]) {
    let rate = rate(limit);
    let burst = i64::from(rate.free(0, 0));
    let cell = rate.after(0, 0, 1);
    let hold = if rate.block() == 0 { 0 } else { rate.hold() };
    for (first, from) in passed.iter().enumerate() {
        for (last, to) in passed.iter().enumerate().skip(first) {
            let calls = i64::try_from(last - first + 1).unwrap();
            let most = burst + (to - from + hold) / cell;
            assert!(calls <= most, "{limit}: {calls} calls in {} s, {most} at most", (to - from) / SECOND);
        }
    }
}

/// Asserts that as much goes through as one process would let through, within a tenth and a call.
fn assert_alike(limit: &str, passed: &Passed) {
    let (together, by_one) = (passed.together.len(), passed.by_one);
    let tenth = by_one / 10 + 1;
    assert!(together.abs_diff(by_one) <= tenth, "{limit}: {together} together, {by_one} by one");
}

fn run(limit: &str, instances: usize, load: &Load) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let passed = runtime.block_on(play(limit, instances, load));
    assert_bound(limit, &passed.together);
    assert_alike(limit, &passed);
}

/// Calls at random, so many hundredths of the limit in all, shared out by weight.
fn random(limit: &str, percent: i64, weights: Vec<u32>, calls: usize) -> impl Strategy<Value = Load> + use<> {
    let mean = rate(limit).after(0, 0, 1) * 100 / percent;
    let total: u32 = weights.iter().sum();
    let one = (1e-6_f64..1.0, 0..total).prop_map(move |(chance, mut pick)| {
        let at = weights.iter().position(|weight| {
            let hit = pick < *weight;
            pick = pick.saturating_sub(*weight);
            hit
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a random pause")]
        let pause = (mean as f64 * -chance.ln()) as i64;
        (pause, at.unwrap())
    });
    proptest::collection::vec(one, calls)
}

fn weights() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        Just(vec![1, 1]),
        Just(vec![9, 1]),
        Just(vec![1, 0]),
        Just(vec![1, 1, 1]),
        Just(vec![14, 5, 1]),
    ]
}

fn any_load() -> impl Strategy<Value = (&'static str, usize, Load)> {
    let limits = prop_oneof![
        Just("20/m:10"),
        Just("60/m:30"),
        Just("600/m:100"),
        Just("60/m:1"),
        Just("10/s:10"),
        Just("200/h:50"),
    ];
    (limits, 30_i64..600, weights()).prop_flat_map(|(limit, percent, weights)| {
        let instances = weights.len();
        random(limit, percent, weights, 1_200).prop_map(move |load| (limit, instances, load))
    })
}

fn small_load() -> impl Strategy<Value = (&'static str, usize, Load)> {
    let limits = prop_oneof![Just("1/m"), Just("3/m"), Just("3/m:1"), Just("9/h:4")];
    (limits, 30_i64..600, weights()).prop_flat_map(|(limit, percent, weights)| {
        let instances = weights.len();
        random(limit, percent, weights, 200).prop_map(move |load| (limit, instances, load))
    })
}

/// Whole bursts with pauses that are about as long as permits are kept: the worst for what was drawn ahead.
fn bursts() -> impl Strategy<Value = (&'static str, usize, Load)> {
    let pause = prop_oneof![
        50 => Just(0),
        4 => 1..SECOND,
        1 => Just(5 * SECOND - 1),
        1 => (4 * SECOND)..(6 * SECOND),
        1 => Just(30 * SECOND),
    ];
    let load = proptest::collection::vec((pause, 0_usize..3), 600);
    (prop_oneof![Just("600/m:100"), Just("60/m:30"), Just("100/m:10"), Just("200/h:50")], Just(3), load)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 200, ..Default::default() })]

    #[test]
    fn a_limit_holds_together_as_it_does_alone((limit, instances, load) in any_load()) {
        run(limit, instances, &load);
    }

    #[test]
    fn a_small_limit_is_exact((limit, instances, load) in small_load()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let passed = runtime.block_on(play(limit, instances, &load));
        assert_bound(limit, &passed.together);
        prop_assert_eq!(passed.together.len(), passed.by_one);
    }

    #[test]
    fn bursts_never_exceed_what_is_promised((limit, instances, load) in bursts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        assert_bound(limit, &runtime.block_on(play(limit, instances, &load)).together);
    }
}
