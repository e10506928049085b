//! The lives of the process, and how each of them ends.
//!
//! A life that is killed at a moment of the dice, or at a point that it passes by itself, is first given the time to
//! write rows. Two kinds of death come before that is possible: while it starts, and right after it settled what the
//! life before left open. They are counted apart. The invariant: every process ends by SIGKILL.

use std::{
    path::Path,
    process::ExitStatus,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::ensure;
use fastrand::Rng;
use sandbox::{Chaos, Fault, FaultKind, Provider};
use tokio::time::sleep;

use super::{
    PATIENCE, Plan, Sheets,
    desk::{self, Desk, Door},
    sender::Sender,
};

const LOOK: Duration = Duration::from_millis(10);
/// The longest that a process is left alone before it is killed while it starts, and after it wrote rows.
const STARTING: usize = 600;
const MOMENT: usize = 2_500;
/// Deliveries between two looks whether the process lives.
const HANDFUL: usize = 3;

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Death {
    /// At a moment of the dice, after it wrote rows.
    Moment,
    /// At a moment of the dice while it starts.
    Starting,
    /// Events are committed and nobody was answered; the passing is given.
    Committed(usize),
    /// A batch is recorded as open and was not sent; the second one.
    Opened,
    /// A batch was written and is not marked so.
    Sent(usize),
    /// An unclear batch was settled and nothing came after it.
    Settled,
}

/// One life that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// Its number, from 1.
    pub(super) number: usize,
    pub(super) death: Death,
    /// Batches with rows that stood in the spreadsheet while it lived.
    pub(super) flushed: usize,
    /// It ended by the signal, and where it should.
    pub(super) as_planned: bool,
}

/// What all lives share.
pub(super) struct Lives<'r> {
    pub(super) plan: &'r Plan,
    pub(super) sheets: &'r Sheets,
    pub(super) dir: &'r Path,
    pub(super) sender: &'r Sender,
}

/// The lives by their deaths.
pub(super) fn tally(lives: &[Life]) -> String {
    let of = |what: &str, is: fn(&Life) -> bool| {
        format!("{} {what}", lives.iter().filter(|life| is(life)).count())
    };
    let kinds = [
        of("at a random moment", |life| life.death == Death::Moment),
        of("while starting", |life| life.death == Death::Starting),
        of("after commit before answer", |life| matches!(life.death, Death::Committed(_))),
        of("after open before send", |life| life.death == Death::Opened),
        of("after send before mark", |life| matches!(life.death, Death::Sent(_))),
        of("after settle before the next batch", |life| life.death == Death::Settled),
    ];
    let early = lives.iter().filter(|life| life.may_be_idle() && life.flushed == 0).count();
    let wrote = lives.iter().filter(|life| life.flushed > 0).count();
    format!(
        "{} times: {}; rows were written in {wrote} lives, {early} ended before they could",
        lives.len(),
        kinds.join(", ")
    )
}

// === impl Life ===

impl Life {
    fn may_be_idle(&self) -> bool {
        matches!(self.death, Death::Starting | Death::Settled)
    }

    /// What was not as it should be.
    pub(super) fn fault(&self) -> Option<String> {
        let Self { number, death, flushed, as_planned } = self;
        if !as_planned {
            return Some(format!("life {number} did not end as planned: {death:?}"));
        }
        (*flushed == 0 && !self.may_be_idle()).then(|| format!("life {number} wrote no row: {death:?}"))
    }
}

impl std::fmt::Display for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "life {}: {:?}, {} batches", self.number, self.death, self.flushed)
    }
}

// === impl Lives ===

impl Lives<'_> {
    pub(super) async fn run(&self, told: impl Fn(&Life)) -> anyhow::Result<Vec<Life>> {
        let mut dice = Rng::with_seed(self.plan.seed ^ 0x11fe);
        let mut lives = Vec::new();
        for number in 1..=self.plan.kills {
            // the first ones in turn, so that a short run has all; then as the dice want
            let kind = if number <= 10 { number } else { dice.usize(..10) };
            let death = match kind {
                1 | 9 => Death::Starting,
                2 | 6 => Death::Committed(2 + dice.usize(..6)),
                3 | 7 => Death::Sent(1 + dice.usize(..2)),
                4 => Death::Settled,
                5 => Death::Opened,
                _ => Death::Moment,
            };
            let share = self.sender.left() / (self.plan.kills + 1 - number).max(1);
            let before = self.sheets.sandbox.applied(0).len();
            self.trouble(death, &mut dice);
            let as_planned = self.live(death, share, &mut dice).await?;
            let life = Life { number, death, flushed: self.sheets.flushed(before), as_planned };
            told(&life);
            lives.push(life);
        }
        Ok(lives)
    }

    /// What goes wrong at Sheets in this life. Nothing, where the second batch that is opened is the end: the first
    /// one has to land.
    fn trouble(&self, death: Death, dice: &mut Rng) {
        let sandbox = &self.sheets.sandbox;
        sandbox.clear_faults();
        if death == Death::Opened {
            return sandbox.set_chaos(None);
        }
        let seed = dice.usize(..usize::MAX) as u64;
        let chaos =
            Chaos { seed, unavailable: 0.05, applied_no_answer: 0.02, reset: 0.01, rate_limited: 0.0 };
        sandbox.set_chaos(Some(chaos));
        if dice.usize(..100) < 15 {
            let hint = (dice.usize(..100) < 60).then_some(1);
            self.inject(FaultKind::RateLimited { retry_after_s: hint }, 2 + dice.usize(..3), None);
        }
        if dice.usize(..100) < 60 {
            // work that is slow is done even if its client is dead by then
            let slow = Duration::from_millis(40 + dice.usize(..1_200) as u64);
            self.inject(FaultKind::Latency(slow), 1 + dice.usize(..4), Some(":batchUpdate"));
        }
    }

    fn inject(&self, kind: FaultKind, count: usize, path: Option<&str>) {
        let count = u32::try_from(count).expect("few");
        self.sheets.sandbox.inject(Fault {
            provider: Provider::Sheets,
            path: path.map(str::to_owned),
            count,
            kind,
        });
    }

    /// Lives one life; whether it ended as it should.
    async fn live(&self, death: Death, share: usize, dice: &mut Rng) -> anyhow::Result<bool> {
        if dice.usize(..100) < 30 {
            self.sender.find_forgotten();
        }
        let die_at = match death {
            Death::Moment => None,
            Death::Starting => return self.kill_while_starting(dice).await,
            Death::Committed(passing) => Some(format!("committed:{passing}")),
            Death::Opened => Some("opened:2".to_owned()),
            Death::Sent(passing) => Some(format!("sent:{passing}")),
            Death::Settled => Some("settled".to_owned()),
        };
        let before = self.sheets.sandbox.applied(0).len();
        let desk = Desk::start(&self.plan.frontdesk, self.dir, &self.sheets.url, die_at.as_deref()).await?;
        let Some(mut desk) = desk else { return Ok(die_at.is_some()) };
        self.sender.allow(share / 2);
        let first = if let Death::Committed(passing) = death { passing - 1 } else { usize::MAX };
        self.sender.send(&desk.door(), first).await;
        if let Some(status) = self.flush(&mut desk, before).await? {
            return Ok(die_at.is_some() && desk::was_killed(status));
        }
        if death != Death::Moment {
            return self.send_until_dead(desk, death, share - share / 2).await;
        }
        let moment = Duration::from_millis(dice.usize(..MOMENT) as u64);
        let (door, dead) = (desk.door(), AtomicBool::new(false));
        let dies = async {
            sleep(moment).await;
            let status = desk.kill().await;
            dead.store(true, Ordering::Relaxed);
            status
        };
        let (status, ()) = tokio::join!(dies, self.trickle(&door, share - share / 2, &dead));
        Ok(desk::was_killed(status?))
    }

    /// Sends on, little by little, until the process is `dead`.
    async fn trickle(&self, door: &Door, mut share: usize, dead: &AtomicBool) {
        while !dead.load(Ordering::Relaxed) {
            let some = share.min(HANDFUL);
            self.sender.allow(some);
            share -= some;
            self.sender.send(door, HANDFUL).await;
            sleep(LOOK).await;
        }
        self.sender.allow(share);
    }

    async fn kill_while_starting(&self, dice: &mut Rng) -> anyhow::Result<bool> {
        let mut child = desk::spawn(&self.plan.frontdesk, self.dir, &self.sheets.url, None)?;
        sleep(Duration::from_millis(dice.usize(..STARTING) as u64)).await;
        child.start_kill()?;
        Ok(desk::was_killed(child.wait().await?))
    }

    /// Waits until rows of this life stand in the spreadsheet; how it ended, if it ended before.
    async fn flush(&self, desk: &mut Desk, before: usize) -> anyhow::Result<Option<ExitStatus>> {
        let begin = Instant::now();
        while self.sheets.flushed(before) == 0 {
            if let Some(status) = desk.ended()? {
                return Ok(Some(status));
            }
            ensure!(begin.elapsed() < PATIENCE, "no row was written within {} s", PATIENCE.as_secs());
            sleep(LOOK).await;
        }
        Ok(None)
    }

    /// Sends on until the process has passed its point.
    async fn send_until_dead(&self, mut desk: Desk, death: Death, mut share: usize) -> anyhow::Result<bool> {
        let begin = Instant::now();
        let mut doubt = Instant::now();
        if death == Death::Settled {
            self.inject(FaultKind::AppliedNoAnswer, 1, Some(":batchUpdate"));
        }
        loop {
            if let Some(status) = desk.ended()? {
                return Ok(desk::was_killed(status));
            }
            if begin.elapsed() > PATIENCE {
                desk.kill().await?;
                return Ok(false);
            }
            if doubt.elapsed() > Duration::from_secs(5) {
                doubt = Instant::now();
                share += HANDFUL;
                if death == Death::Settled {
                    self.inject(FaultKind::AppliedNoAnswer, 1, Some(":batchUpdate"));
                }
            }
            let some = share.min(HANDFUL);
            self.sender.allow(some);
            share -= some;
            self.sender.send(&desk.door(), HANDFUL).await;
            sleep(LOOK).await;
        }
    }
}
