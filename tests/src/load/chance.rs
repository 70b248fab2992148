//! Chance that can be repeated: SplitMix64 (Steele, Lea, Flood 2014).

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// A sequence of numbers given by its seed.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// `SEED` from the environment, to repeat a run, or another one each time. Print it.
    pub fn seed() -> u64 {
        let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
    }

    /// The next number, below `bound`, which is not 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ mixed >> 31;
        // The remainder is below a `u32`; its bias of 2⁻³² does not matter here.
        u32::try_from(mixed % u64::from(bound)).unwrap_or_default()
    }
}
