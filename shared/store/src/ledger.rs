//! The ledger port: a double-entry ledger that a batch of jobs is posted to in one transaction.
//!
//! [`crate::mysql`] (MySQL and MariaDB) serves a fleet and [`crate::sqlite`] one machine, and one conformance suite
//! holds both to the promises written here.

mod admin;
pub(crate) mod applied;
pub(crate) mod audit;
pub(crate) mod balances;
pub(crate) mod cancelling;
pub mod durability;
pub(crate) mod entry_range;
pub(crate) mod findings;
pub(crate) mod listing;
pub mod port;
pub(crate) mod post;
mod posting;
mod reads;
pub(crate) mod record;
pub(crate) mod related;
pub(crate) mod totals;
mod touching;

pub use self::admin::Admin;
pub use self::applied::Applied;
pub use self::balances::{AccountBalance, BalancePages};
pub use self::cancelling::{Cancellation, Cancelled, NewCancellation};
pub use self::durability::Durability;
pub use self::entry_range::{EntryRange, Freshness};
pub use self::findings::Audit;
pub use self::listing::{
    AccountFilter, AccountsPage, BodyFilter, HoldFilter, HoldPlace, HoldState, HoldsPage, JobFilter,
    JobsCursor, JobsPage, MetadataFilter, OrderFilter, OrderRecord, OrdersPage, OutcomeName, ScheduleFilter,
    SchedulePlace, SchedulesPage,
};
pub use self::post::{ATTEMPT_TIMEOUT, Posted, Unposted, post_bisecting, try_bisecting};
pub use self::posting::Posting;
pub use self::reads::Reads;
pub use self::record::{Conflicts, EntryRecord, FormerIds, JobRecord};
pub use self::related::{HoldEnd, Related};
pub use self::totals::{OutcomeCounts, Totals};
pub use self::touching::Touches;

/// The ledger.
pub trait Ledger: Posting + Reads + Admin {}

impl<L: Posting + Reads + Admin + ?Sized> Ledger for L {}
