//! Analysis: takes work off the unordered queue, reads histories, finds patterns, keeps them.
//!
//! It never delays posting: it has a queue of its own, reads by the pool for analysis, and computes on threads
//! that the system runs only where nothing else wants to.

mod batch;
mod cpu;
mod history;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use contract::analysis::{AnalysisWork, RunOrder, request};
use domain::account::AccountNumber;
use domain::lane::Lane;
use queue::{Delivery, Queue, QueueError};
use runtime::work_pool::WorkPool;
use store::StoreError;
use store::analyses::{Analyses, NewRun};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::context::Shared;
use crate::finish;

/// Those who take work at once in one worker, at the most: while one computes the other reads and writes.
const TAKERS_MAX: usize = 4;
/// How long after a failure it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What work is done with.
#[derive(Clone)]
struct Bench {
    queue: Arc<dyn Queue>,
    analyses: Arc<dyn Analyses>,
    cpu: WorkPool,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
}

/// Takes work until `shutdown`. What is in hand then comes again elsewhere: it is done twice and counted once.
pub(crate) async fn serve(shared: Arc<Shared>, shutdown: CancellationToken) {
    let bench = Bench {
        queue: shared.parts.queue.clone(),
        analyses: shared.parts.analyses.clone(),
        cpu: shared.parts.cpu.clone(),
        shared,
        shutdown,
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut takers = JoinSet::new();
    for _ in 0..cores.clamp(1, TAKERS_MAX) {
        takers.spawn(take(bench.clone()));
    }
    while takers.join_next().await.is_some() {}
}

/// Takes one message after the other, through whatever happens to the queue.
async fn take(bench: Bench) {
    while !bench.shutdown.is_cancelled() {
        let worked = tokio::select! {
            worked = work(&bench) => worked,
            () = bench.shutdown.cancelled() => return,
        };
        if let Err(error) = worked {
            warn!(%error, "the worker cannot take work for analyses; trying again");
            bench.pause().await;
        }
    }
}

async fn work(bench: &Bench) -> Result<(), QueueError> {
    let mut source = bench.queue.take_work().await?;
    loop {
        let delivery = source.next().await?;
        if !bench.work(&delivery).await {
            // Closing gives it back at once.
            source.close().await;
            return Ok(());
        }
        source.ack_through(delivery.tag).await?;
    }
}

impl Bench {
    /// `false`: it is not done, because the worker is to end.
    async fn work(&self, delivery: &Delivery) -> bool {
        let work = match serde_json::from_slice::<AnalysisWork>(&delivery.envelope) {
            Ok(work) => work,
            Err(error) => {
                let cause = format!("this is no work for analyses that this worker knows: {error}");
                return self.keep_dead_letter(delivery, cause).await;
            }
        };
        loop {
            let worked = match &work {
                AnalysisWork::Plan { run, accounts } => plan::split(self, run, accounts.as_deref()).await,
                AnalysisWork::Batch { run, batch, accounts } => {
                    batch::analyse(self, run, *batch, accounts).await
                }
            };
            match worked {
                Ok(()) => return true,
                Err(StoreError::Permanent(cause)) => {
                    error!(run = %order(&work).run, cause, "an analysis cannot go on; its message is kept as a dead letter");
                    return self.keep_dead_letter(delivery, cause).await;
                }
                Err(error) => {
                    warn!(run = %order(&work).run, %error, "an analysis waits; trying again");
                }
            }
            self.pause().await;
            if self.shutdown.is_cancelled() {
                return false;
            }
        }
    }

    /// Keeps what cannot be done, with its cause, until an operator looks after it.
    async fn keep_dead_letter(&self, delivery: &Delivery, cause: String) -> bool {
        let message = delivery.envelope.clone();
        let letter = finish::letter(Lane::NONE, &message, message.clone(), cause);
        finish::keep_dead_letter(&self.shared, letter, &self.shutdown).await
    }

    async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(RETRY_PAUSE) => {}
            () = self.shutdown.cancelled() => {}
        }
    }
}

fn order(work: &AnalysisWork) -> &RunOrder {
    match work {
        AnalysisWork::Plan { run, .. } | AnalysisWork::Batch { run, .. } => run,
    }
}

/// The run of an order, as it is kept.
fn new_run(order: &RunOrder, accounts: Option<&[AccountNumber]>) -> NewRun {
    NewRun {
        id: order.run,
        client: order.client.clone(),
        requested_at: order.requested_at,
        request: request(accounts, order.from, order.to),
    }
}
