//! Places, of which there are as many as whoever takes one says: the number may change at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use metrics::gauge;

/// Counts the places that are taken.
pub(super) struct Places {
    taken: AtomicUsize,
    gauge: &'static str,
}

impl Places {
    /// No place is taken yet; `gauge` is to tell how many are.
    pub(super) fn counted_by(gauge: &'static str) -> Arc<Places> {
        Arc::new(Places { taken: AtomicUsize::new(0), gauge })
    }

    /// A place, if there are more than are taken. Where their number shrinks nobody loses a place: none is given
    /// until fewer are taken.
    pub(super) fn take(self: &Arc<Self>, most: usize) -> Option<Taken> {
        let one_more = |taken| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        gauge!(self.gauge).increment(1.0);
        Some(Taken(self.clone()))
    }
}

/// A place, until it is dropped.
pub(super) struct Taken(Arc<Places>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
        gauge!(self.0.gauge).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use runtime::telemetry::names;

    use super::*;

    #[test]
    fn places_grow_and_shrink_and_nobody_loses_one() {
        let places = Places::counted_by(names::INGRESS_IN_FLIGHT);
        let mut taken: Vec<_> = (0..3).map(|_| places.take(3).unwrap()).collect();
        assert!(places.take(3).is_none());
        taken.push(places.take(4).expect("one more"));
        assert!(places.take(2).is_none(), "four are taken");
        taken.truncate(2);
        assert!(places.take(2).is_none(), "as many as there are");
        taken.truncate(1);
        assert!(places.take(2).is_some());
    }
}
