//! Files of jobs: taken in whole, then read row by row and put on the lanes like any other job.
//!
//! | step | where | what survives a crash |
//! |---|---|---|
//! | `upload` | the request | nothing, until the file is on disk and has its number: then all of it |
//! | `spool` | a folder of this machine | the file, how to read it, and who last did |
//! | `source`, [`formats`] → `reading` | a blocking thread | the file is read through once before its first row is queued |
//! | `publishing` | a task | every second: the row up to which all are queued or refused |
//! | `engine` | a task for each import | whatever lies in the folder is taken up again |
//!
//! A row's job has the same id whenever the file is read, so that what was queued and not written down comes
//! out as it was: each row takes effect once.

mod description;
mod engine;
mod publishing;
mod reading;
mod refused;
mod report;
mod seen;
mod source;
mod spool;
mod upload;
mod window;

use std::path::PathBuf;

pub use description::Description;
pub use engine::{Engine, STALE_AFTER_US};
use formats::Options;
pub use refused::{REFUSED_PAGE_ROWS, RefusedRows};
pub use report::PaymentReport;
pub use upload::receive;

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
