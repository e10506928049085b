//! A call that is lost, killed, made again or made twice at once has its effect once.

use std::time::Duration;

use futures_util::{StreamExt as _, future::join_all, stream};

use super::*;

/// How a run goes wrong.
#[derive(Clone, Copy, Debug)]
struct Fault {
    /// So many answers are lost after the effect.
    lost: u32,
    /// So many calls are made at once.
    at_once: usize,
    /// The first call is killed after so many microseconds.
    killed_after: Option<u64>,
    /// So often the turn is answered again.
    again: usize,
}

/// Numbers that look random and are the same each time.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % sides
    }
}

/// The tools that change something, without the one whose effect is chat-agent's.
fn effective() -> Vec<&'static Tool> {
    let changes = |tool: &&Tool| !tool.annotations.read_only && tool.name != "hand_off_to_human";
    ALL.iter().copied().filter(changes).collect()
}

#[test]
fn what_changes_something_never_states_that_a_failure_changed_nothing() {
    for tool in ALL.iter().filter(|tool| !tool.annotations.read_only && !tool.is_of_browser()) {
        let told = tool.on_failure;
        assert!(told.contains("NOT certain") && told.contains("exactly the same"), "{}: {told}", tool.name);
    }
}

async fn run(number: u64) -> (Fault, &'static str, usize) {
    let mut roll = dice(number + 1);
    let fault = Fault {
        lost: u32::try_from(roll(4)).unwrap(),
        at_once: usize::try_from(1 + roll(3)).unwrap(),
        killed_after: (roll(2) == 0).then(|| roll(3_000)),
        again: usize::try_from(1 + roll(2)).unwrap(),
    };
    let tools = effective();
    let tool = tools[usize::try_from(roll(tools.len() as u64)).unwrap()];
    let bench = Bench::new().await;
    bench.world.desk().lose = fault.lost;
    let session = session_for(tool);
    let arguments = sound(tool);
    if let Some(after) = fault.killed_after {
        // the time is that of a call on its way, so that it dies at any point
        let first = bench.call(tool.name, arguments.clone(), &session);
        let _ = tokio::time::timeout(Duration::from_micros(after), first).await;
    }
    for _ in 0..=fault.again {
        let calls = (0..fault.at_once).map(|_| bench.call(tool.name, arguments.clone(), &session));
        join_all(calls).await;
    }
    let last = bench.call(tool.name, arguments, &session).await;
    assert!(!last.is_error, "{fault:?} {}: {}", tool.name, last.output);
    (fault, tool.name, effects(&bench.world).len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_gone_wrong_have_one_effect_each() {
    let runs = stream::iter(0..1_000).map(run).buffer_unordered(64);
    let all: Vec<_> = runs.collect().await;
    assert_eq!(all.len(), 1_000);
    for (fault, tool, effects) in all {
        assert_eq!(effects, 1, "{tool} under {fault:?}");
    }
}

#[tokio::test]
async fn another_turn_is_another_wish() {
    let bench = Bench::new().await;
    let session = of(&PEOPLE[0]);
    let ticket = sound(tool("open_support_ticket"));
    bench.call("open_support_ticket", ticket.clone(), &session).await;
    bench
        .call("open_support_ticket", ticket.clone(), &Session { turn: "msg_2".into(), ..session.clone() })
        .await;
    let mut other = ticket;
    other["message"] = json!("Something else is broken.");
    bench.call("open_support_ticket", other, &session).await;
    assert_eq!(effects(&bench.world).len(), 3);
}
