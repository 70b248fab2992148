//! The standing orders port: which payments are to be submitted by now. The posting moves the orders on, in the transactions of
//! the payments themselves; the ledger's adapters stand behind this, on its database.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use domain::id::JobId;
use domain::job::Spec;
use domain::lane::Lane;
use domain::text::Client;
use jiff::civil::Date;

use crate::error::StoreError;

/// Standing orders, as those who submit their payments see them. Days are those of UTC, by the database's clock.
///
/// # Errors
/// Of every method: the database could not be reached.
#[async_trait]
pub trait StandingOrders: Send + Sync {
    /// On which day each of these lanes has its next payment; lanes without any are left out.
    async fn next_payments(&self, lanes: &[Lane]) -> Result<NextPayments, StoreError>;

    /// The first `limit` payments of a lane that are due on this day or before, in the order of their days.
    async fn due_payments(&self, lane: Lane, today: Date, limit: u32) -> Result<Vec<DuePayment>, StoreError>;

    /// Who opened each of these orders, and with what; orders that there are not are left out.
    async fn opened(&self, orders: &[JobId]) -> Result<HashMap<JobId, Opened>, StoreError>;
}

/// When payments are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextPayments {
    /// The time of the database, in microseconds since the Unix epoch.
    pub now: i64,
    /// The day of the next of each lane.
    pub by_lane: BTreeMap<Lane, Date>,
}

/// A payment that is due, and has no outcome yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DuePayment {
    /// The job that opened the order.
    pub order: JobId,
    /// The date of the rule.
    pub due: Date,
    /// The number of the job among those for that date, from 1.
    pub attempt: u32,
}

/// How an order was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The client whose payments they are.
    pub client: Client,
    /// What the job said.
    pub spec: Spec,
}
