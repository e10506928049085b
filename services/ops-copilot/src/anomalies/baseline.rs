//! Telling what is unusual from what is chance.
//!
//! What was counted is compared with what the weeks before let expect. A part of it fewer is a threshold that the owner
//! chooses; that chance alone would hardly ever do it is a condition besides, so that small numbers make no noise. The
//! invariant: without three weeks there is nothing to expect, and nothing is said.

/// Fewest weeks from which anything is expected.
const WEEKS: usize = 3;
/// How much more counts vary than by pure chance, at least: the median of eight is not exact either.
const SPREAD: f64 = 1.3;
/// From the median of distances to the standard deviation, for a normal distribution.
const MAD: f64 = 1.4826;

/// What the weeks before let expect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    /// The median.
    pub(super) middle: f64,
    /// Variance by mean, at least [`SPREAD`].
    spread: f64,
}

// === impl Expected ===

impl Expected {
    /// Of the same count in each of the weeks before.
    pub(super) fn of(weeks: &[f64]) -> Option<Self> {
        if weeks.len() < WEEKS {
            return None;
        }
        let middle = median(weeks.to_vec());
        let away = MAD * median(weeks.iter().map(|week| (week - middle).abs()).collect());
        let spread = if middle > 0.0 { (away * away / middle).max(SPREAD) } else { SPREAD };
        Some(Self { middle, spread })
    }

    /// The same rate of another number: what `part` of `whole` in the weeks before lets expect of `of`.
    pub(super) fn rate(weeks: &[(f64, f64)], of: f64) -> Option<Self> {
        let weeks: Vec<f64> =
            weeks.iter().filter(|(_, whole)| *whole > 0.0).map(|(part, whole)| part / whole * of).collect();
        Self::of(&weeks)
    }

    /// At least so much, whatever the weeks before.
    pub(super) fn at_least(self, floor: f64) -> Self {
        Self { middle: self.middle.max(floor), ..self }
    }

    /// How likely it is that chance makes it `count` or fewer.
    pub(super) fn as_few(&self, count: f64) -> f64 {
        at_most((count / self.spread).floor(), self.middle / self.spread)
    }

    /// How likely it is that chance makes it `count` or more.
    pub(super) fn as_many(&self, count: f64) -> f64 {
        1.0 - at_most((count / self.spread).ceil() - 1.0, self.middle / self.spread)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { values[middle - 1].midpoint(values[middle]) }
}

/// The probability of `count` or fewer where `mean` are expected (Poisson).
fn at_most(count: f64, mean: f64) -> f64 {
    if count < 0.0 {
        return 0.0;
    }
    if mean <= 0.0 {
        return 1.0;
    }
    let (mut log, mut sum) = (-mean, (-mean).exp());
    let mut term = 1.0;
    while term <= count {
        log += mean.ln() - term.ln();
        sum += log.exp();
        term += 1.0;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_poissons() {
        // By the table: P(X <= 3 | 5) = 0.2650, P(X <= 0 | 10) = 0.0000454
        assert!((at_most(3.0, 5.0) - 0.2650).abs() < 1e-4);
        assert!((at_most(0.0, 10.0) - 4.54e-5).abs() < 1e-7);
        assert!((at_most(10_000.0, 10_000.0) - 0.5).abs() < 0.01, "large numbers do not overflow");
        assert_eq!((at_most(5.0, 0.0), at_most(-1.0, 3.0)), (1.0, 0.0));
    }

    #[test]
    fn nothing_is_expected_of_less_than_three_weeks() {
        assert_eq!(Expected::of(&[10.0, 10.0]), None);
        assert_eq!(Expected::of(&[9.0, 30.0, 10.0]).unwrap().middle, 10.0, "one odd week does not move it");
        let rate = Expected::rate(&[(1.0, 10.0), (2.0, 10.0), (3.0, 10.0), (0.0, 0.0)], 50.0).unwrap();
        assert_eq!(rate.middle, 10.0);
    }

    #[test]
    fn where_weeks_vary_more_there_is_less_to_tell() {
        let steady = Expected::of(&[98.0, 100.0, 102.0, 100.0]).unwrap();
        let wild = Expected::of(&[20.0, 180.0, 60.0, 140.0]).unwrap();
        assert!(steady.as_few(50.0) < 1e-4 && wild.as_few(50.0) > 0.05, "{steady:?} {wild:?}");
        assert!(steady.as_many(200.0) < 1e-6 && wild.as_many(200.0) > 0.02);
    }
}
