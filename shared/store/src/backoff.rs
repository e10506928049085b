//! How long to wait before something is tried again.

use std::time::Duration;

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(1);
/// The span of the first pause.
const FIRST: Duration = Duration::from_millis(10);

/// A pause before try number `tries` + 1: evenly anywhere within a span that doubles, so that those who met once do
/// not meet again.
pub(crate) fn jittered(tries: u32) -> Duration {
    let span = FIRST.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(LONGEST);
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the operating system gives random bits");
    span.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for (tries, longest) in [(1, FIRST), (2, 2 * FIRST), (5, 16 * FIRST), (40, LONGEST)] {
            let pauses: Vec<_> = (0..200).map(|_| jittered(tries)).collect();
            assert!(pauses.iter().all(|pause| *pause <= longest));
            assert!(pauses.iter().any(|pause| *pause > longest / 2), "{tries}");
            assert!(pauses.iter().any(|pause| *pause < longest / 2), "{tries}");
        }
    }
}
