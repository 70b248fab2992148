//! Server-Sent Events (WHATWG HTML, "Server-sent events"): a snapshot a second. A client that comes back gets
//! what it missed from the history first.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use futures::stream;
use tellers_http::event_stream::{self, LAST_EVENT_ID};
use tellers_http::keys::{Caller, KeyRing};
use tokio::sync::watch;

use crate::context::Shared;
use crate::snapshot::Snapshot;
use crate::views::history::Point;

type Render = fn(&Snapshot) -> serde_json::Result<String>;

struct Feed {
    missed: VecDeque<Point>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The second of the last event.
    last: i64,
    name: &'static str,
    render: Render,
    keys: Arc<KeyRing>,
    caller: Caller,
}

/// Events called `name` of each snapshot, until the monitor ends, or the key of who asked for them.
pub(super) fn of(
    name: &'static str,
    shared: &Shared,
    caller: Caller,
    headers: &HeaderMap,
    render: Render,
) -> Response {
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.trim().parse::<i64>().ok());
    let mut snapshots = shared.snapshot.clone();
    // The first event is the snapshot that there is.
    snapshots.mark_changed();
    let now = shared.snapshot().dashboard.metrics.point.at;
    let missed = last.map(|last| {
        let history = shared.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.after(last).into_iter().filter(|point| point.at < now).collect()
    });
    let (missed, last) = (missed.unwrap_or_default(), last.unwrap_or_default());
    let keys = shared.parts.keys.clone();
    let feed = Feed { missed, snapshots, last, name, render, keys, caller };
    let events = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((event, feed))
    });
    event_stream::answer(events)
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        if let Some(point) = self.missed.pop_front() {
            self.last = point.at;
            let json = serde_json::to_string(&point).ok()?;
            return Some(Event::default().event("point").id(point.at.to_string()).data(json));
        }
        loop {
            // The sampler has ended: so does the monitor.
            self.snapshots.changed().await.ok()?;
            if !self.keys.still_takes(&self.caller) {
                return None;
            }
            let snapshot = self.snapshots.borrow_and_update().clone();
            let at = snapshot.dashboard.metrics.point.at;
            // Not `<=`: after a clock was set back nothing would come for as long.
            if at == self.last {
                continue;
            }
            self.last = at;
            let json = (self.render)(&snapshot).ok()?;
            return Some(Event::default().event(self.name).id(at.to_string()).data(json));
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::lane::Lanes;
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_last_event_of_the_future_silences_nothing() {
        let mut snapshot = Snapshot::nothing_yet(Lanes::DEFAULT);
        snapshot.dashboard.metrics.point.at = 1_000;
        let (publish, mut snapshots) = watch::channel(Arc::new(snapshot.clone()));
        snapshots.mark_changed();
        let render: Render = |_| Ok("{}".to_owned());
        let keys: Arc<KeyRing> = Arc::default();
        let caller = keys.identify(&HeaderMap::new()).unwrap();
        let missed = VecDeque::new();
        let mut feed = Feed { missed, snapshots, last: 5_000, name: "metrics", render, keys, caller };
        assert!(feed.next().now_or_never().flatten().is_some(), "the one that there is");
        publish.send_replace(Arc::new(snapshot.clone()));
        assert!(feed.next().now_or_never().is_none(), "no second twice");
        snapshot.dashboard.metrics.point.at = 400;
        publish.send_replace(Arc::new(snapshot));
        assert!(feed.next().now_or_never().flatten().is_some(), "nor does a clock that is set back");
    }
}
