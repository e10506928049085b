//! Random ids and secrets, and a small repeatable generator for chaos.
//!
//! The invariant: secrets and ids come from the operating system, chaos from its seed alone.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// `N` bytes of the operating system's randomness.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// A random text of 32 characters after `prefix`.
pub(crate) fn token(prefix: &str) -> String {
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes::<24>()))
}

/// A random positive 31-bit number, as Google assigns ids.
pub(crate) fn positive() -> i32 {
    let number = i32::from_ne_bytes(bytes()) & i32::MAX;
    number.max(1)
}

/// SplitMix64: tiny, and good enough to throw dice.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The same seed throws the same dice.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number from 0 up to, but without, 1.
    pub(crate) fn throw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}
