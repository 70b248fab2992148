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
//! What they share, and every request can reach, is in `files`.
//!
//! A row's job has the same id whenever the file is read, so that what was queued and not written down comes
//! out as it was: each row takes effect once.

mod description;
mod engine;
pub(crate) mod files;
mod publishing;
mod reading;
mod refused;
mod report;
mod seen;
mod source;
mod spool;
mod upload;
mod window;

pub use description::Description;
pub use engine::STALE_AFTER_US;
pub use files::ImportsConfig;
pub use refused::{REFUSED_PAGE_ROWS, RefusedRows};
pub use report::PaymentReport;
pub use upload::receive;
