//! The ledger on a relational database. All that MySQL and SQLite share is here: what is locked, read and
//! written, and in which order. An adapter brings its connections, its schema, and a dialect: see [`session`].

pub(crate) mod account_keys;
mod analyses;
mod audit_log;
mod balances;
mod cancellations;
mod changes;
mod entry_ranges;
mod former_ids;
mod freshness;
pub(crate) mod group_commit;
mod imports;
mod keys;
mod ledger;
mod listings;
pub(crate) mod pages;
pub(crate) mod pool;
mod posting;
mod prefetches;
pub(crate) mod reads;
mod records;
mod related;
pub(crate) mod rows;
mod schedules;
pub(crate) mod schema;
pub(crate) mod script;
pub(crate) mod session;
mod standing_orders;
mod statements;
mod webhooks;
