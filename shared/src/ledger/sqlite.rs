//! The ledger on SQLite: the books of one machine.

pub(super) mod errors;
