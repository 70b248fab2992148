//! Imports in a file, some of which is answered as a test wants it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::lane::Lanes;
use store::StoreError;
use store::imports::{
    Content, Import, ImportState, ImportedRow, Imports, NewImport, Opened, Progress, Refusal, RowTally,
    RowsByOutcome, Share, Standing,
};
use store::ledger::Admin;
use store::sqlite::SqliteLedger;
use tokio::sync::watch;

/// What becomes of what is to be written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    Made,
    /// They are not answered until it is told otherwise.
    Held,
    /// For good, but for the news that an import has failed.
    Refused,
}

pub struct RiggedImports {
    ledger: SqliteLedger,
    pub writes: watch::Sender<Writes>,
    /// How often something was to be written down.
    pub checkpoints: AtomicUsize,
    /// Outcomes cannot be counted.
    pub uncountable: watch::Sender<bool>,
}

impl RiggedImports {
    pub async fn new(folder: &Path) -> RiggedImports {
        let ledger = SqliteLedger::open(&folder.join("imports.sqlite")).unwrap();
        ledger.migrate(Lanes::DEFAULT).await.unwrap();
        RiggedImports {
            ledger,
            writes: watch::Sender::new(Writes::Made),
            checkpoints: AtomicUsize::default(),
            uncountable: watch::Sender::new(false),
        }
    }

    /// Looks at an import until it is as wanted, for a bounded time.
    pub async fn until(&self, number: u64, what: &str, wanted: impl Fn(&Import) -> bool) -> Import {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let import = self.import(number).await.unwrap().expect("the import");
            if wanted(&import) {
                return import;
            }
            assert!(Instant::now() < deadline, "{what}: not within 20 s: {import:?}");
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Imports for RiggedImports {
    async fn create(&self, new: &NewImport) -> Result<Opened, StoreError> {
        self.ledger.create(new).await
    }

    async fn import(&self, number: u64) -> Result<Option<Import>, StoreError> {
        self.ledger.import(number).await
    }

    async fn imports(
        &self,
        of: Option<&str>,
        before: Option<u64>,
        most: u32,
    ) -> Result<Vec<Import>, StoreError> {
        self.ledger.imports(of, before, most).await
    }

    async fn take_over(&self, number: u64, owner: &str, stale: i64, now: i64) -> Result<bool, StoreError> {
        self.ledger.take_over(number, owner, stale, now).await
    }

    async fn checkpoint(
        &self,
        number: u64,
        owner: &str,
        progress: &Progress,
        refusals: &[Refusal],
        now: i64,
    ) -> Result<Standing, StoreError> {
        self.checkpoints.fetch_add(1, Relaxed);
        let mut writes = self.writes.subscribe();
        let writes = *writes.wait_for(|writes| *writes != Writes::Held).await.unwrap();
        if writes == Writes::Refused && progress.state != ImportState::Failed {
            return Err(StoreError::Permanent("data too long for a column".to_owned()));
        }
        self.ledger.checkpoint(number, owner, progress, refusals, now).await
    }

    async fn request_cancel(&self, number: u64, stale_before: i64, now: i64) -> Result<(), StoreError> {
        self.ledger.request_cancel(number, stale_before, now).await
    }

    async fn refusals(&self, number: u64, from: u64, limit: u32) -> Result<Vec<Refusal>, StoreError> {
        self.ledger.refusals(number, from, limit).await
    }

    async fn rows(&self, number: u64, after: u64, limit: u32) -> Result<Vec<ImportedRow>, StoreError> {
        self.ledger.rows(number, after, limit).await
    }

    async fn conflicts(&self, number: u64, after: u64, limit: u32) -> Result<Vec<u64>, StoreError> {
        self.ledger.conflicts(number, after, limit).await
    }

    async fn record_content(
        &self,
        number: u64,
        content: &Content,
        is_kept: bool,
    ) -> Result<Vec<Share>, StoreError> {
        self.ledger.record_content(number, content, is_kept).await
    }

    async fn shares(&self, number: u64) -> Result<Vec<Share>, StoreError> {
        self.ledger.shares(number).await
    }

    async fn rows_by_outcome(&self, number: u64) -> Result<Vec<RowsByOutcome>, StoreError> {
        Imports::rows_by_outcome(&self.ledger, number).await
    }

    async fn tallies(&self, numbers: &[u64]) -> Result<HashMap<u64, RowTally>, StoreError> {
        if *self.uncountable.borrow() {
            return Err(StoreError::Transient("the server has gone away".to_owned()));
        }
        self.ledger.tallies(numbers).await
    }
}
