//! How long a job that failed waits: twice as long each time, and never all at the same moment.

use std::time::Duration;

/// The span of the first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The pause after failure number `failures`, from 1 on: the second half of it is chance.
pub(super) fn pause(failures: u32) -> Duration {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the operating system gives random bits");
    span(failures, f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}

fn span(failures: u32, dice: f64) -> Duration {
    let span = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST);
    span.mul_f64(0.5 + dice / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_an_hour_and_are_half_chance() {
        let secs = |failures, dice| span(failures, dice).as_secs_f64();
        assert_eq!([secs(1, 1.0), secs(2, 1.0), secs(3, 1.0)], [1.0, 2.0, 4.0]);
        assert_eq!([secs(1, 0.0), secs(12, 1.0), secs(4_000, 1.0)], [0.5, 1_800.0, 1_800.0]);
        let pauses: Vec<_> = (0..100).map(|_| pause(5)).collect();
        assert!(pauses.iter().all(|pause| (8.0..=16.0).contains(&pause.as_secs_f64())));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
