//! Sliding windows over the histograms of all replicas. Each second is decoded once, added to the windows
//! when it comes and taken away when it leaves: nothing is ever summed up again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::report::{HistogramName, Report};
use tracing::warn;

use super::distribution::Distribution;
use super::{LONG, SHORT};

/// What all replicas measured in one second: values with their counts.
type Second = BTreeMap<HistogramName, Vec<(u64, u64)>>;

/// The windows, and the second that is being filled.
pub(crate) struct Windows {
    filling: Second,
    pub(crate) short: SlidingWindow,
    pub(crate) long: SlidingWindow,
}

impl Windows {
    pub(crate) fn new() -> Windows {
        Windows { filling: Second::new(), short: SlidingWindow::of(SHORT), long: SlidingWindow::of(LONG) }
    }

    /// Adds what one replica measured since its last report.
    pub(crate) fn note(&mut self, report: &Report) {
        for (name, wire) in &report.histograms {
            match wire.to_histogram() {
                Ok(histogram) => {
                    let values = histogram
                        .iter_recorded()
                        .map(|step| (step.value_iterated_to(), step.count_at_value()));
                    self.filling.entry(*name).or_default().extend(values);
                }
                Err(error) => warn!(
                    replica = report.replica, %error,
                    "a replica's histogram cannot be read; do all replicas run this version?"
                ),
            }
        }
    }

    /// Ends the second that is being filled.
    pub(crate) fn turn(&mut self, now: Instant) {
        let second = Arc::new(std::mem::take(&mut self.filling));
        self.short.slide(now, second.clone());
        self.long.slide(now, second);
    }
}

/// What was measured in the last so many seconds.
pub(crate) struct SlidingWindow {
    span: Duration,
    seconds: VecDeque<(Instant, Arc<Second>)>,
    merged: BTreeMap<HistogramName, Distribution>,
}

impl SlidingWindow {
    fn of(span: Duration) -> SlidingWindow {
        SlidingWindow { span, seconds: VecDeque::new(), merged: BTreeMap::new() }
    }

    fn slide(&mut self, now: Instant, second: Arc<Second>) {
        for (name, values) in second.iter() {
            self.merged.entry(*name).or_default().add(values);
        }
        self.seconds.push_back((now, second));
        // Half a second of grace: a tick that is late by a moment must not cost a second of the window.
        let outside = |at: Instant| now.duration_since(at) + Duration::from_millis(500) > self.span;
        while let Some((_, second)) = self.seconds.pop_front_if(|(at, _)| outside(*at)) {
            for (name, values) in second.iter() {
                if let Some(merged) = self.merged.get_mut(name) {
                    merged.remove(values);
                }
            }
        }
    }

    /// `None`: nothing of this name was measured.
    pub(crate) fn get(&self, name: HistogramName) -> Option<&Distribution> {
        self.merged.get(&name).filter(|distribution| distribution.total() > 0)
    }
}

#[cfg(test)]
mod tests {
    use contract::report::{HistogramWire, new_histogram};

    use super::*;
    use crate::replicas::tests::report;

    fn measured(values: &[u64]) -> Report {
        let mut histogram = new_histogram();
        values.iter().for_each(|value| histogram.saturating_record(*value));
        let wire = HistogramWire::from_histogram(&histogram).unwrap();
        Report { histograms: [(HistogramName::IngressResponse, wire)].into(), ..report("api-1") }
    }

    #[test]
    fn replicas_are_added_up_and_old_seconds_leave() {
        let (start, mut windows) = (Instant::now(), Windows::new());
        let at = |second: u64| start + Duration::from_secs(second);
        windows.note(&measured(&[100; 10]));
        windows.note(&measured(&[5_000; 10]));
        windows.turn(at(0));
        let merged = windows.short.get(HistogramName::IngressResponse).unwrap();
        assert_eq!(merged.total(), 20);
        let times = merged.times().unwrap();
        assert!((times.p50_seconds - 0.000_1).abs() < 0.000_002, "{times:?}");
        assert!((times.p95_seconds - 0.005).abs() < 0.000_1, "{times:?}");

        (1..=10).for_each(|second| windows.turn(at(second)));
        assert!(windows.short.get(HistogramName::IngressResponse).is_none());
        assert_eq!(windows.long.get(HistogramName::IngressResponse).unwrap().total(), 20);
        (11..=60).for_each(|second| windows.turn(at(second)));
        assert!(windows.long.get(HistogramName::IngressResponse).is_none());
    }
}
