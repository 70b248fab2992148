//! One lane worker for each lane of this replica's share; each is stopped and awaited.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::lane::Lane;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::context::Shared;
use crate::figures::InHand;
use crate::lane;

/// Serves the lanes of `share` as they change, until `shutdown`; returns when every lane has finished
/// its batch in hand and has been handed over.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    mut share: watch::Receiver<BTreeSet<Lane>>,
    shutdown: CancellationToken,
) {
    let mut lane_tasks =
        LaneTasks { shared, tasks: JoinSet::new(), lanes: HashMap::new(), serving: BTreeMap::new() };
    loop {
        let wanted = share.borrow_and_update().clone();
        lane_tasks.bring_to(&wanted);
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            changed = share.changed() => if changed.is_err() { break },
            Some(ended) = lane_tasks.tasks.join_next_with_id() => lane_tasks.note_end(ended),
        }
    }
    lane_tasks.bring_to(&BTreeSet::new());
    while let Some(ended) = lane_tasks.tasks.join_next_with_id().await {
        lane_tasks.note_end(ended);
    }
}

struct LaneTasks {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    /// Which lane a task serves.
    lanes: HashMap<Id, Lane>,
    /// The lanes that have a task, each with what stops it. A lane that is being handed over has one
    /// still: it must end before the lane is taken again.
    serving: BTreeMap<Lane, CancellationToken>,
}

impl LaneTasks {
    fn bring_to(&mut self, wanted: &BTreeSet<Lane>) {
        for (_, stop) in self.serving.iter().filter(|(lane, _)| !wanted.contains(lane)) {
            stop.cancel();
        }
        for lane in wanted {
            if !self.serving.contains_key(lane) {
                let stop = CancellationToken::new();
                let task = self.tasks.spawn(lane::serve(self.shared.clone(), *lane, stop.clone()));
                self.lanes.insert(task.id(), *lane);
                self.serving.insert(*lane, stop);
            }
        }
        self.tell();
    }

    fn tell(&self) {
        self.shared.figures.serve(self.serving.keys().copied().collect());
    }

    fn note_end(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(failure) => {
                error!(%failure, "a lane worker broke off; the worker takes the lane up again");
                failure.id()
            }
        };
        if let Some(lane) = self.lanes.remove(&id) {
            self.serving.remove(&lane);
            self.shared.figures.in_hand(lane, InHand::default());
            self.shared.figures.held_up.forget(lane);
            self.tell();
        }
    }
}
