//! The ports, in memory.

#[path = "fakes/access.rs"]
mod access;
#[path = "fakes/events.rs"]
mod events;
#[path = "fakes/posting.rs"]
mod posting;
#[path = "fakes/reads.rs"]
mod reads;
#[path = "fakes/webhooks.rs"]
mod webhooks;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use self::events::FakeStream;
use async_trait::async_trait;
use bytes::Bytes;
use contract::envelope::{Envelope, QueuedJob};
use domain::account::{Account, AccountNumber};
use domain::id::JobId;
use domain::lane::{Lane, Lanes};
use fleet::{Bus, Topic};
use queue::work::WorkQueue;
use queue::{DeadLetter, LaneDepth, PublishError, Queue, QueueError, Subscription};
use store::StoreError;
use store::analyses::{Analyses, Holding, Line, NewRun, PatternsRecord, Run};
use store::imports::Imports;
use store::ledger::{Admin, Audit, Cancellation, EntryRecord, JobFilter, JobRecord, OutcomeCounts, Totals};
use store::sqlite::SqliteLedger;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

/// How the queue takes what is published.
#[derive(Clone)]
pub enum Takes {
    All,
    /// It neither takes nor refuses until it is told otherwise.
    Nothing,
    Fails(PublishError),
}

pub struct FakeQueue {
    pub takes: watch::Sender<Takes>,
    /// Lanes that hold as much as they may.
    pub full: Mutex<HashSet<Lane>>,
    pub published: Mutex<Vec<(Lane, Bytes)>>,
    pub work: Mutex<Vec<Bytes>>,
    pub events: FakeStream,
}

impl FakeQueue {
    pub fn new() -> FakeQueue {
        FakeQueue {
            takes: watch::Sender::new(Takes::All),
            full: Mutex::default(),
            published: Mutex::default(),
            work: Mutex::default(),
            events: FakeStream::default(),
        }
    }

    /// The jobs on a lane, in order, as JSON.
    pub fn jobs_of(&self, lane: Lane) -> Vec<serde_json::Value> {
        let published = self.published.lock().unwrap();
        let envelopes = published.iter().filter(|(on, _)| *on == lane);
        envelopes
            .flat_map(|(_, bytes)| {
                let envelope = Envelope::read(bytes).unwrap();
                let job = |job| serde_json::from_str(QueuedJob::read(job).unwrap().job.get()).unwrap();
                envelope.jobs.into_iter().map(job).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The jobs on all lanes.
    pub fn jobs(&self) -> Vec<serde_json::Value> {
        Lanes::DEFAULT.iter().flat_map(|lane| self.jobs_of(lane)).collect()
    }
}

#[async_trait]
impl WorkQueue for FakeQueue {
    async fn publish_work(&self, message: Bytes) -> Result<(), PublishError> {
        if let Takes::Fails(error) = &*self.takes.borrow() {
            return Err(error.clone());
        }
        self.work.lock().unwrap().push(message);
        Ok(())
    }

    async fn take_work(&self) -> Result<Box<dyn Subscription>, QueueError> {
        panic!("the ingress consumes nothing")
    }

    async fn work_waiting(&self) -> Result<u64, QueueError> {
        Ok(self.work.lock().unwrap().len() as u64)
    }
}

#[async_trait]
impl Queue for FakeQueue {
    async fn publish(&self, lane: Lane, envelope: Bytes, _: usize) -> Result<(), PublishError> {
        let mut takes = self.takes.subscribe();
        let takes = takes.wait_for(|takes| !matches!(takes, Takes::Nothing)).await.unwrap().clone();
        match takes {
            Takes::Fails(error) => Err(error),
            _ if self.full.lock().unwrap().contains(&lane) => Err(PublishError::Full { lane }),
            _ => {
                self.published.lock().unwrap().push((lane, envelope));
                Ok(())
            }
        }
    }

    async fn subscribe(&self, _: Lane, _: u16) -> Result<Box<dyn Subscription>, QueueError> {
        panic!("the ingress consumes nothing")
    }

    async fn dead_letter(&self, _: DeadLetter) -> Result<(), QueueError> {
        panic!("the ingress dead-letters nothing")
    }

    async fn depth(&self) -> Result<Vec<LaneDepth>, QueueError> {
        Ok(Vec::new())
    }

    async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        Ok(0)
    }

    async fn dead_letters(&self, _: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(Vec::new())
    }

    async fn discard_dead_letter(&self, _: &str) -> Result<bool, QueueError> {
        Ok(false)
    }

    async fn ready(&self) -> Result<(), QueueError> {
        match &*self.takes.borrow() {
            Takes::Fails(error) => Err(QueueError::Failed(error.to_string())),
            _ => Ok(()),
        }
    }

    async fn close(&self) {}
}

#[derive(Default)]
pub struct FakeLedger {
    pub jobs: Mutex<HashMap<JobId, JobRecord>>,
    pub accounts: Mutex<Vec<Account>>,
    /// Of the one account that has any, the newest first.
    pub entries: Mutex<Vec<EntryRecord>>,
    /// What was asked of the jobs last.
    pub asked: Mutex<Option<JobFilter>>,
    /// Analyses that somebody cancelled.
    pub runs: Mutex<HashMap<JobId, Run>>,
    /// Ids that somebody cancelled.
    pub cancellations: Mutex<HashMap<JobId, Vec<Cancellation>>>,
    pub away: Mutex<bool>,
    pub reads: Mutex<usize>,
    /// How many jobs were looked for, each time.
    pub looked_for: Mutex<Vec<usize>>,
}

impl FakeLedger {
    fn read(&self) -> Result<(), StoreError> {
        *self.reads.lock().unwrap() += 1;
        let away = *self.away.lock().unwrap();
        if away { Err(StoreError::Transient("secret host is down".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Admin for FakeLedger {
    async fn migrate(&self, _: Lanes) -> Result<(), StoreError> {
        panic!("the ingress migrates nothing")
    }

    async fn check(&self, _: Lanes) -> Result<(), StoreError> {
        Ok(())
    }

    async fn outcome_counts(&self) -> Result<BTreeMap<Lane, OutcomeCounts>, StoreError> {
        Ok(BTreeMap::new())
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        Ok(Totals::default())
    }

    async fn audit(&self) -> Result<Audit, StoreError> {
        Ok(Audit::default())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.read()
    }

    async fn close(&self) {}
}

/// Imports in a file that nobody opens.
pub fn no_imports() -> Arc<dyn Imports> {
    Arc::new(SqliteLedger::open(&std::env::temp_dir().join("tellers-no-imports.sqlite")).unwrap())
}

#[async_trait]
impl Analyses for FakeLedger {
    async fn begin(&self, _: &NewRun) -> Result<Run, StoreError> {
        panic!("the ingress begins no run")
    }

    async fn planned(&self, _: JobId, _: u64, _: u64) -> Result<(), StoreError> {
        panic!("the ingress plans no run")
    }

    async fn cancel(&self, run: &NewRun, at: i64) -> Result<(), StoreError> {
        self.read()?;
        let note = Run {
            new: run.clone(),
            batches: None,
            accounts: None,
            cancelled_at: Some(at),
            batches_done: 0,
            accounts_done: 0,
            accounts_failed: 0,
            cause: None,
            last_at: None,
        };
        self.runs.lock().unwrap().insert(run.id, note);
        Ok(())
    }

    async fn run(&self, id: JobId) -> Result<Option<Run>, StoreError> {
        self.read()?;
        Ok(self.runs.lock().unwrap().get(&id).cloned())
    }

    async fn run_as_read(&self, id: JobId) -> Result<Option<Run>, StoreError> {
        self.run(id).await
    }

    async fn runs(&self, _: Option<&str>, _: Option<i64>, _: u32) -> Result<Vec<Run>, StoreError> {
        self.read().map(|()| Vec::new())
    }

    async fn accounts(&self, _: i64, _: u32) -> Result<Vec<Holding>, StoreError> {
        panic!("the ingress analyses nothing")
    }

    async fn find(&self, _: &[AccountNumber]) -> Result<Vec<Holding>, StoreError> {
        panic!("the ingress analyses nothing")
    }

    async fn histories(&self, _: &[Holding]) -> Result<Vec<Line>, StoreError> {
        panic!("the ingress analyses nothing")
    }

    async fn keep(&self, _: &store::analyses::Batch, _: &[PatternsRecord]) -> Result<(), StoreError> {
        panic!("the ingress analyses nothing")
    }

    async fn patterns(&self, _: &AccountNumber) -> Result<Option<PatternsRecord>, StoreError> {
        self.read().map(|()| None)
    }

    async fn found(
        &self,
        _: JobId,
        _: Option<&AccountNumber>,
        _: u32,
    ) -> Result<Vec<PatternsRecord>, StoreError> {
        self.read().map(|()| Vec::new())
    }
}

pub struct FakeBus {
    pub inbox: broadcast::Sender<Bytes>,
    /// What workers report.
    pub reports: broadcast::Sender<Bytes>,
}

impl FakeBus {
    pub fn new() -> FakeBus {
        FakeBus { inbox: broadcast::Sender::new(16), reports: broadcast::Sender::new(16) }
    }
}

#[async_trait]
impl Bus for FakeBus {
    async fn broadcast(&self, _: Topic, _: Bytes) {}
    async fn listen(&self, topic: Topic) -> broadcast::Receiver<Bytes> {
        match topic {
            Topic::Report => self.reports.subscribe(),
            Topic::Presence | Topic::Settings => broadcast::Sender::new(1).subscribe(),
        }
    }
    async fn tell(&self, _: &str, message: Bytes) {
        let _ = self.inbox.send(message);
    }

    async fn inbox(&self, _: &str) -> broadcast::Receiver<Bytes> {
        self.inbox.subscribe()
    }

    fn connected_since(&self) -> Option<Instant> {
        None
    }
    async fn close(&self) {}
}
