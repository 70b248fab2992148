//! The database: its ports, and what stands behind them.
//!
//! [`ledger`] posts jobs and answers what became of them; [`imports`], [`analyses`], [`records`] and
//! [`prefetches`] keep what is beside the money. MySQL and MariaDB ([`mysql`]) serve a fleet, SQLite ([`sqlite`]) one
//! machine; `sql` is what they share.

pub mod analyses;
mod error;
mod failure;
pub mod imports;
pub mod ledger;
pub mod mysql;
pub mod prefetches;
pub mod records;
mod sql;
pub mod sqlite;

pub use error::{PoolExhausted, StoreError};
