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

    /// One of `from` up to, but without, `to`.
    pub(super) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.bits() % (to - from).max(1)
    }

    /// True in so many of a hundred throws.
    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.within(0, 100) < share
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.within(0, of.len() as u64)).unwrap()]
    }
}
