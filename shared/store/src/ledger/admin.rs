//! What operators and the fleet itself ask of the ledger: its schema, its state, its totals.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use contract::report::PoolReport;
use domain::lane::{Lane, Lanes};
use domain::text::Client;

use super::durability::Durability;
use super::findings::Audit;
use super::record::FormerIds;
use super::totals::{OutcomeCounts, Totals};
use crate::error::StoreError;

/// The ledger as a whole.
///
/// # Errors
/// Of every method: the database could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait Admin: Send + Sync {
    /// Creates or updates the schema, and records the number of lanes on first use.
    ///
    /// # Errors
    /// The database could not be reached or holds another number of lanes.
    async fn migrate(&self, lanes: Lanes) -> Result<(), StoreError>;

    /// Checks that the schema is current and that it holds this number of lanes.
    ///
    /// # Errors
    /// It does not, or the database could not be reached.
    async fn check(&self, lanes: Lanes) -> Result<(), StoreError>;

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not; says why.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Marks the present on the primary, so that [`Reads::freshness`](super::Reads::freshness) can tell how far its replicas
    /// are behind. Does nothing where there are none.
    ///
    /// # Errors
    /// It could not be written.
    async fn heartbeat(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// How many jobs of each lane have which outcome: read from the primary, and as quick for a large ledger as for a
    /// small one.
    async fn outcome_counts(&self) -> Result<BTreeMap<Lane, OutcomeCounts>, StoreError>;

    /// The ledger at a glance. Reads every balance.
    async fn totals(&self) -> Result<Totals, StoreError>;

    /// Reads everything and checks it: the oracle. Runs in constant memory, beside the posting.
    ///
    /// # Errors
    /// The database could not be reached. What is wrong in the ledger is a finding, not an error.
    async fn audit(&self) -> Result<Audit, StoreError>;

    /// Which ids that are not derived any more the ledger may hold jobs under. `clients` are those of the fleet's
    /// keys, each by a hash of the key: they are kept, so that a client whose key comes with another name is known.
    async fn former_ids(&self, clients: &[([u8; 32], Client)]) -> Result<FormerIds, StoreError> {
        let _ = clients;
        Ok(FormerIds::default())
    }

    /// Looks whether the database keeps what it has committed, for [`durability`](Self::durability).
    async fn look_at_durability(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the database keeps what it has committed, as it was found last; `None`: nobody has looked yet.
    fn durability(&self) -> Option<Arc<Durability>> {
        Some(Arc::default())
    }

    /// Why nothing is posted to the database: what it has committed it may forget, and that is not allowed.
    fn refusal(&self) -> Option<Arc<Durability>> {
        self.durability().filter(|found| found.is_refused())
    }

    /// How its pools of connections stand; empty: it has none.
    fn pools(&self) -> Vec<PoolReport> {
        Vec::new()
    }

    /// Closes its connections.
    async fn close(&self);
}
