//! Lanes: the ordered partitions of the work.

use std::fmt;

use derive_more::Display;
use serde::{Deserialize, Serialize};

/// An ordered partition: one queue, one active consumer. Counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub u16);

impl Lane {
    /// Of work without an order, which waits in a queue of its own. Beyond [`Lanes::MAX`].
    pub const NONE: Lane = Lane(u16::MAX);
}

/// How many lanes the fleet has. Recorded in the database; start-up refuses a mismatch, because
/// another number would send an account's jobs to another lane, past those that still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lanes(u16);

impl Lanes {
    /// Default of the setting `LANES`.
    pub const DEFAULT: Lanes = Lanes(16);
    /// Most lanes that a fleet may have: each costs a queue and a connection to the database.
    pub const MAX: u16 = 256;

    /// `None` unless 1 ..= [`Lanes::MAX`].
    pub fn new(count: u16) -> Option<Lanes> {
        (1..=Self::MAX).contains(&count).then_some(Lanes(count))
    }

    /// How many.
    pub fn count(self) -> u16 {
        self.0
    }

    /// All lanes, in order.
    pub fn iter(self) -> impl Iterator<Item = Lane> {
        (0..self.0).map(Lane)
    }

    /// The lane of a key (an account's number): the first 64 bits of its BLAKE3 hash, modulo the
    /// number of lanes. Never change it: jobs that wait would be overtaken.
    pub fn of(self, key: &str) -> Lane {
        let hash = blake3::hash(key.as_bytes());
        let head = hash.as_bytes().iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        let lane = head % u64::from(self.0);
        // The remainder is below a `u16`.
        Lane(u16::try_from(lane).unwrap_or_default())
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Lane::NONE { f.write_str("no lane") } else { write!(f, "lane {:02}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accounts_lane_never_changes() {
        let lanes = Lanes::DEFAULT;
        assert_eq!(lanes.of("alice"), lanes.of("alice"));
        let spread: std::collections::HashSet<_> =
            (0..1_000).map(|n| lanes.of(&format!("acc-{n}"))).collect();
        assert_eq!(spread.len(), 16);
    }
}
