//! The schedules port: jobs that wait for the day on which they are to be executed, and when each is to be put on its lane
//! again. The posting writes them down and takes them out again, in the transactions of the jobs themselves; the ledger's
//! adapters stand behind this, on its database.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::job::Origin;
use domain::lane::Lane;

use crate::error::StoreError;

/// Scheduled jobs, as those who put them on their lanes see them. Times are those of the database's clock.
///
/// # Errors
/// Of every method: the database could not be reached.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// When the next job of each of these lanes is to be put on it; lanes without any are left out.
    async fn next_releases(&self, lanes: &[Lane]) -> Result<NextReleases, StoreError>;

    /// Up to `limit` jobs of a lane that are to be put on it by now. Those that were put there before and did not come are
    /// the first; then come the others, as long as no more than `released_max` are on the lane, in the order in which they
    /// are due, and those of one moment in the order in which they were recorded.
    async fn due(&self, lane: Lane, released_max: u32, limit: u32) -> Result<Awaited, StoreError>;

    /// Notes that these jobs, by their numbers, were put on their lane at `now` (µs since the Unix epoch), and are to be once
    /// more after the pause if they are still there then.
    async fn note_released(&self, jobs: &[(i64, Duration)], now: i64) -> Result<(), StoreError>;
}

/// When jobs are to be put on their lanes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextReleases {
    /// The time of the database, in microseconds since the Unix epoch.
    pub now: i64,
    /// When the next of each lane is, in microseconds since the Unix epoch.
    pub by_lane: BTreeMap<Lane, i64>,
}

/// What is due on a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Awaited {
    /// The time of the database, in microseconds since the Unix epoch.
    pub now: i64,
    /// What is to be put on it.
    pub jobs: Vec<DueJob>,
    /// There is more.
    pub is_more: bool,
}

/// A job that is to be put on its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// Its number in the order of recording.
    pub seq: i64,
    /// How often it was put on its lane already.
    pub releases: u32,
    /// The row of an import that it comes from.
    pub origin: Option<Origin>,
    /// Its message, as [`contract::message`] writes it.
    pub message: String,
}
