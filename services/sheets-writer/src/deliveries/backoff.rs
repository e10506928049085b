//! How long a failed delivery waits: twice as long each time, and never all at the same moment.

use std::time::Duration;

/// The span of the first pause.
const FIRST: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The pause after failure number `failures`, from 1 on. `dice`, 0 to 1, decides its second half.
pub(super) fn wait(failures: u32, dice: f64) -> Duration {
    let span = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST);
    span.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
}

/// A throw of the dice.
pub(super) fn dice() -> f64 {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the operating system gives random bits");
    f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_are_half_chance() {
        let secs = |failures, dice| wait(failures, dice).as_secs_f64();
        assert_eq!([secs(1, 1.0), secs(2, 1.0), secs(3, 1.0)], [5.0, 10.0, 20.0]);
        assert_eq!([secs(1, 0.0), secs(11, 1.0), secs(4_000, 1.0)], [2.5, 3_600.0, 3_600.0]);
    }

    #[test]
    fn a_day_of_failures_is_some_thirty_attempts() {
        for dice in [0.0, 1.0] {
            let total = |failures: u32| (1..=failures).map(|n| wait(n, dice)).sum::<Duration>();
            let attempts = (1..).find(|n| total(*n) >= Duration::from_secs(86_400)).unwrap();
            assert!((25..70).contains(&attempts), "{attempts}");
        }
    }
}
