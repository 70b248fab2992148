//! The files of this replica, and what imports may take.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use formats::Options;
use tokio::sync::{AcquireError, Notify, Semaphore, SemaphorePermit};

use super::spool::Spool;

/// Files that come in at once: each holds up to two pieces of a mebibyte, and an ingress is to stay small.
pub(super) const UPLOADS_MAX: usize = 32;

/// What imports may take.
#[derive(Debug, Clone)]
pub struct ImportsConfig {
    /// Where files lie until they are read.
    pub folder: PathBuf,
    /// The most bytes of a file, as it is sent.
    pub upload_bytes_max: u64,
    /// Files that this replica reads at once; the others wait in order.
    pub at_once: usize,
    /// Rows of one import that may be queued and have no outcome: what a single job may find before it.
    pub ahead_rows_max: u64,
    /// What reading depends on beside the file.
    pub options: Options,
}

impl Default for ImportsConfig {
    fn default() -> ImportsConfig {
        ImportsConfig {
            folder: ".tellers/imports".into(),
            upload_bytes_max: 100 << 20,
            at_once: 4,
            ahead_rows_max: 8_000,
            options: Options::default(),
        }
    }
}

/// The files of this replica: where they lie, and how many come in and are read at once.
pub struct Files {
    pub(super) config: ImportsConfig,
    pub(super) spool: Spool,
    /// Files that came in since the start.
    received: AtomicU64,
    uploads: Semaphore,
    reading: Semaphore,
    arrived: Notify,
}

impl Files {
    /// None is read yet: see [`Ingress::run_imports`](crate::Ingress::run_imports).
    pub fn new(config: ImportsConfig) -> Files {
        Files {
            spool: Spool::new(config.folder.clone()),
            uploads: Semaphore::new(UPLOADS_MAX),
            reading: Semaphore::new(config.at_once),
            config,
            received: AtomicU64::new(0),
            arrived: Notify::new(),
        }
    }

    /// A place for a file that comes in, if there is one.
    pub(super) fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.uploads.try_acquire().ok()
    }

    /// A number for a file that comes in, which no other of this process has.
    pub(super) fn next_received(&self) -> u64 {
        self.received.fetch_add(1, Relaxed)
    }

    /// A file lies in the folder.
    pub(super) fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Waits until one does, or has since this was last asked.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Waits until a file may be read, while others are.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.reading.acquire().await
    }
}
