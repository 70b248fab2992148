//! The port below the ledger: what the posting and the audit ask of a database.
//!
//! `sql` brings the two that there are. It is public so that tests can bring one that fails as databases do.

pub use super::audit::pages::{
    AccountsPage, EntryOnPage, ImportRowOnPage, JobOnPage, OnSchedule, Pages, SweepOnPage,
};
pub use super::audit::{LaneTotals, audit};
pub use super::post::{
    DuplicateCheck, Found, Imported, Library, NewRow, Store, Tally, Transaction, Writes, post, retries,
    try_post,
};
pub use crate::failure::Failure;
