//! A distribution that values are added to and taken away from again, as a window slides over them.

use std::collections::BTreeMap;

use crate::views::metrics::{BatchJobs, Times};

/// How often each value was seen. Values are those of a histogram's buckets, a few hundred at the most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Distribution {
    counts: BTreeMap<u64, u64>,
    total: u64,
}

impl Distribution {
    pub(crate) fn add(&mut self, values: &[(u64, u64)]) {
        for (value, count) in values {
            *self.counts.entry(*value).or_default() += count;
            self.total += count;
        }
    }

    /// Takes away what was added before.
    pub(crate) fn remove(&mut self, values: &[(u64, u64)]) {
        for (value, count) in values {
            let Some(kept) = self.counts.get_mut(value) else { continue };
            let removed = (*count).min(*kept);
            *kept -= removed;
            self.total -= removed;
            if *kept == 0 {
                self.counts.remove(value);
            }
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The smallest value that at least this share (0 to 1) of all do not exceed; 0 of an empty one.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // A rank among counts far below 2^53.
        let rank = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (value, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return *value;
            }
        }
        0
    }

    pub(crate) fn mean(&self) -> f64 {
        let sum: f64 = self.counts.iter().map(|(value, count)| *value as f64 * *count as f64).sum();
        sum / self.total.max(1) as f64
    }

    /// As times, where the values are microseconds; `None`: nothing was measured.
    pub(crate) fn times(&self) -> Option<Times> {
        let (min, max) = (self.counts.keys().next()?, self.counts.keys().next_back()?);
        Some(Times {
            count: self.total,
            min_seconds: seconds(*min),
            avg_seconds: self.mean() / 1e6,
            p50_seconds: seconds(self.quantile(0.50)),
            p95_seconds: seconds(self.quantile(0.95)),
            p99_seconds: seconds(self.quantile(0.99)),
            max_seconds: seconds(*max),
        })
    }

    /// As sizes of batches; `None`: there was none.
    pub(crate) fn batch_jobs(&self) -> Option<BatchJobs> {
        let max_jobs = *self.counts.keys().next_back()?;
        Some(BatchJobs {
            batches: self.total,
            avg_jobs: self.mean(),
            p50_jobs: self.quantile(0.50),
            max_jobs,
        })
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Vec<(u64, u64)> {
        values.iter().map(|value| (*value, 1)).collect()
    }

    #[test]
    fn an_empty_one_has_no_times() {
        assert_eq!(Distribution::default().times(), None);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        let mut all = Distribution::default();
        all.add(&of(&(1..=100).map(|n| n * 1_000).collect::<Vec<_>>()));
        let times = all.times().unwrap();
        assert_eq!((times.count, times.min_seconds, times.max_seconds), (100, 0.001, 0.1));
        assert_eq!((times.p50_seconds, times.p95_seconds, times.p99_seconds), (0.050, 0.095, 0.099));
        assert!((times.avg_seconds - 0.0505).abs() < 1e-9);
    }

    proptest! {
        /// Whatever slid through a window, what is left is what was never taken away.
        #[test]
        fn what_leaves_leaves_no_trace(kept in vec(0..500_u64, 0..50), passing in vec(0..500_u64, 0..50)) {
            let (mut slid, mut plain) = (Distribution::default(), Distribution::default());
            slid.add(&of(&passing));
            slid.add(&of(&kept));
            slid.remove(&of(&passing));
            plain.add(&of(&kept));
            prop_assert_eq!(slid, plain);
        }
    }
}
