//! The database: its ports, and what stands behind them.
//!
//! [`ledger`] posts jobs and answers what became of them; [`imports`], [`analyses`], [`records`],
//! [`keys`], [`audit_log`], [`standing_orders`], [`webhooks`] and [`prefetches`] keep what is beside the money. [`floor`] is what `tellers bench` compares a fleet with. MySQL and MariaDB ([`mysql`]) serve a fleet, SQLite ([`sqlite`]) one
//! machine; `sql` is what they share.

pub mod analyses;
pub mod audit_log;
mod error;
mod failure;
pub mod floor;
pub mod imports;
pub mod keys;
pub mod ledger;
pub mod mysql;
pub mod prefetches;
pub mod records;
pub mod schedules;
mod sql;
pub mod sqlite;
pub mod standing_orders;
pub mod webhooks;

pub use error::{PoolExhausted, StoreError};
