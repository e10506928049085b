//! Repeatable dice: SplitMix64.

/// The same seed throws the same.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 up to, but without, `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() % end.max(1) as u64).expect("smaller than a usize")
    }

    /// True in so many of a hundred throws.
    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}
