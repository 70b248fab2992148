//! The ports of the database, and what stands behind them.
//!
//! [`ledger`] posts jobs and answers what became of them; [`imports`], [`analyses`], [`records`] and
//! [`prefetches`] keep what is beside the money. MySQL and MariaDB serve a fleet, SQLite one machine.

pub mod analyses;
pub mod imports;
pub mod ledger;
pub mod prefetches;
pub mod records;
